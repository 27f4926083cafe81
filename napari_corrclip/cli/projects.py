"""The work of ``napari-corrclip project``: projects made, run and told of."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

import typer

from napari_corrclip.cli.console import (
    FAILED,
    UNUSABLE,
    exit_code,
    going_on,
    say,
    sentence,
    tell,
)
from napari_corrclip.cli.options import (
    check_region_options,
    check_scale_options,
    parse_region_options,
    read_classes,
)
from napari_corrclip.cli.segment import check_prompts, tell_fetched
from napari_corrclip.engine.recipe import Recipe
from napari_corrclip.errors import InputError
from napari_corrclip.progress import drive
from napari_corrclip.project.database import NAME
from napari_corrclip.project.features import LIMIT
from napari_corrclip.project.intake import check_there
from napari_corrclip.project.project import Project
from napari_corrclip.project.records import ItemState, passed_over_lines, plane_text
from napari_corrclip.project.reviewing import marked_state, state_of
from napari_corrclip.project.run import Done, Event, Failed, Outcome, Report
from napari_corrclip.project.sheet.cache import NAME as CROPS
from napari_corrclip.project.sheet.cache import CropCache
from napari_corrclip.project.taking_up import results_in
from napari_corrclip.project.task import Proposal
from napari_corrclip.regions.options import REGION_KINDS
from napari_corrclip.wording.amounts import count, size_text
from napari_corrclip.wording.pace import Pace

if TYPE_CHECKING:
    from napari_corrclip.settings import Detail

SHOWN = 20
"""So many images that failed are named."""


def create(
    folder: Path,
    images: Sequence[str],
    classes: str | None,
    *,
    preset: str,
    regions: str,
    region_options: Sequence[str],
    device: str,
    dtype: str,
    detail: str,
    scale: float | None,
    tile: int | None,
    overlap: int | None,
    copy: bool,
) -> None:
    """Make a project; see the command's help.

    Raises:
        InputError: something cannot be used. Nothing was made then.
    """
    if classes is None or not images:
        what = "classes (-c 'cat, dog')" if classes is None else "images"
        raise InputError(
            f"A project needs {what}; add them, or give --from with the results of segment."
        )
    if regions not in REGION_KINDS:
        raise InputError(
            f"--regions is {regions!r}, and a project finds its regions itself; choose "
            f"{' or '.join(REGION_KINDS)}."
        )
    vocabulary = read_classes(classes)
    options = parse_region_options(region_options)
    check_region_options(options, regions)
    check_there(images)
    _check_device(device, dtype)
    check_scale_options(scale, tile, overlap, detail)
    recipe = Recipe(
        preset,
        device=device,
        dtype=dtype,
        regions=regions,
        region_options=options or None,
        detail=cast("Detail", detail),
        scale=scale,
        tile=tile,
        overlap=overlap,
    )
    assert recipe.preset is not None  # it was named
    check_prompts(vocabulary, recipe.preset)
    if copy:
        number, size = Project.size_of(images)
        say(f"Copying {count(number, 'image')}, {size_text(size)}")
    with Project.create(folder, vocabulary, images, recipe=recipe, copy=copy) as project:
        classes_text = count(len(vocabulary), "class", "classes")
        tell(
            f"{project.folder}: {images_text(project)}, {classes_text}",
            *passed_over_lines(project.passed_over),
        )


def _check_device(device: str, dtype: str) -> None:
    """Raise InputError where there is no such device or floating-point type."""
    if (device, dtype) == ("auto", "float32"):
        return  # there is one everywhere, and torch takes seconds to say so
    from napari_corrclip.devices import choose_device, choose_dtype

    choose_device(device)
    choose_dtype(dtype)


def take_up(folder: Path, results: Path, given: Sequence[str], *, copy: bool) -> None:
    """Make a project of results of ``segment``.

    Args:
        folder: of the project.
        results: what was the command's -o.
        given: arguments and options that results tell themselves.
        copy: copy the images into the project.

    Raises:
        InputError: ``given`` is not empty, or the results cannot be taken up. Nothing was made then.
    """
    if given:
        raise InputError(
            f"With --from images, classes and options are those of the results; leave {', '.join(given)} out."
        )
    if copy:
        number, size = Project.size_of(results_in(results).folders)
        say(f"Copying {count(number, 'image')}, {size_text(size)}")
    with Project.from_results(folder, results, copy=copy) as project:
        tell(f"{project.folder}: {images_text(project)}", *project.status().lines())


def run(
    folder: Path,
    *,
    stale: bool,
    strict: bool,
    part: str | None,
    collect: bool,
    workers: int | None,
    scheduler: str | None,
    vectors: bool = True,
    taught: bool = False,
    keep: str | None = None,
    limit: str | None = None,
) -> None:
    """Pre-label a project's images; see the command's help.

    Raises:
        InputError: another run is at work, a result cannot be saved, or options do not go together.
        typer.Exit: some images failed, with the exit code.
    """
    if collect:
        given = part, workers, scheduler, keep, limit
        if stale or strict or taught or not vectors or given != (None,) * len(given):
            raise InputError(
                "--collect runs nothing; leave --stale, --strict, --part, --workers, --scheduler, "
                "--no-vectors, --taught, --keep and --limit out."
            )
        with Project.open(folder) as project:
            tell(f"{count(project.collect(), 'image')} collected", *project.status().lines())
        return
    which = None if part is None else read_part(part)
    if taught and which is not None:
        raise InputError(
            "A part writes no pre-labels of others; collect the parts, then: napari-corrclip project run "
            f"{folder} --taught"
        )
    features = read_limit(keep, limit)
    # A part writes into the items' folders alone.
    with Project.open(folder, read_only=which is not None) as project:
        # What workers elsewhere lack is not known here.
        if scheduler is None:
            tell_fetched(project.recipe)
        if which is None:
            project.look_again()  # what came since is told of, too
        chosen = project.items_to_run(stale=stale, part=which, features=features)
        size = project.size_of_vectors(stale=stale, part=which, features=features) if vectors else 0
        if size:
            say(
                f"Vectors of the regions take up to about {size_text(size)} beside the results; --no-vectors "
                "leaves them out"
            )
        if features:
            size = project.size_of_features(stale=stale, part=which, features=features)
            due = project.items_to_run(stale=stale, part=which)
            share = features // (1 if which is None else which[1])
            if size:
                say(_told_of_features(size, share, len(chosen) - len(due)))
        steps = project.run_steps(
            stale=stale,
            strict=strict,
            part=which,
            workers=workers,
            scheduler=scheduler,
            vectors=vectors,
            features=features,
        )
        codes = drive_run(project, steps, len(chosen), "pre-labelled", processes=workers or 1)
        if taught:
            codes += _teach(project)
        if which is None:
            tell(*project.status().lines())
        else:
            tell(f"When all parts are done: napari-corrclip project run {folder} --collect")
    exit_by(codes)


def _teach(project: Project) -> list[int]:
    """Let the images show what was learnt, and tell it; return the exit code where some could not."""
    if not project.lesson.has_begun:
        tell(
            "Nothing was taught yet, so every image shows the networks' opinion; decide some regions in the "
            "window, and run with --taught again."
        )
        return []
    found = drive(project.teach_steps())
    for line in found.left_out[:SHOWN]:
        say(f"Not taught: {line}")
    if len(found.left_out) > SHOWN:
        say(f"and {len(found.left_out) - SHOWN:,} more")
    tell(
        f"{count(found.images, 'image')} {'shows' if found.images == 1 else 'show'} what was learnt on "
        f"others, {count(found.regions, 'region')} another class by it"
    )
    return [UNUSABLE] if found.left_out else []


def relabel(folder: Path, classes: str | None, *, strict: bool) -> None:
    """Label by other classes; see the command's help.

    Raises:
        InputError: a run is at work, or something cannot be used or saved.
        typer.Exit: some images failed, with the exit code.
    """
    vocabulary = None if classes is None else read_classes(classes)
    with Project.open(folder) as project:
        if vocabulary is not None:
            preset = project.recipe.preset
            assert preset is not None  # a project's recipe is whole
            check_prompts(vocabulary, preset)
            words = project.match(vocabulary)
            project.choose(words)
            _tell_of_classes_that_stay(words.names[len(vocabulary) :])
        found = project.items_to_relabel()
        if found.others and project.recipe.scale is not None:
            say(f"Large images keep no features: napari-corrclip project run {folder} --stale")
        elif found.others:
            say(
                f"{count(len(found.others), 'image')} pre-labelled by other classes or settings "
                f"{'has' if len(found.others) == 1 else 'have'} no features that could be used; for them: "
                f"napari-corrclip project run {folder} --stale --keep features"
            )
        steps = project.relabel_steps(strict=strict)
        codes = drive_run(project, steps, len(found.ready), "relabelled")
        tell(*project.status().lines())
    exit_by(codes)


def _tell_of_classes_that_stay(names: Sequence[str]) -> None:
    if names:
        stay, them = ("stays", "it") if len(names) == 1 else ("stay", "them")
        say(f"{', '.join(map(repr, names))} {stay} in the set, where images have regions of {them}")


def drive_run(
    project: Project,
    steps: Generator[Event[str, Proposal], None, Report[str]],
    total: int,
    done: str,
    *,
    processes: int = 1,
) -> list[int]:
    """Drive a run to its end, and tell what becomes of each image; return the exit codes of what failed.

    Args:
        project: whose images are run.
        steps: the run.
        total: how many images it is likely to take.
        done: what an image is when it has its result.
        processes: how many load networks of their own.
    """
    begun, codes, pace = time.perf_counter(), list[int](), Pace(total, warming=processes)

    def tell_event(event: Outcome[str, Proposal]) -> None:
        how_far = pace.told(worked=isinstance(event, Done))
        if isinstance(event, Failed):
            path, text = project.path_of(event.key), sentence(event.error)
            plane = plane_text(project.item(event.key).plane)
            named = str(path) in text and plane in text
            say(f"Error: {text if named else f'{path}{plane}: {text}'}")
            codes.append(exit_code(event.error))
        elif isinstance(event, Done):
            outcome = event.result.outcome
            place = f"{project.path_of(event.key)}{plane_text(outcome.plane)}"
            say(f"{place}: {outcome.seconds:.1f} s ({how_far})")

    with going_on():
        report = drive(steps, tell=tell_event)
    seconds = time.perf_counter() - begun
    tell(
        f"{count(len(report.done), 'image')} {done}, {len(report.failed)} failed in {seconds:.1f} s"
    )
    return codes


def exit_by(codes: Sequence[int]) -> None:
    """End the command by the exit codes of what failed; go on where nothing did."""
    if codes:
        raise typer.Exit(FAILED if FAILED in codes else UNUSABLE)


def _told_of_features(size: int, limit: int, again: int) -> str:
    """Return what is said before a run of the features' size, and of images that are run again for theirs."""
    text = f"Features of the images take about {size_text(size)}"
    if size <= limit:
        text = f"{text} (the limit is {size_text(limit)})"
        if again:
            are = "is" if again == 1 else "are"
            text = f"{text}; {count(again, 'image')} pre-labelled without them {are} run again"
        return text
    return (
        f"{text}, and the limit is {size_text(limit)}: about {limit / size:.0%} of the images keep theirs; "
        "--limit sets another one"
    )


