"""The search for the first colours of classes, which everybody tells apart.

python -m tools.palette              # searches for about ten minutes, prints the palette's table
python -m tools.palette --restarts 9 # shorter, and not as good

Sixteen colours are moved among all strong ones on a grid until the nearest two, as the package's
``color_difference`` measures them, are as far apart as they get: from random starts by a tabu search on the
worst colour, then the best of them by single levels. The first four may be told apart better than the first
eight, and those better than all, since most vocabularies are short: so each pair counts by what its later
colour is meant to reach, for everybody, and by normal sight alone, without which the table is full of greens.
Their lightness as seen differs, more among the first eight, so that they stay apart in gray. The same seed
gives the same table.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.vocabulary.color_difference import (
    SIGHTS,
    as_seen,
    ciede2000,
    differences,
    lab,
    lightness,
)
from napari_corrclip.vocabulary.palette import BACKGROUND

Colors = NDArray[np.int64]
Floats = NDArray[np.float32]

GROUPS = (4, 4, 8)
MEANT = np.repeat((15.0, 10.0, 8.6), GROUPS)
"""The difference that a colour shall have from all before it, whoever looks."""
MEANT_BY_NORMAL_SIGHT = np.repeat((20.0, 14.0, 10.0), GROUPS)
"""The difference that it shall have by normal sight."""
LIGHTER = np.repeat((2.1, 2.1, 1.1), GROUPS)
"""The difference in lightness, L*, that it has to have."""
FROM_GRAY = 8.0
"""The difference that it has to have from the background's gray."""
CHROMA, DARK, BRIGHT = 35.0, 22.0, 96.0
"""Least chroma and bounds of the lightness of a colour as it is, which nobody calls gray, black or white."""
STEP = 17
PATIENCE = 150
"""Moves without a better table after which a start is given up."""

_LATER = np.maximum.outer(np.arange(len(MEANT)), np.arange(len(MEANT)))
_MEANT = np.stack([MEANT, MEANT_BY_NORMAL_SIGHT])[:, _LATER].astype(np.float32)
_LIGHTER = LIGHTER[_LATER]


def usable(colors: Colors) -> NDArray[np.bool_]:
    """Return which (n, 3) colours are strong, and not near the background's."""
    plain = lab(colors)
    chroma = np.hypot(plain[:, 1], plain[:, 2])
    found: NDArray[np.bool_] = (
        (chroma >= CHROMA)
        & (plain[:, 0] >= DARK)
        & (plain[:, 0] <= BRIGHT)
        & (differences(colors, [BACKGROUND])[:, 0] >= FROM_GRAY)
    )
    return found


def quality(colors: Colors) -> float:
    """Return the least share that a pair of the table reaches of what it is meant to."""
    if not usable(colors).all():
        return 0.0
    seen = lightness(colors)
    shares = (_apart(colors) / _MEANT).min(axis=0)
    shares[np.abs(seen[:, None] - seen) < _LIGHTER] = 0
    return float(shares[~np.eye(len(shares), dtype=bool)].min())


def _apart(colors: Colors) -> Floats:
    """Return (2, n, n) differences: the least of all kinds of sight, and by normal sight."""
    normal, *others = (lab(as_seen(colors), sight) for sight in SIGHTS)
    apart = np.empty((2, len(colors), len(colors)), np.float32)
    for row in range(len(colors)):
        by_normal = ciede2000(normal[row], normal)
        by_others = [ciede2000(points[row], points) for points in others]
        apart[:, row] = np.min([by_normal, *by_others], axis=0), by_normal
    return apart


