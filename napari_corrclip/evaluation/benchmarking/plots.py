"""Plots of an evaluation, by matplotlib, which only they need."""

from __future__ import annotations

from typing import Final

import numpy as np

from napari_corrclip.evaluation.benchmarking.evaluating import Evaluation
from napari_corrclip.evaluation.plotting import confusion_png, png, short

_COLOR: Final = "#0072B2"
_LOW: Final = "#E69F00"


def bar_plot(evaluation: Evaluation) -> bytes:
    """Return a PNG: IoU of each class that occurs, the highest first, with that of its boundaries."""
    from matplotlib.figure import Figure

    scores = evaluation.scores
    names = evaluation.dataset.vocabulary.names
    iou, boundary = scores.confusion.iou, scores.boundary.iou
    order = [int(n) for n in np.argsort(-iou, kind="stable") if not np.isnan(iou[n])]
    figure = Figure(figsize=(8, 1.4 + 0.22 * len(order)), layout="constrained")
    axis = figure.subplots()
    places = np.arange(len(order))
    axis.barh(places, 100 * iou[order], color=_COLOR, label="IoU")
    axis.plot(
        100 * boundary[order], places, "|", color=_LOW, markersize=9, mew=2.5, label="boundary IoU"
    )
    axis.axvline(
        100 * scores.confusion.mean_iou(), color="#000000", linewidth=1, linestyle=":", label="mIoU"
    )
    axis.set_yticks(places, [short(names[n]) for n in order], parse_math=False)
    axis.set_ylim(len(order) - 0.5, -0.5)
    axis.set_xlim(0, 100)
    axis.set_xlabel("%")
    figure.legend(loc="outside upper center", ncols=3, frameon=False)
    return png(figure)


def confusion_plot(evaluation: Evaluation) -> bytes:
    """Return a PNG: what the pixels of each class are taken for, in shares of its true pixels."""
    counts = evaluation.scores.confusion.counts[1:]
    occur = np.flatnonzero(counts.sum(axis=1))
    columns = [0, *(occur + 1)]
    shares = counts[occur][:, columns] / counts[occur].sum(axis=1, keepdims=True)
    rest = 1 - shares.sum(axis=1, keepdims=True)
    shown = np.concatenate([shares[:, 1:], rest, shares[:, :1]], axis=1)
    names = [evaluation.dataset.vocabulary.names[n] for n in occur]
    return confusion_png(
        shown,
        (names, [*names, "(others)", "(unlabelled)"]),
        ("truth", "prediction"),
        "share of the true pixels",
    )
