"""The work of an export in the format of a trainer: of the image that is corrected, or of a set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from napari_corrclip.annotation import Session
from napari_corrclip.gui.image.picture import Picture
from napari_corrclip.gui.work.exporting import name_for
from napari_corrclip.progress import Progress, Steps
from napari_corrclip.project.export.exporting import Exported, ExportOptions, Source, export_steps
from napari_corrclip.project.export.formats import format_called
from napari_corrclip.project.export.image import LabelledImage
from napari_corrclip.project.project import Project
from napari_corrclip.project.records import ItemState


def image_steps(
    session: Session, picture: Picture, folder: Path, format_: str, options: ExportOptions
) -> Steps[Exported]:
    """Export the image that is corrected; a copy is made now, so that it may be edited meanwhile.

    Args:
        session: of the image.
        picture: which image, and which part of it.
        folder: is made.
        format_: name of the format.
        options: what a person says.

    Raises:
        InputError: as of an export.
    """
    copy, name = session.copy(), name_for(picture)
    source = picture.source
    whole = source is not None and picture.box is None and not picture.level
    file = (
        Path(source.path) if source is not None and whole and Path(source.path).is_file() else None
    )
    path = name if file is None else file.name
    plane = source.slice if source is not None and file is not None else ()

    def read() -> LabelledImage:
        image = LabelledImage.of_session(copy, name, path=path, file=file, plane=plane)
        # A part, or what is in memory, is written as the networks saw it.
        return image if file is not None else replace(image, pixels=copy.image)

    return export_steps(
        [Source(path, name, read)], folder, format_called(format_), copy.vocabulary, options
    )


def set_steps(
    project: Path, folder: Path, format_: str, only: Sequence[ItemState], options: ExportOptions
) -> Steps[Exported]:
    """Export a set, which the thread opens for itself.

    Args:
        project: its folder.
        folder: is made.
        format_: name of the format.
        only: items in these states; none: all that have labels.
        options: what a person says.

    Raises:
        InputError: as of an export.
    """
    yield Progress("export", 0, 1)
    with Project.open(project, read_only=True) as opened:
        return (yield from opened.export_steps(folder, format_, only=only, options=options))