def read_limit(keep: str | None, limit: str | None) -> int:
    """Return how many bytes of features ``--keep`` and ``--limit`` ask for; 0: none.

    Raises:
        InputError: they ask for something else.
    """
    if keep is None:
        if limit is not None:
            raise InputError(f"--limit is {limit!r}, and nothing is kept; add --keep features.")
        return 0
    if keep != "features":
        raise InputError(f"--keep is {keep!r}; the features are what can be kept.")
    if limit is None:
        return LIMIT
    found = re.fullmatch(r"(\d+(?:\.\d+)?) ?([kMGT]?B)?", limit.strip())
    size = 0 if found is None else round(float(found[1]) * _UNITS[found[2] or "B"])
    if size <= 0:
        raise InputError(f"--limit is {limit!r}; give a size, such as 500MB or 20GB.")
    return size


_UNITS = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}


def read_part(text: str) -> tuple[int, int]:
    """Return the part that ``--part`` names.

    Raises:
        InputError: it is none.
    """
    found = re.fullmatch(r"\s*(\d{1,6})\s*/\s*(\d{1,6})\s*", text)
    part = (0, 0) if found is None else (int(found[1]), int(found[2]))
    if not 1 <= part[0] <= part[1]:
        raise InputError(f"--part is {text!r}; write for example 1/3 for the first of three.")
    return part


