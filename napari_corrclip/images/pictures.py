"""Pictures as Pillow reads them: PNG, JPEG, BMP, GIF, PPM and WebP, from a file or already opened."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.errors import InputError

if TYPE_CHECKING:
    from PIL import Image

# Decoders that are wanted for pictures; Pillow's others (some start other programs) stay closed.
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "PPM", "WEBP")
_ORIENTATION = 0x0112  # the tag, in EXIF and in TIFF


def read_with_pillow(path: Path, advice: str) -> NDArray[Any]:
    """Return the picture in a file, (H, W) or (H, W, 3), upright.

    Raises:
        InputError: it is no picture, too large, or of several frames.
        OSError, SyntaxError, struct.error, zlib.error: it is damaged.
    """
    from PIL import UnidentifiedImageError

    with path.open("rb") as file:
        start = file.read(33)
        file.seek(0)
        try:
            opened = open_picture(file, path, FORMATS)
        except UnidentifiedImageError:
            raise InputError(f"{str(path)!r} is no image that can be read; {advice}.") from None
        with opened as image:
            frames = getattr(image, "n_frames", 1)
            # a camera's MPO holds a picture and its other views or previews; the first is the picture
            if frames > 1 and image.format != "MPO":
                raise InputError(
                    f"The image {str(path)!r} holds {frames} frames; save the one to segment."
                )
            turned = orientation_of(image)
            # Pillow keeps only the upper 8 bits of such PNGs: depth 16, colour types 2, 4 and 6
            if (
                image.format == "PNG"
                and start[24:25] == b"\x10"
                and start[25:26] in b"\x02\x04\x06"
            ):
                array = read_deep_png(path)
            else:
                array = _array(image)
    return upright(array, turned)


def is_pillow(image: object) -> TypeGuard[Image.Image]:
    """Whether ``image`` is one of Pillow's; imports nothing."""
    module = sys.modules.get("PIL.Image")
    return module is not None and isinstance(image, module.Image)


def from_pillow(image: Image.Image, read: Callable[[Path], NDArray[Any]]) -> NDArray[Any]:
    """Return a Pillow image as its file would be read: palettes, CMYK and rotation as they are meant.

    One that was opened and not looked at yet is read from its file, since Pillow keeps 8 bits of some
    deeper ones.

    Args:
        image: of any mode.
        read: reads a file.
    """
    name = getattr(image, "filename", "")
    waiting = bool(getattr(image, "tile", ())) and image.tell() == 0
    if waiting and isinstance(name, str | os.PathLike) and name and Path(name).is_file():
        return read(Path(name))
    array = _array(image)  # first, since a TIFF is turned as it is loaded
    return upright(array, orientation_of(image))


def open_picture(file: IO[bytes], path: Path, formats: tuple[str, ...]) -> Image.Image:
    """Open a file by Pillow's decoders for ``formats`` alone.

    Given as an open file, since one that Pillow opens by its name is mapped into memory.
    """
    from PIL import Image

    try:
        with warnings.catch_warnings():
            # large images are this program's trade; Pillow still refuses absurd ones
            warnings.simplefilter("ignore")
            return Image.open(file, formats=formats)
    except Image.DecompressionBombError as error:
        raise InputError(
            f"The image {str(path)!r} is too large ({error}); cut it into tiles or save it as an "
            "uncompressed TIFF."
        ) from None


def orientation_of(image: Image.Image) -> int:
    """How a camera was held, 1 to 8; 1 where what is noted beside the pixels cannot be read."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = image.getexif().get(_ORIENTATION, 1)
    except Exception:  # the pixels are good, whatever their notes are
        return 1
    return found if isinstance(found, int) and 1 <= found <= 8 else 1


def _array(image: Image.Image) -> NDArray[Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about what lies beside the pixels
        image.load()
    if image.mode == "1":
        image = image.convert("L")
    elif image.mode in ("LA", "La"):
        image = image.getchannel("L")
    elif image.mode in ("P", "PA", "RGBA", "RGBa", "RGBX"):
        # by RGBA, since a palette with opacity in it must not go to RGB directly
        image = image.convert("RGBA").convert("RGB")
    elif image.mode in ("LAB", "HSV"):
        raise InputError(
            f"The image holds colours of the model {image.mode}, which cannot be read here; convert it "
            "to RGB."
        )
    elif image.mode not in ("L", "I", "F") and not image.mode.startswith("I;16"):
        image = image.convert("RGB")
    array = np.array(image)
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def read_deep_png(path: Path) -> NDArray[np.uint16]:
    """Return a 16-bit PNG of colours or with opacity, without its opacity.

    Of such values Pillow keeps the upper byte. So it decodes twice, the second time told that the
    bytes lie the other way round, which gives the lower one.
    """
    upper, lower = (_decode_png(path, lower=lower).astype(np.uint16) for lower in (False, True))
    if upper.shape[-1] == 2:
        # gray and opacity have no reversed form, but read as bytes they are four channels
        upper, lower = upper[:, :, 0], lower[:, :, 0]
    else:
        upper, lower = upper[:, :, :3], lower[:, :, :3]
    return (upper << 8 | lower).astype(np.uint16, copy=False)


def _decode_png(path: Path, *, lower: bool) -> NDArray[np.uint8]:
    """Return the upper or lower bytes of a 16-bit PNG's values."""
    image: Any  # of PIL's ImageFile, whose tiles its types leave out
    with path.open("rb") as file, open_picture(file, path, ("PNG",)) as image:
        codec, extents, offset, mode = image.tile[0]
        if mode == "LA;16B":
            image.tile = [(codec, extents, offset, "RGBA")]
            array = np.array(image)
            return array[:, :, 1::2] if lower else array[:, :, ::2]
        if lower:
            image.tile = [(codec, extents, offset, str(mode).replace("16B", "16L"))]
        return np.array(image)


def upright(array: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Undo a camera's rotation or reflection (the values of EXIF's orientation, 1 to 8)."""
    if orientation in (5, 6, 7, 8):
        array = np.swapaxes(array, 0, 1)
    if orientation in (3, 4, 7, 8):
        array = array[::-1]
    if orientation in (2, 3, 6, 7):
        array = array[:, ::-1]
    # np.ascontiguousarray would forget what a masked array hides
    return array.copy() if not array.flags.c_contiguous else array
