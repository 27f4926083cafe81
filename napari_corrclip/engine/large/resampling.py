"""Pieces of a resampled map, as they are in the map resampled whole.

The same rules as :mod:`napari_corrclip.method.grids`, by places in the whole map and not in the piece.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


@dataclass(frozen=True)
class Lines:
    """The sources of consecutive lines (rows or columns) of a resampled map.

    Attributes:
        before: (n,) int64, the source's line at or before each.
        after: (n,) int64, the one behind it, or the last one.
        weight: (n,) float32 of ``after``.
    """

    before: Tensor
    after: Tensor
    weight: Tensor

    @property
    def span(self) -> tuple[int, int]:
        """The source's first line, and the one behind its last."""
        return int(self.before[0]), int(self.after[-1]) + 1

    def within(self, origin: int, device: torch.device | None = None) -> Lines:
        """The same in a piece of the source that begins at ``origin``."""
        return Lines(
            (self.before - origin).to(device),
            (self.after - origin).to(device),
            self.weight.to(device),
        )


def lines(start: int, stop: int, old: int, new: int) -> Lines:
    """Lines ``start`` to ``stop - 1`` of ``old`` lines resampled to ``new``, half-pixel centres."""
    places = torch.arange(start, stop)
    if old == new:
        return Lines(places, places, torch.zeros(len(places), dtype=torch.float32))
    source = ((places.float() + 0.5) * (old / new) - 0.5).clamp(min=0)
    before = source.long().clamp(max=old - 1)
    return Lines(before, (before + 1).clamp(max=old - 1), source - before)


def nearest_lines(start: int, stop: int, old: int, new: int) -> NDArray[np.intp]:
    """The same by nearest neighbour: the source's line of each, ``floor(i * scale)``."""
    return np.arange(start, stop) * old // new


def bilinear(maps: Tensor, rows: Lines, columns: Lines) -> Tensor:
    """Resample maps (..., h, w); ``rows`` and ``columns`` are places in them."""
    for axis, wanted in ((-2, rows), (-1, columns)):
        if torch.equal(wanted.before, wanted.after):
            maps = maps.index_select(axis, wanted.before)
            continue
        weight = wanted.weight[:, None] if axis == -2 else wanted.weight
        maps = torch.lerp(
            maps.index_select(axis, wanted.before), maps.index_select(axis, wanted.after), weight
        )
    return maps
