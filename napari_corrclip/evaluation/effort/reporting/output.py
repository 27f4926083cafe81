"""The files of a study, written together or not at all."""

from __future__ import annotations

import os

from napari_corrclip.evaluation.effort.reporting.report import Report
from napari_corrclip.evaluation.writing import binary, text, write_together
from napari_corrclip.storage.folders import Writer
from napari_corrclip.storage.names import MAX_BYTES, cut

RECORD = "effort.json"
GOALS_PLOT = "effort-goals.png"


def plot_name(name: str) -> str:
    """Return the file name of the plot of a set."""
    return f"effort-{cut(name, MAX_BYTES - len('effort-.png'))}.png"


def write_report(folder: str | os.PathLike[str], report: Report, *, plots: bool = True) -> None:
    """Write JSON, tables, curves and, by matplotlib, plots into ``folder``.

    Files of an earlier study there are replaced, others stay.

    Raises:
        InputError: it cannot be written.
    """
    writers: dict[str, Writer] = {
        RECORD: text(report.to_json()),
        "effort.md": text(report.markdown()),
        "effort-actions.csv": text(report.actions_csv()),
        "effort-curves.csv": text(report.curves_csv()),
    }
    if plots:
        from napari_corrclip.evaluation.effort.reporting.plots import curve_plot, goal_plot

        writers[GOALS_PLOT] = binary(goal_plot(report.studies, report.orders))
        for study in report.studies:
            writers[plot_name(study.name)] = binary(curve_plot(study, report.arms))
    write_together(folder, writers, "effort*.png")
