"""The work of an export in the format of a trainer: of the image that is corrected, or of a set."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from napari_corrclip.annotation import Session
from napari_corrclip.gui.image.picture import Picture
from napari_corrclip.gui.work.exporting import name_for
from napari_corrclip.progress import Progress, Steps
from napari_corrclip.project.export.exporting import Exported, ExportOptions, export_steps
from napari_corrclip.project.export.formats import format_called
from napari_corrclip.project.loose import source_of
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
    copy, kind = session.copy(), format_called(format_)
    # Of a file that is as it was its picture is the file; a part, or channels, as the networks saw them.
    pictures = (options.pictures or kind.pictures) != "none"
    source = source_of(copy, name_for(picture), pictures)
    return export_steps([source], folder, kind, copy.vocabulary, options)


def item_steps(
    project: Path, item: str, session: Session, folder: Path, format_: str, options: ExportOptions
) -> Steps[Exported]:
    """Export the image of a set that is corrected, with what the set knows of it: who decided, and when.

    Args:
        project: its folder.
        item: the image's name there.
        session: of the image; a copy is made now.
        folder: is made.
        format_: name of the format.
        options: what a person says.

    Raises:
        InputError: as of an export.
    """
    return _item_steps(project, item, session.copy(), folder, format_, options)


def _item_steps(
    project: Path, item: str, copy: Session, folder: Path, format_: str, options: ExportOptions
) -> Steps[Exported]:
    yield Progress("export", 0, 1)
    with Project.open(project, read_only=True) as opened:
        steps = opened.export_item_steps(item, copy, folder, format_, options=options)
        return (yield from steps)


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
