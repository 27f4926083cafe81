"""The region table: one row a region, computed in single passes over the pixels.

Time and memory are those of the pixels plus regions x classes; there is no term regions x pixels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.maps.regions import bounding_boxes
from napari_corrclip.maps.votes import confidences, runners_up, winners

if TYPE_CHECKING:
    import pandas as pd

    from napari_corrclip.vocabulary import Vocabulary

COLUMNS = (
    "id", "class", "value", "area", "min_row", "min_col", "max_row", "max_col",
    "p", "margin", "entropy", "share", "runner_up", "runner_up_p",
)  # fmt: skip
"""The table's columns; :func:`region_table` tells what they hold."""


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
        boxes: (R, 4) as of :func:`~napari_corrclip.maps.regions.bounding_boxes`.
        votes: (R, 1 + K) as there.
        probabilities: (R, K) as there.
        vocabulary: the K classes.
        elected: (R,) label values, where a region's class is another than most of its pixels' one.
    """
    import pandas as pd

    areas = votes.sum(axis=1)
    values = np.array([0, *vocabulary.values], np.int64)
    if elected is None:
        chosen = winners(votes)
    else:
        order = np.argsort(values)
        chosen = order[np.searchsorted(values, elected, sorter=order)] - 1
    names = np.array(["", *vocabulary.names], dtype=object)
    # a first column for "no class", whose probability is 0
    two = np.sort(np.pad(probabilities, ((0, 0), (1, 0))), axis=1)[:, -2:]
    second, less = runners_up(probabilities, chosen)
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
            "p": confidences(probabilities, chosen),
            "margin": two[:, 1] - two[:, 0],
            "entropy": entropies(probabilities),
            "share": votes[np.arange(len(ids)), chosen + 1] / np.maximum(areas, 1),
            "runner_up": names[second + 1].astype(str),
            "runner_up_p": less,
        }
    )
