"""Small random images to correct, with everything in them that is awkward."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.annotation import Session
from napari_corrclip.annotation.evidence import Taught
from napari_corrclip.results.segmentation import Segmentation, segmentation_from_probabilities
from napari_corrclip.vocabulary import Vocabulary

NAMES = ("cat", "dog", "sky", "road", "tree", "car", "sea", "bird", "lamp", "wall")
IDS = (1, 2, 3, 5, 6, 7, 9, 11, 14, 20, 41, 300, 5000, 70000, 123456, 2**31 - 20)


def random_regions(random: np.random.Generator, shape: tuple[int, int]) -> NDArray[np.int32]:
    """Patches around random points: some in pieces, some of one pixel, and pixels in none."""
    count = int(random.integers(1, len(IDS)))
    ids = np.sort(random.choice(IDS, count, replace=False))
    points = random.random((count + 2, 2)) * shape
    owner = np.array([*ids, random.choice(ids), 0])  # one in two pieces, one hole
    grid = np.stack(np.indices(shape), axis=-1).reshape(-1, 1, 2)
    nearest = ((grid - points) ** 2).sum(axis=2).argmin(axis=1)
    regions = owner[nearest].reshape(shape)
    for one in ids[: int(random.integers(0, 4))]:
        regions[tuple(random.integers(0, shape))] = one
    if random.random() < 0.3:
        regions[random.random(shape) < 0.1] = 0
    return regions.astype(np.int32)


def random_vocabulary(random: np.random.Generator) -> Vocabulary:
    names = random.choice(NAMES, int(random.integers(1, 7)), replace=False).tolist()
    vocabulary = Vocabulary.from_names(names)
    if random.random() < 0.5:
        vocabulary = vocabulary.with_threshold(float(random.choice([0.2, 0.35, 0.5])))
    if random.random() < 0.3:
        vocabulary = vocabulary.with_background(int(random.integers(len(names))))
    return vocabulary


def random_result(
    random: np.random.Generator,
    vocabulary: Vocabulary,
    shape: tuple[int, int],
    regions: NDArray[np.integer] | None = None,
) -> Segmentation:
    """A prediction that follows the regions in part, with ties and pixels without a class."""
    if regions is None:
        regions = random_regions(random, shape)
    classes = len(vocabulary)
    raw = random.random((classes, *shape))
    favourite = random.integers(0, classes, 16)[regions % 16]
    raw += 2 * random.random() * (np.arange(classes)[:, None, None] == favourite)
    raw = np.round(raw, 1) + 0.05
    return segmentation_from_probabilities(
        (raw / raw.sum(axis=0)).astype(np.float32),
        regions,
        vocabulary,
        correction=bool(random.random() < 0.7),
    )


def random_image(random: np.random.Generator, shape: tuple[int, int]) -> NDArray[np.uint8]:
    return random.integers(0, 256, (*shape, 3)).astype(np.uint8)


def random_lesson(random: np.random.Generator, session: Session) -> Taught:
    """What a lesson might say of the regions of a session's run."""
    values, regions = session.vocabulary.values, len(session.state.evidence.probabilities)
    said = random.choice([-1, *values], regions).astype(np.int32)
    return Taught(said, random.dirichlet(np.ones(len(values)), regions).astype(np.float32))
