"""One grid of windows over the whole image: each goes through the networks once.

What is kept of a window are its logits on its cells, until the last tile that it reaches is done; of
these the logits of any block are blended as :func:`napari_corrclip.engine.windows.blend` blends those of an
image in one piece: the same windows, in the same order.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
import torch
from torch import Tensor

from napari_corrclip.devices import Batches, explained
from napari_corrclip.encoders.protocols import Blocks, ImageEncoder, SimilarityEncoder
from napari_corrclip.engine import encoding
from napari_corrclip.engine import windows as win
from napari_corrclip.engine.large.grid import shared
from napari_corrclip.engine.large.reading import LazyImage, LazyRegions
from napari_corrclip.engine.large.resampling import bilinear, lines, nearest_lines
from napari_corrclip.engine.tiles import check_scale
from napari_corrclip.engine.window_count import Size, scaled
from napari_corrclip.errors import InputError
from napari_corrclip.images.boxes import Box, union
from napari_corrclip.method import prediction
from napari_corrclip.method.similarity import unit_cells
from napari_corrclip.progress import Progress, Steps, retold
from napari_corrclip.settings import Settings

Place = tuple[int, int]

# The padding's id: no int32 region has it, and like the one of an image in one piece it is the highest.
_PADDING = 1 << 31


@dataclass(frozen=True)
class WindowGrid:
    """The places of the windows; arithmetic alone, of any number of windows.

    All sizes are (rows, columns) in pixels.

    Attributes:
        image_size: of the image.
        size: of the image at inference.
        tops: first row of each row of windows at inference size.
        lefts: likewise of the columns.
        window: of every window, before padding.
        padding: pixels added at the (top, left, bottom, right) of every window.
    """

    image_size: Size
    size: Size
    tops: tuple[int, ...]
    lefts: tuple[int, ...]
    window: Size
    padding: Box

    @classmethod
    def plan(
        cls, image_size: Size, scale: float, settings: Settings, patch_sizes: Sequence[int]
    ) -> WindowGrid:
        """Lay out the windows of an image that is seen at ``scale``.

        Args:
            image_size: of the image.
            scale: inference pixels a pixel.
            settings: window and stride; not the inference size.
            patch_sizes: of both towers.
        """
        size = scaled(image_size, scale)
        return cls(image_size, size, *win.lay_out(size, settings, patch_sizes))

    def __len__(self) -> int:
        """Number of windows."""
        return len(self.tops) * len(self.lefts)

    @property
    def padded(self) -> Size:
        """Size of every window with its padding."""
        top, left, bottom, right = self.padding
        return self.window[0] + top + bottom, self.window[1] + left + right

    def box(self, place: Place) -> Box:
        """The pixels at inference size of the window at a row and column of windows."""
        top, left = self.tops[place[0]], self.lefts[place[1]]
        return top, left, top + self.window[0], left + self.window[1]

    def covering(self, box: Box) -> Iterator[Place]:
        """The windows that see a pixel of ``box``, at inference size, row by row."""
        rows = _reaching(self.tops, self.window[0], box[0], box[2])
        columns = _reaching(self.lefts, self.window[1], box[1], box[3])
        for row in rows:
            for column in columns:
                yield row, column

    def seen(self, box: Box) -> Box:
        """The pixels at inference size of which the image's pixels in ``box`` are interpolated."""
        top, bottom = lines(box[0], box[2], self.size[0], self.image_size[0]).span
        left, right = lines(box[1], box[3], self.size[1], self.image_size[1]).span
        return top, left, bottom, right


def _reaching(starts: Sequence[int], window: int, first: int, stop: int) -> range:
    return range(bisect_right(starts, first - window), bisect_left(starts, stop))


