"""The files of a comparison of two projects: tables, and the images that differ most side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.errors import InputError
from napari_corrclip.evaluation.agreement import report
from napari_corrclip.evaluation.agreement.report import Told
from napari_corrclip.evaluation.comparison import disagreement, png
from napari_corrclip.evaluation.writing import binary, check_foreign, text, write_together
from napari_corrclip.images.stacks import read_plane
from napari_corrclip.progress import Progress, Steps
from napari_corrclip.project.joining.agreement import ComparedImage, Comparison
from napari_corrclip.project.joining.classes import numbered
from napari_corrclip.project.project import Project
from napari_corrclip.project.reviewing import as_it_was_read
from napari_corrclip.storage.folders import Writer

RECORD: Final = "comparison.json"
TABLES: Final = "comparison.md"
CONFUSION: Final = "comparison-confusion.png"
PICTURES: Final = "comparison-*.png"
WORST: Final = 6
_LARGEST: Final = 768
"""Longest side in pixels of an image in a picture."""
_READ: Final = 1 << 26
"""Pixels of the largest image that is read for a picture; of others the maps alone are drawn."""


def check_output(folder: Path) -> None:
    """Raise InputError where ``folder`` has files of these names that no comparison is known to have made."""
    check_foreign(folder, RECORD)


def write_steps(
    folder: Path,
    found: Comparison,
    first: Project,
    second: Project,
    told: Told,
    *,
    decided: bool = False,
    plots: bool = True,
) -> Steps[None]:
    """Write the report into ``folder``, all or none; pictures of an earlier one there are replaced.

    Args:
        folder: that gets it.
        found: what came out.
        first: the first project, of which the pictures have the image.
        second: the other one.
        told: beside the figures.
        decided: as it was for the comparison.
        plots: whether to draw the confusion by matplotlib, if anything was compared.

    Raises:
        InputError: it cannot be written.
    """
    writers: dict[str, Writer] = {}
    shown: dict[str, str] = {}
    plot = CONFUSION if plots and found.pixels.total else ""
    if plot:
        from napari_corrclip.evaluation.agreement.plots import confusion_plot

        writers[plot] = binary(confusion_plot(found, told))
    worst = found.worst_first()[:WORST]
    for number, image in enumerate(worst):
        yield Progress("draw", number, len(worst))
        try:
            picture = picture_of(found, image, first, second, told, decided=decided)
        except InputError:  # it is gone since
            continue
        name = f"comparison-worst-{number + 1}.png"
        writers[name], shown[name] = binary(png(picture)), image.title
    writers[RECORD] = text(report.to_json(found, told))
    writers[TABLES] = text(report.markdown(found, told, shown, plot))
    write_together(folder, writers, PICTURES)


def picture_of(
    found: Comparison,
    image: ComparedImage,
    first: Project,
    second: Project,
    told: Told,
    *,
    decided: bool = False,
) -> NDArray[np.uint8]:
    """Return the image, both label maps and where they differ side by side, (rows, columns, 3) uint8.

    Args:
        found: the comparison.
        image: of it.
        first: the first project.
        second: the other one.
        told: how they are called.
        decided: as it was for the comparison.

    Raises:
        InputError: it cannot be read.
    """
    beside = first.labels_beside(second, image, decided=decided, side=_LARGEST)
    rgb = _picture(first, image, beside.first.shape, beside.step)
    maps = {told.first: beside.first, told.second: beside.second}
    return disagreement(rgb, maps, beside.differs, numbered(found.classes))


def _picture(
    project: Project, image: ComparedImage, shape: tuple[int, ...], step: int
) -> NDArray[np.uint8]:
    """Return (h, w, 3) every so manieth pixel of an image; grey where it is gone, or too large to be read."""
    grey: NDArray[np.uint8] = np.full((*shape, 3), 128, np.uint8)
    if shape[0] * shape[1] * step * step > _READ:
        return grey
    item = project.item(image.name)
    try:
        options = as_it_was_read(project.folder_of(item))
        rgb = read_plane(project.path_of(item), item.plane, options).rgb[::step, ::step]
    except InputError:
        return grey
    return rgb if rgb.shape == grey.shape else grey