def show_status(folder: Path, roll_up: str | None = None) -> None:
    """Print a project's counts, and what failed with its reason.

    Args:
        folder: of the project.
        roll_up: which classes are told with what is below them; ``None``: no figures of classes.

    Raises:
        InputError: there is no such class.
    """
    with Project.open(folder, read_only=True) as project:
        recipe = project.recipe
        classes = () if roll_up is None else project.figures(roll_up=roll_up).classes
        tell(
            f"{project.folder}: {images_text(project)}",
            f"classes: {', '.join(project.vocabulary.names)}",
            f"preset {recipe.name}, regions {recipe.regions}, "
            + (f"detail {recipe.detail}" if recipe.scale is None else f"scale {recipe.scale:g}"),
            *project.status().lines(),
            *(
                f"  {row.name}: {count(row.regions, 'region')} on "
                f"{count(row.images, 'image')}, {row.decided:,} decided, {count(row.area, 'pixel')}"
                for row in classes
            ),
        )
        waiting = len(project.open_conflicts())
        if waiting:
            tell(f"{count(waiting, 'conflict')} to decide on a sheet")
        pictures = CropCache(project.folder).size
        if pictures:
            tell(
                f"{size_text(pictures)} of small pictures for the contact sheet are kept in {CROPS}"
            )
        failed = project.items(ItemState.FAILED)
        for item in failed[:SHOWN]:
            tell(f"  {item.title}: {item.reason}")
        if len(failed) > SHOWN:
            tell(f"  and {len(failed) - SHOWN} more")


