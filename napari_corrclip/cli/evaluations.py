"""The work of ``napari-corrclip evaluate``: a data set with truth, run by the networks and scored."""

from __future__ import annotations

import datetime
import os
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from napari_corrclip.cli.console import going_on, say, tell
from napari_corrclip.cli.following import follow
from napari_corrclip.cli.options import (
    RegionOptions,
    check_region_options,
    read_numbered_classes,
)
from napari_corrclip.cli.projects import drive_run, exit_by, read_part
from napari_corrclip.cli.segment import check_prompts, read_settings, tell_fetched
from napari_corrclip.cli.targets import check_folder
from napari_corrclip.engine.recipe import Recipe
from napari_corrclip.errors import InputError
from napari_corrclip.evaluation.datasets.dataset import Dataset, Incomplete
from napari_corrclip.evaluation.datasets.opening import open_dataset
from napari_corrclip.regions.options import REGION_KINDS
from napari_corrclip.weights.catalogue import get_preset
from napari_corrclip.wording.amounts import count

if TYPE_CHECKING:
    from napari_corrclip.settings import Detail


@dataclass(frozen=True)
class Options:
    """The options of ``evaluate``; the command's help says what each means."""

    dataset: str
    root: Path
    output: Path | None = None
    preset: str = "demo"
    regions: str = "sam"
    region_options: RegionOptions | None = None
    settings: Path | None = None
    device: str = "auto"
    dtype: str = "float32"
    detail: str = "standard"
    classes: str | None = None
    first: int | None = None
    ignore: Sequence[int] = ()
    images: int | None = None
    part: str | None = None
    workers: int | None = None
    scheduler: str | None = None
    prepare: bool = False
    check: bool = False
    oracle: bool = False
    plots: bool = True
    replace: bool = False


def evaluate(options: Options) -> None:
    """Run and score a data set; see the command's help.

    Raises:
        InputError: an option cannot be used, the data set is not as it should be, or a result cannot be
            saved.
        typer.Exit: some images failed, with the exit code.
    """
    part = None if options.part is None else read_part(options.part)
    classes = None if options.classes is None else read_numbered_classes(options.classes)
    try:
        every = open_dataset(
            options.dataset,
            options.root,
            classes=classes,
            first=options.first,
            ignore=options.ignore,
        )
    except Incomplete as error:
        if options.check:
            tell(*(f"Broken: {sentence}" for sentence in error.each))
        raise
    dataset = every.take(options.images)
    if options.check:
        _survey(dataset)
        return
    recipe = _recipe(options, dataset)
    folder = options.output or Path(f"corrclip-evaluation-{dataset.name}")
    if options.plots and part is None and not options.prepare:
        from napari_corrclip.evaluation.plotting import check_matplotlib

        check_matplotlib()
    check_folder(folder)
    every.check_apart(folder)
    with going_on():
        _run(options, (dataset, every), recipe, folder, part)


def _survey(dataset: Dataset) -> None:
    """Look at all of a data set, and tell what there is."""
    from napari_corrclip.evaluation.benchmarking.survey import survey_steps

    found = follow(survey_steps(dataset))
    tell(*found.lines())
    found.check(listed=True)


def _recipe(options: Options, dataset: Dataset) -> Recipe:
    """Return the run, by the protocol of the data set."""
    preset = get_preset(options.preset)
    if options.regions not in REGION_KINDS:
        raise InputError(
            f"--regions is {options.regions!r}, and an evaluation finds its regions itself; choose "
            f"{' or '.join(REGION_KINDS)}."
        )
    check_region_options(options.region_options or {}, options.regions)
    check_prompts(dataset.vocabulary, preset)
    settings = dataset.settings(preset.settings)
    if options.settings is not None:  # what a person says stands above the protocol
        settings = read_settings(options.settings, settings)
    return Recipe(
        preset,
        device=options.device,
        dtype=options.dtype,
        regions=options.regions,
        region_options=options.region_options or None,
        detail=cast("Detail", options.detail),
        settings=settings,
    )


def _run(
    options: Options,
    sets: tuple[Dataset, Dataset],
    recipe: Recipe,
    folder: Path,
    part: tuple[int, int] | None,
) -> None:
    """Run what has no result yet; if that was all, score it and write the report.

    Args:
        options: of the command.
        sets: the data set as far as it is wanted, and with all its images.
        recipe: of the run.
        folder: of the evaluation.
        part: which of how many; ``None``: all.
    """
    dataset, every = sets
    from napari_corrclip.evaluation.benchmarking import evaluating, output, report
    from napari_corrclip.evaluation.benchmarking.former import check_former
    from napari_corrclip.evaluation.benchmarking.survey import survey_steps
    from napari_corrclip.evaluation.writing import check_foreign

    check_foreign(folder, output.RECORD)
    if part is None and not (options.prepare or options.replace):
        check_former(folder / output.RECORD, dataset, oracle=options.oracle)
    codes: list[int] = []
    if part is None:
        # What is wrong with the truth is told before hours of computing.
        found = follow(survey_steps(dataset))
        found.check()
        for line in found.lines():
            say(line)
    elif not evaluating.is_begun(folder):
        raise InputError(
            f"{str(folder)!r} has no evaluation yet, and parts that run at once cannot make one; do so first "
            "by --prepare."
        )
    with evaluating.open_project(
        folder, dataset, recipe, every=every, adding=part is None
    ) as project:
        if options.prepare:
            images = count(len(dataset.images), "image")
            tell(f"{project.folder}: {images}, to be run by --part I/N")
            return
        if options.scheduler is None:
            tell_fetched(recipe)
        names = evaluating.names_in(project, dataset)
        due = project.items_to_run(stale=part is None, part=part, only=names)
        if due or part is None:
            steps = evaluating.run_steps(
                project, dataset, part=part, workers=options.workers, scheduler=options.scheduler
            )
            codes = drive_run(project, steps, len(due), "run")
        if part is not None:
            tell("When all parts are done: the same command without --part, which scores them")
        else:
            scored = follow(evaluating.score_steps(project, dataset, oracle=options.oracle))
            date = datetime.date.today().isoformat()
            command = shlex.join(["napari-corrclip", *sys.argv[1:]])
            output.write_evaluation(folder, scored, project, command, date, plots=options.plots)
            for note in report.notes(scored):
                if note != dataset.remark:  # which was among the lines
                    say(f"Note: {note}")
            tell(*report.console_lines(scored), f"{folder}{os.sep}")
    exit_by(codes)
