"""The pace of a run in words."""

from __future__ import annotations

import pytest

from napari_corrclip.wording.pace import duration, pace


@pytest.mark.parametrize(
    ("done", "total", "seconds", "said"),
    [
        (0, 300, 0.0, "0 of 300"),
        (0, 300, 5.0, "0 of 300"),
        (12, 300, 24.0, "12 of 300 · 2.0 s each · 10 min left"),
        (12, 300, 6.0, "12 of 300 · 2.0 a second · 2 min left"),
        (300, 300, 600.0, "300 of 300 · 2.0 s each"),
        (5, 3, 5.0, "5 of 5 · 1.0 s each"),
        (1, 50_000, 1.0, "1 of 50,000 · 1.0 s each · 13 h 53 min left"),
    ],
)
def test_how_far_how_fast_how_long(done: int, total: int, seconds: float, said: str) -> None:
    assert pace(done, total, seconds) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.2, "0 s"), (119, "119 s"), (120, "2 min"), (7140, "119 min"), (7200, "2 h 0 min")],
)
def test_times_are_whole_and_short(seconds: float, said: str) -> None:
    assert duration(seconds) == said
