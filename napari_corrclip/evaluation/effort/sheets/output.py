"""The files of a study of sheets, written together or not at all."""

from __future__ import annotations

import os

from napari_corrclip.evaluation.effort.sheets.report import SheetReport
from napari_corrclip.evaluation.writing import text, write_together

RECORD = "sheets.json"


def write_sheets(folder: str | os.PathLike[str], report: SheetReport) -> None:
    """Write JSON, tables and a row a way, sample and target into ``folder``.

    Files of an earlier study there are replaced, others stay.

    Raises:
        InputError: it cannot be written.
    """
    write_together(
        folder,
        {
            RECORD: text(report.to_json()),
            "sheets.md": text(report.markdown()),
            "sheets.csv": text(report.csv()),
        },
        "sheets*.png",
    )
