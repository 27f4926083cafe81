"""Map correction: every region takes its most frequent class (eq. 12)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .merging import number_regions


@dataclass(frozen=True)
class Votes:
    """The votes of the pixels of each region.

    Attributes:
        ids: (R,) int64 region ids that occur, ascending, without 0.
        counts: (R, C) int64 pixels of each class; column 0 is class ``first``.
        first: class index of column 0; -1 where some pixels have no class.
        rows: index map of the regions' shape: row of ``ids`` plus 1, 0 where unsegmented.
    """

    ids: Tensor
    counts: Tensor
    first: int
    rows: Tensor

    @property
    def winners(self) -> Tensor:
        """(R,) the most frequent class of each region, the lowest index on a tie."""
        # argmax returns the first of equals.
        return self.counts.argmax(dim=1) + self.first

    @property
    def shares(self) -> Tensor:
        """(R,) float32, the winner's share of each region's pixels."""
        return self.counts.amax(dim=1).float() / self.counts.sum(dim=1)


def count_votes(labels: Tensor, regions: Tensor, classes: int) -> Votes:
    """Count the classes of every region's pixels at full resolution.

    Time and memory are those of the pixels plus regions x classes.

    Args:
        labels: (H, W) class indices in -1..classes - 1; -1 = no class, which votes like a class.
        regions: (H, W) *raw* region ids, 0 = unsegmented, which has no vote.
        classes: number of classes K.
    """
    rows, ids = number_regions(regions)
    first = -1
    width = classes - first
    ballots = rows.flatten() * width + (labels.flatten().long() - first)
    counts = torch.bincount(ballots, minlength=(len(ids) + 1) * width).view(-1, width)[1:]
    return Votes(ids=ids, counts=counts, first=first, rows=rows)


def apply_votes(labels: Tensor, rows: Tensor, chosen: Tensor) -> Tensor:
    """Give every region one class; unsegmented pixels keep theirs.

    Args:
        labels: (H, W) class indices.
        rows: (H, W) see :class:`Votes`.
        chosen: (R,) class index of each region.
    """
    padded = torch.cat([chosen.new_zeros(1), chosen]).to(labels.dtype)
    return torch.where(rows > 0, padded[rows], labels)


def correct(labels: Tensor, regions: Tensor, classes: int) -> Tensor:
    """Map correction (eq. 12): in each raw region every pixel takes the most frequent class.

    Args:
        labels: (H, W) class indices, -1 = no class.
        regions: (H, W) raw region ids at the same resolution, 0 = unsegmented.
        classes: number of classes K.

    Returns:
        (H, W) class indices of the labels' dtype; unsegmented pixels unchanged, ties to the lowest.
    """
    votes = count_votes(labels, regions, classes)
    return apply_votes(labels, votes.rows, votes.winners)


def no_sums(regions: int, classes: int, device: torch.device) -> Tensor:
    """(1 + R, K) zeros for :func:`add_probabilities`; row 0 is of pixels in no region.

    A region may have millions of pixels: it is added up in double, where the device has it.
    """
    exact = torch.float32 if device.type == "mps" else torch.float64
    return torch.zeros(regions + 1, classes, dtype=exact, device=device)


def add_probabilities(sums: Tensor, rows: Tensor, probabilities: Tensor) -> None:
    """Add the probabilities of pixels to the sums of their regions, in place.

    Args:
        sums: as of :func:`no_sums`.
        rows: (h, w) of :class:`Votes`.
        probabilities: (K, h, w).
    """
    sums.index_add_(0, rows.flatten(), probabilities.flatten(1).to(sums.dtype).T)
