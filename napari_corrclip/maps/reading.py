"""Label maps and region maps from files: ids as they are stored, for every entrance.

A map is no picture. Whether 0 is shown black or white, through a palette or in how many bits makes
no difference to its ids, and where a file can only hold colours, or changed values to become smaller,
there are none in it. What it shares with pictures: which page of a TIFF is meant, and that it lies
as the image of such a file would, upright.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.errors import InputError
from napari_corrclip.images.files import damage
from napari_corrclip.images.flat import FileBytes, FlatArray, open_npy
from napari_corrclip.images.pictures import (
    open_picture,
    orientation_of,
    read_deep_png,
    upright,
)
from napari_corrclip.images.tiff.pages import STARTS, full_picture, open_tiff, tag_number
from napari_corrclip.images.tiff.pixels import StoredPixels
from napari_corrclip.storage.arrays import NPY_START
from napari_corrclip.storage.untrusted import check_regular, guarded

if TYPE_CHECKING:
    from PIL import Image
    from tifffile import TiffFile, TiffPage

ENDINGS = (".tif", ".tiff", ".png", ".npy")
"""How the files end among which a map is looked for, the likeliest first."""

_ADVICE = "give a PNG or TIFF of whole numbers, or an .npy file"
_AGAIN = "save or copy it again"
# Pillow's decoders for files that keep every value; JPEG and WebP are opened to be refused by name.
_FORMATS = ("PNG", "BMP", "GIF", "PPM", "JPEG", "WEBP")
_LOSSY = ("JPEG", "MPO", "WEBP")
# Compressions of a TIFF that change values, by the tag's number.
_LOSSY_TIFF = {
    6: "JPEG",
    7: "JPEG",
    33004: "JPEG 2000",
    33007: "JPEG",
    34892: "JPEG",
    34927: "WebP",
    50001: "WebP",
}
# Pillow's modes of one value a pixel, with opacity beside it or not.
_GRAY = frozenset({"1", "L", "P", "I", "F", "LA", "La", "PA", "I;16", "I;16B", "I;16L", "I;16N"})
_ORIENTATION = 274  # the tag of a TIFF


def read_map(path: str | os.PathLike[str], what: str = "map") -> NDArray[np.integer]:
    """Return the ids in the file ``path``, told by its content and not by its name.

    Args:
        path: an ``.npy`` file, a TIFF, a PNG, BMP, GIF, PGM or PBM; of one plane.
        what: names it in the sentences, such as ``"regions"``.

    Returns:
        (H, W) in an integer type that holds them; a mask of single bits has 0 and 1. Negative ids
        are returned as such: whether they are any is the caller's to say.

    Raises:
        InputError: it cannot be read, or holds no single plane of whole numbers whose values are
            those that were saved: colours, fractions, values that JPEG changed, Python objects.
    """
    with open_map(path, what) as (array, axes):
        found = np.asarray(array[:, :])
        return found if axes == "YX" else found.T


@contextlib.contextmanager
def open_map(path: str | os.PathLike[str], what: str = "map") -> Iterator[tuple[Any, str]]:
    """Give the ids in ``path`` as an array that is read where it is cut, and its axes, "YX" or "XY".

    As :func:`read_map`; the file stays open meanwhile. What can only be read whole, or lies turned,
    is a NumPy array.
    """
    path = Path(path)
    start = _start(path, what)
    with contextlib.ExitStack() as stack:
        with _told(path, what):
            if not start.startswith((*STARTS, NPY_START)):
                found: tuple[Any, str] = _picture_ids(path, what, start), "YX"
            else:
                file = stack.enter_context(FileBytes(path, what))
                if start.startswith(NPY_START):
                    found = _numpy_ids(file, what)
                else:
                    tiff = stack.enter_context(open_tiff(path))
                    array, page, in_pieces = _tiff_ids(file, tiff, what)
                    turned = tag_number(page, _ORIENTATION, 1)
                    found = array if in_pieces else upright(array[:, :], turned), "YX"
        yield found


def find_map(folder: Path, stem: str, endings: Iterable[str] = ENDINGS) -> Path | None:
    """Return the file in ``folder`` that is called ``stem`` and ends as one of ``endings``.

    The ending may have whatever case, as instruments write ``.TIF``. Where several are there, the
    first of ``endings`` is taken, and of its cases the lower one.

    Raises:
        InputError: the folder cannot be looked into.
    """
    with guarded(f"The folder {str(folder)!r}", "check the path"):
        named = [path for path in folder.iterdir() if path.name.startswith(stem)]
    for ending in endings:
        for path in sorted(named, reverse=True):  # of letters the lower case is the later one
            if path.name[len(stem) :].lower() == ending and path.is_file():
                return path
    return None


# -- what is in the file


def _start(path: Path, what: str) -> bytes:
    """Return the first bytes of a regular file."""
    check_regular(path, what, _ADVICE)
    with guarded(f"The {what} {str(path)!r}", _ADVICE), path.open("rb") as file:
        start = file.read(4096)
    if not start:
        raise InputError(f"The {what} {str(path)!r} cannot be read (it is empty); {_ADVICE}.")
    if start.startswith(b"PK\x03\x04"):
        raise InputError(
            f"The {what} {str(path)!r} is an archive, such as .npz; save the one map in it by "
            "numpy.save."
        )
    return start


def _told(path: Path, what: str) -> contextlib.AbstractContextManager[None]:
    return guarded(f"The {what} {str(path)!r}", _AGAIN, damage=damage())


def _check(dtype: np.dtype[Any], shape: tuple[int, ...], path: Path, what: str) -> None:
    """Refuse what is no one plane of whole numbers, before it is read."""
    name = f"The {what} {str(path)!r} holds {dtype.newbyteorder('=')}"
    if dtype.kind == "f":
        raise InputError(
            f"{name}, and ids are whole numbers; save them as such, for example as uint16 or int32."
        )
    if dtype == np.bool_:
        raise InputError(
            f"{name}, a mask and no ids; number its parts first, for example with "
            "skimage.measure.label."
        )
    if dtype.kind not in "iu":
        raise InputError(f"{name} and no whole numbers; {_ADVICE}.")
    if len(shape) != 2 or min(shape) < 1:
        raise InputError(
            f"{name} of shape {tuple(shape)}, which is no one plane of ids; {_ADVICE}."
        )


def _colored(path: Path, what: str, shape: tuple[int, ...]) -> InputError:
    return InputError(
        f"The {what} {str(path)!r} holds colours (shape {tuple(shape)}), which are no ids; save it as "
        "one channel of whole numbers, for example as a PNG or TIFF of 8 or 16 bits."
    )


def _lossy(path: Path, what: str, kind: str) -> InputError:
    return InputError(
        f"The {what} {str(path)!r} is packed by {kind}, which changes values, so that ids do not "
        "survive it; save the map anew from its source, as PNG or TIFF."
    )


# -- .npy


def _numpy_ids(file: FileBytes, what: str) -> tuple[FlatArray, str]:
    """Return the array of an .npy file, of which nothing but the header is read, and its axes."""
    array, by_columns = open_npy(file, _AGAIN)
    _check(array.dtype, array.shape[::-1] if by_columns else array.shape, file.path, what)
    return array, "XY" if by_columns else "YX"


# -- TIFF


class _FirstSample:
    """The first number of every pixel of a TIFF; what lies beside it is opacity.

    Args:
        stored: (H, W) or (H, W, 2).
    """

    def __init__(self, stored: StoredPixels) -> None:
        self._stored = stored
        self.shape, self.dtype = stored.shape[:2], stored.dtype

    def __getitem__(self, key: tuple[slice, slice]) -> NDArray[Any]:
        with _told(self._stored.file.path, self._stored.file.what):
            found = self._stored[key]
        return found if found.ndim == 2 else found[:, :, 0]


def _tiff_ids(file: FileBytes, tiff: TiffFile, what: str) -> tuple[_FirstSample, TiffPage, bool]:
    """Return a TIFF's ids, their page, and whether they can be read in pieces as they lie."""
    from tifffile import PHOTOMETRIC

    series, _ = full_picture(tiff, file.path)
    page = series.keyframe
    if int(page.compression) in _LOSSY_TIFF:
        raise _lossy(file.path, what, _LOSSY_TIFF[int(page.compression)])
    if page.photometric not in (
        PHOTOMETRIC.MINISBLACK,
        PHOTOMETRIC.MINISWHITE,
        PHOTOMETRIC.PALETTE,
        PHOTOMETRIC.MASK,
    ):
        raise _colored(file.path, what, series.shape)
    stored = StoredPixels(file, series)
    if len(stored.shape) == 3 and stored.shape[2] != 2:
        raise _colored(file.path, what, stored.shape)
    _check(stored.dtype, stored.shape[:2], file.path, what)
    in_pieces = stored.in_pieces and tag_number(page, _ORIENTATION, 1) not in range(2, 9)
    return _FirstSample(stored), page, in_pieces


