"""A large image as 8-bit RGB, and given regions as ids, a piece at a time."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.engine.large.grid import blocks
from napari_corrclip.errors import InputError
from napari_corrclip.images import ImageOptions, find_limits, to_rgb
from napari_corrclip.images.boxes import Box
from napari_corrclip.images.limits import is_deep
from napari_corrclip.images.nodata import without_data
from napari_corrclip.images.planes import Plane
from napari_corrclip.maps.regions import check_regions
from napari_corrclip.progress import Progress, Steps

# Most pixels that are looked at for the limits of an image of more than 8 bits.
_MEASURED = 1 << 22
_READ = 2048


class LazyImage:
    """Pixels of a plane by the rules of :func:`napari_corrclip.images.to_rgb`.

    What becomes black and white is one choice for the whole image. Where it depends on the image's
    values, :meth:`measure` looks at them first; of more than four megapixels at every n-th row and
    column of n-th.

    Args:
        plane: the image.
        options: limits or percentiles.
    """

    def __init__(self, plane: Plane, options: ImageOptions | None = None) -> None:
        self.plane = plane
        self._options = options or ImageOptions()
        self._limits = self._options.limits
        # Limits and percentiles are looked at before any pixel is.
        to_rgb([[0]], limits=self._limits, percentiles=self._options.percentiles)

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.plane.size

    @property
    def limits(self) -> tuple[float, float] | None:
        """The values that become black and white, once measured; ``None``: none do."""
        return self._limits

    def measure(self) -> Steps[None]:
        """Find the values that become black and white; reads nothing where that is no question."""
        if self._limits is not None or not is_deep(np.dtype(self.plane.array.dtype)):
            return
        height, width = self.size
        step = math.ceil(math.sqrt(height * width / _MEASURED))
        boxes = list(blocks((0, 0, height, width), _READ))
        sample: list[NDArray[Any]] = []
        for done, box in enumerate(boxes):
            yield Progress("measure", done, len(boxes))
            values = self._check(self.plane.read(box), *_lines(box))
            row, column = -box[0] % step, -box[1] % step
            # a copy, so that the whole block is let go
            sample.append(_measured(values[row::step, column::step]))
        self._limits = find_limits(
            np.concatenate(sample), self._options.percentiles, colors=self._has_colors
        )

    @property
    def _has_colors(self) -> bool:
        axes = self.plane.axes
        return "C" in axes and self.plane.array.shape[axes.index("C")] > 1

    def read(self, box: Box) -> NDArray[np.uint8]:
        """Return the (h, w, 3) pixels of ``box``."""
        return self._rgb(self.plane.read(box), *_lines(box))

    def pick(self, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> NDArray[np.uint8]:
        """Return the (r, c, 3) pixels where ascending ``rows`` and ``columns`` cross."""
        return self._rgb(self.plane.pick(rows, columns), rows, columns)

    def nodata(self, box: Box) -> NDArray[np.bool_] | None:
        """Return (h, w), where there is no data in ``box``; ``None``: nowhere."""
        return without_data(self.plane.read(box)) if self.plane.masked else None

    def nodata_at(
        self, rows: NDArray[np.intp], columns: NDArray[np.intp]
    ) -> NDArray[np.bool_] | None:
        """Return (r, c), where there is no data at the crossings; ``None``: nowhere."""
        return without_data(self.plane.pick(rows, columns)) if self.plane.masked else None

    def _rgb(
        self, values: NDArray[Any], rows: NDArray[np.intp], columns: NDArray[np.intp]
    ) -> NDArray[np.uint8]:
        return to_rgb(self._check(values, rows, columns), limits=self._limits)

    def _check(
        self, values: NDArray[Any], rows: NDArray[np.intp], columns: NDArray[np.intp]
    ) -> NDArray[Any]:
        """Return ``values`` if they are numbers; to_rgb would tell their place in this piece."""
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            wrong = ~np.isfinite(np.ma.getdata(values))
            lacking = without_data(values)
            if lacking is not None:
                wrong[lacking] = False
                if not wrong.any():
                    return values
            row, column = (int(at) for at in np.argwhere(wrong)[0][:2])
            raise InputError(
                f"The {self.plane.name} holds values that are no numbers, one of them at row "
                f"{int(rows[row])}, column {int(columns[column])}; replace them, for example by "
                "numpy.nan_to_num."
            )
        return values


def _lines(box: Box) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    return np.arange(box[0], box[2]), np.arange(box[1], box[3])


def _measured(values: NDArray[Any]) -> NDArray[Any]:
    """Return the colours of pixels with data, in one row of its own memory."""
    lacking = without_data(values)
    colors = np.ma.getdata(values[:, :, :3] if values.ndim == 3 else values)
    return colors.reshape(-1).copy() if lacking is None else colors[~lacking].reshape(-1)


class LazyRegions:
    """Ids of a plane; every piece is looked at as it is read.

    Args:
        plane: of integers, without channels.
        image: of the same size; where it holds no data, there is no region either.

    Raises:
        InputError: it is of another type or shape.
    """

    def __init__(self, plane: Plane, image: LazyImage | None = None) -> None:
        if "C" in plane.axes:
            raise InputError(
                f"The {plane.name} have the shape {tuple(plane.array.shape)}; give one 2-D array "
                "of (height, width)."
            )
        self.plane, self._image = plane, image
        check_regions(np.zeros((1, 1), np.dtype(plane.array.dtype)))

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.plane.size

    def read(self, box: Box) -> NDArray[np.int32]:
        """Return the (h, w) ids of ``box``."""
        ids = check_regions(self.plane.read(box))
        return _without(ids, None if self._image is None else self._image.nodata(box))

    def pick(self, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> NDArray[np.int32]:
        """Return the (r, c) ids where ascending ``rows`` and ``columns`` cross."""
        ids = check_regions(self.plane.pick(rows, columns))
        return _without(ids, None if self._image is None else self._image.nodata_at(rows, columns))


def _without(ids: NDArray[np.int32], nodata: NDArray[np.bool_] | None) -> NDArray[np.int32]:
    return ids if nodata is None else np.where(nodata, np.int32(0), ids)


def reduced(image: LazyImage, box: Box, factor: int) -> NDArray[np.uint8]:
    """Return ``box`` of ``image`` smaller by a whole ``factor``, the mean of factor² pixels each.

    Args:
        image: read a band at a time.
        box: the last row and column of a result may stand for fewer pixels.
        factor: 1 = as it is.

    Returns:
        (ceil(h / factor), ceil(w / factor), 3) uint8.
    """
    if factor == 1:
        return image.read(box)
    return np.concatenate([_mean(image.read(band), factor) for band in _bands(box, factor)])


def _bands(box: Box, factor: int) -> Iterator[Box]:
    top, left, bottom, right = box
    height = factor * max(1, _READ // factor)
    for start in range(top, bottom, height):
        yield start, left, min(start + height, bottom), right


def _mean(pixels: NDArray[np.uint8], factor: int) -> NDArray[np.uint8]:
    height, width = pixels.shape[:2]
    padded = np.pad(pixels, ((0, -height % factor), (0, -width % factor), (0, 0)), mode="edge")
    tall, wide = padded.shape[0] // factor, padded.shape[1] // factor
    means = padded.reshape(tall, factor, wide, factor, 3).mean(axis=(1, 3), dtype=np.float32)
    return np.asarray(np.rint(means), np.uint8)
