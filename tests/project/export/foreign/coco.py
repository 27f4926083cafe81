"""An export in COCO's instances, read by other libraries alone: ``coco.py FOLDER LIBRARY``.

FOLDER is made by ``tests.project.export.foreign.made coco``; LIBRARY is pycocotools, supervision or datumaro.
What is read is compared with the truth pixel by pixel; nothing of napari-corrclip is imported.
"""

from __future__ import annotations

import contextlib
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np

SUBSETS = ("train", "val")


def expected(truth, name: str, number: int, region: int) -> np.ndarray:
    return (truth[f"labels_{name}"] == number) & (truth[f"regions_{name}"] == region)


def by_pycocotools(folder: Path, truth) -> None:
    from pycocotools.coco import COCO

    masks = images = 0
    for subset in SUBSETS:
        with contextlib.redirect_stdout(None):
            coco = COCO(str(folder / "coco" / "annotations" / f"instances_{subset}.json"))
        names = {each["id"]: each["name"] for each in coco.loadCats(coco.getCatIds())}
        assert names == dict(zip(truth["numbers"].tolist(), truth["classes"].tolist(), strict=True))
        for image in coco.loadImgs(coco.getImgIds()):
            images += 1
            name = Path(image["file_name"]).stem
            whole = np.zeros((image["height"], image["width"]), np.uint16)
            for told in coco.loadAnns(coco.getAnnIds(imgIds=image["id"])):
                mask = coco.annToMask(told).astype(bool)
                wanted = expected(truth, name, told["category_id"], told["attributes"]["region"])
                np.testing.assert_array_equal(mask, wanted)
                rows, columns = np.nonzero(mask)
                left, top, width, height = told["bbox"]
                assert told["area"] == mask.sum()
                assert (left, top) == (columns.min(), rows.min())
                assert (width, height) == (np.ptp(columns) + 1, np.ptp(rows) + 1)
                whole[mask] = told["category_id"]
                masks += 1
            np.testing.assert_array_equal(whole, truth[f"labels_{name}"])
        # COCO's evaluation of the masks against themselves
        from pycocotools.cocoeval import COCOeval

        found = [{**told, "score": told.get("score", 1)} for told in coco.anns.values()]
        with contextlib.redirect_stdout(None):
            evaluation = COCOeval(coco, coco.loadRes(found), "segm")
            evaluation.evaluate()
            evaluation.accumulate()
            evaluation.summarize()
        print(
            f"{subset}: average precision {evaluation.stats[0]:.3f} of the masks against themselves"
        )
    print(f"{images} images, {masks} masks by annToMask: each pixel, box and area as the truth")


def by_supervision(folder: Path, truth) -> None:
    import supervision

    masks = 0
    for subset in SUBSETS:
        dataset = supervision.DetectionDataset.from_coco(
            images_directory_path=str(folder / "coco" / "images" / subset),
            annotations_path=str(folder / "coco" / "annotations" / f"instances_{subset}.json"),
            force_masks=True,
        )
        assert set(dataset.classes) == set(truth["classes"].tolist())
        numbers = dict(zip(truth["classes"].tolist(), truth["numbers"].tolist(), strict=True))
        for path, picture, detections in dataset:
            name = Path(path).stem
            labels = truth[f"labels_{name}"]
            assert picture.shape[:2] == labels.shape
            whole = np.zeros(labels.shape, np.uint16)
            found = (
                zip(detections.mask, detections.class_id, strict=True) if len(detections) else ()
            )
            for mask, class_ in found:
                whole[mask] = numbers[dataset.classes[class_]]
                masks += 1
            np.testing.assert_array_equal(whole, labels)
    print(
        f"{len(truth['names'])} images, {masks} masks with their pictures: each pixel as the truth"
    )


def by_datumaro(folder: Path, truth) -> None:
    from datumaro.components.annotation import AnnotationType
    from datumaro.components.dataset import Dataset

    dataset = Dataset.import_from(str(folder / "coco"), "coco_instances")
    numbers = dict(zip(truth["classes"].tolist(), truth["numbers"].tolist(), strict=True))
    classes = dataset.categories()[AnnotationType.label].items
    masks, subsets = 0, set()
    for item in dataset:
        subsets.add(item.subset)
        labels = truth[f"labels_{item.id}"]
        whole = np.zeros(labels.shape, np.uint16)
        for told in item.annotations:
            if told.type is not AnnotationType.mask:
                continue
            number = numbers[classes[told.label].name]
            wanted = expected(truth, item.id, number, int(told.attributes["region"]))
            np.testing.assert_array_equal(np.asarray(told.image).astype(bool), wanted)
            whole[np.asarray(told.image).astype(bool)] = number
            masks += 1
        np.testing.assert_array_equal(whole, labels)
    print(
        f"{len(dataset)} images of {sorted(subsets)}, {masks} masks: each pixel and region as the truth"
    )


if __name__ == "__main__":
    place, library = Path(sys.argv[1]), sys.argv[2]
    with np.load(place / "truth.npz") as stored:
        found = {key: stored[key] for key in stored.files}
    print(f"{library} {version(library)}")
    globals()[f"by_{library}"](place, found)
