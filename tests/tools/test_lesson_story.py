"""The story of a lesson, told of two small scenes: what is corrected in the first is right in the second."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest

from napari_corrclip.demo.scenes import generate_scene
from napari_corrclip.demo.world import COLORS, GROUNDS

SEEDS = (7, 15)
"""Scenes with much wood in them."""


@pytest.mark.canvas
def test_what_is_corrected_in_one_image_is_right_in_the_next(tmp_path: Path) -> None:
    """In a process of its own, for it opens a window as a person does."""
    words = (*COLORS, *GROUNDS)
    for folder in ("images", "labels"):
        (tmp_path / folder).mkdir()
    for number, seed in enumerate(SEEDS):
        scene = generate_scene(seed)
        truth = (scene.truth(words) - 1).astype(np.uint8)  # 255 where no word fits
        iio.imwrite(tmp_path / f"images/{number}.png", scene.image[:160, :160])
        iio.imwrite(tmp_path / f"labels/{number}.png", truth[:160, :160])
    ran = subprocess.run(
        [
            sys.executable, "-m", "tools.lesson_story", str(tmp_path), str(tmp_path / "pictures"),
            "--images", "2", "--corrected", "1", "--segments", "30",
            "--words", ", ".join(words).replace("wood", "timber"),  # which the networks do not know
        ],
        env={**os.environ, "NAPARI_CONFIG": str(tmp_path / "settings.yaml")},
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    _, _, first, second = (
        [cell.strip() for cell in line.split("|")[1:-1]] for line in ran.stdout.splitlines()
    )
    assert first[0] == "0.png"
    assert second[0] == "1.png"
    networks, opened, end = (float(share.rstrip("%")) for share in first[1:4])
    assert opened == networks  # nothing was learnt before
    assert end > 80 > networks
    looks, assigned, keys = (int(number) for number in first[4:])
    assert 0 < assigned < looks < keys  # D is one, and so is each look but those by /
    assert float(second[2].rstrip("%")) > float(second[1].rstrip("%")) + 10
    assert second[3:] == ["", "0", "0", "0"]
    assert {path.name for path in (tmp_path / "pictures").iterdir()} == {
        "1-opened.png",
        "2-opened.png",
    }
