"""The looks of regions, as tables that a painter looks up."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray


class Role(IntEnum):
    """The place of a pixel in or beside a region; a greater one wins."""

    INSIDE = 0
    STRIPE = 1
    HALO = 2
    RIM = 3
    """Beside a line that is the neighbour's."""
    LINE = 4
    BORDER_HALO = 5
    BORDER = 6
    """Of what is selected, as a whole."""


class Kind(IntEnum):
    """The looks that a region may have, by what a person said of it."""

    HIDDEN = 0
    UNDECIDED = 1
    IGNORED = 2
    DECIDED = 3


class Level(IntEnum):
    """The degrees by which regions stand out."""

    PLAIN = 0
    OFFERED = 1
    """That which would be of another class by what was learnt."""
    MARKED = 2
    SELECTED = 3
    SWEPT = 4
    """In the colour of the class that is being given to it."""


ROLES = 8
"""Columns of a table of colours; a power of two."""
SPARE = 256
"""Ids that regions may get before the table of codes is made anew."""
DENSE = 4_000_000
"""Highest id up to which codes stand in one table, found by the id itself."""


def packed(red: int, green: int, blue: int, alpha: int = 255) -> int:
    """Return a colour as ``0xAARRGGBB``, multiplied by alpha."""
    red, green, blue = (round(part * alpha / 255) for part in (red, green, blue))
    return alpha << 24 | red << 16 | green << 8 | blue


LIGHT = packed(255, 255, 255, 235)
DARK = packed(0, 0, 0, 110)
GREY = packed(190, 190, 190)
STRIPES = packed(255, 255, 255, 150)
FAINT = packed(255, 255, 255, 150)
"""Of lines between selected regions."""
BORDER_HALO = packed(0, 0, 0, 200)
HIGHLIGHTS = {
    Level.OFFERED: (packed(60, 225, 235), packed(60, 225, 235, 40)),
    Level.MARKED: (packed(255, 165, 30), packed(255, 200, 80, 60)),
    Level.SELECTED: (packed(255, 236, 60), packed(255, 255, 255, 70)),
}
"""Border and fill."""
SWEPT_ALPHA = 150
"""Of the fill of what is swept: the class is told at once, and the image still seen."""


@dataclass(frozen=True, slots=True, eq=False)
class Scheme:
    """The looks of all regions.

    Attributes:
        ids: ascending; empty where ``codes`` is found by the id itself.
        codes: by id, or of ``ids`` with that of all others behind; group and look in one number.
        table: colours by look and :class:`Role`, ``ROLES`` to a look.
        look_mask: the bits of a code that are its look.
        highlights: the first look of each level that stands out and is there.
    """

    ids: NDArray[np.int64]
    codes: NDArray[np.integer]
    table: NDArray[np.uint32]
    look_mask: int
    highlights: tuple[int, ...]

    def codes_of(self, regions: NDArray[np.integer]) -> NDArray[np.integer]:
        """Return the codes at ids of any shape; those that are not known look undecided."""
        if not len(self.ids):
            return self.codes.take(regions, mode="clip")
        at = self.ids.searchsorted(regions)
        known = self.ids.take(at, mode="clip") == regions
        codes = np.where(known, self.codes.take(at, mode="clip"), self.codes[-1])
        found: NDArray[np.integer] = codes * (regions != 0)
        return found


def scheme(
    ids: NDArray[np.integer],
    kinds: NDArray[np.integer],
    colors: NDArray[np.integer],
    palette: NDArray[np.uint8],
    levels: NDArray[np.integer] | None = None,
) -> Scheme:
    """Return what regions look like.

    Args:
        ids: (N,) ascending, above 0.
        kinds: (N,) of :class:`Kind`.
        colors: (N,) rows of ``palette``; they count where a region is decided.
        palette: (C, 3) RGB.
        levels: (N,) of :class:`Level`; ``None``: all are plain.
    """
    if levels is None:
        levels = np.zeros(len(ids), np.uint8)
    decided = kinds == Kind.DECIDED
    # The looks of a level: hidden, undecided, ignored, and decided in each colour.
    each = Kind.DECIDED + len(palette)
    looks = levels * np.int64(each) + np.where(decided, Kind.DECIDED + np.asarray(colors), kinds)
    # What is decided, or not shown, has no lines inside; what stands out has them to tell how many there are.
    merged = (decided | (kinds == Kind.HIDDEN)) & (levels == Level.PLAIN)
    highest = int(ids.max(initial=0))
    order = looks * (highest + 1) + np.where(merged, 0, ids)
    groups = np.unique(order, return_inverse=True)[1] + 1
    bits = int(len(Level) * each).bit_length()
    codes = (groups << bits) | looks
    codes[(kinds == Kind.HIDDEN) & (levels == Level.PLAIN)] = 0
    unknown = int(len(ids) + 1) << bits | Kind.UNDECIDED
    known = np.empty(0, np.int64)
    if highest > DENSE:
        known, filled = np.asarray(ids, np.int64), np.append(codes, unknown)
    else:
        others = np.arange(highest + 1 + SPARE) + len(ids) + 1
        filled = others << bits | Kind.UNDECIDED
        filled[0] = 0
        filled[ids] = codes
    # Numbers of 32 bits are compared in half the time.
    fits = int(filled.max()) <= np.iinfo(np.int32).max
    return Scheme(
        known,
        filled.astype(np.int32) if fits else filled,
        _table(palette).reshape(-1),
        (1 << bits) - 1,
        tuple(level * each for level in Level if level and (levels == level).any()),
    )


def _table(palette: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """Return the colours by level, look of it, and role."""
    table = np.zeros((len(Level), Kind.DECIDED + len(palette), ROLES), np.uint32)
    table[:, :, Role.BORDER_HALO] = BORDER_HALO
    plain = table[Level.PLAIN]
    plain[Kind.UNDECIDED, [Role.HALO, Role.RIM, Role.LINE]] = DARK, DARK, LIGHT
    plain[Kind.IGNORED, [Role.STRIPE, Role.RIM, Role.LINE]] = STRIPES, DARK, GREY
    for color, rgb in enumerate(palette.tolist()):
        plain[Kind.DECIDED + color, [Role.RIM, Role.LINE]] = packed(*rgb)
    for level, (border, fill) in HIGHLIGHTS.items():
        shown = table[level]
        shown[:, [Role.INSIDE, Role.STRIPE, Role.HALO, Role.RIM]] = fill
        shown[:, Role.LINE] = FAINT
        shown[Kind.IGNORED, Role.STRIPE] = STRIPES
        shown[:, Role.BORDER] = border
    swept = table[Level.SWEPT]
    for color, (red, green, blue) in enumerate(palette.tolist()):
        look = swept[Kind.DECIDED + color]
        fill = packed(red, green, blue, SWEPT_ALPHA)
        look[[Role.INSIDE, Role.STRIPE, Role.HALO, Role.RIM]] = fill
        look[Role.LINE] = FAINT
        look[Role.BORDER] = packed(red, green, blue)
    return table
