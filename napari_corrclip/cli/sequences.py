"""``napari-corrclip effort --sequence``: what correcting costs image after image, taught and untaught."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from napari_corrclip.cli.console import say, tell
from napari_corrclip.cli.effort import DEMO, check_apart, read_photographs
from napari_corrclip.cli.targets import check_folder
from napari_corrclip.errors import InputError
from napari_corrclip.evaluation.effort.cases.case import CaseSet
from napari_corrclip.progress import drive

HALVES = ("test", "tune")


@dataclass(frozen=True)
class Options:
    """The options of ``effort --sequence`` and ``--sheets``; the command's help says what each means.

    Attributes:
        data: ``demo`` or a folder.
        images: how many are corrected; ``None``: 60 scenes, or every other photograph.
        orders: in how many orders; of sheets, by how many halves.
        sets: names of the sets; ``None``: all.
        half: ``test`` or ``tune``.
        output: the folder that gets the results.
        classes: names of the folder's classes, in the order of their values from 0.
        ignore: values of the folder's truth that are not counted.
        superpixels: about how many regions a folder's images have; ``None``: 350.
        seed: of the orders, and of a folder's sample and forest.
        device: where the demo's networks run.
        variants: whether shuffled features, wrong verdicts and tools are tried too.
        plots: whether plots are drawn.
        replace: whether a study in the folder may be replaced.
    """

    data: str
    images: int | None
    orders: int
    sets: str | None
    half: str
    output: Path
    classes: str | None
    ignore: Collection[int]
    superpixels: Sequence[int] | None
    seed: int
    device: str
    variants: bool
    plots: bool
    replace: bool = False


def measure(options: Options) -> None:
    """Run the study of sequences, print its goals and write its files.

    Raises:
        InputError: an argument cannot be used.
    """
    from napari_corrclip.evaluation.effort.sequence import output
    from napari_corrclip.evaluation.effort.sequence.orders import LENGTH
    from napari_corrclip.evaluation.effort.sequence.report import SequenceReport, goals_table
    from napari_corrclip.evaluation.effort.sequence.study import sequence_steps
    from napari_corrclip.evaluation.effort.sequence.ways import STANDARD, VARIANTS
    from napari_corrclip.evaluation.writing import check_finished
    from napari_corrclip.results.segmentation import package_versions

    names = check(options)
    if options.plots:
        from napari_corrclip.evaluation.plotting import check_matplotlib

        check_matplotlib()
    check_folder(options.output)
    check_apart(options.output, options.data)
    check_finished(options.output, output.RECORD, "a study", replace=options.replace)
    ways = (*STANDARD, *(VARIANTS if options.variants else ()))
    studies = []
    for cases in read_sets(options, names):
        say(cases.summary)
        steps = sequence_steps(cases, ways, orders=options.orders, length=LENGTH, seed=options.seed)
        studies.append(drive(steps))
        # What is there already is not lost if the rest is cancelled.
        report = SequenceReport(tuple(studies), ways, options.half, package_versions())
        output.write_sequences(options.output, report, plots=options.plots)
    tell(*"\n".join(goals_table(studies)).split("\n"))
    tell(f"{options.output}{os.sep}")


def check(options: Options) -> tuple[str, ...]:
    """Return the names of the sets, before anything takes long.

    Raises:
        InputError: there is no such set or half, or no image is asked for.
    """
    from napari_corrclip.evaluation.effort.cases import taught_photographs, taught_scenes

    if options.images is not None and options.images < 1:
        raise InputError(f"--images {options.images} cannot be corrected; ask for at least one.")
    if options.half not in HALVES:
        raise InputError(f"There is no half {options.half!r}; give {' or '.join(HALVES)}.")
    known = taught_scenes.SETS if options.data == DEMO else taught_photographs.SETS
    names: tuple[str, ...] = known
    if options.sets is not None:
        names = tuple(options.sets.replace(",", " ").split())
        unknown = [name for name in names if name not in known]
        if unknown or not names:
            raise InputError(
                f"There is no set {', '.join(map(repr, unknown)) or repr('')}; give of "
                f"{', '.join(known)}."
            )
    return names


def read_sets(options: Options, names: tuple[str, ...]) -> Iterator[CaseSet]:
    """Yield the sets of images with their pre-labels and vectors, source by source."""
    from napari_corrclip.engine.recipe import Recipe
    from napari_corrclip.evaluation.effort.cases import taught_photographs, taught_scenes

    recipe = Recipe("demo", regions="superpixels", device=options.device)
    if options.data == DEMO:
        if options.classes is not None or options.ignore or options.superpixels:
            raise InputError(
                "--classes, --ignore and --superpixels are for a folder, and the data is the "
                "demo's; give --data FOLDER or leave them out."
            )
        count = taught_scenes.SCENES if options.images is None else options.images
        for source in ("superpixels", "sam"):
            yield from drive(
                taught_scenes.taught_scene_sets(
                    source, count=count, half=options.half, names=names, recipe=recipe
                )
            )
        return
    if options.superpixels is not None and len(options.superpixels) > 1:
        raise InputError(
            f"Sets are measured with one number of --superpixels, and there are "
            f"{len(options.superpixels)}; give one of them."
        )
    grid = options.superpixels[0] if options.superpixels else taught_photographs.GRID
    yield from drive(
        taught_photographs.taught_photograph_sets(
            read_photographs(options.data, options.classes, options.ignore),
            options.images,
            half=options.half,
            names=names,
            grid=grid,
            seed=options.seed,
            recipe=recipe,
        )
    )
