"""The masks of the image from SAM's low-resolution logits.

segment-anything brings every mask's logits to the encoder's frame, cuts the padding off, brings them
to the image's size and thresholds there. Both steps are bilinear, so that they are one matrix for the
rows and one for the columns, and a mask needs of them only what its own box asks for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from napari_corrclip.method.merging import number_regions
from napari_corrclip.regions.painting import Painting, painting_order

STABILITY_OFFSET = 1.0
"""By how much the threshold is moved, in logits, to see how stable a mask is."""

# Masks at once: one on a CPU, where its own box is cheapest; many on a card, where calls cost most.
_PIXELS_AT_ONCE = {"cpu": 1, "cuda": 1 << 26}


@dataclass(frozen=True)
class Measured:
    """The measures of K masks at the image's size.

    Attributes:
        areas: (K,) int64 pixels.
        boxes: (K, 4) int64 left, top, right, bottom; the last two are of the last pixel; 0 for an
            empty mask.
        stability: (K,) float64 IoU of the mask at a higher and at a lower threshold; nan where even
            the lower one leaves nothing.
    """

    areas: Tensor
    boxes: Tensor
    stability: Tensor


@dataclass(frozen=True)
class Window:
    """Some masks in a window of the image that holds every pixel of them.

    Attributes:
        masks: which of the masks.
        rows: of the image.
        columns: of the image.
        logits: (len(masks), len(rows), len(columns)).
    """

    masks: range
    rows: slice
    columns: slice
    logits: Tensor


class Upsampler:
    """The upsampler of low-resolution logits to the image's size, each mask within its own box.

    Args:
        low: (h, w) of the logits.
        frame: side of the encoder's frame, which the logits cover.
        inside: (rows, columns) of the frame that the image fills.
        size: (H, W) of the image.
        device: where the logits are.
    """

    def __init__(
        self,
        low: tuple[int, int],
        frame: int,
        inside: tuple[int, int],
        size: tuple[int, int],
        device: torch.device,
    ) -> None:
        self.size = size
        self._axes = [
            _Axis(*sides, device=device)
            for sides in zip(low, (frame, frame), inside, size, strict=True)
        ]

    def windows(self, logits: Tensor, threshold: float) -> Iterator[Window]:
        """Yield all masks in turn, a window at a time, with every pixel above ``threshold``.

        A mask without such a pixel comes in a window of one pixel.

        Args:
            logits: (K, h, w) float32.
            threshold: in logits.
        """
        pixels = self.size[0] * self.size[1]
        limit = _PIXELS_AT_ONCE.get(logits.device.type, 1)
        step = max(1, limit // pixels)
        rows, columns = (
            axis.spans((logits > threshold).any(dim=dim))
            for axis, dim in zip(self._axes, (2, 1), strict=True)
        )
        for start in range(0, len(logits), step):
            masks = range(start, min(start + step, len(logits)))
            spans = [_hull([places[i] for i in masks]) for places in (rows, columns)]
            (low_rows, down), (low_columns, across) = (
                axis.part(span) for axis, span in zip(self._axes, spans, strict=True)
            )
            part = logits[start : masks.stop, low_rows, low_columns]
            yield Window(masks, slice(*spans[0]), slice(*spans[1]), down @ (part @ across.T))

    def whole(self, logits: Tensor) -> Tensor:
        """Bring logits (..., h, w) to the whole image: (..., H, W)."""
        rows, columns = (axis.matrix for axis in self._axes)
        return rows @ (logits @ columns.T)

    def measure(self, logits: Tensor, threshold: float) -> Measured:
        """Areas, boxes and stability of the masks ``logits > threshold`` at the image's size."""
        counts, boxes = [], []
        for window in self.windows(logits, threshold - STABILITY_OFFSET):
            counts.append(
                torch.stack(
                    [
                        (window.logits > threshold + offset).sum(dim=(1, 2))
                        for offset in (0, STABILITY_OFFSET, -STABILITY_OFFSET)
                    ]
                )
            )
            corner = (window.columns.start, window.rows.start)
            boxes.append(_boxes(window.logits > threshold, corner))
        if not counts:
            nothing = torch.zeros(0, dtype=torch.int64)
            return Measured(nothing, nothing.reshape(0, 4), nothing.double())
        areas, high, low = torch.cat(counts, dim=1).cpu()
        return Measured(areas, torch.cat(boxes).cpu(), high.double() / low)

    def paint(
        self,
        logits: Tensor,
        threshold: float,
        areas: Sequence[int] | NDArray[np.integer],
        order: Painting,
    ) -> Tensor:
        """Paint masks over each other, as :func:`~napari_corrclip.regions.painting.paint` does.

        Of all masks at a pixel the one that is painted last is the highest in the order of
        painting, so that they need not be painted one by one.

        Args:
            logits: (K, h, w) float32.
            threshold: in logits.
            areas: (K,) pixels of the masks at the image's size.
            order: which mask is seen where two overlap.

        Returns:
            (H, W) int64 ids as ``paint``'s, on the logits' device.
        """
        painted, numbers = painting_order(areas, order)
        canvas = torch.zeros(self.size, dtype=torch.int32, device=logits.device)
        for window in self.windows(logits[torch.from_numpy(painted).to(logits.device)], threshold):
            turns = torch.arange(
                window.masks.start + 1,
                window.masks.stop + 1,
                dtype=torch.int32,
                device=canvas.device,
            )
            turn = ((window.logits > threshold) * turns[:, None, None]).amax(dim=0)
            part = canvas[window.rows, window.columns]
            torch.maximum(part, turn, out=part)
        number = torch.from_numpy(np.concatenate([[0], numbers[painted]])).to(canvas.device)
        # A mask of which nothing is seen leaves a gap.
        return number_regions(number[canvas])[0]


