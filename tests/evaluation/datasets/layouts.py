"""Tiny data sets in the layouts of the real ones."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

#: Of each benchmark: how pictures and truths of an image called KEY lie below the root, and the list of keys.
PLACES = {
    "voc": ("JPEGImages/{}.jpg", "SegmentationClass/{}.png", "ImageSets/Segmentation/val.txt"),
    "context": (
        "JPEGImages/{}.jpg",
        "SegmentationClassContext/{}.png",
        "ImageSets/SegmentationContext/val.txt",
    ),
    "coco_stuff": (
        "images/val2017/{}.jpg",
        "annotations/val2017/{}_labelTrainIds.png",
        "",
    ),
    "coco_object": (
        "images/val2017/{}.jpg",
        "annotations/val2017/{}_instanceTrainIds.png",
        "",
    ),
    "ade20k": ("images/validation/{}.jpg", "annotations/validation/{}.png", ""),
    "cityscapes": (
        "leftImg8bit/val/{}_leftImg8bit.png",
        "gtFine/val/{}_gtFine_labelTrainIds.png",
        "",
    ),
}
KEYS = {
    "voc": ("2007_000033", "2007_000042"),
    "context": ("2008_000002", "2008_000003"),
    "coco_stuff": ("000000000139", "000000000285"),
    "coco_object": ("000000000139", "000000000285"),
    "ade20k": ("ADE_val_00000001", "ADE_val_00000002"),
    "cityscapes": (
        "frankfurt/frankfurt_000000_000294",
        "lindau/lindau_000000_000019",
    ),
}
KIND = {
    "voc21": "voc", "voc20": "voc", "context60": "context", "context59": "context",
    "coco_stuff": "coco_stuff", "coco_object": "coco_object", "ade20k": "ade20k",
    "cityscapes": "cityscapes",
}  # fmt: skip


def write_dataset(
    root: Path,
    name: str,
    images: Sequence[NDArray[np.uint8]],
    truths: Sequence[NDArray[np.uint8]],
) -> None:
    """Write two images with truth, whose values are those that the files of the benchmark hold."""
    kind = KIND[name]
    picture, truth, split = PLACES[kind]
    for key, pixels, values in zip(KEYS[kind], images, truths, strict=True):
        for place, array in ((picture, pixels), (truth, values)):
            path = root / place.format(key)
            path.parent.mkdir(parents=True, exist_ok=True)
            file = Image.fromarray(array)
            if place is truth and kind in ("voc", "context"):
                file.putpalette([min(255, 7 * number) for number in range(256) for _ in range(3)])
            file.save(path, **({"quality": 95} if path.suffix == ".jpg" else {}))
    if split:
        path = root / split
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(KEYS[kind]) + "\n")
        # Of the archive most images are of no list and have no truth.
        alone = root / picture.format("2009_999999")
        Image.fromarray(images[0]).save(alone)
