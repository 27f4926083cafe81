"""``napari-corrclip effort``: what correcting costs a simulated person, with and without pre-labels."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from napari_corrclip.cli.console import say, tell
from napari_corrclip.cli.targets import check_folder
from napari_corrclip.errors import InputError
from napari_corrclip.evaluation.effort.cases.case import CaseSet
from napari_corrclip.evaluation.effort.simulation.arms import Arm
from napari_corrclip.progress import drive
from napari_corrclip.project.folder import check_outside

if TYPE_CHECKING:
    from napari_corrclip.evaluation.effort.cases.folder import Photographs

DEMO = "demo"
TRIED = "expected-error"
SCENES = 50


@dataclass(frozen=True)
class Options:
    """The options of ``effort``; the command's help says what each means.

    Attributes:
        data: ``demo`` or a folder.
        images: how many are corrected; ``None``: 50 scenes, or every other photograph.
        output: the folder that gets the results.
        classes: names of the folder's classes, in the order of their values from 0.
        ignore: values of the folder's truth that are not counted.
        superpixels: about how many regions a folder's images have, once for each number; ``None``: 70,
            350 and 1600.
        seed: of a folder's sample and forest.
        device: where the demo's networks run.
        variants: whether other orders are tried too.
        plots: whether plots are drawn.
        replace: whether a study in the folder may be replaced.
    """

    data: str
    images: int | None
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
    """Run the study, print its goals and write its files.

    Raises:
        InputError: an argument cannot be used.
    """
    from napari_corrclip.annotation import ORDERS
    from napari_corrclip.evaluation.effort.reporting import output
    from napari_corrclip.evaluation.effort.reporting.report import Report, goal_tables
    from napari_corrclip.evaluation.effort.simulation.arms import JUDGED, VARIANTS, standard_arms
    from napari_corrclip.evaluation.effort.study import study_steps
    from napari_corrclip.evaluation.writing import check_finished
    from napari_corrclip.results.segmentation import package_versions

    if options.images is not None and options.images < 1:
        raise InputError(f"--images {options.images} cannot be corrected; ask for at least one.")
    if options.plots:
        from napari_corrclip.evaluation.plotting import check_matplotlib

        check_matplotlib()
    check_folder(options.output)
    check_apart(options.output, options.data)
    check_finished(options.output, output.RECORD, "a study", replace=options.replace)
    # The variants have it, refreshed every 5 looks.
    arms: Sequence[Arm] = (
        *standard_arms(tuple(name for name in ORDERS if name != "expected-error")),
        *(VARIANTS if options.variants else ()),
    )
    studies = []
    for cases in _sets(options):
        say(cases.summary)
        studies.append(drive(study_steps(cases, arms)))
    report = Report(
        studies=tuple(studies),
        arms=tuple(arms),
        orders=(*JUDGED, TRIED) if options.variants else JUDGED,
        versions=package_versions(),
    )
    output.write_report(options.output, report, plots=options.plots)
    tell(*"\n".join(goal_tables(report.studies, report.orders)).split("\n"))
    tell(f"{options.output}{os.sep}")


def check_apart(folder: Path, data: str) -> None:
    """Refuse a place for results in a project, or among the images or truths of a folder of photographs.

    Args:
        folder: that gets results; need not exist.
        data: ``demo`` or a folder.

    Raises:
        InputError: results would be mixed with files of others.
    """
    check_outside(folder)
    for home in () if data == DEMO else (Path(data) / "images", Path(data) / "labels"):
        if folder.resolve().is_relative_to(home.resolve()):
            raise InputError(
                f"{str(folder)!r} lies in {str(home)!r}, whose files are measured, and results would be "
                "taken for some of them; give an -o outside of it."
            )


def _sets(options: Options) -> list[CaseSet]:
    """Return the sets of images with their pre-labels."""
    if options.data == DEMO:
        if options.classes is not None or options.ignore or options.superpixels:
            raise InputError(
                "--classes, --ignore and --superpixels are for a folder, and the data is the "
                "demo's; give --data FOLDER or leave them out."
            )
        from napari_corrclip.engine.recipe import Recipe
        from napari_corrclip.evaluation.effort.cases.scenes import scene_sets

        count = SCENES if options.images is None else options.images
        return drive(scene_sets(count, recipe=Recipe("demo", device=options.device)))
    from napari_corrclip.evaluation.effort.cases.photographs import GRIDS, photograph_sets

    photographs = read_photographs(options.data, options.classes, options.ignore)
    grids = options.superpixels or GRIDS
    return drive(photograph_sets(photographs, options.images, grids=grids, seed=options.seed))


def read_photographs(data: str, classes: str | None, ignore: Collection[int]) -> Photographs:
    """Read a folder of photographs.

    Args:
        data: the folder.
        classes: names of its classes, or a file of them.
        ignore: values of its truth that are not counted.

    Raises:
        InputError: it is not there, or cannot be used.
    """
    from napari_corrclip.cli.options import read_classes
    from napari_corrclip.evaluation.effort.cases.folder import read_folder

    folder = Path(data)
    if not folder.is_dir():
        raise InputError(
            f"There is no folder {data!r}; give {DEMO!r}, or a folder that holds 'images' "
            "and 'labels'."
        )
    names = None if classes is None else read_classes(classes).names
    return read_folder(folder, classes=names, ignore=ignore)
