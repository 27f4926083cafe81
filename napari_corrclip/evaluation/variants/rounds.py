"""Merging in rounds: eps shrinks or grows from round to round, and merged regions are described anew.

The method merges once: whatever hangs together by pairs within eps becomes one region (eq. 6), so a chain of
regions, each like the next, becomes one, too. In rounds, round r = 1..R merges the regions of round r − 1 by
eps_r = eps · first · f^(r−1); their features are the means over all their cells (eq. 5 on merged regions).
With a small first and f > 1 the likest are merged first. R = 1 with first = 1 is the published method.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from napari_corrclip.method.merging import merge


def merge_in_rounds(features: Tensor, regions: Tensor, eps: Sequence[float]) -> Tensor:
    """Merge the regions of one window, round by round.

    Args:
        features: (h, w, d) F_S.
        regions: (h, w) raw region ids on the feature grid, 0 = unsegmented.
        eps: of each round, in order; at least one.

    Returns:
        (h, w) int64 merged regions 1..z without gaps, 0 = unsegmented.
    """
    for distance in eps:
        regions = merge(features, regions, distance)
    return regions


def schedule(eps: float, first: float, factor: float, rounds: int) -> tuple[float, ...]:
    """Return eps of each round: ``eps · first · factor^(r − 1)``.

    Args:
        eps: of the settings.
        first: share of it in the first round.
        factor: from a round to the next; below 1 it shrinks, above it grows.
        rounds: R, at least 1.
    """
    return tuple(eps * first * factor**number for number in range(rounds))
