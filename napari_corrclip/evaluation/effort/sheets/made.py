"""A real project of the images of a study, with their pre-labels and vectors as a run leaves them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import imageio.v3 as iio

from napari_corrclip.engine.recipe import Recipe
from napari_corrclip.evaluation.effort.cases.case import Case
from napari_corrclip.progress import Progress, Steps, finish
from napari_corrclip.project.folder import Outcome, file_now, now
from napari_corrclip.project.project import Project
from napari_corrclip.project.records import ItemState
from napari_corrclip.project.staging import place, stage

SET = "set"


def made_steps(folder: Path, cases: Sequence[Case]) -> Steps[Path]:
    """Make a project and return its folder; yields after every image.

    Its items are the cases in their order, so that the first one's name sorts first.

    Args:
        folder: an empty one, for the images and the project.
        cases: of the same classes.
    """
    images = folder / "images"
    images.mkdir()
    for number, case in enumerate(cases):
        yield Progress("write the images", number, len(cases))
        iio.imwrite(images / f"{number:05}.png", case.image, compress_level=1)
    words = cases[0].result.vocabulary
    recipe = Recipe("demo", regions="superpixels")
    with Project.create(folder / SET, words, images, recipe=recipe) as project:
        for number, (record, case) in enumerate(zip(project.items(), cases, strict=True)):
            yield Progress("write the pre-labels", number, len(cases))
            home = project.folder_of(record)
            home.mkdir(parents=True, exist_ok=True)
            size, changed = file_now(project.path_of(record))
            outcome = Outcome(
                record.path, size, changed, record.digest, ItemState.PRELABELLED, at=now()
            )
            stage(home, outcome, case.result, case.vectors)
            place(home)
        finish(project.collect_steps())
        return project.folder
