"""Class probabilities of photographs without a foundation model: a random forest on pixel features."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from sklearn.ensemble import RandomForestClassifier

SIGMAS = (2.0, 4.0, 8.0)
"""Widths in pixels at which colour is smoothed and texture is measured."""

STEP = 2
"""The forest looks at every second pixel of every second row; its probabilities are enlarged."""

TREES = 40


def pixel_features(image: NDArray[np.uint8], step: int = STEP) -> NDArray[np.float32]:
    """Return simple features of every ``step``-th pixel: what a first course would try.

    Colour in Lab; at each of :data:`SIGMAS` the smoothed colour, the gradient's length and the
    deviation of lightness; and the place in the image, from 0 to 1.

    Args:
        image: (H, W, 3) uint8.
        step: distance in pixels of the rows and columns that are kept.

    Returns:
        (rows, columns, F) float32, rows and columns being ``ceil(H / step)``, ``ceil(W / step)``.
    """
    from scipy.ndimage import gaussian_filter, gaussian_gradient_magnitude
    from skimage.color import rgb2lab

    lab = rgb2lab(image).astype(np.float32)
    light = lab[..., 0]
    planes = [lab[..., channel] for channel in range(3)]
    for sigma in SIGMAS:
        smooth = [gaussian_filter(lab[..., channel], sigma) for channel in range(3)]
        square = gaussian_filter(light * light, sigma)
        planes += smooth
        planes.append(gaussian_gradient_magnitude(light, sigma))
        planes.append(np.sqrt(np.maximum(square - smooth[0] * smooth[0], 0)))
    rows, columns = np.indices(light.shape, dtype=np.float32)
    planes += [rows / max(1, light.shape[0] - 1), columns / max(1, light.shape[1] - 1)]
    return np.stack([plane[::step, ::step] for plane in planes], axis=-1).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Sample:
    """Pixels to train with: (N, F) features and (N,) class indices, in a random order.

    A forest of a smaller training size takes the first of them, so that sizes nest.
    """

    features: NDArray[np.float32]
    classes: NDArray[np.int64]


def draw_sample(
    features: Sequence[NDArray[np.float32]],
    truths: Sequence[NDArray[np.integer]],
    count: int,
    *,
    seed: int = 0,
    step: int = STEP,
) -> Sample:
    """Draw ``count`` pixels with truth, evenly over the images.

    Args:
        features: of each image, by :func:`pixel_features`.
        truths: of each image, (H, W) class numbers from 1, 0 = no truth.
        count: how many at most.
        seed: draws them.
        step: as the features were made.
    """
    rng = np.random.default_rng(seed)
    each = -(-count // max(1, len(features)))
    kept, classes = [], []
    for found, truth in zip(features, truths, strict=True):
        small = truth[::step, ::step].ravel()
        there = np.flatnonzero(small)
        chosen = rng.choice(there, min(each, len(there)), replace=False)
        kept.append(found.reshape(-1, found.shape[-1])[chosen])
        classes.append(small[chosen].astype(np.int64) - 1)
    stacked, numbers = np.concatenate(kept), np.concatenate(classes)
    order = rng.permutation(len(numbers))[:count]
    return Sample(stacked[order], numbers[order])


def train(
    sample: Sample, size: int, *, seed: int = 0, trees: int = TREES
) -> RandomForestClassifier:
    """Train a forest on the first ``size`` pixels of ``sample``, on one core."""
    from sklearn.ensemble import RandomForestClassifier

    forest = RandomForestClassifier(trees, min_samples_leaf=2, random_state=seed, n_jobs=1)
    return forest.fit(sample.features[:size], sample.classes[:size])


def probabilities(
    forest: RandomForestClassifier,
    features: NDArray[np.float32],
    classes: int,
    shape: tuple[int, int],
    step: int = STEP,
) -> NDArray[np.float32]:
    """Return (K, H, W) float32: the share of the forest's leaves for each class.

    Args:
        forest: of :func:`train`.
        features: (rows, columns, F) of the image.
        classes: K; a class that the forest never saw has probability 0.
        shape: H and W.
        step: as the features were made; each of their pixels stands for a square of that side.
    """
    rows, columns = features.shape[:2]
    found = forest.predict_proba(features.reshape(-1, features.shape[-1]))
    planes = np.zeros((classes, rows, columns), np.float32)
    planes[np.asarray(forest.classes_, np.int64)] = found.T.reshape(-1, rows, columns)
    if step > 1:
        planes = planes.repeat(step, axis=1).repeat(step, axis=2)
    return np.clip(planes[:, : shape[0], : shape[1]], 0, 1)
