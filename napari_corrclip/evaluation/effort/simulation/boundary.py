"""Boundary IoU (Cheng et al., CVPR 2021): how well outlines lie, which areas hide."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter, minimum_filter

from napari_corrclip.maps.votes import crosstab

SHARE = 0.02
"""Width of the band along an outline, as a share of the image's diagonal; the paper's."""


def band(labels: NDArray[np.integer], width: int) -> NDArray[np.bool_]:
    """Return where another label lies within ``width`` pixels (in rows and columns).

    The paper measures by pixels of erosion; so does this, for all classes at once.
    """
    size = 2 * width + 1
    highest = maximum_filter(labels, size, mode="nearest")
    return np.asarray(highest != minimum_filter(labels, size, mode="nearest"))


def boundary_iou(
    truth: NDArray[np.integer], shown: NDArray[np.integer], classes: int, share: float = SHARE
) -> float:
    """Return the mean over classes of the IoU of the bands inside their outlines.

    Args:
        truth: (H, W) class numbers from 1, 0 = not counted.
        shown: (H, W) class numbers, 0 = none.
        classes: K.
        share: width of the band as a share of the diagonal.

    Returns:
        the mean over the classes that have a band in either map; NaN if none has.
    """
    width = max(1, round(share * float(np.hypot(*truth.shape))))
    counted = truth > 0
    true_band = np.where(band(truth, width), truth, 0)[counted]
    shown_band = np.where(band(shown, width), shown, 0)[counted]
    pairs = crosstab(true_band, shown_band, (classes + 1, classes + 1))
    hits = np.diag(pairs)[1:]
    union = pairs.sum(axis=1)[1:] + pairs.sum(axis=0)[1:] - hits
    return float((hits[union > 0] / union[union > 0]).mean()) if union.any() else float("nan")
