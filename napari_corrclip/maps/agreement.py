"""The agreement of two label maps, by how often each label of one meets each of the other.

Everything here stands on a table of whole numbers: how many pixels, or regions, have label i in one map and
label j in the other. Tables of several images are added up first.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit


def kappa(counts: NDArray[np.integer]) -> float:
    """Return Cohen's κ: agreement beyond that of two who label by chance, as often as each of them does.

    κ = (p_o - p_e) / (1 - p_e), with p_o the share on which both agree and p_e = Σ_k p_k· p_·k (Cohen 1960,
    *A coefficient of agreement for nominal scales*, https://doi.org/10.1177/001316446002000104). Sums are
    those of whole numbers of any size, so that nothing is rounded before the last division.

    Args:
        counts: (K, K) how often one says the row and the other the column.

    Returns:
        1 where they agree in everything, 0 by chance, below where they agree less; NaN where it cannot be
        told, as nothing was counted or both say one and the same label of everything.
    """
    rows, columns = (list(map(int, counts.sum(axis))) for axis in (1, 0))
    hits, total = int(np.trace(counts)), sum(rows)
    by_chance = sum(row * column for row, column in zip(rows, columns, strict=True))
    if total * total == by_chance:
        return math.nan
    return (total * hits - by_chance) / (total * total - by_chance)


def iou(counts: NDArray[np.integer]) -> NDArray[np.float64]:
    """Return (K,) of each label what both have in common, in shares of what either has; NaN: neither has it.

    Args:
        counts: (K, K) as for :func:`kappa`.
    """
    hits = np.diag(counts).astype(np.float64)
    union = counts.sum(1) + counts.sum(0) - hits
    found: NDArray[np.float64] = np.full(len(counts), np.nan)
    np.divide(hits, union, out=found, where=union > 0)
    return found


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure of a sample, as an estimate of that of all it was drawn from.

    Attributes:
        value: of the sample; NaN where it cannot be told.
        low: lower end of the 95 % interval; NaN of fewer than two units.
        high: upper end.
        units: images, or regions, that the sample has.
    """

    value: float
    low: float
    high: float
    units: int


def margins(counts: NDArray[np.integer]) -> NDArray[np.int64]:
    """Return (3, K): of each label how often both say it, the one says it, the other says it.

    It is what κ is told by, and of thousands of images small enough to be kept of each.

    Args:
        counts: (K, K) as for :func:`kappa`.
    """
    return np.stack([np.diag(counts), counts.sum(1), counts.sum(0)]).astype(np.int64)


def kappa_of_units(units: NDArray[np.integer]) -> Estimate:
    """Return κ of units that were drawn, with the interval that the units' differences tell of.

    Pixels of one image are no independent observations, so the units are images: the interval is that of the
    jackknife, which leaves one after the other out (Tukey 1958; Arvesen 1969,
    https://doi.org/10.1214/aoms/1177697288), with Student's t for their number.

    Args:
        units: (N, 3, K) of each as of :func:`margins`; those in which nothing was counted are no units.
    """
    known = units[units[:, 1].sum(1) > 0].astype(np.float64)
    total = known.sum(0)
    return _jackknife(total, total - known, np.ones(len(known)))


def kappa_of_pairs(counts: NDArray[np.integer]) -> Estimate:
    """Return κ of regions that were drawn one by one, with its interval: the unit is a region.

    Args:
        counts: (K, K) as for :func:`kappa`; the jackknife is that of :func:`kappa_of_units`.
    """
    rows, columns = np.nonzero(counts)
    total = margins(counts).astype(np.float64)
    without = np.repeat(total[None], len(rows), axis=0)
    each = np.arange(len(rows))
    without[each, 0, rows] -= rows == columns
    without[each, 1, rows] -= 1
    without[each, 2, columns] -= 1
    return _jackknife(total, without, counts[rows, columns].astype(np.float64))


def _jackknife(
    total: NDArray[np.float64], without: NDArray[np.float64], times: NDArray[np.float64]
) -> Estimate:
    """Return the estimate of a total, (3, K), and of totals without a unit each, (M, 3, K).

    Args:
        total: of all units.
        without: of all but one.
        times: (M,) how many units are like that one.
    """
    value, number = float(_kappas(total[None])[0]), int(times.sum())
    left = _kappas(without)
    if number < 2 or math.isnan(value) or np.isnan(left).any():
        return Estimate(value, math.nan, math.nan, number)
    mean = float((left * times).sum()) / number
    variance = (number - 1) / number * float((times * (left - mean) ** 2).sum())
    reach = float(stdtrit(number - 1, 0.975)) * math.sqrt(variance)
    return Estimate(value, max(-1.0, value - reach), min(1.0, value + reach), number)


def _kappas(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (M,) κ of (M, 3, K) margins."""
    hits, rows, columns = sums[:, 0].sum(1), sums[:, 1], sums[:, 2]
    total = rows.sum(1)
    share = rows / np.maximum(total, 1)[:, None]
    chance = (share * columns).sum(1)  # how often they agree by chance
    found: NDArray[np.float64] = np.full(len(sums), np.nan)
    np.divide(hits - chance, total - chance, out=found, where=(total - chance) > 1e-9 * total)
    return found
