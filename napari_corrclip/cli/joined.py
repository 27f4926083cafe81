"""The work of ``napari-corrclip project compare``, ``merge`` and ``sample``: figures, and new projects."""

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
from napari_corrclip.errors import InputError
from napari_corrclip.evaluation.agreement import output as files
from napari_corrclip.evaluation.agreement import report
from napari_corrclip.evaluation.plotting import has_matplotlib
from napari_corrclip.progress import drive
from napari_corrclip.project.folder import SUFFIX
from napari_corrclip.project.joining.conflicts import FILE as CONFLICTS
from napari_corrclip.project.joining.conflicts import PREFERENCES, Conflict, Decision
from napari_corrclip.project.joining.drawn import Kind
from napari_corrclip.project.project import Project
from napari_corrclip.results.provenance import package_versions
from napari_corrclip.wording.amounts import count

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
        if output is not None:
            one.check_apart(output)
            other.check_apart(output)
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
            plots = has_matplotlib()
            if not plots:
                say(
                    "The confusion is not drawn, for matplotlib is not installed; run pip install "
                    "'napari-corrclip[effort]'."
                )
            drive(files.write_steps(output, found, one, other, told, decided=decided, plots=plots))
            tell(f"{output}{os.sep}")
    if found.passed_over:
        raise typer.Exit(UNUSABLE)


def merge(first: Path, second: Path, output: Path, prefer: str) -> None:
    """Merge two projects; see the command's help.

    Raises:
        InputError: one is no project or at work, the preference is unknown, or nothing can be written.
        typer.Exit: something of the second could not be taken.
    """
    if prefer not in PREFERENCES:
        raise InputError(f"--prefer is {prefer!r}; choose {', '.join(PREFERENCES)}.")
    with (
        Project.open(first, read_only=True) as one,
        Project.open(second, read_only=True) as other,
    ):
        done = drive(one.merge_steps(other, output, prefer=prefer))
    say_some([_sentence(conflict) for conflict in done.conflicts])
    say_some([f"Left out: {line}" for line in done.left_out])
    say_some([f"Note: {line}" for line in done.parents])
    if done.classes:
        tell(f"classes of the second alone: {', '.join(done.classes)}")
    tell(
        f"{done.folder}: {count(done.images, 'image')}, {done.both:,} of them in both, {done.added:,} of the "
        "second alone"
    )
    if done.conflicts:
        tell(
            f"{count(len(done.conflicts), 'conflict')}, {done.open:,} of them to be decided; all stand in "
            f"{done.folder / CONFLICTS}"
        )
    if done.left_out:
        raise typer.Exit(UNUSABLE)


def sample(
    folder: Path, number: int, output: Path | None, *, seed: int, regions: bool, verified: bool
) -> None:
    """Draw a sample; see the command's help.

    Raises:
        InputError: nothing was decided, or the sample cannot be written.
    """
    with Project.open(folder, read_only=True) as project:
        kind: Kind = "regions" if regions else "images"
        steps = project.sample_steps(number, output, kind=kind, seed=seed, verified=verified)
        made = drive(steps)
    drawn = made.drawn
    on = f" on {count(len(drawn.images), 'image')}" if regions else ""
    tell(
        f"{made.folder}: {drawn.number:,} of {count(drawn.population, kind[:-1])} that somebody has "
        f"decided{on}, drawn by seed {drawn.seed}",
        *(["Its contact sheet has these regions, and no others."] if regions else []),
        f"When they are decided there: napari-corrclip project compare {folder} {made.folder}",
    )


def _sentence(conflict: Conflict) -> str:
    """Return a conflict as a line: the image, what each said, and whose came through."""
    won = f"; {conflict.won} is taken" if conflict.won else ""
    said = f"A {_said(conflict.first)}, B {_said(conflict.second)}"
    return f"{conflict.image}, region {conflict.region}: {said}{won}"


def _said(decision: Decision) -> str:
    by = f" by {decision.by}" if decision.by else ""
    return f"{decision.class_ or 'left out'}{by}"


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