def mark(
    folder: Path, state: str, images: Sequence[str], *, by: str, every: bool, among: str | None
) -> None:
    """Mark images; see the command's help.

    Raises:
        InputError: there is no such state or image, or one cannot be in it. None was marked then.
    """
    if every == bool(images):
        raise InputError("Say which images, or give --all; one of the two.")
    if among is not None and not every:
        raise InputError(f"--in is {among!r}, and goes with --all; leave it out, or the images.")
    with Project.open(folder) as project:
        wanted = marked_state(state)
        if every:
            states = list(ItemState) if among is None else [state_of(among)]
            chosen = project.items(*(each for each in states if each is not wanted))
            if states == [wanted]:
                chosen = []
        else:
            chosen = project.items_named(*images)
        tell(f"{count(project.mark_all(chosen, wanted, by=by), 'image')} marked {wanted}")


def images_text(project: Project) -> str:
    """Return how many images a project has, and how many of them are planes."""
    stacks = project.stacks
    text = count(len(project), "image")
    if not stacks:
        return text
    planes = sum(len(stack.planes) for stack in stacks)
    return f"{text}, {planes:,} of them planes of {count(len(stacks), 'stack')}"


def open_window(folder: Path) -> None:
    """Open a project in napari, in a process of its own, and wait until its window is closed.

    Raises:
        InputError: it is no project, or damaged.
        typer.Exit: napari could not be started, with its exit code.
    """
    with Project.open(folder, read_only=True) as project:
        index = project.folder / NAME
    # It has the dock open by itself, as for any project.sqlite; the command line knows neither napari nor Qt.
    code = subprocess.run([sys.executable, "-m", "napari", str(index)], check=False).returncode
    if code:
        raise typer.Exit(code)


def relink(folder: Path, old: Path, new: Path) -> None:
    """Look for images in another place from now on."""
    with Project.open(folder) as project:
        tell(f"{count(project.relink(old, new), 'image')} relinked to {new}")


def repair(folder: Path) -> None:
    """Make a project's index anew."""
    with Project.repair(folder) as project:
        tell(f"{project.folder}: the index was made anew", *project.status().lines())