class _Axis:
    """Rows or columns: the two bilinear steps as one matrix (low, size)."""

    def __init__(self, low: int, frame: int, inside: int, size: int, device: torch.device) -> None:
        steps = torch.eye(low, dtype=torch.float32, device=device)[None]
        steps = F.interpolate(steps, size=frame, mode="linear", align_corners=False)[..., :inside]
        self.matrix = F.interpolate(steps, size=size, mode="linear", align_corners=False)[0].T
        seen = (self.matrix != 0).cpu()
        # Of each low-resolution place the pixels that see it, and of each pixel the places it sees.
        # Places of the padding are last, and no pixel sees them.
        self._pixels = [run for run in _runs(seen.T) if run[1]]
        self._places = _runs(seen)

    def spans(self, present: Tensor) -> list[tuple[int, int]]:
        """Of each mask (K, low) the pixels that may be above the threshold where ``present``."""
        return [
            (self._pixels[first][0], self._pixels[stop - 1][1]) if first < stop else (0, 1)
            for first, stop in _runs(present[:, : len(self._pixels)].cpu())
        ]

    def part(self, span: tuple[int, int]) -> tuple[slice, Tensor]:
        """The places that the pixels of ``span`` see, and the matrix (pixels, places) of these."""
        places = slice(self._places[span[0]][0], self._places[span[1] - 1][1])
        return places, self.matrix[slice(*span), places]


def _hull(spans: Sequence[tuple[int, int]]) -> tuple[int, int]:
    return min(start for start, _ in spans), max(stop for _, stop in spans)


def _runs(present: Tensor) -> list[tuple[int, int]]:
    """Of each row (n, m) of bool the first true place and the one after the last; 0, 0 if none."""
    first, last = _ends(present)
    stop = torch.where(present.any(dim=1), last + 1, 0)
    return list(zip(first.tolist(), stop.tolist(), strict=True))


def _ends(present: Tensor) -> tuple[Tensor, Tensor]:
    """Of each row (n, m) of bool the first and the last true place; 0 and m - 1 where none is."""
    # argmax returns the first of equals, but knows no bool.
    numbers = present.to(torch.uint8)
    return numbers.argmax(dim=1), present.shape[1] - 1 - numbers.flip(1).argmax(dim=1)


def _boxes(masks: Tensor, corner: tuple[int, int]) -> Tensor:
    """(K, 4) int64 left, top, right, bottom of masks (K, h, w); ``corner`` is left and top of 0, 0."""
    columns, rows = masks.any(dim=1), masks.any(dim=2)
    left, right = _ends(columns)
    top, bottom = _ends(rows)
    boxes = torch.stack([left, top, right, bottom], dim=1)
    boxes += torch.tensor(corner * 2, device=masks.device)
    return boxes * rows.any(dim=1)[:, None]