# -- other pictures


def _picture_ids(path: Path, what: str, start: bytes) -> NDArray[Any]:
    """Read the values of what Pillow reads."""
    with path.open("rb") as file, _opened(file, path, what) as image:
        if image.format in _LOSSY:
            raise _lossy(path, what, "WebP" if image.format == "WEBP" else "JPEG")
        frames = getattr(image, "n_frames", 1)
        if frames > 1:
            raise InputError(
                f"The {what} {str(path)!r} holds {frames} frames; save the one of the image."
            )
        turned = orientation_of(image)
        if image.format == "PNG" and start[24:26] == b"\x10\x04":  # with opacity, 16 bits each
            array: NDArray[Any] = read_deep_png(path)
        elif image.mode not in _GRAY:
            raise _colored(path, what, (image.height, image.width, len(image.getbands())))
        elif image.format == "PPM":
            array = _portable(image, start)
        else:
            array = _samples(image, start[24] if image.format == "PNG" else 8)
    array = array.astype(array.dtype.newbyteorder("="), copy=False)
    _check(array.dtype, array.shape, path, what)
    return upright(array, turned)


def _opened(file: IO[bytes], path: Path, what: str) -> Image.Image:
    """Open ``file`` by Pillow's decoders for :data:`_FORMATS` alone."""
    from PIL import UnidentifiedImageError

    try:
        return open_picture(file, path, _FORMATS)
    except UnidentifiedImageError:
        raise InputError(
            f"The {what} {str(path)!r} is no image that can be read; {_ADVICE}."
        ) from None


def _samples(image: Image.Image, bits: int) -> NDArray[Any]:
    """Return the samples of a gray or indexed image as they are stored, of ``bits`` each."""
    array = np.array(image)
    if array.ndim == 3:  # the other channel is opacity
        array = array[:, :, 0]
    if image.mode == "L" and bits in (2, 4):
        array = array // (255 // ((1 << bits) - 1))  # to the full range by a whole factor
    return array.astype(np.uint8) if array.dtype == np.bool_ else array


def _portable(image: Image.Image, start: bytes) -> NDArray[Any]:
    """Return the values of a PBM or PGM, which Pillow brings to the full range of 8 or 16 bits."""
    array = np.array(image)
    if image.mode == "1":
        return (~array).astype(np.uint8)  # the format's 1 is black
    fields = re.sub(rb"#[^\r\n]*", b"", start).split(maxsplit=4)
    highest = int(fields[3])
    return np.rint(array * (highest / (255 if highest < 256 else 65535))).astype(np.uint16)
