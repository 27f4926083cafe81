"""YOLO's lines as Supervision reads them, and as OpenCV fills them; run where both are installed.

python tests/project/export/foreign/yolo.py FOLDER    # of tests.project.export.foreign.made
"""

from __future__ import annotations

import json
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import supervision
import yaml


def least_iou(
    masks: list[tuple[int, Any]], labels: Any, regions: Any, values: dict[int, int]
) -> tuple[float, bool]:
    """Return the least IoU of a region's class, its masks put together, and whether each pixel is in one."""
    seen = np.zeros(labels.shape, int)
    together: dict[tuple[int, int], Any] = {}
    for number, mask in masks:
        seen += mask
        where, counts = np.unique(regions[mask], return_counts=True)
        key = (int(where[counts.argmax()]), values[number])
        together[key] = together.get(key, np.zeros(labels.shape, bool)) | mask
    worst = 1.0
    wanted = {
        (int(r), int(v)) for r, v in zip(regions[labels > 0], labels[labels > 0], strict=True)
    }
    for region, value in wanted | set(together):
        mine = (regions == region) & (labels == value)
        theirs = together.get((region, value), np.zeros(labels.shape, bool))
        worst = min(worst, float((mine & theirs).sum() / (mine | theirs).sum()))
    return worst, bool(np.array_equal(seen, labels > 0))


def as_ultralytics(path: Path, shape: tuple[int, int]) -> list[tuple[int, Any]]:
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


def main(folder: Path) -> int:
    """Compare what they find with what is true; return how many images differ."""
    export = folder / "export"
    truth = np.load(folder / "truth.npz")
    told = json.loads(str(truth["document"]))
    by_name = {one["name"]: one["value"] for one in told["classes"]}
    names = yaml.safe_load((export / "data.yaml").read_text(encoding="utf-8"))["names"]
    values = {number: by_name[name] for number, name in names.items()}
    print(
        "supervision",
        version("supervision"),
        "opencv",
        cv2.__version__,
        "names",
        list(names.values()),
    )
    dataset = supervision.DetectionDataset.from_yolo(
        images_directory_path=str(export / "images" / "train"),
        annotations_directory_path=str(export / "labels" / "train"),
        data_yaml_path=str(export / "data.yaml"),
        force_masks=True,
    )
    assert dataset.classes == list(names.values())
    theirs = {Path(path).stem: detections for path, _, detections in dataset}
    wrong = 0
    for number, image in enumerate(told["images"]):
        labels, regions = truth[f"labels_{number}"], truth[f"regions_{number}"]
        mine = as_ultralytics(export / "labels" / "train" / f"{image['name']}.txt", labels.shape)
        one = least_iou(mine, labels, regions, values)
        detections = theirs.pop(image["name"])
        masks = [] if detections.mask is None else list(detections.mask)
        other = least_iou(
            list(zip(detections.class_id.tolist(), masks, strict=True)), labels, regions, values
        )
        wrong += one != (1, True) or other != (1, True)
        print(
            f"{image['name']!r}: {len(mine)} lines; least IoU and each pixel once: OpenCV {one}, "
            f"Supervision {other}"
        )
    print("left over:", sorted(theirs))
    return wrong


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
