"""Label maps and region maps as image files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.errors import InputError
from napari_corrclip.vocabulary import Vocabulary


def write_label_png(path: Path, labels: NDArray[np.integer], vocabulary: Vocabulary) -> None:
    """Write label values as an indexed PNG whose palette holds the classes' colours; 0 is black.

    Raises:
        InputError: a value above 255, which an indexed PNG cannot hold.
    """
    from PIL import Image

    highest = int(labels.max(initial=0))
    if highest > 255:
        raise InputError(
            f"The label {highest} does not fit an indexed PNG (0 to 255); write a TIFF."
        )
    palette = np.zeros((256, 3), np.uint8)
    for value, color in vocabulary.colors.items():
        if value <= 255:
            palette[value] = color
    picture = Image.fromarray(np.ascontiguousarray(labels, np.uint8))
    picture.putpalette(palette.ravel().tolist())
    picture.save(path, format="PNG", optimize=False)


def write_tiff(path: Path, array: NDArray[np.integer]) -> None:
    """Write an integer map as a TIFF, compressed without loss, in the type that it has."""
    import tifffile

    tifffile.imwrite(
        path, np.ascontiguousarray(array), compression="zlib", photometric="minisblack"
    )


def smallest_type(regions: NDArray[np.int32]) -> NDArray[np.integer]:
    """Return uint16 where all ids fit, which every program reads, and int32 otherwise."""
    if int(regions.max(initial=0)) <= np.iinfo(np.uint16).max:
        return regions.astype(np.uint16)
    return regions


def read_map(path: Path) -> NDArray[np.integer]:
    """Return the integer map of an indexed or grayscale PNG, or of a TIFF.

    Raises:
        InputError: it is missing, damaged or no map.
    """
    try:
        if path.suffix.lower() in {".tif", ".tiff"}:
            import tifffile

            array = np.asarray(tifffile.imread(path))
        else:
            from PIL import Image

            with Image.open(path) as picture:
                array = np.array(picture)
    except FileNotFoundError:
        raise InputError(f"The map {str(path)!r} does not exist; check the folder.") from None
    except Exception as error:  # the readers raise whatever a damaged file makes them
        raise InputError(
            f"The map {str(path)!r} cannot be read ({_brief(error)}); write it again."
        ) from None
    if array.ndim != 2 or not np.issubdtype(array.dtype, np.integer):
        raise InputError(
            f"{str(path)!r} holds {array.dtype} of shape {array.shape}, which is no map of whole "
            "numbers; write it again."
        )
    return array


def _brief(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text[:120] or type(error).__name__
