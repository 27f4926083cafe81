"""Votes: what the pixels of each region say, and the class and probability that follow (eq. 12).

The one place for arrays; :mod:`napari_corrclip.method.correction` is the equation for tensors of any device.
Regions are numbered 1 to R as of :func:`~napari_corrclip.maps.regions.number_regions`, 0 = in none. A class
is its index in a vocabulary of K, -1 = no class, which votes like a class.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Label = TypeVar("Label", bound=np.generic)
Real = TypeVar("Real", bound=np.floating)


def crosstab(
    rows: NDArray[np.integer],
    columns: NDArray[np.integer],
    shape: tuple[int, int],
    weights: NDArray[np.int64] | None = None,
) -> NDArray[np.int64]:
    """Count how often each row meets each column.

    Args:
        rows: (n,) from 0 to ``shape[0]`` - 1.
        columns: (n,) from 0 to ``shape[1]`` - 1.
        shape: of the table.
        weights: (n,) how often each pair counts; ``None``: once. Sums below 2**53 are exact.

    Returns:
        (rows, columns) int64.
    """
    cells = rows.astype(np.int64)
    cells *= shape[1]
    cells += columns
    counts = np.bincount(cells, weights, shape[0] * shape[1])
    return counts.astype(np.int64, copy=False).reshape(shape)


def count_votes(
    classes: NDArray[np.integer], numbers: NDArray[np.int32], regions: int, count: int
) -> NDArray[np.int64]:
    """Count the classes of every region's pixels.

    Args:
        classes: (H, W) class indices.
        numbers: (H, W) region numbers.
        regions: how many regions R.
        count: how many classes K.

    Returns:
        (R, 1 + K) votes: pixels by class; column 0 counts those without a class.
    """
    columns = classes.ravel().astype(np.int64) + 1
    return crosstab(numbers.ravel(), columns, (regions + 1, count + 1))[1:]


def winners(votes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return (R,) the most frequent class of each region, the first of equals (eq. 12).

    Args:
        votes: (R, 1 + K) as of :func:`count_votes`.
    """
    # argmax returns the first of equals
    return votes.argmax(axis=1) - 1


def apply_votes(
    labels: NDArray[Label], numbers: NDArray[np.integer], chosen: NDArray[np.integer]
) -> NDArray[Label]:
    """Give every region one label; pixels in none keep theirs.

    Args:
        labels: (H, W) class indices or label values, before map correction.
        numbers: (H, W) region numbers.
        chosen: (R,) the label of each region.

    Returns:
        (H, W) of the labels' type.
    """
    corrected: NDArray[Label] = np.append(0, chosen).astype(labels.dtype)[numbers]
    np.copyto(corrected, labels, where=numbers == 0)
    return corrected


def mean_probabilities(
    probabilities: NDArray[np.floating], numbers: NDArray[np.int32], regions: int
) -> NDArray[np.float32]:
    """Return (R, K) float32, the mean of (K, H, W) ``probabilities`` over each region's pixels."""
    flat = numbers.ravel()
    pixels = np.bincount(flat, minlength=regions + 1)[1:]
    found = np.empty((regions, len(probabilities)), np.float32)
    for index, plane in enumerate(probabilities):
        found[:, index] = np.bincount(flat, plane.ravel(), minlength=regions + 1)[1:] / pixels
    return found


def means(sums: NDArray[np.float64], votes: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return (R, K) float32, the mean probabilities of regions; 0 for one without pixels.

    Args:
        sums: (R, K) each class's probability added up over the region's pixels.
        votes: (R, 1 + K) of all these pixels.
    """
    pixels = votes.sum(axis=1, keepdims=True)
    return np.asarray(sums / np.maximum(pixels, 1), np.float32)


def confidences(
    probabilities: NDArray[np.float32], chosen: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Return (R,) float32, the mean probability of each region's class; 0 where it has none.

    Args:
        probabilities: (R, K) mean probabilities.
        chosen: (R,) the class of each region.
    """
    own = probabilities[np.arange(len(chosen)), chosen]
    return np.where(chosen >= 0, own, np.float32(0))


def shown_confidence(
    confidence: NDArray[Real],
    before: NDArray[np.integer],
    after: NDArray[np.integer],
    numbers: NDArray[np.integer],
    sure: NDArray[np.float32],
) -> NDArray[Real]:
    """Return the probability of what each pixel shows: of an overruled one, that of its region's class.

    Args:
        confidence: (H, W) of each pixel's own class.
        before: (H, W) labels before map correction.
        after: (H, W) labels after it.
        numbers: (H, W) region numbers.
        sure: (R,) :func:`confidences` of the classes that the regions took.

    Returns:
        (H, W) of the confidence's type; the same array where no pixel was overruled.
    """
    overruled = np.flatnonzero(after != before)
    if not len(overruled):
        return confidence
    shown = confidence.flatten()
    # A pixel in no region is never overruled.
    shown[overruled] = sure[numbers.ravel()[overruled] - 1]
    return shown.reshape(confidence.shape)


def runners_up(
    probabilities: NDArray[np.float32], chosen: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return (R,) the likeliest other class of each region, the first of equals, and its probability.

    Args:
        probabilities: (R, K) mean probabilities.
        chosen: (R,) the class of each region.

    Returns:
        -1 and 0 where there is no other class.
    """
    every, has = np.arange(len(chosen)), np.flatnonzero(chosen >= 0)
    others = probabilities.copy()
    others[has, chosen[has]] = -1
    second = others.argmax(axis=1)
    second[others[every, second] < 0] = -1
    return second, confidences(probabilities, second)
