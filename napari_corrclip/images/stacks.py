"""Images of several planes: which planes there are, and the pixels of each.

What is a plane and what a channel is the readers' own rule, by which an image of one plane is told from a
stack: of a TIFF :func:`napari_corrclip.images.tiff.pixels.axis_kinds`, of OME-Zarr its axes, of an array
:func:`napari_corrclip.images.stack.planes_of`. Planes are counted as napari's sliders do: of a TIFF without
axes of length 1, which its reader drops, of arrays and zarr with them.
"""

from __future__ import annotations

from pathlib import Path

from napari_corrclip.errors import InputError
from napari_corrclip.images.files import Picture, damage, is_tiff
from napari_corrclip.images.flat import FileBytes, open_npy
from napari_corrclip.images.ome_zarr import zarr_stack
from napari_corrclip.images.pixels import Pixels, pixels_in, read_pixels
from napari_corrclip.images.planes import opened
from napari_corrclip.images.rgb import ImageOptions
from napari_corrclip.images.stack import Stack, Where, planes_of
from napari_corrclip.images.tiff.stack import tiff_stack
from napari_corrclip.storage.arrays import is_npy
from napari_corrclip.storage.untrusted import guarded

_WANTED = "give a PNG, JPEG, TIFF, .npy file or zarr folder"


def read_stack(path: Path) -> Stack | None:
    """Return the planes of an image file or zarr folder; ``None`` where it has one. Reads no pixel.

    Raises:
        InputError: it cannot be read.
    """
    where = f"The image {str(path)!r}"
    if path.is_dir():
        found = zarr_stack(path, where)
    elif is_npy(path, "image", _WANTED):
        with FileBytes(path) as file:
            array, by_columns = open_npy(file, _WANTED)
        found = Stack.unnamed(planes_of(array.shape[:: -1 if by_columns else 1]))
    elif is_tiff(path):
        with guarded(where, "save or copy it again", damage=damage()):
            found = tiff_stack(path)
    else:
        return None
    return found if len(found) > 1 else None


def read_plane(path: Path, where: Where = (), options: ImageOptions | None = None) -> Pixels:
    """Return the pixels of an image, or of one plane of a stack.

    Unlike :func:`~napari_corrclip.images.read_pixels` it reads ``.npy`` files and zarr folders, too.

    Args:
        path: of the file or folder.
        where: which plane; () of an image of one.
        options: limits or percentiles.

    Raises:
        InputError: it cannot be used, or there is no such plane.
    """
    if not (path.is_dir() or is_npy(path, "image", _WANTED)):
        return read_pixels(path, options, where=where)
    with opened(path, "image", where=where) as plane:
        try:
            picture = Picture(plane.read((0, 0, *plane.size)), plane.notes)
            return pixels_in(path, picture, options or ImageOptions())
        except MemoryError:
            sides = " × ".join(map(str, plane.size))
            raise InputError(
                f"There is not enough memory for the image {str(path)!r} of {sides} pixels; give a scale, "
                "by which it is read in pieces."
            ) from None
