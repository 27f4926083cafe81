"""Every caption that is true of some training image, in levels of detail."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_corrclip.demo.world import COLORS, GROUNDS, HELD_OUT, SHAPES, TEXTURES


@dataclass(frozen=True)
class Level:
    """Captions of one level: rows of the bank, and each region's target among them.

    ``lookup`` (7, 7, 4) int64: index within ``rows`` for (colour, shape, texture) + 1, where 0
    stands for "not said"; -1 = there is no such caption. ``colors`` and ``shapes`` (len(rows),) int64
    are what each row says, -1 = nothing.
    """

    name: str
    rows: Tensor
    uses: tuple[bool, bool, bool]
    lookup: NDArray[np.int64]
    colors: NDArray[np.int64]
    shapes: NDArray[np.int64]


@dataclass(frozen=True)
class CaptionBank:
    """All captions (without templates) and the levels; the grounds belong to every level."""

    captions: tuple[str, ...]
    levels: tuple[Level, ...]
    #: rows (pair, colour, shape) of captions "colour shape" and its two words
    triples: Tensor


def make_bank() -> CaptionBank:
    """The bank of the training captions; no held-out combination is in it."""
    captions: list[str] = list(GROUNDS)
    ground_rows = list(range(len(GROUNDS)))
    levels = []
    for name, uses in {
        "texture color shape": (True, True, True),
        "color shape": (True, True, False),
        "texture shape": (False, True, True),
        "texture color": (True, False, True),
        "color": (True, False, False),
        "shape": (False, True, False),
    }.items():
        rows = list(ground_rows)
        colors, shapes = [-1] * len(rows), [-1] * len(rows)
        lookup = np.full((len(COLORS) + 1, len(SHAPES) + 1, len(TEXTURES) + 1), -1, np.int64)
        for c in range(1, len(COLORS) + 1) if uses[0] else (0,):
            for s in range(1, len(SHAPES) + 1) if uses[1] else (0,):
                if c and s and (COLORS[c - 1], SHAPES[s - 1]) in HELD_OUT:
                    continue
                for t in range(1, len(TEXTURES) + 1) if uses[2] else (0,):
                    words = [TEXTURES[t - 1]] if t else []
                    words += [COLORS[c - 1]] if c else []
                    words += [SHAPES[s - 1]] if s else []
                    lookup[c, s, t] = len(rows)
                    rows.append(len(captions))
                    colors.append(c - 1)
                    shapes.append(s - 1)
                    captions.append(" ".join(words))
        said = np.array(colors), np.array(shapes)
        levels.append(Level(name, torch.tensor(rows), uses, lookup, *said))
    index = {caption: i for i, caption in enumerate(captions)}
    triples = [
        (index[f"{c} {s}"], index[c], index[s])
        for c in COLORS
        for s in SHAPES
        if (c, s) not in HELD_OUT
    ]
    return CaptionBank(tuple(captions), tuple(levels), torch.tensor(triples))


def targets(level: Level, attributes: NDArray[np.int8]) -> Tensor:
    """For regions with ``attributes`` (n, 4), the index among ``level.rows`` that is true, (n,)
    int64; -1 where the level has no true caption (an unnamed colour).
    """
    said = [np.where(use, attributes[:, i] + 1, 0) for i, use in enumerate(level.uses)]
    out = level.lookup[said[0], said[1], said[2]]
    unnamed = np.zeros(len(attributes), bool)
    for i, use in enumerate(level.uses):
        unnamed |= (attributes[:, i] < 0) & use
    out = np.where(unnamed, -1, out)
    ground = attributes[:, 3]
    return torch.from_numpy(np.where(ground >= 0, ground, out).astype(np.int64))


def undecided(level: Level, attributes: NDArray[np.int8]) -> Tensor:
    """Captions that training says nothing about, (n, rows) bool: no negatives.

    A caption that gives a shape and no colour (or a colour and no shape) would, as a negative, teach
    that the region's colour never has that shape, where no training caption joins the two. That they
    were never seen together proves nothing, so such a caption neither attracts nor repels.
    """
    never = np.zeros((len(COLORS) + 1, len(SHAPES) + 1), bool)  # the last row and column: unknown
    for name, partner in HELD_OUT:
        never[COLORS.index(name), SHAPES.index(partner)] = True
    color, shape = (attributes[:, i].astype(np.int64)[:, None] for i in (0, 1))
    by_shape = (level.colors < 0) & never[color, level.shapes[None]]
    by_color = (level.shapes < 0) & never[level.colors[None], shape]
    return torch.from_numpy(by_shape | by_color)
