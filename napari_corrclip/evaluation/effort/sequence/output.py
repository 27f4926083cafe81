"""The files of a study of sequences, written together or not at all."""

from __future__ import annotations

import os

from napari_corrclip.evaluation.effort.sequence.report import SequenceReport
from napari_corrclip.evaluation.writing import binary, text, write_together
from napari_corrclip.storage.folders import Writer

RECORD = "sequence.json"


def write_sequences(
    folder: str | os.PathLike[str], report: SequenceReport, *, plots: bool = True
) -> None:
    """Write JSON, tables, a row a visit and, by matplotlib, plots into ``folder``.

    Files of an earlier study there are replaced, others stay.

    Raises:
        InputError: it cannot be written.
    """
    writers: dict[str, Writer] = {
        RECORD: text(report.to_json()),
        "sequence.md": text(report.markdown()),
        "sequence.csv": text(report.csv()),
    }
    if plots:
        from napari_corrclip.evaluation.effort.sequence.plots import places_plot, spared_plot

        many = [study for study in report.studies if not study.few]
        few = [study for study in report.studies if study.few]
        if many:
            writers["sequence-places.png"] = binary(places_plot(many))
        if few:
            writers["sequence-places-few.png"] = binary(places_plot(few))
            writers["sequence-spared.png"] = binary(spared_plot(few))
    write_together(folder, writers, "sequence*.png")
