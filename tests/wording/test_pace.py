"""The pace of a run in words."""

from __future__ import annotations

import pytest

from napari_corrclip.wording.pace import Pace, duration


def said_of(total: int, images: str, *, warming: int = 1) -> list[str]:
    """What is told of images: the seconds of each, with x behind those that the networks did not have."""
    now = 0.0
    pace, told = Pace(total, warming=warming, clock=lambda: now), []
    for image in images.split():
        now += float(image.rstrip("x"))
        told.append(pace.told(worked=not image.endswith("x")))
    return told


@pytest.mark.parametrize(
    ("total", "images", "said"),
    [
        (300, "40", "1 of 300"),
        (300, "40 2", "2 of 300 · 2.0 s each · 10 min left"),
        (300, "40 0.5 0.5", "3 of 300 · 2.0 a second · 2 min left"),
        (3, "40 2 4", "3 of 3 · 3.0 s each"),
        (2, "40 1 1", "3 of 3 · 1.0 s each"),
        (50_000, "30 1", "2 of 50,000 · 1.0 s each · 13 h 53 min left"),
    ],
)
def test_how_far_how_fast_how_long(total: int, images: str, said: str) -> None:
    assert said_of(total, images)[-1] == said


def test_what_the_networks_need_to_load_is_no_pace_of_images() -> None:
    # The first two cannot be read; the next one waits for the networks.
    assert said_of(6, "0x 0x 40 2 0x 4") == [
        "1 of 6",
        "2 of 6",
        "3 of 6",
        "4 of 6 · 2.0 s each · 4 s left",
        "5 of 6 · 1.0 s each · 1 s left",
        "6 of 6 · 2.0 s each",
    ]
    # Of three processes each loads its own, at the same time.
    told = said_of(9, "40 0.1 0.1 2 0 0", warming=3)
    assert told[:3] == ["1 of 9", "2 of 9", "3 of 9"]
    assert told[-1] == "6 of 9 · 1.5 a second · 2 s left"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.2, "0 s"), (119, "119 s"), (120, "2 min"), (7140, "119 min"), (7200, "2 h 0 min")],
)
def test_times_are_whole_and_short(seconds: float, said: str) -> None:
    assert duration(seconds) == said
