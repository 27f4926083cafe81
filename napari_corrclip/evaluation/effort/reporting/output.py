"""The files of a study, written together or not at all."""

from __future__ import annotations

import os
from pathlib import Path

from napari_corrclip.errors import InputError
from napari_corrclip.evaluation.effort.reporting.report import Report
from napari_corrclip.storage.folders import Writer, recover_folder, write_folder
from napari_corrclip.storage.names import MAX_BYTES, cut

RECORD = "effort.json"
GOALS_PLOT = "effort-goals.png"


def plot_name(name: str) -> str:
    """Return the file name of the plot of a set."""
    return f"effort-{cut(name, MAX_BYTES - len('effort-.png'))}.png"


def check_foreign(folder: Path) -> None:
    """Raise InputError where ``folder`` has a file of these names that no study is known to have made."""
    recover_folder(folder)
    if (folder / RECORD).exists():
        return
    foreign = sorted(folder.glob("effort*")) if folder.is_dir() else []
    if foreign:
        raise InputError(
            f"{str(foreign[0])!r} is there and might be replaced, without a {RECORD} that says it is "
            "of this program; move it away or give another -o."
        )


def write_report(folder: str | os.PathLike[str], report: Report, *, plots: bool = True) -> None:
    """Write JSON, tables, curves and, by matplotlib, plots into ``folder``.

    Files of an earlier study there are replaced, others stay.

    Raises:
        InputError: it cannot be written.
    """
    writers: dict[str, Writer] = {
        RECORD: _text(report.to_json()),
        "effort.md": _text(report.markdown()),
        "effort-actions.csv": _text(report.actions_csv()),
        "effort-curves.csv": _text(report.curves_csv()),
    }
    if plots:
        from napari_corrclip.evaluation.effort.reporting.plots import curve_plot, goal_plot

        writers[GOALS_PLOT] = _bytes(goal_plot(report.studies, report.orders))
        for study in report.studies:
            writers[plot_name(study.name)] = _bytes(curve_plot(study, report.arms))
    target = Path(folder)
    recover_folder(target)
    before = [path.name for path in target.glob("effort*.png")] if target.is_dir() else []
    write_folder(target, writers, owned={*writers, *before})


def _text(text: str) -> Writer:
    return _bytes(text.encode())


def _bytes(data: bytes) -> Writer:
    return lambda path: path.write_bytes(data)
