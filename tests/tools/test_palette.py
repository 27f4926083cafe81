"""The search for the palette: it measures as the package does, and the same seed finds the same."""

from __future__ import annotations

import numpy as np
import pytest

from napari_corrclip.vocabulary.palette import default_color
from tools import palette

TABLE = np.array([default_color(value) for value in range(1, 17)])


def test_the_palette_is_what_the_search_measures() -> None:
    assert palette.quality(TABLE) == pytest.approx(9.66 / 10, abs=1e-3)  # by normal sight
    assert (palette.ordered(TABLE) == TABLE).all()
    assert "first 16:  8.32 apart, by normal sight  9.66, L* 1.15 apart" in palette.report(TABLE)
    gray = TABLE.copy()
    gray[3] = 120
    assert palette.quality(gray) == 0


def test_the_same_seed_finds_the_same_and_small_changes_make_it_no_worse() -> None:
    candidates = palette.Candidates.on_grid(51)
    first, again = (palette.search(candidates, 2, np.random.default_rng(5)) for _ in range(2))
    assert (first == again).all()
    assert palette.quality(first) > 0.4
    better = palette.refined(first, 60, np.random.default_rng(5))
    assert (better != first).any()
    assert palette.quality(better) >= palette.quality(first)
    assert palette.ordered(better).shape == (16, 3)
