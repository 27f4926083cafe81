"""``napari-corrclip effort --sheets``: what correcting a whole set costs on the contact sheet."""

from __future__ import annotations

import os

from napari_corrclip.cli.console import say, tell
from napari_corrclip.cli.effort import check_apart
from napari_corrclip.cli.sequences import Options, check, read_sets
from napari_corrclip.cli.targets import check_folder
from napari_corrclip.progress import drive


def measure(options: Options) -> None:
    """Run the study of sheets, print its goals and write its files.

    Raises:
        InputError: an argument cannot be used.
    """
    from napari_corrclip.evaluation.effort.sheets import output
    from napari_corrclip.evaluation.effort.sheets.report import SheetReport, goals_table
    from napari_corrclip.evaluation.effort.sheets.study import sheets_steps
    from napari_corrclip.evaluation.effort.sheets.ways import STANDARD, VARIANTS
    from napari_corrclip.evaluation.writing import check_finished
    from napari_corrclip.results.segmentation import package_versions

    names = check(options)
    check_folder(options.output)
    check_apart(options.output, options.data)
    check_finished(options.output, output.RECORD, "a study", replace=options.replace)
    ways = (*STANDARD, *(VARIANTS if options.variants else ()))
    studies = []
    for cases in read_sets(options, names):
        say(cases.summary)
        studies.append(drive(sheets_steps(cases, ways, halves=options.orders, seed=options.seed)))
        # What is there already is not lost if the rest is cancelled.
        report = SheetReport(tuple(studies), ways, options.half, package_versions())
        output.write_sheets(options.output, report)
    tell(*"\n".join(goals_table(studies, ways)).split("\n"))
    tell(f"{options.output}{os.sep}")
