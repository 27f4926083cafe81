"""Image files as arrays: PNG, JPEG, TIFF and the other common pictures, opened as untrusted."""

from __future__ import annotations

import contextlib
import logging
import os
import stat
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.errors import InputError

if TYPE_CHECKING:
    from PIL import Image
    from tifffile import TiffFile, TiffPage, TiffPageSeries

# Decoders that are wanted for pictures; Pillow's others (some start other programs) stay closed.
_FORMATS = ("PNG", "JPEG", "BMP", "GIF", "PPM", "WEBP")
_TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_WANTED = "give a PNG, JPEG or TIFF image"
_ORIENTATION = 0x0112  # the tag, in EXIF and in TIFF


def read_image(path: str | os.PathLike[str]) -> NDArray[Any]:
    """Return the image in the file ``path``, (H, W) or (H, W, 3), upright and as deep as stored.

    PNG, JPEG, TIFF, BMP, GIF, WebP and PPM, told by their content and not by their name. Palettes
    and CMYK become RGB, 1-bit images 0 and 255, opacity is dropped, and the orientation that a
    camera noted is applied. 16-bit and float values stay as they are; see :func:`to_rgb`.

    Raises:
        InputError: the file is missing, a folder, a pipe or a device, not readable, empty, damaged
            or cut short, no image, or holds more than one plane (a stack, an animation).
    """
    path = Path(path)
    try:
        # Looked at before it is opened: a pipe would wait for a writer, a device never end.
        mode = path.stat().st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            raise OSError("it is a pipe, a device or the like, and no regular file")
        with path.open("rb") as file:
            start = file.read(33)
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(f"The image {str(path)!r} cannot be read ({reason}); {_WANTED}.") from None
    except ValueError as error:  # a NUL in the path
        raise InputError(f"{str(path)!r} names no file ({error}); {_WANTED}.") from None
    if not start:
        raise InputError(f"The image {str(path)!r} is an empty file; {_WANTED}.")
    try:
        if start.startswith(_TIFF_STARTS):
            return _read_tiff(path)
        return _read_picture(path, start)
    except (InputError, MemoryError):
        raise
    except Exception as error:  # decoders raise whatever comes when data are damaged
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(
            f"The image {str(path)!r} is damaged or cut short ({reason[:200]}); save or copy it "
            "again."
        ) from None


def _read_picture(path: Path, start: bytes) -> NDArray[Any]:
    """Read what Pillow reads."""
    from PIL import UnidentifiedImageError

    try:
        opened = _open(path, _FORMATS)
    except UnidentifiedImageError:
        raise InputError(f"{str(path)!r} is no image that can be read; {_WANTED}.") from None
    with opened as image:
        frames = getattr(image, "n_frames", 1)
        # a camera's MPO holds a picture and its other views or previews; the first is the picture
        if frames > 1 and image.format != "MPO":
            raise InputError(
                f"The image {str(path)!r} holds {frames} frames; save the one to segment."
            )
        orientation = image.getexif().get(_ORIENTATION, 1)
        # Pillow keeps only the upper 8 bits of such PNGs: depth 16, colour types 2, 4 and 6
        if image.format == "PNG" and start[24:25] == b"\x10" and start[25:26] in b"\x02\x04\x06":
            array = _read_deep_png(path)
        else:
            array = _pillow_array(image)
    return _upright(array, orientation)


def _open(path: Path, formats: tuple[str, ...]) -> Image.Image:
    """Open ``path`` by Pillow's decoders for ``formats`` alone."""
    from PIL import Image

    try:
        with warnings.catch_warnings():
            # large images are this program's trade; Pillow still refuses absurd ones
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            return Image.open(path, formats=formats)
    except Image.DecompressionBombError as error:
        raise InputError(
            f"The image {str(path)!r} is too large ({error}); cut it into tiles or save it as an "
            "uncompressed TIFF."
        ) from None


