"""A small set: its recipe and its classes, and scenes as its images."""

from __future__ import annotations

from pathlib import Path

import imageio.v3 as iio

import napari_corrclip as nc
from napari_corrclip.demo.scenes import generate_scene

RECIPE = nc.Recipe(regions="superpixels", region_options={"n_segments": 20})
WORDS = "red, blue, background: wood"


def write_scenes(folder: Path, number: int, rows: int, columns: int) -> None:
    """Write scenes ``0.png`` and so on into a folder, each a row higher than the one before."""
    for at in range(number):
        iio.imwrite(folder / f"{at}.png", generate_scene(at).image[: rows + at, :columns])
