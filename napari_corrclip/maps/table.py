"""The region table: one row a region, computed in single passes over the pixels.

Time and memory are those of the pixels plus regions x classes; there is no term regions x pixels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

    from napari_corrclip.vocabulary import Vocabulary

COLUMNS = (
    "id", "class", "value", "area", "min_row", "min_col", "max_row", "max_col",
    "p", "margin", "entropy", "share", "runner_up", "runner_up_p",
)  # fmt: skip
"""The table's columns; :func:`region_table` tells what they hold."""


def count_votes(
    classes: NDArray[np.integer], numbers: NDArray[np.int32], regions: int, count: int
) -> NDArray[np.int64]:
    """Count the classes of every region's pixels.

    Args:
        classes: (H, W) class indices, -1 = no class.
        numbers: (H, W) region numbers of :func:`~napari_corrclip.maps.regions.number_regions`.
        regions: how many regions R.
        count: how many classes K.

    Returns:
        (R, 1 + K); column 0 counts the pixels without a class.
    """
    width = count + 1
    ballots = numbers.ravel().astype(np.int64) * width + (classes.ravel().astype(np.int64) + 1)
    counts = np.bincount(ballots, minlength=(regions + 1) * width)
    return counts.reshape(-1, width)[1:]


def bounding_boxes(numbers: NDArray[np.int32], regions: int) -> NDArray[np.int32]:
    """Return (R, 4) int32: min_row, min_col, max_row, max_col of each region, maxima excluded."""
    from scipy.ndimage import find_objects

    boxes = [
        (found[0].start, found[1].start, found[0].stop, found[1].stop)
        for found in find_objects(numbers, max_label=regions)
        if found is not None  # every number occurs
    ]
    return np.array(boxes, np.int32).reshape(regions, 4)


def mean_probabilities(
    probabilities: NDArray[np.floating], numbers: NDArray[np.int32], regions: int
) -> NDArray[np.float32]:
    """Return (R, K) float32, the mean of (K, H, W) ``probabilities`` over each region's pixels."""
    flat = numbers.ravel()
    pixels = np.bincount(flat, minlength=regions + 1)[1:]
    means = np.empty((regions, len(probabilities)), np.float32)
    for index, plane in enumerate(probabilities):
        means[:, index] = np.bincount(flat, plane.ravel(), minlength=regions + 1)[1:] / pixels
    return means


def entropies(probabilities: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return the entropy in nats of each row, scaled to a sum of 1 first.

    A class with several prompts takes the largest of their probabilities (not the sum), so the
    classes' probabilities may add up to less than 1.
    """
    p = probabilities.astype(np.float64)
    total = p.sum(axis=1, keepdims=True)
    p = np.divide(p, total, out=np.zeros_like(p), where=total > 0)
    logs = np.log(p, out=np.zeros_like(p), where=p > 0)
    entropy: NDArray[np.float32] = np.maximum(-(p * logs).sum(axis=1), 0).astype(np.float32)
    return entropy


def region_table(
    ids: NDArray[np.int64],
    numbers: NDArray[np.int32],
    votes: NDArray[np.int64],
    probabilities: NDArray[np.float32],
    vocabulary: Vocabulary,
) -> pd.DataFrame:
    """Return a row a region, by ascending id.

    Args:
        ids: (R,) the regions' ids, ascending.
        numbers: (H, W) each pixel's region number, 1 to R; 0 = unsegmented.
        votes: (R, 1 + K) pixels by class before map correction; column 0 = no class.
        probabilities: (R, K) mean probability of each class in each region.
        vocabulary: the K classes.

    Returns:
        the columns

        * ``id``: the region's id;
        * ``class``, ``value``: the class that most of its pixels voted for (of equals the first),
          by name and label value; "" and 0 where most have no class;
        * ``area``: pixels;
        * ``min_row``, ``min_col``, ``max_row``, ``max_col``: bounding box, maxima excluded;
        * ``p``: mean probability of that class in the region; 0 without a class;
        * ``margin``: highest minus second highest mean probability of all classes;
        * ``entropy``: of the mean probabilities (:func:`entropies`), in nats;
        * ``share``: of its pixels that voted for the class;
        * ``runner_up``, ``runner_up_p``: the likeliest other class and its mean probability; "" and
          0 where there is none.
    """
    boxes = bounding_boxes(numbers, len(ids))
    return frame(ids, boxes, votes, probabilities, vocabulary)


def frame(
    ids: NDArray[np.int64],
    boxes: NDArray[np.int32],
    votes: NDArray[np.int64],
    probabilities: NDArray[np.float32],
    vocabulary: Vocabulary,
    *,
    elected: NDArray[np.int64] | None = None,
) -> pd.DataFrame:
    """Return the table of :func:`region_table` from what was counted already.

    Args:
        ids: (R,) the regions' ids.
        boxes: (R, 4) as of :func:`bounding_boxes`.
        votes: (R, 1 + K) as there.
        probabilities: (R, K) as there.
        vocabulary: the K classes.
        elected: (R,) label values, where a region's class is another than most of its pixels' one.
    """
    import pandas as pd

    count = len(ids)
    areas = votes.sum(axis=1)
    values = np.array([0, *vocabulary.values], np.int64)
    if elected is None:
        column = votes.argmax(axis=1)  # argmax returns the first of equals
    else:
        order = np.argsort(values)
        column = order[np.searchsorted(values, elected, sorter=order)]
    chosen = column - 1
    names = np.array(["", *vocabulary.names], dtype=object)
    every = np.arange(count)
    # a first column for "no class", whose probability is 0
    padded = np.concatenate([np.zeros((count, 1), np.float32), probabilities], axis=1)
    two = np.sort(padded, axis=1)[:, -2:]
    others = padded.copy()
    others[every, chosen + 1] = -1
    others[:, 0] = -0.5  # "no class" is second only to a single class
    runner_up = others.argmax(axis=1)
    return pd.DataFrame(
        {
            "id": ids,
            "class": names[chosen + 1].astype(str),
            "value": values[chosen + 1],
            "area": areas,
            "min_row": boxes[:, 0],
            "min_col": boxes[:, 1],
            "max_row": boxes[:, 2],
            "max_col": boxes[:, 3],
            "p": padded[every, chosen + 1],
            "margin": two[:, 1] - two[:, 0],
            "entropy": entropies(probabilities),
            "share": votes[every, column] / np.maximum(areas, 1),
            "runner_up": names[runner_up].astype(str),
            "runner_up_p": padded[every, runner_up],
        }
    )
