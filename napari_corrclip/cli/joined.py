"""The work of ``napari-corrclip project compare``: figures on the console, a report in a folder."""

from __future__ import annotations

import datetime
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

import typer

from napari_corrclip.cli.console import UNUSABLE, say, tell
from napari_corrclip.cli.targets import check_folder
from napari_corrclip.evaluation.agreement import output as files
from napari_corrclip.evaluation.agreement import report
from napari_corrclip.progress import drive
from napari_corrclip.project.folder import SUFFIX
from napari_corrclip.project.project import Project
from napari_corrclip.results.provenance import package_versions

SHOWN = 20
"""So many images that were passed over are told one by one."""


def compare(
    first: Path, second: Path, output: Path | None, *, verified: bool, decided: bool
) -> None:
    """Compare two projects; see the command's help.

    Raises:
        InputError: one is no project, or the report cannot be written.
        typer.Exit: images were passed over.
    """
    if output is not None:
        check_folder(output)
        files.check_output(output)
    with (
        Project.open(first, read_only=True) as one,
        Project.open(second, read_only=True) as other,
    ):
        found = drive(one.compare_steps(other, verified=verified, decided=decided))
        names = _names(one.folder, other.folder)
        told = report.Told(
            *names,
            command=shlex.join(["napari-corrclip", *sys.argv[1:]]),
            date=datetime.date.today().isoformat(),
            counted=_counted(verified=verified, decided=decided),
            versions=package_versions(),
        )
        say_some([f"Passed over: {line}" for line in found.passed_over])
        tell(*report.console_lines(found, told))
        if output is not None:
            drive(files.write_steps(output, found, one, other, told, decided=decided))
            tell(f"{output}{os.sep}")
    if found.passed_over:
        raise typer.Exit(UNUSABLE)


def say_some(lines: Sequence[str]) -> None:
    """Say lines on stderr, of many the first ones."""
    for line in lines[:SHOWN]:
        say(line)
    if len(lines) > SHOWN:
        say(f"and {len(lines) - SHOWN:,} more")


def _counted(*, verified: bool, decided: bool) -> str:
    pixels = "pixels that both have decided" if decided else "all pixels"
    return f"{pixels} of images that {'both have verified' if verified else 'both have labels of'}"


def _names(first: Path, second: Path) -> tuple[str, str]:
    names = first.name.removesuffix(SUFFIX), second.name.removesuffix(SUFFIX)
    return names if names[0] != names[1] else ("the first", "the second")