class WindowLogits:
    """Logits of any block of the image at inference size, window by window.

    Args:
        grid: of the windows.
        image: what they see.
        regions: of the image's size.
        clip: the image tower.
        similarity: the similarity tower.
        settings: the stages of the method.
        text: (Q, D) of unit length; logits are computed and kept on its device.
        tiles: the boxes in the image in whose order :meth:`encode` and :meth:`release` are called.
    """

    def __init__(
        self,
        grid: WindowGrid,
        image: LazyImage,
        regions: LazyRegions,
        clip: ImageEncoder,
        similarity: SimilarityEncoder,
        settings: Settings,
        text: Tensor,
        tiles: Sequence[Box],
    ) -> None:
        self.grid, self._image, self._regions = grid, image, regions
        self._clip, self._similarity, self._settings = clip, similarity, settings
        self._text = text
        self._kept: dict[Place, Tensor] = {}
        self._left = Counter(place for tile in tiles for place in grid.covering(grid.seen(tile)))
        self._batches = Batches(settings.batch_size)
        self.done = 0

    def __len__(self) -> int:
        """How many windows are kept."""
        return len(self._kept)

    def encode(self, tile: Box) -> Steps[None]:
        """Encode the windows of a tile that no former one needed; yields after every block."""
        new = [p for p in self.grid.covering(self.grid.seen(tile)) if p not in self._kept]
        boxes = [self.grid.box(place) for place in new]
        around = union(boxes)
        if around is None:
            return
        pixels, regions = self._pixels(around), self._ids(around)
        device, done = self._clip.device, self.done
        padding, origin = self.grid.padding, around[:2]

        def encode(start: int, stop: int) -> Blocks[Tensor]:
            self.done = done + start
            features = yield from encoding.encode_windows(
                win.cut(pixels, boxes[start:stop], padding, origin=origin).to(device),
                win.cut(regions, boxes[start:stop], padding, _PADDING, origin).to(device),
                self._clip,
                self._similarity,
                self._settings,
            )
            return prediction.cosine_logits(unit_cells(features).to(self._text.device), self._text)

        high, wide = self.grid.padded
        what = f"one window of {high} × {wide} pixels"
        with explained(device, what, f"window in the settings ({self._settings.window})"):
            logits = yield from retold(self._batches.run(len(new), encode), lambda _: self._event())
        self._kept.update(
            zip(new, chain.from_iterable(batch.unbind() for batch in logits), strict=True)
        )
        self.done = done + len(new)
        yield self._event()

    def _event(self) -> Progress:
        return Progress("windows", self.done, len(self.grid))

    def release(self, tile: Box) -> None:
        """Let go of the windows that no later tile needs."""
        for place in self.grid.covering(self.grid.seen(tile)):
            self._left[place] -= 1
            if not self._left[place]:
                del self._kept[place]

    @torch.no_grad()
    def blend(self, box: Box) -> Tensor:
        """Blend the windows over ``box`` at inference size, a part of an encoded tile's.

        Returns:
            (Q, rows, columns) float32.
        """
        top, left, bottom, right = box
        total = torch.zeros(
            len(self._text),
            bottom - top,
            right - left,
            dtype=torch.float32,
            device=self._text.device,
        )
        covers = torch.zeros(
            bottom - top, right - left, dtype=torch.float32, device=self._text.device
        )
        for place in self.grid.covering(box):
            window = self.grid.box(place)
            part = shared(window, box)
            cells = self._kept[place]
            rows, columns = (
                lines(
                    part[axis] - window[axis] + self.grid.padding[axis],
                    part[axis + 2] - window[axis] + self.grid.padding[axis],
                    cells.shape[axis + 1],
                    self.grid.padded[axis],
                ).within(0, cells.device)
                for axis in (0, 1)
            )
            where = (slice(part[0] - top, part[2] - top), slice(part[1] - left, part[3] - left))
            total[:, where[0], where[1]] += bilinear(cells, rows, columns)
            covers[where] += 1
        return total.div_(covers)

    def pixels(self, logits: Tensor, seen: Box, box: Box) -> Tensor:
        """Bring the blended logits of ``seen`` to the image's pixels in ``box``, (Q, h, w)."""
        rows, columns = (
            lines(
                box[axis], box[axis + 2], self.grid.size[axis], self.grid.image_size[axis]
            ).within(seen[axis], logits.device)
            for axis in (0, 1)
        )
        return bilinear(logits, rows, columns)

    def _pixels(self, box: Box) -> Tensor:
        """(3, rows, columns) float32 of ``box`` at inference size, normalised for CLIP."""
        places = [
            lines(box[axis], box[axis + 2], self.grid.image_size[axis], self.grid.size[axis])
            for axis in (0, 1)
        ]
        # Of a large image seen small, only the lines between which is interpolated are kept.
        needed = [torch.unique(torch.cat([place.before, place.after])) for place in places]
        rgb = torch.from_numpy(self._image.pick(needed[0].numpy(), needed[1].numpy()))
        rows, columns = (
            type(place)(
                torch.searchsorted(lines, place.before),
                torch.searchsorted(lines, place.after),
                place.weight,
            )
            for place, lines in zip(places, needed, strict=True)
        )
        pixels = bilinear(rgb.permute(2, 0, 1).float(), rows, columns)
        return win.normalise(pixels[None] / 255.0, self._clip.mean, self._clip.std)[0]

    def _ids(self, box: Box) -> Tensor:
        """(rows, columns) int64 region ids of ``box`` at inference size."""
        rows, columns = (
            nearest_lines(
                box[axis], box[axis + 2], self.grid.image_size[axis], self.grid.size[axis]
            )
            for axis in (0, 1)
        )
        return torch.from_numpy(self._regions.pick(rows, columns).astype(np.int64))


def check_size(scale: float | None, size: Size) -> float:
    """Return ``scale`` if an image of ``size`` can be seen at it.

    Raises:
        InputError: it is no number above 0 and up to 8, or makes the image too small.
    """
    scale = check_scale(scale)
    if min(size) * scale < 16:
        raise InputError(
            f"At the scale {scale:g} an image of {size[0]} × {size[1]} pixels is less than 16 "
            "pixels wide; give a larger scale."
        )
    return scale
