"""``napari-corrclip robustness``: what damages of images cost the demo's networks, and what helps."""

from __future__ import annotations

import datetime
import json
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from napari_corrclip.cli.console import Debug, guarded, say, tell
from napari_corrclip.cli.declared import Device
from napari_corrclip.cli.following import follow
from napari_corrclip.errors import InputError


def robustness(
    scenes: Annotated[int, typer.Option(help="How many test scenes judge.")] = 36,
    validation: Annotated[
        int, typer.Option(help="How many other scenes choose each remedy's strength.")
    ] = 8,
    damage: Annotated[
        list[str] | None,
        typer.Option(
            metavar="noise|blur|jpeg|contrast",
            help="Look at this one alone; may be repeated.",
            show_default="all",
        ),
    ] = None,
    remedy: Annotated[
        list[str] | None,
        typer.Option(
            metavar="smooth|median|nlm|stretch|sharpen|superpixels",
            help="Try this one alone; may be repeated.",
            show_default="all",
        ),
    ] = None,
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", parser=Path, metavar="DIR", help="Gets tables, JSON and a plot."
        ),
    ] = Path("corrclip-robustness"),
    replace: Annotated[
        bool, typer.Option("--replace", help="Let it take the place of a finished study in DIR.")
    ] = False,
    device: Device = "auto",
    debug: Debug = False,
) -> None:
    """Measure the demo's networks under noise, blur, JPEG and low contrast, and what helps against each."""
    with guarded(debug):
        measure(scenes, validation, damage or (), remedy or (), output, device, replace=replace)


def measure(
    scenes: int,
    validation: int,
    damages: Sequence[str],
    remedies: Sequence[str],
    output: Path,
    device: str,
    *,
    replace: bool,
) -> None:
    """Run the study, print its tables and write its files.

    Raises:
        InputError: an argument cannot be used.
    """
    from napari_corrclip.cli.targets import (
        check_folder,  # with numpy, which help is not to wait for
    )
    from napari_corrclip.evaluation.plotting import has_matplotlib
    from napari_corrclip.evaluation.robustness import report
    from napari_corrclip.evaluation.writing import (
        binary,
        check_finished,
        text,
        write_together,
    )

    for option, number in (("--scenes", scenes), ("--validation", validation)):
        if number < 1:
            raise InputError(f"{option} {number} cannot be measured; ask for at least one.")
    check_folder(output)
    check_finished(
        output, report.RECORD, "a finished study", replace=replace, describe=lambda its: its["date"]
    )

    from napari_corrclip.engine.recipe import Recipe
    from napari_corrclip.evaluation.robustness.study import figures_of, robustness_steps
    from napari_corrclip.results.segmentation import package_versions
    from napari_corrclip.storage.folders import Writer

    recipe = Recipe("demo", device=device)
    found = follow(
        robustness_steps(scenes, validation, recipe=recipe, damages=damages, remedies=remedies)
    )
    date = datetime.date.today().isoformat()
    command = shlex.join(["napari-corrclip", *sys.argv[1:]])
    versions = package_versions()
    document = {"date": date, "command": command, "versions": versions, **figures_of(found)}
    page = report.markdown(found, command, date, versions)
    writers: dict[str, Writer] = {
        report.RECORD: text(json.dumps(document, indent=1) + "\n"),
        report.TABLES: text(page),
    }
    if has_matplotlib():
        writers[report.PLOT] = binary(report.curve_plot(found))
    else:
        say(
            "matplotlib is not installed, so there is no plot; pip install 'napari-corrclip[effort]'"
        )
    write_together(output, writers, report.PLOT)
    tell(*page.rstrip("\n").split("\n"), f"{output}{os.sep}")
