"""The export of whatever has labels: a project, a session, a result, or the folder of one."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from napari_corrclip.errors import InputError
from napari_corrclip.progress import drive
from napari_corrclip.project.export.exporting import Exported, ExportOptions
from napari_corrclip.project.folder import is_project, project_at
from napari_corrclip.project.loose import Labels, loose_steps
from napari_corrclip.project.project import Project
from napari_corrclip.project.records import ItemState


def export(
    what: Project | Labels | str | os.PathLike[str] | Sequence[Labels | str | os.PathLike[str]],
    folder: str | os.PathLike[str],
    format: str,  # noqa: A002 - as everybody calls it
    *,
    only: ItemState | str | Iterable[ItemState | str] = (),
    options: ExportOptions | None = None,
    progress: bool | None = None,
) -> Exported:
    """Write labels in the format of a trainer, with a manifest beside them.

    Args:
        what: a :class:`Project`, a :class:`Session`, a :class:`Segmentation` or a :class:`LargeSegmentation`;
            or the folder of one, what was the ``-o`` of ``segment``; or several of these but projects.
        folder: is made, with all of it or not at all.
        format: its name, one of :data:`napari_corrclip.project.export.formats.FORMATS`, such as ``"coco"``.
        only: of a project, items in these states; none: all that have labels and are not skipped.
        options: masks, numbers, pictures, a split; ``None``: as the format does usually.
        progress: draw a bar on stderr; ``None``: only where that is a terminal.

    Returns:
        The folder, how many images are in it, why others are not, and what the format's files do not have as
        one may think (``notes``).

    Raises:
        InputError: there are no labels, the format cannot hold something, or the folder has something or
            cannot be written.
    """
    if isinstance(what, str | os.PathLike):
        place = project_at(what)
        # A folder of results may lie beside the project of its name.
        if place is not None and (is_project(what) or not Path(what).is_dir()):
            with Project.open(place, read_only=True) as project:
                return project.export(folder, format, only=only, options=options, progress=progress)
    if isinstance(what, Project):
        return what.export(folder, format, only=only, options=options, progress=progress)
    if only:
        raise InputError(f"'only' is {only!r}, which chooses items of a project; leave it out.")
    with contextlib.closing(loose_steps(what, folder, format, options)) as steps:
        return drive(steps, show=progress)
