"""The look of regions in numbers: means of a grid's cells, colours, and where they lie.

Regions are numbered 1 to R as of :func:`~napari_corrclip.maps.regions.number_regions`, 0 = in none; each has
a pixel. Time and memory are those of the pixels plus regions x numbers.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

COLOURS = ("L", "a", "b", "L spread", "a spread", "b spread", "gradient", "texture")
"""The columns of :func:`colours`."""
_SIGMA = 2.0
"""Pixels: the scale at which gradient and texture are seen."""
_HALO = 8
"""Pixels that a Gaussian of that scale reaches to, cut off at four times of it as SciPy does."""
_BAND_PIXELS = 1 << 21
_CHANNELS = 64
"""That are added up at once: in double, of which not all of a grid is to be held."""


def cell_means(
    numbers: NDArray[np.int32], count: int, cells: NDArray[np.floating]
) -> NDArray[np.float32]:
    """Return (R, D) float32, the mean over each region's pixels of the cell that each lies in.

    A cell counts by the region's pixels in it, so that a region that is smaller than a cell has that of
    the cell.

    Args:
        numbers: (H, W) region numbers.
        count: how many regions R.
        cells: (h, w, D), a grid that covers the image evenly: the pixel of row r lies in row r * h // H.
    """
    from scipy.sparse import coo_array

    (height, width), (rows, columns) = numbers.shape, cells.shape[:2]
    column = np.arange(width) * columns // width
    owner, first_row, first_column, length = _runs(numbers, np.flatnonzero(np.diff(column)) + 1)
    cell = (first_row * rows // height) * columns + column[first_column]
    pairs = (owner, cell)
    weights = coo_array((length.astype(np.float64), pairs), shape=(count, rows * columns)).tocsr()
    areas = np.bincount(owner, length, minlength=count)[:, None]
    flat = cells.reshape(rows * columns, -1)
    means = np.empty((count, flat.shape[1]), np.float32)
    for start in range(0, flat.shape[1], _CHANNELS):
        part = slice(start, start + _CHANNELS)
        means[:, part] = (weights @ flat[:, part].astype(np.float64)) / areas
    return means


def places(numbers: NDArray[np.int32], count: int) -> NDArray[np.float32]:
    """Return (R, 2) float32, row and column of each region's centre of mass, from 0 to 1 over the image.

    Args:
        numbers: (H, W) region numbers.
        count: how many regions R.
    """
    owner, row, column, length = _runs(numbers)
    areas = np.bincount(owner, length, minlength=count)
    # Of pixels c, c + 1, ... their centres, which are half a pixel on.
    middles = row + 0.5, column + 0.5 * length
    found = np.empty((count, 2), np.float32)
    for axis, (middle, side) in enumerate(zip(middles, numbers.shape, strict=True)):
        found[:, axis] = np.bincount(owner, length * middle, minlength=count) / areas / side
    return found


def places_of(numbers: NDArray[np.int32], first: int, last: int) -> NDArray[np.float64]:
    """Return (n, 2) what :func:`places` says of some regions, in less time than that of all.

    Args:
        numbers: (H, W) region numbers.
        first: number of the first of them, 1 to R.
        last: of the last.
    """
    flat = numbers.ravel()
    at = np.flatnonzero((flat >= first) & (flat <= last))
    owner, middles = flat[at] - first, np.divmod(at, numbers.shape[1])
    areas = np.bincount(owner, minlength=last - first + 1)
    sums = [np.bincount(owner, middle + 0.5, minlength=len(areas)) for middle in middles]
    found: NDArray[np.float64] = np.stack(sums, axis=1) / areas[:, None] / numbers.shape
    return found


def colours(numbers: NDArray[np.int32], count: int, rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return (R, 8) float32, the colour and texture of each region, in CIELAB (D65, 2 degrees).

    The columns are :data:`COLOURS`: mean of L, a and b; their standard deviation; the mean length of the
    gradient of L, by derivatives of a Gaussian of 2 pixels; and the mean of the deviation of L at that
    scale, the root of G(L^2) - G(L)^2 with G the Gaussian. Beyond the image it goes on as at its edge.

    Args:
        numbers: (H, W) region numbers.
        count: how many regions R.
        rgb: (H, W, 3) uint8, the image.
    """
    height, width = numbers.shape
    step = max(1, _BAND_PIXELS // width)
    # A first row for pixels in no region; columns: pixels, L, a, b, their squares, gradient, texture.
    sums = np.zeros((count + 1, 9))
    for top in range(0, height, step):
        bottom = min(top + step, height)
        above, below = min(top, _HALO), min(height - bottom, _HALO)
        seen = _seen(rgb[top - above : bottom + below])[:, above : above + bottom - top]
        flat = numbers[top:bottom].ravel()
        sums[:, 0] += np.bincount(flat, minlength=count + 1)
        for channel, plane in enumerate(seen, 1):
            sums[:, channel] += np.bincount(flat, plane.ravel(), minlength=count + 1)
    sums = sums[1:, 1:] / sums[1:, :1]
    mean, square, texture = sums[:, :3], sums[:, 3:6], sums[:, 6:]
    spread = np.sqrt(np.maximum(square - mean**2, 0))
    return np.hstack([mean, spread, texture]).astype(np.float32)


def _seen(rgb: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return (8, rows, columns): L, a, b, their squares, the gradient's length and the texture of L."""
    from scipy.ndimage import gaussian_filter, gaussian_gradient_magnitude
    from skimage.color import rgb2lab

    lab = np.moveaxis(rgb2lab(rgb.astype(np.float64) / 255), -1, 0)
    light = np.ascontiguousarray(lab[0])
    smooth = gaussian_filter(light, _SIGMA, mode="nearest")
    variance = gaussian_filter(light**2, _SIGMA, mode="nearest") - smooth**2
    gradient = gaussian_gradient_magnitude(light, _SIGMA, mode="nearest")
    return np.stack([*lab, *lab**2, gradient, np.sqrt(np.maximum(variance, 0))])


def _runs(
    numbers: NDArray[np.int32], breaks: NDArray[np.int64] | None = None
) -> tuple[NDArray[np.int64], ...]:
    """Return owner (0 to R - 1), row, first column and length of the runs of regions' pixels along rows.

    Args:
        numbers: (H, W) region numbers.
        breaks: columns at which a run ends, whatever follows.
    """
    begins = np.ones(numbers.shape, np.bool_)
    np.not_equal(numbers[:, 1:], numbers[:, :-1], out=begins[:, 1:])
    if breaks is not None:
        begins[:, breaks] = True
    start = np.flatnonzero(begins)
    length = np.diff(start, append=numbers.size)
    owner = numbers.ravel()[start].astype(np.int64) - 1
    inside = owner >= 0
    row, column = np.divmod(start[inside], numbers.shape[1])
    return owner[inside], row, column, length[inside]
