"""Small pictures of regions of a project's images: each in the middle of what lies around it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from napari_corrclip.errors import InputError
from napari_corrclip.images.stacks import read_plane
from napari_corrclip.project.folder import RESULT, Outcome, image_in, is_large, item_folder
from napari_corrclip.project.reviewing import as_it_was_read
from napari_corrclip.results.folder import read_result

SIDE = 96
"""Pixels of a side."""
AROUND = 0.25
"""Of the longer side of a region, what is shown of its surroundings on each side."""
LEAST = 24
"""Pixels of the image that are shown at least, along a side."""
DIM = 0.45
"""Of the light of what lies around, which is left."""


def crop(project: Path, name: str, region: int) -> NDArray[np.uint8]:
    """Return the small picture of a region of an item's result, (96, 96, 3) uint8.

    Args:
        project: folder of the project.
        name: of the item.
        region: id, as the run gave it.

    Raises:
        InputError: the image or the result cannot be read, or has no such region.
    """
    folder = item_folder(project, name)
    if is_large(folder):
        raise InputError(f"The item {name!r} was run as a large image, of which no crops are made.")
    outcome = Outcome.read(folder)
    image = image_in(project, outcome.path)
    rgb = read_plane(image, outcome.plane, as_it_was_read(folder)).rgb
    regions = read_result(folder / RESULT).regions
    if regions.shape != rgb.shape[:2]:
        raise InputError(f"The image {str(image)!r} was changed after it was run; run it again.")
    return crop_of(rgb, regions == region)


def crop_of(rgb: NDArray[np.uint8], inside: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Return what an image shows of a region and around it, (96, 96, 3) uint8; what is around is darker.

    Args:
        rgb: (H, W, 3).
        inside: (H, W) of the region.

    Raises:
        InputError: no pixel is of it.
    """
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    if not len(rows):
        raise InputError("The region has no pixels; open the image to see what became of it.")
    middle = (rows[0] + rows[-1] + 1) // 2, (columns[0] + columns[-1] + 1) // 2
    side = max(rows[-1] - rows[0], columns[-1] - columns[0]) + 1
    half = max(round(side * (0.5 + AROUND)), LEAST // 2)
    window = [
        np.clip(np.arange(at - half, at + half), 0, size - 1)
        for at, size in zip(middle, inside.shape, strict=True)
    ]
    picked = np.ix_(*window)
    shown, mask = rgb[picked].astype(np.float32), inside[picked]
    # Beyond the image is nothing.
    for axis, (at, size) in enumerate(zip(middle, inside.shape, strict=True)):
        places = np.arange(at - half, at + half)
        beyond = (places < 0) | (places >= size)
        shown[beyond if axis == 0 else (slice(None), beyond)] = 0
    shown[~mask] *= DIM
    picture = Image.fromarray(shown.round().astype(np.uint8))
    return np.asarray(picture.resize((SIDE, SIDE), Image.Resampling.LANCZOS))