def _pillow_array(image: Image.Image) -> NDArray[Any]:
    image.load()
    if image.mode == "1":
        image = image.convert("L")
    elif image.mode in ("LA", "La"):
        image = image.getchannel("L")
    elif image.mode in ("P", "PA", "RGBA", "RGBa", "RGBX"):
        # by RGBA, since a palette with opacity in it must not go to RGB directly
        image = image.convert("RGBA").convert("RGB")
    elif image.mode not in ("L", "I", "F") and not image.mode.startswith("I;16"):
        image = image.convert("RGB")
    array = np.array(image)
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def read_indices(path: str | os.PathLike[str]) -> NDArray[np.uint8] | None:
    """Return the (H, W) indices of a PNG with a palette, such as our own ``labels.png``; else ``None``."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path, formats=("PNG",)) as picture:
            return np.asarray(picture) if picture.mode == "P" else None
    except (OSError, ValueError, SyntaxError, UnidentifiedImageError, Image.DecompressionBombError):
        return None  # whoever reads it then says what is wrong


def _read_deep_png(path: Path) -> NDArray[np.uint16]:
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
    with _open(path, ("PNG",)) as image:
        codec, extents, offset, mode = image.tile[0]
        if mode == "LA;16B":
            image.tile = [(codec, extents, offset, "RGBA")]
            array = np.array(image)
            return array[:, :, 1::2] if lower else array[:, :, ::2]
        if lower:
            image.tile = [(codec, extents, offset, str(mode).replace("16B", "16L"))]
        return np.array(image)


def _read_tiff(path: Path) -> NDArray[Any]:
    from tifffile import PHOTOMETRIC, TiffFile

    # A damaged file is told in one sentence of ours: without a handler, Python would print each of
    # tifffile's own remarks to stderr. An application that listens to the log still hears them.
    logger = logging.getLogger("tifffile")
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
    with TiffFile(path) as tiff:
        series = [one for one in tiff.series if not one.keyframe.is_reduced]
        if not series:
            raise ValueError("it has no complete page")
        if len(series) > 1:
            raise InputError(
                f"The TIFF {str(path)!r} holds {len(series)} images of different kinds; save the "
                "one to segment in a file of its own."
            )
        page = series[0].keyframe
        axes = _check_plane(path, series[0])
        _check_complete(path, tiff)
        if page.photometric == PHOTOMETRIC.YCBCR and _is_whole_ycbcr(page):
            return _from_ycbcr(page)
        if page.photometric in (
            PHOTOMETRIC.SEPARATED,
            PHOTOMETRIC.YCBCR,
            PHOTOMETRIC.CIELAB,
            PHOTOMETRIC.ICCLAB,
        ):
            return _read_packed_tiff(path, page)
        try:
            array = series[0].asarray(squeeze=False)
        except ValueError as error:
            if "imagecodecs" not in str(error):
                raise
            return _read_packed_tiff(path, page)
        kept = [axis for axis in axes if axis]
        array = array.reshape([array.shape[axes.index(axis)] for axis in kept])
        if "C" in kept:
            array = np.moveaxis(array, kept.index("C"), -1)
        tag = page.tags.get(_ORIENTATION)
        return _upright(_tiff_colors(array, page), 1 if tag is None else int(tag.value))


@contextlib.contextmanager
def open_tiff_plane(path: Path) -> Iterator[tuple[Any, str] | None]:
    """Give a TIFF's plane as an array that reads a tile where it is asked for, and its axes.

    Gives ``None`` where the pixels are not what is stored (a palette, a rotation, a compression of
    another library), or lie in one piece that can only be read whole: :func:`read_image` has them.

    Raises:
        InputError: the file is cut short.
    """
    from tifffile import COMPRESSION, PHOTOMETRIC, TiffFile, TiffFileError

    logger = logging.getLogger("tifffile")
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
    with contextlib.ExitStack() as stack:
        plane = None
        try:
            tiff = stack.enter_context(TiffFile(path))
            series = [one for one in tiff.series if not one.keyframe.is_reduced]
            page = series[0].keyframe if len(series) == 1 else None
            if page is not None and (
                page.photometric in (PHOTOMETRIC.MINISBLACK, PHOTOMETRIC.RGB)
                and page.compression
                in (COMPRESSION.NONE, COMPRESSION.DEFLATE, COMPRESSION.ADOBE_DEFLATE)
                and page.dtype is not None
                and page.dtype.kind != "b"
                and int(getattr(page.tags.get(_ORIENTATION), "value", 1)) == 1
                and (series[0].dataoffset is not None or len(page.dataoffsets) > 1)
            ):
                axes = "".join(axis or "1" for axis in _check_plane(path, series[0]))
                _check_complete(path, tiff)
                plane = _lazy_tiff(series[0], stack), axes
        except InputError:
            raise
        except (TiffFileError, ValueError, TypeError, KeyError, IndexError, AttributeError):
            plane = None  # read_image says what is wrong with it
        yield plane


def _lazy_tiff(series: TiffPageSeries, stack: contextlib.ExitStack) -> Any:
    """Map pixels that lie in one piece; read tiles or strips through zarr."""
    shape, dtype = series.get_shape(squeeze=False), series.dtype
    if series.dataoffset is not None:
        tiff: Any = series.parent
        kind = np.dtype(dtype).newbyteorder(tiff.byteorder)
        return np.memmap(tiff.filehandle.path, kind, "r", series.dataoffset, shape)
    import zarr

    store = stack.enter_context(series.aszarr(level=0, squeeze=False))
    return zarr.open_array(store, mode="r")


def _check_plane(path: Path, series: TiffPageSeries) -> list[str]:
    """Return, per axis, "Y", "X", "C" for channels or "" for one of length 1; refuse a stack."""
    shape, names = series.get_shape(squeeze=False), series.get_axes(squeeze=False)
    axes = []
    for size, name in zip(shape, names, strict=True):
        if name in "YX":
            axes.append(name)
        elif size == 1:
            axes.append("")
        else:
            # three channels are taken for red, green and blue; other numbers are measurements
            axes.append("C" if name == "S" or (name == "C" and size == 3) else "?")
    if sorted(axis for axis in axes if axis) not in (["X", "Y"], ["C", "X", "Y"]):
        raise InputError(
            f"The TIFF {str(path)!r} holds a stack of the shape {tuple(shape)} (axes {names}) and "
            "not one plane; save the plane to segment, of 1 or 3 channels."
        )
    return axes


def _check_complete(path: Path, tiff: TiffFile) -> None:
    """Refuse a file that ends before its pixels do, which would be read as zeros."""
    size = path.stat().st_size
    for page in tiff.pages:
        ends = [
            offset + count
            for offset, count in zip(page.dataoffsets, page.databytecounts, strict=False)
        ]
        if max(ends, default=0) > size:
            raise InputError(
                f"The image {str(path)!r} is cut short: it has {size} of {max(ends)} bytes; save "
                "or copy it again."
            )


def _tiff_colors(array: NDArray[Any], page: TiffPage) -> NDArray[Any]:
    """Return ``array`` by its page's colour model: palettes looked up, inverted gray righted."""
    from tifffile import PHOTOMETRIC

    if page.photometric == PHOTOMETRIC.PALETTE and page.colormap is not None and array.ndim == 2:
        colors = (np.asarray(page.colormap) >> 8).astype(np.uint8)
        looked_up: NDArray[np.uint8] = colors.T[array]
        return looked_up
    if page.photometric == PHOTOMETRIC.MINISWHITE and array.dtype.kind in "bu":
        array = ~array if array.dtype.kind == "b" else np.iinfo(array.dtype).max - array
    if array.dtype.kind == "b":
        return array.astype(np.uint8) * np.uint8(255)
    # samples beyond gray or RGB are opacity, or said to be none of the picture
    if array.ndim == 3 and array.shape[-1] == 2:
        return array[:, :, 0]
    if array.ndim == 3 and array.shape[-1] > 3 and page.photometric == PHOTOMETRIC.RGB:
        return array[:, :, :3]
    return array


