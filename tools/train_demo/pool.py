"""A pool of drawn scenes on disk, so that three trainings draw each scene once."""

from __future__ import annotations

import json
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.demo.scenes import SIZE, generate_scene
from napari_corrclip.demo.world import COLORS, GROUNDS, SHAPES, TEXTURES

#: Regions a scene can have: eight objects and two grounds.
MAX_REGIONS = 10


@dataclass(frozen=True, eq=False)
class Pool:
    """Scenes as arrays.

    Attributes:
        images: (n, 256, 256, 3) uint8.
        regions: (n, 256, 256) uint8; k + 1 = row k of ``attributes``.
        attributes: (n, MAX_REGIONS, 4) int8: colour, shape, texture, ground; -1 = none.
    """

    images: NDArray[np.uint8]
    regions: NDArray[np.uint8]
    attributes: NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.images)


def _draw(
    job: tuple[int, str, float],
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.int8]]:
    seed, combinations, unnamed = job
    scene = generate_scene(seed, combinations=combinations, unnamed=unnamed)
    attributes = np.full((MAX_REGIONS, 4), -1, np.int8)
    regions = np.zeros((SIZE, SIZE), np.uint8)
    for row, item in enumerate(scene.objects):
        color = COLORS.index(item.color) if item.color else -1
        attributes[row, :3] = color, SHAPES.index(item.shape), TEXTURES.index(item.texture)
        regions[scene.instances == item.instance] = row + 1
    free = scene.instances == 0
    for row, ground in enumerate(np.unique(scene.grounds[free]).tolist(), len(scene.objects)):
        attributes[row, 3] = ground
        regions[free & (scene.grounds == ground)] = row + 1
    assert len(GROUNDS) > attributes[:, 3].max()
    return scene.image, regions, attributes


def make_pool(
    folder: Path, first_seed: int, count: int, combinations: str, unnamed: float, workers: int = 2
) -> Pool:
    """Draw scenes ``first_seed`` on into ``folder`` (or open what is there already)."""
    wanted = {
        "first": first_seed,
        "count": count,
        "combinations": combinations,
        "unnamed": unnamed,
    }
    stamp = folder / "pool.json"
    if not (stamp.exists() and json.loads(stamp.read_text()) == wanted):
        folder.mkdir(parents=True, exist_ok=True)
        images = np.lib.format.open_memmap(
            folder / "images.npy", "w+", np.uint8, (count, SIZE, SIZE, 3)
        )
        regions = np.lib.format.open_memmap(
            folder / "regions.npy", "w+", np.uint8, (count, SIZE, SIZE)
        )
        attributes = np.full((count, MAX_REGIONS, 4), -1, np.int8)
        jobs = [(first_seed + i, combinations, unnamed) for i in range(count)]
        with ProcessPoolExecutor(workers) as executor:
            for i, drawn in enumerate(executor.map(_draw, jobs, chunksize=32)):
                images[i], regions[i], attributes[i] = drawn
        images.flush()
        regions.flush()
        np.save(folder / "attributes.npy", attributes)
        stamp.write_text(json.dumps(wanted))
    return Pool(
        np.load(folder / "images.npy", mmap_mode="r"),
        np.load(folder / "regions.npy", mmap_mode="r"),
        np.load(folder / "attributes.npy"),
    )
