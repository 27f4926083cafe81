"""An example export with its truth beside it, for the proofs that other libraries read it.

``python -m tests.project.export.foreign.made FORMAT FOLDER [MASKS [whole]]`` writes ``FOLDER/FORMAT`` and
``FOLDER/truth.npz``, which has of each image ``labels_NAME`` in the format's numbers (0: in no mask),
``regions_NAME`` and ``ignored_NAME``, and ``values_NAME``, the label values; ``names`` of the images; of each
class ``classes``, ``numbers`` and ``values``.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from napari_corrclip.progress import finish
from napari_corrclip.project.export.exporting import (
    ExportOptions,
    Source,
    export_steps,
    head_of,
    names_of,
)
from napari_corrclip.project.export.formats import format_called
from napari_corrclip.project.export.image import LabelledImage
from tests.project.export.exported import image, words

SIZES = ((300, 400), (480, 640), (64, 64), (1, 1), (333, 257), (128, 512))
NAMES = (
    "site a/heron.jpg",
    "site b/heron.png",
    "Käfer 🪲.png",
    "dot.png",
    "turned.jpg",
    'c, "d".jpg',
)
TURNED = 6


def images(folder: Path) -> list[LabelledImage]:
    """Return labelled images whose pictures lie in a folder; one is stored turned."""
    made = []
    for seed, ((height, width), name) in enumerate(zip(SIZES, NAMES, strict=True)):
        pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
        exif = Image.Exif()
        if name == "turned.jpg":
            exif[0x0112], pixels = TURNED, np.rot90(pixels)
        file = folder / f"{seed}{Path(name).suffix}"
        Image.fromarray(np.ascontiguousarray(pixels)).save(file, exif=exif)
        one = image(seed, (height, width), regions=40, name=name)
        made.append(replace(one, file=file))
    return made


def main(kind: str, folder: Path, masks: str | None = None, split: str = "") -> None:
    """Write the export and its truth; it has two subsets, or none where ``split`` is "whole"."""
    parts = () if split == "whole" else (50, 50)
    format_, options = format_called(kind), ExportOptions(masks=masks, split=parts)  # type: ignore[arg-type]
    (folder / "pictures").mkdir(parents=True)
    made = images(folder / "pictures")
    sources = [Source(one.path, one.path, lambda one=one: one) for one in made]  # type: ignore[misc]
    finish(export_steps(sources, folder / kind, format_, words(), options))
    numbering = head_of(format_, words(), options).numbering
    table = np.zeros(65536, np.uint16)
    table[list(numbering.by_value)] = list(numbering.by_value.values())
    truth: dict[str, np.ndarray] = {}
    names = names_of([one.path for one in made])
    for one, name in zip(made, names, strict=True):
        truth[f"labels_{name}"], truth[f"regions_{name}"] = table[one.labels], one.regions
        truth[f"values_{name}"] = one.labels
        truth[f"ignored_{name}"] = one.ignored(one.labels, one.regions)
    classes = np.array([class_.name for class_ in numbering.classes])
    truth |= {"values": np.array(list(numbering.by_value)), "numbers": np.array(numbering.numbers)}
    np.savez(folder / "truth.npz", names=names, classes=classes, **truth)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), *sys.argv[3:])
