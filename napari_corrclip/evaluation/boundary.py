"""Boundary IoU (Cheng et al., CVPR 2021) of label maps, in whole numbers summed over a set of images."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

WIDTH: Final = 0.02
"""How far from a contour pixels are compared, as a share of the image's diagonal."""
_OUTSIDE: Final = np.iinfo(np.uint16).max


def width_of(shape: tuple[int, ...]) -> int:
    """Return the width in pixels of the boundaries of an image of so many rows and columns; at least 1."""
    return max(1, round(WIDTH * math.hypot(shape[0], shape[1])))


def near_boundary(labels: NDArray[np.integer], width: int) -> NDArray[np.bool_]:
    """Tell which pixels are within ``width`` of the contour of their own class's mask.

    It is the mask without its erosion by so many 3 × 3 squares, of all classes at once: a pixel is near where
    the square of 2 × ``width`` + 1 around it holds another class or reaches out of the image.

    Args:
        labels: (H, W) class numbers below 65,535.
        width: in pixels, at least 1.
    """
    small = labels.astype(np.uint16, copy=False)
    size = 2 * width + 1
    highest = ndimage.maximum_filter(small, size, mode="constant", cval=_OUTSIDE)
    lowest = ndimage.minimum_filter(small, size, mode="nearest")
    found: NDArray[np.bool_] = highest != lowest
    return found


class BoundaryCounts:
    """Pixel counts of the classes' boundaries in truth, in prediction, and in both, summed over images.

    Args:
        classes: number of classes K; labels are 1..K in both maps, truth 0 is not counted.
    """

    def __init__(self, classes: int) -> None:
        self.classes = classes
        self.truth: NDArray[np.int64] = np.zeros(classes + 1, np.int64)
        self.prediction: NDArray[np.int64] = np.zeros(classes + 1, np.int64)
        self.both: NDArray[np.int64] = np.zeros(classes + 1, np.int64)

    def add(self, truth: NDArray[np.integer], prediction: NDArray[np.integer]) -> None:
        """Count one image; both maps (H, W).

        Where the truth is not counted, the prediction counts for nothing either: what both have there is a
        hole in every class's mask, with the same contour in both.
        """
        counted = np.where(truth > 0, prediction, 0)
        width = width_of(truth.shape)
        near, nearby = near_boundary(truth, width), near_boundary(counted, width)
        length = self.classes + 1
        self.truth += np.bincount(truth[near], minlength=length)
        self.prediction += np.bincount(counted[nearby], minlength=length)
        both = near & nearby & (truth == counted)
        self.both += np.bincount(truth[both], minlength=length)

    @property
    def iou(self) -> NDArray[np.float64]:
        """(K,) boundary IoU of each class; NaN for a class in neither map."""
        union = (self.truth + self.prediction - self.both)[1:]
        found: NDArray[np.float64] = np.full(self.classes, np.nan)
        np.divide(self.both[1:], union, out=found, where=union > 0)
        return found

    @property
    def mean_iou(self) -> float:
        """Mean boundary IoU over the classes that occur; NaN if none does."""
        iou = self.iou
        iou = iou[~np.isnan(iou)]
        return float(iou.mean()) if iou.size else float("nan")
