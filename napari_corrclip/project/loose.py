"""The export of results and sessions that are in no project, one after another.

Of all of them the classes are looked at before anything is written. Their maps, and the pictures that
they are of, are read when it is their turn, so that no more than one of them is in memory.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePath

from napari_corrclip.annotation import Session, restore
from napari_corrclip.annotation.files.folder import digest, is_session
from napari_corrclip.annotation.files.log import has_session
from napari_corrclip.errors import InputError
from napari_corrclip.images.origin import Origin, place_of
from napari_corrclip.images.source import Source
from napari_corrclip.images.stack import Where
from napari_corrclip.images.stacks import read_plane
from napari_corrclip.progress import Progress, Steps
from napari_corrclip.project.export import exporting
from napari_corrclip.project.export.exporting import Exported, ExportOptions, alike, export_steps
from napari_corrclip.project.export.formats import WRITTEN, format_called
from napari_corrclip.project.export.image import LabelledImage
from napari_corrclip.project.folder import ITEM, RESULT, Outcome, is_project
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
        said: what they are called in a sentence.
        picture: where their image lies, as they know it; empty: they know none.
        plane: of a stack, which one.
        name: of the image, where it knows no place.
        read: returns them; its path is given then.
    """

    vocabulary: Vocabulary
    said: str
    picture: str
    plane: Where
    name: str
    read: Callable[[], LabelledImage]


