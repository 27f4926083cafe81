"""The plot of a comparison of two projects, by matplotlib, which only it needs."""

from __future__ import annotations

import numpy as np

from napari_corrclip.evaluation.agreement.report import Told
from napari_corrclip.evaluation.plotting import confusion_png
from napari_corrclip.project.joining.agreement import Comparison


def confusion_plot(found: Comparison, told: Told) -> bytes:
    """Return a PNG: what the second says of the pixels of each class of the first, in shares of these."""
    counts, names = found.pixels.counts, np.array(found.names, object)
    rows, columns = np.flatnonzero(counts.any(axis=1)), np.flatnonzero(counts.any(axis=0))
    some = counts[np.ix_(rows, columns)]
    return confusion_png(
        some / some.sum(axis=1, keepdims=True),
        (names[rows].tolist(), names[columns].tolist()),
        (told.first, told.second),
        f"share of the pixels in {told.first}",
    )