@dataclass(frozen=True)
class Candidates:
    """The colours on a grid that may be taken, and how far each is from each.

    Attributes:
        colors: (n, 3).
        apart: (2, n, n), the differences for everybody, and by normal sight.
        lightness: (n,), as seen.
    """

    colors: Colors
    apart: Floats
    lightness: Floats

    @classmethod
    def on_grid(cls, step: int) -> Candidates:
        """Return those whose levels are ``step`` apart; red is even, as the palette has it."""
        levels = np.arange(0, 256, step)
        grid = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), axis=-1).reshape(-1, 3)
        grid[:, 0] &= ~1
        grid = grid[usable(grid)]
        return cls(grid, _apart(grid), lightness(grid).astype(np.float32))

    def shares(self, rows: NDArray[np.int64], place: int) -> Floats:
        """Return what each candidate would reach at ``place`` of the table ``rows``."""
        others = np.delete(np.arange(len(rows)), place)
        taken = rows[others]
        shares = (self.apart[:, taken] / _MEANT[:, place, others, None]).min(axis=0)
        near = np.abs(self.lightness[taken][:, None] - self.lightness)
        shares[near < _LIGHTER[place, others][:, None]] = 0
        least: Floats = shares.min(axis=0)
        return least

    def table(self, rows: NDArray[np.int64]) -> Floats:
        """Return the least share that each place of a table reaches."""
        shares = (self.apart[:, rows[:, None], rows] / _MEANT).min(axis=0)
        seen = self.lightness[rows]
        shares[np.abs(seen[:, None] - seen) < _LIGHTER] = 0
        np.fill_diagonal(shares, np.inf)
        least: Floats = shares.min(axis=1)
        return least


def search(candidates: Candidates, restarts: int, random: np.random.Generator) -> Colors:
    """Return the best table of all starts."""
    places = len(MEANT)
    best, chosen = -1.0, np.arange(places)
    for _ in range(restarts):
        rows = random.choice(len(candidates.colors), places, replace=False)
        reached, waited, move = -1.0, 0, 0
        free_again = np.zeros(places, np.int64)
        while waited < PATIENCE:
            move += 1
            place = int(np.where(free_again > move, np.inf, candidates.table(rows)).argmin())
            free_again[place] = move + random.integers(1, 5)
            shares = candidates.shares(rows, place)
            shares[rows[place]] = -1  # it moves
            near_best = np.argpartition(shares, -5)[-5:]
            rows[place] = shares.argmax() if random.random() < 0.8 else random.choice(near_best)
            found = float(candidates.table(rows).min())
            waited += 1
            if found > reached:
                reached, waited = found, 0
                if found > best:
                    best, chosen = found, rows.copy()
    return candidates.colors[chosen]


def refined(colors: Colors, tries: int, random: np.random.Generator) -> Colors:
    """Return the table after many small changes, of which those that make it better are kept."""
    best = quality(colors)
    for _ in range(tries):
        changed = colors.copy()
        for place in random.choice(len(colors), random.integers(1, 4), replace=False):
            changed[place] += random.integers(-9, 10, 3)
        changed = np.clip(changed, 0, 255)
        changed[:, 0] &= ~1
        found = quality(changed)
        if found >= best:
            best, colors = found, changed
    return colors


def ordered(colors: Colors) -> Colors:
    """Return the table with each group in the order in which the next is farthest from all before it."""
    apart = differences(colors, colors)
    plain = lab(colors)
    chosen: list[int] = []
    begin = 0
    for size in GROUPS:
        rest = list(range(begin, begin + size))
        if not chosen:  # with the strongest
            chosen.append(max(rest, key=lambda row: float(np.hypot(*plain[row, 1:]))))
            rest.remove(chosen[0])
        while rest:
            chosen.append(max(rest, key=lambda row: float(apart[row, chosen].min())))
            rest.remove(chosen[-1])
        begin += size
    return colors[chosen]


def report(colors: Colors) -> str:
    """Return what a table reaches, in lines."""
    lines = []
    for count in (2, 4, 8, 12, 16):
        first = colors[:count]
        off = ~np.eye(count, dtype=bool)
        seen = np.sort(lightness(first))
        apart, normal = _apart(first)[:, off].min(axis=1)
        lines.append(
            f"first {count:2}: {apart:5.2f} apart, by normal sight {normal:5.2f}, "
            f"L* {np.diff(seen).min():.2f} apart"
        )
    gray = float(differences(colors, [BACKGROUND]).min())
    return "\n".join([*lines, f"background: {gray:.2f} apart"])


def main() -> None:
    """Search, and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--restarts", type=int, default=250)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    random = np.random.default_rng(given.seed)
    colors = search(Candidates.on_grid(STEP), given.restarts, random)
    colors = ordered(refined(colors, 20 * given.restarts, random))
    for red, green, blue in colors:
        print(f"    ({red}, {green}, {blue}),")
    print(report(colors))


if __name__ == "__main__":
    main()
