"""Small pictures of regions of a project's images: each in the middle of what lies around it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import binary_dilation

from napari_corrclip.errors import InputError
from napari_corrclip.images.stacks import read_plane
from napari_corrclip.project.folder import RESULT, Outcome, image_in, is_large, item_folder
from napari_corrclip.project.reviewing import as_it_was_read
from napari_corrclip.results.folder import read_regions

SIDE = 96
"""Pixels of a side of a picture in a list."""


@dataclass(frozen=True, slots=True)
class Framing:
    """The framing of a region in the middle of what lies around it.

    Attributes:
        side: pixels of a side of the picture.
        around: of the longer side of the region, what is shown of its surroundings on each side.
        least: pixels of the image that are shown at least, along a side.
        light: what is left of the light of what lies around.
        outlined: whether a line of one pixel goes around the region, bright with a dark one around it.
    """

    side: int = SIDE
    around: float = 0.25
    least: int = 24
    light: float = 0.45
    outlined: bool = False


LISTED = Framing()
"""In a list, beside others."""
ON_SHEET = Framing(side=128, around=0.35, light=0.75, outlined=True)
"""On a sheet, where it is told from its surroundings by its outline, so that these are seen, too."""
IN_CONTEXT = Framing(side=360, around=1.5, least=96, light=1.0, outlined=True)
"""Large, with what lies around it as it is."""


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
    regions = read_regions(folder / RESULT)
    if regions.shape != rgb.shape[:2]:
        raise InputError(f"The image {str(image)!r} was changed after it was run; run it again.")
    return crop_of(rgb, regions == region)


def crop_of(
    rgb: NDArray[np.uint8], inside: NDArray[np.bool_], framing: Framing = LISTED
) -> NDArray[np.uint8]:
    """Return what an image shows of a region and around it, (side, side, 3) uint8; beyond it is black.

    Args:
        rgb: (H, W, 3).
        inside: (H, W) of the region.
        framing: how large it is, and how it is told from its surroundings.

    Raises:
        InputError: no pixel is of it.
    """
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    if not len(rows):
        raise InputError("The region has no pixels; open the image to see what became of it.")
    middle = (rows[0] + rows[-1] + 1) // 2, (columns[0] + columns[-1] + 1) // 2
    side = max(rows[-1] - rows[0], columns[-1] - columns[0]) + 1
    half = max(round(side * (0.5 + framing.around)), framing.least // 2)
    size = 2 * half, 2 * half
    shown, mask = np.zeros((*size, 3), np.uint8), np.zeros(size, np.uint8)
    here, there = [], []
    for at, length in zip(middle, inside.shape, strict=True):
        first, last = max(at - half, 0), min(at + half, length)
        here.append(slice(first, last))
        there.append(slice(first - at + half, last - at + half))
    shown[tuple(there)] = rgb[tuple(here)]
    mask[tuple(there)] = np.where(inside[tuple(here)], np.uint8(255), np.uint8(0))
    scaled = (framing.side, framing.side)
    picture = Image.fromarray(shown).resize(scaled, Image.Resampling.LANCZOS)
    covered = Image.fromarray(mask).resize(scaled, Image.Resampling.BOX)
    part = np.asarray(covered, np.float32)[..., None] / np.float32(
        255
    )  # of each pixel that is of the region
    lit = np.asarray(picture, np.float32) * (framing.light + (1 - framing.light) * part)
    made = lit.round().astype(np.uint8)
    if framing.outlined:
        _outline(made, part[..., 0])
    return made


def _outline(picture: NDArray[np.uint8], part: NDArray[np.floating]) -> None:
    """Draw a bright line around what is of a region, and a dark one around that, so that one is seen."""
    filled = part >= min(0.5, float(part.max()))  # a thread covers no pixel by half
    line = binary_dilation(filled) & ~filled
    shadow = binary_dilation(filled | line) & ~(filled | line)
    picture[shadow], picture[line] = 0, 255
