"""The files of an evaluation: tables, plots, and the worst images side by side with their truth."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.evaluation.benchmarking import report
from napari_corrclip.evaluation.benchmarking.evaluating import Evaluation, items_of
from napari_corrclip.evaluation.comparison import comparison, png
from napari_corrclip.evaluation.datasets.dataset import Dataset, LabelledImage
from napari_corrclip.evaluation.writing import binary, text, write_together
from napari_corrclip.images.origin import place_of
from napari_corrclip.project.project import Project
from napari_corrclip.results.provenance import package_versions
from napari_corrclip.storage.folders import Writer

RECORD: Final = "evaluation.json"
TABLES: Final = "evaluation.md"
BARS: Final = "evaluation-classes.png"
CONFUSION: Final = "evaluation-confusion.png"
PICTURES: Final = "evaluation-*.png"
WORST: Final = 6
_LARGEST: Final = 768
"""Longest side in pixels of an image in a picture."""


def write_evaluation(
    folder: Path,
    evaluation: Evaluation,
    project: Project,
    command: str,
    date: str,
    *,
    plots: bool = True,
) -> None:
    """Write the report into ``folder``, all or none; pictures of an earlier one there are replaced.

    Args:
        folder: that gets it.
        evaluation: what came out.
        project: that has the results.
        command: that was given.
        date: on which.
        plots: whether to draw by matplotlib.

    Raises:
        InputError: it cannot be written.
    """
    writers: dict[str, Writer] = {}
    if plots:
        from napari_corrclip.evaluation.benchmarking.plots import bar_plot, confusion_plot

        writers[BARS] = binary(bar_plot(evaluation))
        writers[CONFUSION] = binary(confusion_plot(evaluation))
    items = items_of(project)
    images = {each.name: each for each in evaluation.dataset.images}
    drawn, worst = list(writers), {}
    for place, score in enumerate(report.worst_first(evaluation)[:WORST], 1):
        each = images[score.name]
        result = project.result(items[place_of(each.image)])
        picture = worst_picture(evaluation.dataset, each, np.asarray(result.labels[:, :]))
        file = f"evaluation-worst-{place}.png"
        writers[file], worst[file] = binary(picture), score
    versions = package_versions()
    writers[RECORD] = text(report.to_json(evaluation, command, date, versions))
    writers[TABLES] = text(report.markdown(evaluation, command, date, versions, drawn, worst))
    write_together(folder, writers, PICTURES)


def worst_picture(dataset: Dataset, which: LabelledImage, labels: NDArray[np.uint16]) -> bytes:
    """Return a PNG: an image, its truth and the prediction side by side, at most 768 pixels each.

    Args:
        dataset: with the truth.
        which: of its images.
        labels: (H, W) label values that were predicted.
    """
    rgb, truth = dataset.read(which)
    values: NDArray[np.uint16] = np.array([0, *dataset.vocabulary.values], np.uint16)
    step = -(-max(truth.shape) // _LARGEST)
    small = (slice(None, None, step),) * 2
    return png(comparison(rgb[small], values[truth][small], labels[small], dataset.vocabulary))
