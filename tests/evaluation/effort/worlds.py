"""Small cases whose truth, regions and pre-labels are written down by hand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from napari_corrclip.evaluation.effort.cases.case import Case
from napari_corrclip.results.segmentation import segmentation_from_probabilities
from napari_corrclip.vocabulary import Vocabulary

NAMES = ("road", "tree", "sky")


def make_case(
    regions: np.ndarray,
    truth: np.ndarray,
    predicted: Sequence[int],
    sure: Sequence[float] | float = 0.8,
    names: Sequence[str] = NAMES,
) -> Case:
    """A case whose region i (from 1) is predicted to be class number ``predicted[i - 1]``.

    ``sure``: the probability of that class, for all or each; the rest is shared evenly.
    """
    count = len(names)
    sure = np.broadcast_to(np.asarray(sure, float), (len(predicted),))
    table = np.zeros((1 + len(predicted), count))
    table[0] = 1 / count
    for region, (number, p) in enumerate(zip(predicted, sure, strict=True), start=1):
        table[region] = (1 - p) / (count - 1)
        table[region, number - 1] = p
    result = segmentation_from_probabilities(
        np.moveaxis(table[regions], 2, 0), regions, Vocabulary.from_names(names)
    )
    rng = np.random.default_rng(0)
    image = (40 * truth[..., None] + rng.integers(0, 20, (*truth.shape, 3))).astype(np.uint8)
    return Case("by hand", image, truth.astype(np.uint16), result)


def stripes(widths: Sequence[int], height: int = 10) -> np.ndarray:
    """(height, sum of widths): columns of regions 1, 2, 3, …"""
    return np.repeat(np.arange(1, len(widths) + 1), widths)[None].repeat(height, axis=0)


def of_regions(regions: np.ndarray, numbers: Sequence[int]) -> np.ndarray:
    """The map in which region i (from 1) has the class number ``numbers[i - 1]``."""
    return np.array([0, *numbers])[regions]


def random_case(seed: int, side: int = 24, count: int = 12) -> Case:
    """Regions, truth (not along the regions, with some pixels that are not counted) and labels."""
    rng = np.random.default_rng(seed)
    centers = rng.integers(0, side, (count, 2))
    rows, columns = np.indices((side, side))
    near = (rows[..., None] - centers[:, 0]) ** 2 + (columns[..., None] - centers[:, 1]) ** 2
    regions = near.argmin(axis=2) + 1
    regions = np.unique(regions, return_inverse=True)[1].reshape(side, side) + 1
    seeds = rng.integers(0, side, (6, 2))
    far = (rows[..., None] - seeds[:, 0]) ** 2 + (columns[..., None] - seeds[:, 1]) ** 2
    truth = (rng.integers(0, 4, 6))[far.argmin(axis=2)]
    found = int(regions.max())
    return make_case(regions, truth, rng.integers(1, 4, found), rng.uniform(0.4, 0.95, found))