def _is_whole_ycbcr(page: TiffPage) -> bool:
    """Whether every pixel has three bytes of its own, whatever the file says of its chroma."""
    from tifffile import COMPRESSION

    pixels = page.imagelength * page.imagewidth
    return bool(
        page.compression == COMPRESSION.NONE
        and page.bitspersample == 8
        and sum(page.databytecounts) == 3 * pixels
    )


def _from_ycbcr(page: TiffPage) -> NDArray[Any]:
    """Return (H, W, 3) RGB of plain YCbCr, upright; Pillow before 13 takes such a file for cut short."""
    from PIL import Image

    size = page.imagewidth, page.imagelength
    image = Image.frombytes("YCbCr", size, page.asarray().tobytes())
    tag = page.tags.get(_ORIENTATION)
    return _upright(np.asarray(image.convert("RGB")), 1 if tag is None else int(tag.value))


def _read_packed_tiff(path: Path, page: TiffPage) -> NDArray[Any]:
    """Read by Pillow a compression or colour model that tifffile leaves to others.

    Pillow turns a TIFF upright by itself.
    """
    from PIL import UnidentifiedImageError
    from tifffile import COMPRESSION, PHOTOMETRIC

    # Pillow would cut deeper colours down to 8 bits, or not read them
    if page.samplesperpixel == 1 or page.bitspersample == 8:
        with (
            contextlib.suppress(UnidentifiedImageError),
            _open(path, ("TIFF",)) as image,
        ):
            return _pillow_array(image)
    if page.compression == COMPRESSION.NONE:
        raise InputError(
            f"The TIFF {str(path)!r} holds {PHOTOMETRIC(page.photometric).name} colours of "
            f"{page.samplesperpixel} × {page.bitspersample} bits, which cannot be read here; save "
            "it as RGB."
        )
    raise InputError(
        f"The TIFF {str(path)!r} is packed by {COMPRESSION(page.compression).name} "
        "and cannot be read here; run 'pip install imagecodecs' or save it uncompressed."
    )


def _upright(array: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Undo a camera's rotation or reflection (the values of EXIF's orientation, 1 to 8)."""
    if orientation in (5, 6, 7, 8):
        array = np.swapaxes(array, 0, 1)
    if orientation in (3, 4, 7, 8):
        array = array[::-1]
    if orientation in (2, 3, 6, 7):
        array = array[:, ::-1]
    return np.ascontiguousarray(array)
