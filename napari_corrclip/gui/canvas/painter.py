"""The picture of regions at the pixels of a screen: outlines, stripes and fills. Without Qt or napari.

A region has a *code*, group and look in one number, so that one look-up a pixel suffices. A line runs where
codes differ, on the side of the greater one: it is as wide whatever the zoom, and regions of one group have
none between them. Where a pixel lies (inside, on a line, in the halo beside it) is its *role*; look and role
say what colour it has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.gui.canvas.schemes import ROLES, Role, Scheme
from napari_corrclip.images.boxes import Box

Codes = NDArray[np.integer]
LookUp = Callable[[NDArray[np.integer]], NDArray[np.integer]]
Mask = NDArray[np.bool_]

PERIOD = 8
"""From a stripe to the next, along a row, in widths of a line."""
BAND = 128
"""Rows that are painted at a time, so that what is worked on stays in the processor's cache."""


@dataclass(frozen=True, slots=True)
class View:
    """The part of an image that a screen shows, and where.

    Attributes:
        size: (rows, columns) of the screen.
        matrix: (2, 2), from a step on the screen, (rows, columns), to one in the image.
        offset: (row, column) in the image of the screen's upper left corner; 0 is the edge of the first
            pixel, not its middle.
        width: of a line, in pixels of the screen.
    """

    size: tuple[int, int]
    matrix: NDArray[np.float64]
    offset: NDArray[np.float64]
    width: int = 1

    def is_same(self, other: View) -> bool:
        """Whether the same pixels are shown at the same places."""
        return (
            self.size == other.size
            and bool((self.matrix == other.matrix).all())
            and bool((self.offset == other.offset).all())
        )

    def part(self, window: Box) -> View:
        """Return what a window of the screen shows."""
        top, left, bottom, right = window
        offset = self.offset + self.matrix @ (top, left)
        return View((bottom - top, right - left), self.matrix, offset, self.width)

    def window(self, box: Box) -> Box:
        """Return the window of the screen, maybe empty, in which a change in a box of the image is seen."""
        top, left, bottom, right = box
        corners = np.array([(top, left), (top, right), (bottom, left), (bottom, right)], np.float64)
        places = self.on_screen(corners)
        reach = 2 * self.width + 1
        low = np.floor(places.min(axis=0)).astype(int) - reach
        high = np.ceil(places.max(axis=0)).astype(int) + reach
        (first, start), (last, end) = (edges.clip(0, self.size).tolist() for edges in (low, high))
        return first, start, last, end

    @property
    def zoom(self) -> float:
        """How many pixels of the screen a pixel of the image takes, along a side."""
        return float(np.abs(np.linalg.det(self.matrix)) ** -0.5)

    def on_screen(self, places: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return where (N, 2) places in the image are on the screen, counted from its corner."""
        shown: NDArray[np.float64] = np.linalg.solve(self.matrix, (places - self.offset).T).T
        return shown


def paint(regions: NDArray[np.integer], view: View, scheme: Scheme) -> NDArray[np.uint32]:
    """Return the picture, (rows, columns) of the screen: ``0xAARRGGBB``, multiplied by alpha.

    Args:
        regions: (H, W) ids; 0 = no region.
        view: which of them are shown where.
        scheme: what they look like.
    """
    rows, columns = view.size
    picture = np.zeros((rows, columns), np.uint32)
    reach = 2 * view.width
    # Stripes stay with the image when it is moved.
    origin = view.on_screen(np.zeros((1, 2)))[0]
    for top in range(0, rows, BAND):
        bottom = min(top + BAND, rows)
        above, below = min(reach, top), min(reach, rows - bottom)
        part = view.part((top - above, 0, bottom + below, columns))
        codes = sample(regions, part, scheme.codes_of)
        if codes is None:
            continue
        phase = top - above - int(np.floor(origin.sum() + 0.5))
        roles = roles_of(codes, scheme, view.width, phase)
        inner = slice(above, above + bottom - top)
        at = (codes[inner] & scheme.look_mask) * ROLES
        at += roles[inner]
        scheme.table.take(at, out=picture[top:bottom], mode="clip")
    return picture


def sample(regions: NDArray[np.integer], view: View, look_up: LookUp) -> NDArray[np.integer] | None:
    """Return what ``look_up`` finds for the id at the middle of each pixel of the screen; 0 beyond the image.

    ``None``: nothing of the image is shown.
    """
    y, x = (np.arange(side) + 0.5 for side in view.size)
    (down, across), (up, right) = view.matrix.tolist()
    if across or up:
        return _sample_turned(regions, view, look_up)
    row, rows = _within(down * y + view.offset[0], regions.shape[0])
    column, columns = _within(right * x + view.offset[1], regions.shape[1])
    if not len(row) or not len(column):
        return None
    top, left = row.min(), column.min()
    part = regions[top : row.max() + 1, left : column.max() + 1]
    if part.size < len(row) * len(column):
        # Closer than one to one: each pixel of the image is looked up once.
        found = look_up(part)
        found = found.take(column - left, axis=1, mode="clip")
        found = found.take(row - top, axis=0, mode="clip")
    elif regions.flags.c_contiguous:
        at = row[:, None] * regions.shape[1] + column
        found = look_up(regions.reshape(-1).take(at, mode="clip"))
    else:
        found = look_up(regions[row[:, None], column])
    if found.shape == view.size:
        return found
    whole = np.zeros(view.size, found.dtype)
    whole[rows, columns] = found
    return whole


def _within(places: NDArray[np.float64], end: int) -> tuple[NDArray[np.intp], slice]:
    """Return the pixels of one axis of the image that are shown, and by which of the screen."""
    pixels = np.floor(places).astype(np.intp)
    shown = np.flatnonzero((pixels >= 0) & (pixels < end))
    span = slice(int(shown[0]), int(shown[-1]) + 1) if len(shown) else slice(0, 0)
    return pixels[span], span


def _sample_turned(
    regions: NDArray[np.integer], view: View, look_up: LookUp
) -> NDArray[np.integer] | None:
    y, x = (np.arange(side) + 0.5 for side in view.size)
    row, column = (
        np.floor((view.matrix[axis, 0] * y + view.offset[axis])[:, None] + view.matrix[axis, 1] * x)
        for axis in (0, 1)
    )
    height, width = regions.shape
    inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
    if not inside.any():
        return None
    at = np.where(inside, row * width + column, 0).astype(np.intp)
    found: NDArray[np.integer] = look_up(regions.reshape(-1).take(at)) * inside
    return found


def roles_of(codes: Codes, scheme: Scheme, width: int = 1, phase: int = 0) -> NDArray[np.uint8]:
    """Return the :class:`Role` of each pixel.

    Args:
        codes: (rows, columns).
        scheme: which made them.
        width: of a line.
        phase: of the stripes.
    """
    rows, columns = codes.shape
    line, rim = steps(codes, width)
    stripes = (np.arange(rows + columns) + phase) % (PERIOD * width) < width
    roles = np.lib.stride_tricks.sliding_window_view(stripes, columns)[:rows].astype(np.uint8)
    _set(roles, Role.HALO, grown(line, width))
    _set(roles, Role.RIM, rim)
    _set(roles, Role.LINE, line)
    if scheme.highlights:
        looks = codes & scheme.look_mask
        for first in scheme.highlights:
            out = looks < first
            if not out.all():
                within = ~out
                _set(roles, Role.BORDER_HALO, grown(within, width) & out)
                _set(roles, Role.BORDER, grown(out, 2 * width) & within)
    return roles


def _set(roles: NDArray[np.uint8], role: Role, where: Mask) -> None:
    np.copyto(roles, np.uint8(role), where=where)


def steps(values: NDArray[np.integer], reach: int) -> tuple[Mask, Mask]:
    """Return which pixels have a smaller value within ``reach`` up, down or aside, and which a greater."""
    high, low = np.zeros(values.shape, bool), np.zeros(values.shape, bool)
    for here, there in _neighbours(reach):
        over = values[here] > values[there]
        under = values[here] < values[there]
        high[here] |= over
        low[there] |= over
        low[here] |= under
        high[there] |= under
    return high, low


def grown(mask: Mask, reach: int) -> Mask:
    """Return the pixels that have one of ``mask`` within ``reach`` in their row or column, or are of it."""
    wider = mask.copy()
    for here, there in _neighbours(reach):
        wider[here] |= mask[there]
        wider[there] |= mask[here]
    return wider


Window = tuple[slice, slice]
ALL = slice(None)


def _neighbours(reach: int) -> Iterator[tuple[Window, Window]]:
    """Yield the windows of pixels and of those ``1 … reach`` further down, or further to the right."""
    for away in range(1, reach + 1):
        near, far = slice(None, -away), slice(away, None)
        yield (far, ALL), (near, ALL)
        yield (ALL, far), (ALL, near)


def tint(
    values: NDArray[np.uint8], corner: tuple[int, int], view: View, colors: NDArray[np.uint32]
) -> NDArray[np.uint32]:
    """Return the picture of a part of the image in plain colours, (rows, columns) of the screen.

    Args:
        values: (h, w), rows of ``colors``; beyond them it is clear.
        corner: (row, column) of the part in the image.
        view: of the image.
        colors: by value, as in :func:`paint`.
    """
    part = View(view.size, view.matrix, view.offset - corner, view.width)
    shown = sample(values, part, lambda found: colors.take(found, mode="clip"))
    return np.zeros(view.size, np.uint32) if shown is None else shown.astype(np.uint32, copy=False)


def spot(picture: NDArray[np.uint32], view: View, places: NDArray[np.float64], color: int) -> None:
    """Draw squares, three lines wide, by which is seen what is smaller than a pixel of the screen.

    Args:
        picture: of ``view``.
        view: of the image.
        places: (N, 2) in the image, as :attr:`View.offset` counts.
        color: as in :func:`paint`.
    """
    middles = np.floor(view.on_screen(places)).astype(np.intp)
    reach = np.arange(3 * view.width) - 3 * view.width // 2
    rows = middles[:, 0, None, None] + reach[:, None]
    columns = middles[:, 1, None, None] + reach
    rows, columns = np.broadcast_arrays(rows, columns)
    shown = (rows >= 0) & (rows < view.size[0]) & (columns >= 0) & (columns < view.size[1])
    picture[rows[shown], columns[shown]] = color
