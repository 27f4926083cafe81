"""An export in YOLO's segmentation, read by Supervision, and filled by OpenCV: ``yolo.py FOLDER``.

FOLDER is made by ``tests.project.export.foreign.made yolo``. What is read is compared with the truth
pixel by pixel; nothing of napari-corrclip is imported.
"""

from __future__ import annotations

import sys
from importlib.metadata import version
from pathlib import Path

import cv2
import numpy as np
import supervision
import yaml

SUBSETS = ("train", "val")


def as_ultralytics(path: Path, shape) -> list:
    """Return the masks of a file: points cut down to whole pixels, filled by OpenCV."""
    found = []
    for line in path.read_text().splitlines():
        number, *points = line.split()
        assert len(points) >= 6
        polygon = np.array(points, np.float32).reshape(-1, 2) * shape[::-1]
        mask = np.zeros(shape, np.uint8)
        cv2.fillPoly(mask, [polygon.astype(np.int32)], color=1)
        found.append((int(number), mask.astype(bool)))
    return found


def check(masks: list, labels, regions, values) -> None:
    """Compare masks with the truth: each is of one region and class, and all of them have each pixel once."""
    seen = np.zeros(labels.shape, int)
    for number, mask in masks:
        assert len(np.unique(regions[mask])) == 1
        assert np.unique(labels[mask]).tolist() == [values[number]]
        seen += mask
    np.testing.assert_array_equal(seen, labels > 0)


def main(folder: Path) -> None:
    truth, export = np.load(folder / "truth.npz"), folder / "yolo"
    table = yaml.safe_load((export / "data.yaml").read_text(encoding="utf-8"))
    assert table["names"] == dict(
        zip(truth["numbers"].tolist(), truth["classes"].tolist(), strict=True)
    )
    values = dict(zip(truth["numbers"].tolist(), truth["values"].tolist(), strict=True))
    print(
        "supervision",
        version("supervision"),
        "opencv",
        cv2.__version__,
        list(table["names"].values()),
    )
    names = []
    for subset in SUBSETS:
        dataset = supervision.DetectionDataset.from_yolo(
            images_directory_path=str(export / table[subset]),
            annotations_directory_path=str(export / "labels" / subset),
            data_yaml_path=str(export / "data.yaml"),
            force_masks=True,
        )
        assert dataset.classes == list(table["names"].values())
        for path, picture, detections in dataset:
            name = Path(path).stem
            names.append(name)
            labels, regions = truth[f"values_{name}"], truth[f"regions_{name}"]
            assert picture.shape[:2] == labels.shape
            mine = as_ultralytics(export / "labels" / subset / f"{name}.txt", labels.shape)
            check(mine, labels, regions, values)
            masks = [] if detections.mask is None else list(detections.mask)
            theirs = list(zip(detections.class_id.tolist(), masks, strict=True))
            check(theirs, labels, regions, values)
            print(
                f"{subset}/{name!r}: {len(mine)} masks by OpenCV and Supervision: each pixel as the truth"
            )
    assert sorted(names) == sorted(truth["names"].tolist())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