def loose_steps(
    what: Labels | str | os.PathLike[str] | Sequence[Labels | str | os.PathLike[str]],
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
    kind = format_called(format_, WRITTEN)
    pictures = ((options or ExportOptions()).pictures or kind.pictures) != "none"
    found: list[_Found] = []
    given = list(_each_once(_given(what)))
    for number, each in enumerate(given):
        yield Progress("look at", number, len(given))
        found.append(_look(each, pictures, number))
        if found[-1].vocabulary != found[0].vocabulary:
            raise InputError(
                f"{found[-1].said} has other classes than {found[0].said}; export them one by one, or "
                "make a project of them."
            )
    if not found:
        raise InputError("There is nothing to export; give the folder of a result or of a session.")
    notes = _told_of_several(found)
    steps = export_steps(_sources(found), folder, kind, found[0].vocabulary, options, notes)
    return (yield from steps)


def _given(what: object) -> list[Labels | Path]:
    """Return what somebody gave, one by one; of a folder what is in it.

    Raises:
        InputError: something is no labels and no folder of them.
    """
    if isinstance(what, Labels):
        return [what]
    if isinstance(what, str | os.PathLike):
        return list(_folders(Path(what).expanduser().absolute()))
    if isinstance(what, Iterable):
        several: list[Labels | Path] = []
        for each in what:
            if not isinstance(each, Labels | str | os.PathLike):
                raise _no_labels(each)
            several += _given(each)
        return several
    raise _no_labels(what)


def _no_labels(what: object) -> InputError:
    return InputError(
        f"{type(what).__name__!r} has no labels to be exported, or not beside others; give results, "
        "sessions, or their folders, or a project alone."
    )


def _each_once(given: Iterable[Labels | Path]) -> Iterator[Labels | Path]:
    """Yield what was given, whatever was given twice once."""
    seen = set[object]()
    for each in given:
        key = place_of(each) if isinstance(each, Path) else id(each)
        if key not in seen:
            seen.add(key)
            yield each


def _sources(found: Sequence[_Found]) -> list[exporting.Source]:
    """Return the sources of an export: images go by their names, those of one name by their folders, too."""
    places = list(dict.fromkeys(each.picture for each in found if each.picture))
    short = dict(zip(places, _distinct(places), strict=True))
    sources = []
    for each in found:
        shown = short.get(each.picture, each.name)
        title = f"{shown}{plane_text(each.plane)}"
        file = Path(each.picture) if each.picture else None
        sources.append(exporting.Source(shown, title, partial(_called, each.read, shown), file))
    return sources


def _called(read: Callable[[], LabelledImage], path: str) -> LabelledImage:
    return replace(read(), path=path)


def _distinct(places: Sequence[str]) -> list[str]:
    """Return the ends of places, such as ``heron.png``, with as many folders as tell them apart."""
    parts = [PurePath(place).as_posix().strip("/").split("/") for place in places]
    used = [1] * len(parts)
    while True:
        ends = ["/".join(each[-number:]) for each, number in zip(parts, used, strict=True)]
        often = Counter(map(alike, ends))
        more = [
            index
            for index, end in enumerate(ends)
            if often[alike(end)] > 1 and used[index] < len(parts[index])
        ]
        if not more:
            return ends
        for index in more:
            used[index] += 1


def _told_of_several(found: Sequence[_Found]) -> list[str]:
    """Say of which photographs there are several labels, each of which is an image of the export."""
    of_one: dict[tuple[str, Where], list[str]] = {}
    for each in found:
        if each.picture:
            of_one.setdefault((each.picture, each.plane), []).append(each.said)
    return [
        f"{picture!r}{plane_text(plane)} goes out {len(said)} times, as {', '.join(said[:3])} have labels "
        "of it; leave out what is not wanted."
        for (picture, plane), said in of_one.items()
        if len(said) > 1
    ]


def source_of(session: Session, name: str, pictures: bool) -> exporting.Source:
    """Return the source of an export of a session that is in memory.

    Args:
        session: is read when it is its turn.
        name: of a part of an image, or of what is in no file; a whole image is called as its file.
        pictures: whether its picture is wanted.
    """
    source = session.source
    found = _of_session(lambda: session, session, name, name, pictures)
    file = None if source is None else Path(source.path)
    whole = source is not None and _is_whole(source) and file is not None and file.is_file()
    shown = file.name if whole and file is not None else name
    title = f"{shown}{plane_text(found.plane)}"
    return exporting.Source(shown, title, partial(_called, found.read, shown), file)


def _look(place: Labels | Path, pictures: bool, number: int) -> _Found:
    """Return what is in a result or a session; of one in a folder the maps are read again later.

    Raises:
        InputError: it is damaged.
    """
    if isinstance(place, Session):
        session = place
        return _of_session(lambda: session, session, "image", f"session {number + 1}", pictures)
    if isinstance(place, Segmentation | LargeSegmentation):
        result = place
        said = f"result {number + 1}"
        made, words = result.provenance, result.vocabulary
        return _of_result(lambda: result, words, made, None, "image", said, pictures)
    said = repr(str(place))
    if has_session(place) or is_session(place):
        read = partial(restore if has_session(place) else Session.load, place)
        return _of_session(read, read(), place.name, said, pictures)
    document = read_provenance(place) or {}
    large = document.get("format") == LARGE_FORMAT
    load: Callable[[], _Result] = partial(
        (LargeSegmentation if large else Segmentation).load, place
    )
    provenance = Provenance.from_document(document)
    words = read_vocabulary(place)
    return _of_result(load, words, provenance, place, place.name, said, pictures)


def _of_result(
    read: Callable[[], _Result],
    vocabulary: Vocabulary,
    provenance: Provenance,
    place: Path | None,
    name: str,
    said: str,
    pictures: bool,
) -> _Found:
    """Return a result.

    Args:
        read: returns it.
        vocabulary: its classes.
        provenance: of it.
        place: its folder; ``None``: it is in none.
        name: where it does not know its image.
        said: what it is called in a sentence.
        pictures: whether its picture is wanted.
    """
    plane = _plane_of(place)

    def image() -> LabelledImage:
        file = None
        if provenance.image:
            origin = Origin(provenance.image, provenance.image_digest, provenance.image_position)
            file = origin.find(place)
            if file is None and pictures:
                raise InputError(
                    f"The image {provenance.image!r} is gone, or was changed since it was segmented; {_BACK}."
                )
        return LabelledImage.of_result(read(), name, file=file, plane=plane)

    return _Found(vocabulary, said, provenance.image, plane, name, image)


def _plane_of(place: Path | None) -> Where:
    """Return which plane of its file a result is of; an item of a project knows, and others have none.

    Raises:
        InputError: the item is damaged.
    """
    if place is None or place.name != RESULT or not (place.parent / ITEM).is_file():
        return ()
    return Outcome.read(place.parent).plane


def _of_session(
    read: Callable[[], Session], now: Session, name: str, said: str, pictures: bool
) -> _Found:
    """Return a session, of which nothing but its classes and its image's place is kept.

    Args:
        read: returns it, again.
        now: as it is.
        name: where it does not know its image.
        said: what it is called in a sentence.
        pictures: whether its picture is wanted.
        shown: what the image is called; empty: as its file.
    """
    source = now.source
    plane = source.slice if source is not None else ()

    def image() -> LabelledImage:
        session = read()
        file = None
        if source is not None and _is_whole(source):
            file = _file_of(source, session, pictures)
        return LabelledImage.of_session(
            session,
            name,
            plane=plane,
            file=file,
            pixels=session.image if file is None else None,
        )

    picture = "" if source is None else str(place_of(source.path))
    return _Found(now.vocabulary, said, picture, plane, name, image)


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
    if is_project(place):
        raise InputError(
            f"{str(place)!r} is a project; export it alone: napari-corrclip project export."
        )
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
