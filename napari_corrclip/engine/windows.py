"""Sliding windows: inference size, where they lie, padding, blending (section 1 of the method)."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from napari_corrclip.engine.window_count import Size, TilingSettings, inference_size, window_count
from napari_corrclip.errors import InputError
from napari_corrclip.images.boxes import Box
from napari_corrclip.method.grids import bilinear, bilinear_rows, nearest, source_rows
from napari_corrclip.storage.text_files import load_json

Triple = tuple[float, float, float]

_PUBLISHED_PATCHES = frozenset({8, 14, 16})
_PUBLISHED_MULTIPLE = 56

# What is planned, and what a file may ask for: far above what can be computed. 100,000 windows of
# ViT-B/16 over DINO's 42 x 42 cells are 360 GB of features, 2**28 pixels 1 GB of logits a query.
MAX_WINDOWS = 100_000
"""Most windows of an image."""
MAX_PIXELS = 1 << 28
"""Most pixels of an image at inference size, and of a padded window."""
MAX_SIDE = 1 << 20
"""Longest side of an original image in a file."""


@dataclass(frozen=True)
class Layout:
    """The layout of one image's windows; known before anything runs.

    All sizes are (rows, columns) in pixels.

    Attributes:
        image_size: of the original image.
        size: of the image at inference.
        boxes: (top, left, bottom, right) of every window at inference size, row by row.
        window: of every window, before padding.
        padding: pixels added at the (top, left, bottom, right) of every window.
    """

    image_size: Size
    size: Size
    boxes: tuple[Box, ...]
    window: Size
    padding: Box

    @property
    def padded(self) -> Size:
        """Size of every window with its padding."""
        top, left, bottom, right = self.padding
        return self.window[0] + top + bottom, self.window[1] + left + right

    def __len__(self) -> int:
        """Number of windows."""
        return len(self.boxes)

    def to_json(self) -> str:
        """As JSON, for :meth:`from_json`."""
        return json.dumps(
            {
                "image_size": self.image_size,
                "size": self.size,
                "boxes": self.boxes,
                "window": self.window,
                "padding": self.padding,
            }
        )

    @classmethod
    def from_json(cls, text: str) -> Layout:
        """Read :meth:`to_json`'s text; checks everything, since files are others' work.

        Raises:
            InputError: where the text is no layout or one that cannot be.
        """
        data = load_json(text, "This is no layout of windows: it")
        try:
            layout = cls(
                image_size=_pair(data["image_size"]),
                size=_pair(data["size"]),
                boxes=tuple(_box(box) for box in data["boxes"]),
                window=_pair(data["window"]),
                padding=_box(data["padding"]),
            )
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(
                f"This is no layout of windows ({error}); encode the image again."
            ) from None
        if not layout._consistent():
            raise InputError("The windows do not fit the image size; encode the image again.")
        return layout

    def _consistent(self) -> bool:
        """Whether the boxes are a grid of equal windows that covers the whole image.

        Nothing that is compared grows beyond the bounds above, whatever a file says.
        """
        if min(*self.image_size, *self.size, *self.window) <= 0 or min(self.padding) < 0:
            return False
        if max(self.image_size) > MAX_SIDE or len(self) > MAX_WINDOWS:
            return False
        if max(math.prod(self.size), math.prod(self.padded)) > MAX_PIXELS:
            return False
        height, width = self.window
        tops, lefts = (sorted({box[axis] for box in self.boxes}) for axis in (0, 1))
        if len(tops) * len(lefts) != len(self):
            return False
        grid = [(top, left, top + height, left + width) for top in tops for left in lefts]
        return list(self.boxes) == grid and all(
            starts[:1] == [0]
            and starts[-1] + window == side
            and all(after - before <= window for before, after in pairwise(starts))
            for starts, window, side in zip((tops, lefts), self.window, self.size, strict=True)
        )


def _pair(values: object) -> Size:
    first, second = _integers(values)
    return first, second


def _box(values: object) -> Box:
    top, left, bottom, right = _integers(values)
    return top, left, bottom, right


def _integers(values: object) -> list[int]:
    if not isinstance(values, list) or not all(type(value) is int for value in values):
        raise ValueError(f"{values!r} are no whole numbers")
    return values


def padding_multiple(patch_sizes: Iterable[int]) -> int:
    """The multiple to which a window's sides are padded: 56, or the patches' least common one.

    56 is for patches of 8, 14 and 16. With 16 a side of 56 or 168 leaves pixels over; that is the
    published rule.
    """
    sizes = set(patch_sizes)
    return _PUBLISHED_MULTIPLE if sizes <= _PUBLISHED_PATCHES else math.lcm(*sizes)


def plan(image_size: Size, settings: TilingSettings, patch_sizes: Sequence[int]) -> Layout:
    """Lay out the windows of an image.

    The last window of a row or column is shifted back to end at the border; along an axis on which
    the image is smaller than the window, the window is as small as the image.

    Args:
        image_size: rows and columns of the original image.
        settings: inference size, window and stride.
        patch_sizes: of both towers.

    Raises:
        InputError: that is no size of an image, or the settings ask for more pixels or windows
            than :data:`MAX_PIXELS` and :data:`MAX_WINDOWS`.
    """
    image_size = _check_size(image_size)
    size = inference_size(image_size, settings.short_side, settings.long_side)
    tops, lefts, window, padding = lay_out(size, settings, patch_sizes)
    count = len(tops) * len(lefts)
    if count > MAX_WINDOWS or math.prod(size) > MAX_PIXELS:
        raise InputError(
            f"The image would be seen at {size[0]} × {size[1]} pixels in {count} windows, and at "
            f"most {MAX_PIXELS} pixels and {MAX_WINDOWS} windows are served; lower short_side and "
            "long_side in the settings, or raise stride."
        )
    boxes = tuple((top, left, top + window[0], left + window[1]) for top in tops for left in lefts)
    return Layout(image_size, size, boxes, window, padding)


def lay_out(
    size: Size, settings: TilingSettings, patch_sizes: Iterable[int]
) -> tuple[tuple[int, ...], tuple[int, ...], Size, Box]:
    """Return where windows begin and how they are padded; the one rule, of images of any size.

    Args:
        size: of the image at inference.
        settings: window and stride.
        patch_sizes: of both towers.

    Returns:
        tops: first row of each row of windows; the last is shifted back to end at the border.
        lefts: likewise of the columns.
        window: size of every window, at most the image's.
        padding: pixels added at the (top, left, bottom, right) of every window, of an odd number
            one more behind.
    """
    window = (min(settings.window, size[0]), min(settings.window, size[1]))
    tops, lefts = (
        tuple(
            min(step * settings.stride, side - length)
            for step in range(window_count(side, length, settings.stride))
        )
        for side, length in zip(size, window, strict=True)
    )
    multiple = padding_multiple(patch_sizes)
    rows, columns = (-length % multiple for length in window)
    return tops, lefts, window, (rows // 2, columns // 2, rows - rows // 2, columns - columns // 2)


def _check_size(size: object) -> Size:
    if isinstance(size, Sequence) and len(size) == 2:
        rows, columns = size
        if all(isinstance(side, int | np.integer) and side >= 1 for side in (rows, columns)):
            return int(rows), int(columns)
    raise InputError(
        f"The size of an image is given as {size!r}; give (rows, columns), two whole numbers of at "
        "least 1, such as image.shape[:2]."
    )


def prepare_image(rgb: NDArray[np.uint8], size: Size, mean: Triple, std: Triple) -> Tensor:
    """Resize and normalise an image.

    Args:
        rgb: (H, W, 3) uint8.
        size: of the result; bilinear, no antialias.
        mean: of the pixels in [0, 1].
        std: likewise.

    Returns:
        (3, rows, columns) float32.
    """
    pixels = torch.from_numpy(np.array(rgb)).permute(2, 0, 1).float()
    return normalise(bilinear(pixels[None], size) / 255.0, mean, std)[0]


def prepare_regions(regions: NDArray[np.int32], size: Size) -> Tensor:
    """Resize a region map (H, W) by nearest to (rows, columns), int64."""
    return nearest(torch.from_numpy(np.array(regions)), size).long()


def normalise(pixels: Tensor, mean: Triple, std: Triple) -> Tensor:
    """Normalise pixels (B, 3, H, W) in [0, 1]."""
    return (pixels - _channels(mean, pixels)) / _channels(std, pixels)


def renormalise(
    pixels: Tensor, mean: Triple, std: Triple, new_mean: Triple, new_std: Triple
) -> Tensor:
    """Bring pixels (B, 3, H, W) from one normalisation to another; padding is not 0 then."""
    return normalise(pixels * _channels(std, pixels) + _channels(mean, pixels), new_mean, new_std)


def _channels(values: Triple, like: Tensor) -> Tensor:
    return torch.tensor(values, device=like.device, dtype=like.dtype)[:, None, None]


def cut(
    maps: Tensor, boxes: Sequence[Box], padding: Box, fill: int = 0, origin: Size = (0, 0)
) -> Tensor:
    """Cut windows out of maps and pad them.

    Args:
        maps: (..., rows, columns).
        boxes: of the windows.
        padding: pixels to add at the (top, left, bottom, right).
        fill: what they are.
        origin: row and column at which the maps begin.

    Returns:
        (windows, ..., padded rows, padded columns).
    """
    row, column = origin
    crops = torch.stack(
        [maps[..., t - row : b - row, le - column : r - column] for t, le, b, r in boxes]
    )
    top, left, bottom, right = padding
    return F.pad(crops, (left, right, top, bottom), value=fill)


def around(pixels: Tensor, layout: Layout, patch: int) -> Tensor:
    """Pad the whole image (3, rows, columns) as its windows are, and to whole patches.

    Returns:
        (1, 3, H, W); the padded window of a box begins at the box's own top and left.
    """
    top, left, bottom, right = layout.padding
    height, width = layout.size[0] + top + bottom, layout.size[1] + left + right
    return F.pad(pixels, (left, right + -width % patch, top, bottom + -height % patch))[None]


def cut_cells(cells: Tensor, layout: Layout, patch: int, start: int, stop: int) -> Tensor:
    """Cut the cells of windows start..stop-1 out of those of the whole image.

    Cells of a window that begins between two cells of the image are interpolated between these.

    Args:
        cells: (h, w, d) of :func:`around`, one for each patch.
        layout: where the windows lie.
        patch: side of a patch in pixels.
        start: first window.
        stop: last window plus one.

    Returns:
        (stop - start, rows, columns, d) on the grid of the padded window, of no certain length.
    """
    found = []
    for box in layout.boxes[start:stop]:
        window = cells
        for axis in (0, 1):
            first, beyond = divmod(box[axis], patch)
            own = first + torch.arange(layout.padded[axis] // patch, device=cells.device)
            part = window.index_select(axis, own)
            if beyond:
                after = window.index_select(axis, (own + 1).clamp(max=window.shape[axis] - 1))
                part = torch.lerp(part, after, beyond / patch)
            window = part
        found.append(window)
    return torch.stack(found)


def blend(
    window: Callable[[int, range], Tensor],
    grid: Size,
    layout: Layout,
    rows: range | None = None,
) -> Tensor:
    """Blend the windows' maps: crop the padding, add, divide by the cover count.

    Args:
        window: of a window's number and rows of its grid, those rows (Q, len, w) of its map. Asked
            for one window after the other, so that they need not all be in memory.
        grid: (h, w) of each map; bilinear to the padded window.
        layout: where the windows lie.
        rows: consecutive rows wanted at inference size; ``None`` = all.

    Returns:
        (Q, len(rows), columns) float32.
    """
    rows = range(layout.size[0]) if rows is None else rows
    before, left, _, _ = layout.padding
    width = layout.window[1]
    total: Tensor | None = None
    for number, (top, le, bottom, right) in enumerate(layout.boxes):
        own = range(max(top, rows.start), min(bottom, rows.stop))
        if not own:
            continue
        padded = range(own.start - top + before, own.stop - top + before)
        cells = source_rows(padded, grid[0], layout.padded[0])
        part = window(number, cells).float()
        part = bilinear_rows(part, padded, grid[0], layout.padded[0], cells.start)
        part = bilinear(part[None], (len(padded), layout.padded[1]))[0, ..., left : left + width]
        if total is None:
            total = torch.zeros(
                len(part), len(rows), layout.size[1], dtype=torch.float32, device=part.device
            )
        total[:, own.start - rows.start : own.stop - rows.start, le:right] += part
    if total is None:
        raise ValueError("there are no windows to blend")
    return total.div_(cover_count(layout)[rows.start : rows.stop].to(total.device))


class Mosaic:
    """The cells of windows on one grid over the image; where windows overlap, their mean.

    A cell of the grid takes of each window the cell in which its centre lies, so that nothing is
    interpolated. The pitch of the grid is that of the windows' cells, and it has as many rows and columns as
    whole cells fit, at least one. It holds one grid, whatever the number of windows.

    Args:
        grid: (h, w) cells of each window.
        channels: D of each cell.
        layout: where the windows lie.
    """

    def __init__(self, grid: Size, channels: int, layout: Layout) -> None:
        self._grid, self._layout = grid, layout
        self._pitches = [side / count for side, count in zip(layout.padded, grid, strict=True)]
        self._centres = [
            # An image smaller than a cell has one, over its middle.
            (torch.arange(max(1, int(side / pitch)), dtype=torch.float32) + 0.5) * min(pitch, side)
            for side, pitch in zip(layout.size, self._pitches, strict=True)
        ]
        rows, columns = map(len, self._centres)
        self._total = torch.zeros(rows, columns, channels, dtype=torch.float32)
        self._covers = torch.zeros(rows, columns, 1, dtype=torch.float32)

    def add(self, number: int, cells: Tensor) -> None:
        """Add the cells (h, w, D) of a window, each once."""
        box, to, source = self._layout.boxes[number], [], []
        for axis, places in enumerate(self._centres):
            inside = (places >= box[axis]) & (places < box[axis + 2])
            to.append(inside.nonzero().flatten())
            offset = places[inside] - box[axis] + self._layout.padding[axis]
            source.append((offset / self._pitches[axis]).long().clamp(max=self._grid[axis] - 1))
        where = to[0][:, None], to[1][None]
        self._total[where] += cells[source[0]][:, source[1]].float()
        self._covers[where] += 1

    def cells(self) -> Tensor:
        """Return (rows, columns, D) float32, once all windows were added."""
        return self._total / self._covers


def mosaic(cells: Tensor, layout: Layout) -> Tensor:
    """Put the cells (W, h, w, D) of all windows on the grid of a :class:`Mosaic`."""
    rows, columns, channels = cells.shape[1:]
    made = Mosaic((rows, columns), channels, layout)
    for number, window in enumerate(cells):
        made.add(number, window)
    return made.cells()


def cover_count(layout: Layout) -> Tensor:
    """How many windows cover each pixel at inference size, (rows, columns) float32, at least 1."""
    count = torch.zeros(layout.size, dtype=torch.float32)
    for top, left, bottom, right in layout.boxes:
        count[top:bottom, left:right] += 1
    return count
