"""Image files as arrays: PNG, JPEG, TIFF and the other common pictures, opened as untrusted."""

from __future__ import annotations

import contextlib
import lzma
import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from napari_corrclip.errors import InputError
from napari_corrclip.images.flat import FileBytes
from napari_corrclip.images.pictures import read_with_pillow, upright
from napari_corrclip.images.tiff.colors import TiffPicture
from napari_corrclip.images.tiff.pages import STARTS, full_picture, open_tiff
from napari_corrclip.images.tiff.pixels import StoredPixels
from napari_corrclip.images.tiff.unpacking import DamagedError
from napari_corrclip.storage.untrusted import Damage, check_regular, guarded

__all__ = ["Picture", "is_tiff", "open_tiff_plane", "read_image", "read_picture"]

_WANTED = "give a PNG, JPEG or TIFF image"
_AGAIN = "save or copy it again"


@dataclass(frozen=True, eq=False)
class Picture:
    """The content of an image file.

    Attributes:
        array: (H, W) or (H, W, 3), upright and as deep as stored; a masked array where the file says of
            pixels that they hold no data.
        notes: what the user is to be told about it, a sentence each.
    """

    array: NDArray[Any]
    notes: tuple[str, ...] = ()


def read_image(path: str | os.PathLike[str]) -> NDArray[Any]:
    """Return the image in the file ``path``, (H, W) or (H, W, 3), upright and as deep as stored.

    PNG, JPEG, TIFF, BMP, GIF, WebP and PPM, told by their content and not by their name. Palettes
    and CMYK become RGB, numbers of less than 8 bits fill 0 to 255, white-is-zero is inverted, opacity is
    dropped, and the orientation that a camera noted is applied. 16-bit and float values stay as they
    are; see :func:`to_rgb`. Of a TIFF that holds several pictures it is the full-size one, and where it
    names a value for "no data" the array is masked there.

    Raises:
        InputError: the file is missing, a folder, a pipe or a device, not readable, empty, damaged
            or cut short, no image, or holds more than one plane (a stack, an animation).
    """
    return read_picture(path).array


def read_picture(path: str | os.PathLike[str], where: tuple[int, ...] = ()) -> Picture:
    """Return what :func:`read_image` does, with what the user is to be told about it.

    Args:
        path: of the file.
        where: of a TIFF with several planes, which one; see :mod:`napari_corrclip.images.stacks`.
    """
    path = Path(path)
    tiff = is_tiff(path)
    if where and not tiff:
        raise InputError(f"{str(path)!r} has no plane {list(where)}; it is one picture.")
    with guarded(f"The image {str(path)!r}", _AGAIN, damage=damage()):
        if not tiff:
            return Picture(read_with_pillow(path, _WANTED))
        with _opened(path, where) as (picture, notes):
            array = _whole(path, picture)
            return Picture(upright(array, picture.orientation), notes)


def is_tiff(path: Path) -> bool:
    """Whether the file ``path`` begins as a TIFF.

    Raises:
        InputError: it is missing, no regular file, not readable or empty.
    """
    what = "image"
    check_regular(path, what, _WANTED)
    try:
        with path.open("rb") as file:
            start = file.read(4)
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(f"The image {str(path)!r} cannot be read ({reason}); {_WANTED}.") from None
    if not start:
        raise InputError(f"The image {str(path)!r} is an empty file; {_WANTED}.")
    return start in STARTS


def damage() -> Damage:
    """Return what the checks of image formats raise where a file is at fault."""
    from tifffile import TiffFileError

    return (
        TiffFileError,
        DamagedError,
        EOFError,
        SyntaxError,  # Pillow's, of a broken PNG
        OSError,
        struct.error,
        zlib.error,
        lzma.LZMAError,
    )


def _whole(path: Path, picture: TiffPicture) -> NDArray[Any]:
    try:
        return picture[:, :]
    except MemoryError:
        pixels = " × ".join(str(side) for side in picture.shape)
        raise InputError(
            f"There is not enough memory for the image {str(path)!r} of {pixels}; segment it with a "
            "scale, which reads it in pieces."
        ) from None


@contextlib.contextmanager
def _opened(
    path: Path, where: tuple[int, ...] = ()
) -> Iterator[tuple[TiffPicture, tuple[str, ...]]]:
    with open_tiff(path) as tiff, FileBytes(path) as file:
        series, note = full_picture(tiff, path)
        picture = TiffPicture(StoredPixels(file, series, where))
        yield picture, tuple(text for text in (note, picture.note) if text is not None)


@contextlib.contextmanager
def open_tiff_plane(
    path: Path, at: tuple[int, ...] = ()
) -> Iterator[tuple[GuardedPicture | None, tuple[str, ...]]]:
    """Give a TIFF's picture, or its plane ``at``, as an array that reads a piece where it is cut, and notes.

    Gives no picture where it lies in one piece that can only be read whole, or turned:
    :func:`read_picture` has it.

    Raises:
        InputError: the file cannot be read.
    """
    where = f"The image {str(path)!r}"
    with contextlib.ExitStack() as stack:
        with guarded(where, _AGAIN, damage=damage()):
            picture, notes = stack.enter_context(_opened(path, at))
        yield (GuardedPicture(picture, where) if picture.in_pieces else None, notes)


class GuardedPicture:
    """A TIFF's picture that is read where it is cut, and tells in one sentence where that fails.

    Attributes:
        shape: (H, W) or (H, W, 3).
        dtype: of a cut.
        masked: whether cuts may be masked arrays.
    """

    def __init__(self, picture: TiffPicture, where: str) -> None:
        self._picture, self._where = picture, where
        self.shape, self.dtype, self.masked = picture.shape, picture.dtype, picture.masked

    def __getitem__(self, key: Any) -> NDArray[Any]:
        with guarded(self._where, _AGAIN, damage=damage()):
            return self._picture[key]
