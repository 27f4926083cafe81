"""The picture of a TIFF as it is meant: its numbers by its tags, as gray or RGB."""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.errors import InputError
from napari_corrclip.images.nodata import masked
from napari_corrclip.images.tiff.pages import ORIENTATION, tag_number
from napari_corrclip.images.tiff.pixels import StoredPixels, color_name, nodata_of

_INK_SET = 332
# What a sample beyond the colours may say it is: colours were multiplied by it, or not.
_OPACITY = (1, 2)
# Colour models that are neither gray nor come to RGB here: CIE L*a*b*, colour filters of a camera, …
_UNREADABLE = (8, 9, 10, 32803, 32844, 32845, 34892)


class TiffPicture:
    """One picture of a TIFF as it is meant, but for its orientation; read where it is cut.

    Palettes are looked up, white-is-zero is inverted, numbers of less than 8 bits fill 0 to 255, CMYK and
    YCbCr become RGB, and opacity is dropped. Cuts are masked where the file names a value for no data.

    Args:
        stored: its numbers.

    Attributes:
        shape: (H, W) or (H, W, 3).
        dtype: of a cut.
        masked: whether cuts may be masked arrays.

    Raises:
        InputError: its colours cannot be read here.
    """

    def __init__(self, stored: StoredPixels) -> None:
        self._stored, self._page = stored, stored.page
        self._nodata = nodata_of(stored.page)
        self.masked = self._nodata is not None and self._nodata.value(stored.dtype) is not None
        one = self._colors(np.zeros((1, 1, *stored.shape[2:]), stored.dtype))
        self.dtype = one.dtype
        self.shape = (*stored.shape[:2], *one.shape[2:])

    def __getitem__(self, key: Any) -> NDArray[Any]:
        """Return the rows and columns of two slices, (h, w) or (h, w, 3)."""
        stored = self._stored[key if isinstance(key, tuple) else (key,)]
        colors = self._colors(stored)
        if self._nodata is None or not self.masked:
            return colors
        return masked(colors, self._nodata.mask(stored))

    @property
    def orientation(self) -> int:
        """How a camera was held, 1 to 8 as in EXIF."""
        return tag_number(self._page, ORIENTATION, 1)

    @property
    def note(self) -> str | None:
        """What the user is to be told of channels that are left out."""
        samples = self._stored.shape[2] if len(self._stored.shape) == 3 else 1
        taken = (*self.shape, 1)[2]
        # the last of the samples, each by what it is said to be
        unknown = [kind for kind in self._page.extrasamples if int(kind) not in _OPACITY]
        if taken not in (1, 3) or samples <= taken or not unknown:
            return None
        left = "the last is" if len(unknown) == 1 else f"the last {len(unknown)} are"
        colors = "gray" if taken == 1 else "RGB"
        return (
            f"{self._stored.file.path.name!r} has {samples} channels, of which the first are {colors}; "
            f"{left} of another kind and left out."
        )

    @property
    def in_pieces(self) -> bool:
        """Whether less than all can be read, and lies as it is seen."""
        return self._stored.in_pieces and self.orientation not in range(2, 9)

    def _colors(self, values: NDArray[Any]) -> NDArray[Any]:
        from tifffile import PHOTOMETRIC

        page, bits = self._page, self._stored.bits
        kind = int(page.photometric)
        samples = values.shape[2] if values.ndim == 3 else 1
        if kind == PHOTOMETRIC.PALETTE and page.colormap is not None and values.ndim == 2:
            return self._looked_up(values)
        if (kind in (PHOTOMETRIC.YCBCR, PHOTOMETRIC.RGB) and samples < 3) or kind in _UNREADABLE:
            self._refuse(kind, samples)
        if kind == PHOTOMETRIC.SEPARATED:
            inks = tag_number(page, _INK_SET, 1)
            if values.dtype != np.uint8 or samples < 4 or inks != 1:
                self._refuse(kind, samples)
            return _from_pillow("CMYK", values[:, :, :4])
        if kind == PHOTOMETRIC.YCBCR:
            if self._stored.is_rgb:
                return values[:, :, :3]
            return _from_pillow("YCbCr", values[:, :, :3])
        if kind == PHOTOMETRIC.MINISWHITE:
            values = self._inverted(values)
        if bits < 8 and values.dtype.kind == "u":
            values = (values * np.float32(255 / (2**bits - 1)) + np.float32(0.5)).astype(np.uint8)
        # samples beyond gray or RGB are opacity, or said to be none of the picture
        if values.ndim == 3 and samples == 2:
            return values[:, :, 0]
        if values.ndim == 3 and samples > 3 and kind == PHOTOMETRIC.RGB:
            return values[:, :, :3]
        return values

    def _inverted(self, values: NDArray[Any]) -> NDArray[Any]:
        if values.dtype.kind == "f":
            negative: NDArray[Any] = np.negative(values)  # floats have no white of their own
            return negative
        if values.dtype.kind == "u":
            white = values.dtype.type(2**self._stored.bits - 1)
            from_white: NDArray[Any] = np.subtract(white, values)
            return from_white
        inverted: NDArray[Any] = np.invert(values)
        return inverted

    def _looked_up(self, values: NDArray[Any]) -> NDArray[np.uint8]:
        table = np.asarray(self._page.colormap)
        # 16 bits by the standard; programs wrote 8
        colors = (table >> 8 if table.max() > 255 else table).astype(np.uint8).T
        if values.size and int(values.max()) >= len(colors):
            raise InputError(
                f"The TIFF {str(self._stored.file.path)!r} names the colour {int(values.max())} of a "
                f"palette of {len(colors)}; save it anew by another program."
            )
        found: NDArray[np.uint8] = colors[values]
        return found

    def _refuse(self, kind: int, samples: int) -> NoReturn:
        raise InputError(
            f"The TIFF {str(self._stored.file.path)!r} holds {color_name(kind)} colours of {samples} × "
            f"{self._stored.bits} bits, which cannot be read here; save it as RGB."
        )


def _from_pillow(mode: str, values: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return (h, w, 3) RGB of colours of another of Pillow's modes."""
    from PIL import Image

    if not values.size:
        return np.zeros((*values.shape[:2], 3), np.uint8)
    data = np.ascontiguousarray(values).tobytes()
    return np.array(Image.frombytes(mode, values.shape[1::-1], data).convert("RGB"))
