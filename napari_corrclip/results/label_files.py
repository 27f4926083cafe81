"""Label maps and region maps as image files: ids that another program reads as they are here."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.errors import InputError
from napari_corrclip.maps.reading import read_map
from napari_corrclip.maps.regions import as_ids
from napari_corrclip.vocabulary import Vocabulary

__all__ = ["read_map", "write_label_png", "write_tiff"]

_KEPT = (np.uint8, np.uint16, np.int32)  # types of a TIFF that other programs read


def write_label_png(path: Path, labels: NDArray[np.integer], vocabulary: Vocabulary) -> None:
    """Write label values as an indexed PNG whose palette holds the classes' colours; 0 is black.

    Args:
        path: of the file.
        labels: (H, W) integers, 0 to 255.
        vocabulary: the classes; values above 255 have no place in the palette.

    Raises:
        InputError: a value below 0 or above 255, which an indexed PNG cannot hold, or no integers.
    """
    from PIL import Image

    check_values(labels, 255, "an indexed PNG", "write a TIFF")
    palette = np.zeros((256, 3), np.uint8)
    for value, color in vocabulary.colors.items():
        if value <= 255:
            palette[value] = color
    picture = Image.fromarray(np.ascontiguousarray(labels, np.uint8))
    picture.putpalette(palette.ravel().tolist())
    picture.save(path, format="PNG", optimize=False)


def write_tiff(path: Path, array: NDArray[np.integer]) -> None:
    """Write an integer map as a TIFF, compressed without loss.

    Args:
        path: of the file.
        array: (H, W), 0 to 2147483647. uint8, uint16 and int32 are written as they are, others as
            what :func:`~napari_corrclip.maps.regions.as_ids` makes of them.

    Raises:
        InputError: a value does not fit, or no integers.
    """
    import tifffile

    check_values(
        array,
        np.iinfo(np.int32).max,
        "a TIFF of labels",
        "renumber them, for example with skimage.segmentation.relabel_sequential",
    )
    if array.dtype.newbyteorder("=") not in _KEPT:
        array = as_ids(array)
    tifffile.imwrite(
        path, np.ascontiguousarray(array), compression="zlib", photometric="minisblack"
    )


def check_values(labels: NDArray[np.generic], highest: int, where: str, advice: str) -> None:
    """Refuse what a file could only hold as something else, before anything of it is written.

    Args:
        labels: to be written.
        highest: largest value that fits; the smallest is 0.
        where: names the file's kind in the sentence.
        advice: what to do about a value that is too large.

    Raises:
        InputError: no (H, W) integers, no pixels, or a value that does not fit.
    """
    if labels.ndim != 2 or not labels.size:
        raise InputError(
            f"The labels have shape {labels.shape}; give one 2-D array of (height, width), of at "
            "least one pixel."
        )
    if labels.dtype.kind not in "iu":
        raise InputError(
            f"The labels are {labels.dtype}, and {where} holds whole numbers; give for example "
            "uint16."
        )
    low, high = int(labels.min()), int(labels.max())
    if low < 0:
        raise InputError(
            f"The label {low} does not fit {where} (0 to {highest}); give those pixels a number of "
            "their own from 1 on, or 0 for none."
        )
    if high > highest:
        raise InputError(f"The label {high} does not fit {where} (0 to {highest}); {advice}.")
