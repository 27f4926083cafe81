"""An example export for foreign readers, with what is true beside it.

python -m tests.project.export.foreign.made_blobs FORMAT FOLDER [MASKS]

``FOLDER/export``
    the export.
``FOLDER/pictures``
    the images: of blobs (regions of several parts, with holes), of 400 regions, of one pixel, without labels.
``FOLDER/truth.npz``
    ``document``, JSON: the classes by their names and numbers, and the images by their names, and of each
    region its class, score, state and who decided; with ``labels_i`` and ``regions_i`` of each image.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from napari_corrclip.project.export.exporting import ExportOptions, names_of
from napari_corrclip.project.export.format import Wanted
from napari_corrclip.project.export.formats import format_called
from napari_corrclip.project.export.image import LabelledImage, RegionNote, State
from tests.project.export.exported import NAMES, words, write

_STATES: tuple[State, ...] = ("", "assigned", "accepted", "ignored")
_PATHS = (
    "site/heron one.png",
    "other/heron one.png",
    "Käfer 🪲.png",
    "many.png",
    "dot.png",
    "no, labels.png",
)


def blobs(seed: int, shape: tuple[int, int], count: int) -> NDArray[np.int32]:
    """Return regions as networks find them: each of several parts, with holes of others in it."""
    random = np.random.default_rng(seed)
    heights = np.stack(
        [ndimage.gaussian_filter(random.random(shape), 4, mode="wrap") for _ in range(count)]
    )
    found = heights.argmax(axis=0).astype(np.int32) + 1
    found[heights.max(axis=0) < np.quantile(heights.max(axis=0), 0.1)] = 0
    return found


def made(path: str, number: int, folder: Path) -> LabelledImage:
    """Return an example image, whose picture is in a folder."""
    values = words().values
    if path == "dot.png":
        regions = np.ones((1, 1), np.int32)
    elif path == "many.png":
        regions = np.arange(1, 401, dtype=np.int32).reshape(20, 20).repeat(6, 0).repeat(7, 1)
    else:
        regions = blobs(number, (96, 128), 14)
    if path == "no, labels.png":
        regions[:] = 0
    labels, notes = np.zeros(regions.shape, np.uint16), []
    for region in np.unique(regions[regions > 0]).tolist():
        state = _STATES[region % 4] if path != "dot.png" else "accepted"
        value = 0 if state == "ignored" else values[region % len(values)]
        labels[regions == region] = value
        by, at = ("Ann", 1.7e9 + region) if state else ("", 0.0)
        predicted = values[(region * 3) % len(values)] if state else value
        notes.append(
            RegionNote(region, value, predicted, state, (region % 10 + 1) / 16, 0.1, True, by, at)
        )
    if len(notes) > 3:
        labels[10:12, 20:40] = values[-1]  # painted over several regions
    picture = folder / "pictures" / path
    picture.parent.mkdir(parents=True, exist_ok=True)
    shades = np.repeat((regions * 37 % 256).astype(np.uint8)[:, :, None], 3, axis=2)
    Image.fromarray(shades).save(picture)
    return LabelledImage("", labels, regions, tuple(notes), file=picture, path=path, verified=True)


def make(kind: str, folder: Path, masks: Wanted | None = None) -> Path:
    """Write the example and what is true; return the export."""
    images = [made(path, number, folder) for number, path in enumerate(_PATHS)]
    export = write(
        folder / "export",
        images,
        format_called(kind),
        options=ExportOptions(masks=masks, replace=True),
    )
    document = {
        "classes": [{"name": class_.name, "value": class_.value} for class_ in words()],
        "images": [
            {
                "name": name,
                "path": one.path,
                "regions": [
                    {
                        "id": note.id,
                        "value": note.value,
                        "predicted": note.predicted,
                        "state": note.state,
                        "p": note.p,
                        "by": note.by,
                    }
                    for note in one.notes
                ],
            }
            for name, one in zip(names_of(_PATHS), images, strict=True)
        ],
    }
    maps = {f"labels_{number}": one.labels for number, one in enumerate(images)}
    maps |= {f"regions_{number}": one.regions for number, one in enumerate(images)}
    np.savez_compressed(folder / "truth.npz", document=np.array(json.dumps(document)), **maps)
    return export


if __name__ == "__main__":
    print(make(sys.argv[1], Path(sys.argv[2]), *sys.argv[3:4]))  # type: ignore[arg-type]
    print("classes:", ", ".join(repr(name) for name in NAMES))
