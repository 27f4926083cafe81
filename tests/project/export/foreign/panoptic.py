"""An export in COCO's panoptic format, read by other libraries alone: ``panoptic.py FOLDER LIBRARY``.

FOLDER is made by ``tests.project.export.foreign.made coco-panoptic``; LIBRARY is hotcoco, datumaro or pillow
(with the rules of COCO's own evaluation). What is read is compared with the truth pixel by pixel; nothing of
napari-corrclip is imported.
"""

from __future__ import annotations

import contextlib
import json
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np

SUBSETS = ("train", "val")


def expected(truth, name: str, number: int, region: int) -> np.ndarray:
    return (truth[f"labels_{name}"] == number) & (truth[f"regions_{name}"] == region)


def by_pillow(folder: Path, truth) -> None:
    from PIL import Image

    images = segments = 0
    for subset in SUBSETS:
        path = folder / "annotations" / f"panoptic_{subset}.json"
        document = json.loads(path.read_text())
        categories = {told["id"]: told for told in document["categories"]}
        for image, told in zip(document["images"], document["annotations"], strict=True):
            name = Path(told["file_name"]).stem
            # readers pair them by order and by these names
            assert (image["id"], Path(image["file_name"]).stem) == (told["image_id"], name)
            colors = np.array(Image.open(path.with_suffix("") / told["file_name"]), np.uint32)
            ids = colors[:, :, 0] + 256 * colors[:, :, 1] + 65536 * colors[:, :, 2]
            found, areas = np.unique(ids[ids > 0], return_counts=True)
            known = {each["id"]: each for each in told["segments_info"]}
            assert set(found.tolist()) == set(known)  # neither lacks one of the other's
            whole = np.zeros(ids.shape, np.uint16)
            for number, area in zip(found.tolist(), areas.tolist(), strict=True):
                its = known[number]
                assert its["category_id"] in categories
                assert (its["area"], its["iscrowd"]) == (area, 0)
                wanted = expected(truth, name, its["category_id"], its["attributes"]["region"])
                np.testing.assert_array_equal(ids == number, wanted)
                rows, columns = np.nonzero(wanted)
                box = [columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1]
                assert its["bbox"] == box
                whole[ids == number] = its["category_id"]
                segments += 1
            np.testing.assert_array_equal(whole, truth[f"labels_{name}"])
            images += 1
    print(f"{images} images, {segments} segments: each pixel, area and box as the truth")


def by_hotcoco(folder: Path, truth) -> None:
    from hotcoco import panoptic

    for subset in SUBSETS:
        path = str(folder / "annotations" / f"panoptic_{subset}.json")
        with contextlib.redirect_stdout(None):
            found = panoptic.pq_compute(path, path)
        print(
            f"{subset}: panoptic quality against itself",
            {k: found["All"][k] for k in ("pq", "sq", "rq", "n")},
        )


def by_datumaro(folder: Path, truth) -> None:
    from datumaro.components.annotation import AnnotationType
    from datumaro.components.dataset import Dataset

    dataset = Dataset.import_from(str(folder), "coco_panoptic")
    numbers = dict(zip(truth["classes"].tolist(), truth["numbers"].tolist(), strict=True))
    classes = dataset.categories()[AnnotationType.label].items
    masks, subsets = 0, set()
    for item in dataset:
        subsets.add(item.subset)
        labels = truth[f"labels_{item.id}"]
        whole = np.zeros(labels.shape, np.uint16)
        for told in item.annotations:
            assert told.type is AnnotationType.mask
            number = numbers[classes[told.label].name]
            mask = np.asarray(told.image).astype(bool)
            if "region" in told.attributes:
                wanted = expected(truth, item.id, number, int(told.attributes["region"]))
                np.testing.assert_array_equal(mask, wanted)
            whole[mask] = number
            masks += 1
        np.testing.assert_array_equal(whole, labels)
    print(f"{len(dataset)} images of {sorted(subsets)}, {masks} masks: each pixel as the truth")


if __name__ == "__main__":
    place, library = Path(sys.argv[1]), sys.argv[2]
    with np.load(place / "truth.npz") as stored:
        found = {key: stored[key] for key in stored.files}
    print(f"{library} {version(library)}")
    globals()[f"by_{library}"](place / "coco-panoptic", found)
