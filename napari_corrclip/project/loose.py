"""The export of results and sessions that are in no project, one after another.

Of all of them the classes are looked at before anything is written. Their maps, and the pictures that
they are of, are read when it is their turn, so that no more than one of them is in memory.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from napari_corrclip.annotation import Session, restore
from napari_corrclip.annotation.files.folder import digest, is_session
from napari_corrclip.annotation.files.log import has_session
from napari_corrclip.errors import InputError
from napari_corrclip.images.origin import Origin
from napari_corrclip.images.source import Source
from napari_corrclip.images.stack import Where
from napari_corrclip.images.stacks import read_plane
from napari_corrclip.progress import Progress, Steps
from napari_corrclip.project.export import exporting
from napari_corrclip.project.export.exporting import Exported, ExportOptions, export_steps
from napari_corrclip.project.export.formats import format_called
from napari_corrclip.project.export.image import LabelledImage
from napari_corrclip.project.folder import ITEM, RESULT, Outcome
from napari_corrclip.project.records import plane_text
from napari_corrclip.results.folder import LARGE_FORMAT, read_provenance, read_vocabulary
from napari_corrclip.results.large import LargeSegmentation
from napari_corrclip.results.provenance import Provenance
from napari_corrclip.results.segmentation import Segmentation
from napari_corrclip.vocabulary import Vocabulary

Labels = Session | Segmentation | LargeSegmentation
_Result = Segmentation | LargeSegmentation
_BACK = "put it back, or export without pictures (--pictures none)"


@dataclass(frozen=True, eq=False, slots=True)
class _Found:
    """Labels that are to be exported, before they are read.

    Attributes:
        vocabulary: their classes.
        source: of the export.
    """

    vocabulary: Vocabulary
    source: exporting.Source


def loose_steps(
    what: Labels | str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    folder: str | os.PathLike[str],
    format_: str,
    options: ExportOptions | None = None,
) -> Steps[Exported]:
    """Export results and sessions that are in no project.

    Args:
        what: a session, a result, the folder of one, what was the ``-o`` of ``segment``, or several of them.
        folder: is made.
        format_: name of the format.
        options: what a person says.

    Raises:
        InputError: there is none, they have different classes, or as of an export.
    """
    kind = format_called(format_)
    pictures = ((options or ExportOptions()).pictures or kind.pictures) != "none"
    found: list[_Found] = []
    if isinstance(what, Session):
        found.append(_of_session(lambda: what, what, "image", pictures))
    elif isinstance(what, Segmentation | LargeSegmentation):
        source = _of_result(lambda: what, what.provenance, None, "image", pictures)
        found.append(_Found(what.vocabulary, source))
    else:
        given = [what] if isinstance(what, str | os.PathLike) else list(what)
        places = [each for place in given for each in _folders(Path(place).expanduser().absolute())]
        for number, place in enumerate(places):
            yield Progress("look at", number, len(places))
            found.append(_look(place, pictures))
            if found[-1].vocabulary != found[0].vocabulary:
                raise InputError(
                    f"{str(place)!r} has other classes than {str(places[0])!r}; export them one by one, or "
                    "make a project of them."
                )
    if not found:
        raise InputError("There is nothing to export; give the folder of a result or of a session.")
    sources = [each.source for each in found]
    return (yield from export_steps(sources, folder, kind, found[0].vocabulary, options))


def source_of(session: Session, name: str, pictures: bool) -> exporting.Source:
    """Return the source of an export of a session that is in memory.

    Args:
        session: is read when it is its turn.
        name: of a part of an image, or of what is in no file; a whole image is called as its file.
        pictures: whether its picture is wanted.
    """
    source = session.source
    is_file = source is not None and _is_whole(source) and Path(source.path).is_file()
    found = _of_session(lambda: session, session, name, pictures, shown="" if is_file else name)
    return found.source


def _look(place: Path, pictures: bool) -> _Found:
    """Return what is in the folder of a result or a session, whose maps are read again later.

    Raises:
        InputError: it is damaged.
    """
    if has_session(place) or is_session(place):
        read = partial(restore if has_session(place) else Session.load, place)
        return _of_session(read, read(), place.name, pictures)
    document = read_provenance(place) or {}
    large = document.get("format") == LARGE_FORMAT
    load: Callable[[], _Result] = partial(
        (LargeSegmentation if large else Segmentation).load, place
    )
    provenance = Provenance.from_document(document)
    source = _of_result(load, provenance, place, place.name, pictures)
    return _Found(read_vocabulary(place), source)


def _of_result(
    read: Callable[[], _Result],
    provenance: Provenance,
    place: Path | None,
    name: str,
    pictures: bool,
) -> exporting.Source:
    """Return the source of a result.

    Args:
        read: returns it.
        provenance: of it.
        place: its folder; ``None``: it is in none.
        name: where it does not know its image.
        pictures: whether its picture is wanted.
    """
    shown, plane = Path(provenance.image).name or name, _plane_of(place)

    def image() -> LabelledImage:
        file = None
        if provenance.image:
            origin = Origin(provenance.image, provenance.image_digest, provenance.image_position)
            file = origin.find(place)
            if file is None and pictures:
                raise InputError(
                    f"The image {provenance.image!r} is gone, or was changed since it was segmented; {_BACK}."
                )
        return LabelledImage.of_result(read(), name, file=file, path=shown, plane=plane)

    return exporting.Source(shown, f"{shown}{plane_text(plane)}", image)


def _plane_of(place: Path | None) -> Where:
    """Return which plane of its file a result is of; an item of a project knows, and others have none.

    Raises:
        InputError: the item is damaged.
    """
    if place is None or place.name != RESULT or not (place.parent / ITEM).is_file():
        return ()
    return Outcome.read(place.parent).plane


def _of_session(
    read: Callable[[], Session], now: Session, name: str, pictures: bool, *, shown: str = ""
) -> _Found:
    """Return a session, of which nothing but its classes and its image's place is kept.

    Args:
        read: returns it, again.
        now: as it is.
        name: where it does not know its image.
        pictures: whether its picture is wanted.
        shown: what the image is called; empty: as its file.
    """
    source = now.source
    shown = shown or (name if source is None else Path(source.path).name)
    plane = source.slice if source is not None else ()

    def image() -> LabelledImage:
        session = read()
        file = None
        if source is not None and _is_whole(source):
            file = _file_of(source, session, pictures)
        return LabelledImage.of_session(
            session,
            name,
            path=shown,
            plane=plane,
            file=file,
            pixels=session.image if file is None else None,
        )

    whole = None if source is None else Path(source.path)
    return _Found(
        now.vocabulary, exporting.Source(shown, f"{shown}{plane_text(plane)}", image, whole)
    )


def _is_whole(source: Source) -> bool:
    """Whether an image is the file itself, and no part of it, coarser level or several channels."""
    return not (source.crop or source.level or source.channels)


def _file_of(source: Source, session: Session, pictures: bool) -> Path | None:
    """Return the file that a session was made of; ``None``: it is another one now.

    Raises:
        InputError: its picture is wanted, is another one, and the session has none.
    """
    file = Path(source.path)
    if not pictures:
        return file if file.exists() else None
    try:
        now = Source.of(file, slice=source.slice)
        if not session.image_digest or now.is_unchanged_since(source):
            return file
        seen = read_plane(file, source.slice).rgb
        if digest(seen) == session.image_digest:
            return file
    except InputError:
        if session.image is None:
            raise
        return None
    if session.image is not None:
        return None
    raise InputError(f"The image {source.path!r} was changed since it was corrected; {_BACK}.")


def _folders(place: Path) -> list[Path]:
    """Return the folder of a result or a session, or those that are in it."""
    if not place.is_dir():
        raise InputError(
            f"There is no folder {str(place)!r}; give that of a result or of a session."
        )
    if _is_one(place):
        return [place]
    inside = [path for path in sorted(place.iterdir()) if path.is_dir() and _is_one(path)]
    if not inside:
        raise InputError(
            f"{str(place)!r} holds no result and no session; give what was the -o of segment, or a folder "
            "that a session was saved in."
        )
    return inside


def _is_one(place: Path) -> bool:
    return read_provenance(place) is not None or is_session(place) or has_session(place)
