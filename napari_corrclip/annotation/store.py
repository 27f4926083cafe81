"""The place where the sessions of images are kept while they are edited: a person's, or a folder's."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.annotation.belonging import (
    Look,
    Looks,
    OtherImageError,
    UnprovenError,
    belonging,
)
from napari_corrclip.annotation.encoded import EncodedImage
from napari_corrclip.annotation.files.folder import ImageRecord, image_record
from napari_corrclip.annotation.files.log import (
    Glance,
    Logged,
    ends_at,
    glance,
    has_session,
    last_snapshot,
    lock_folder,
    move,
    put_aside,
    read_log,
)
from napari_corrclip.annotation.history import LIMIT
from napari_corrclip.annotation.journal import Journal, reopened
from napari_corrclip.annotation.session import Session
from napari_corrclip.errors import InputError
from napari_corrclip.images.source import Source
from napari_corrclip.storage.places import can_write, sessions_folder

FOLDER = "napari-corrclip-sessions"
"""The folder of sessions in the folder of a store's images."""
PIXELS = "pixels-"
"""How the folder of a session begins that is known by its pixels alone, whose checksum follows."""
REMOVED = 50
"""So many planes more than a stack has now are looked for."""
_CROP = re.compile(r"-(\d+)-(\d+)-(\d+)-(\d+)")
_STRAY = re.compile(rf"{PIXELS}[0-9a-f]{{32}}((?:-\d+){{4}}|)")


Beside = Callable[[tuple[int, ...]], Looks | None]
"""Returns the looks at another plane of a stack, by its place there; ``None``: nobody can look."""


def _nobody_looks(_where: tuple[int, ...]) -> Looks | None:
    return None


@dataclass(frozen=True, slots=True)
class SessionStore:
    """The sessions of many images, a journal's folder each.

    A store without a root is the person's: each image is known by its absolute path, and its session lies
    in the folder that ``NAPARI_CORRCLIP_SESSIONS`` names, else in the system's for a user's data.

    A store with a root is that of a folder of images: each is known by its path inside the folder, and its
    session lies in there too, so that a folder that moves with its images keeps their decisions. Sessions
    that the person's place has of these images are found as long as the folder has none itself; as soon
    as one is edited, all of it is written into the folder, and the former one stays as it is. Where nobody
    may write into the folder it is the other way round: the person's place goes first.

    It holds nothing open, and costs nothing to make.

    Args:
        root: the folder of images; ``None``: the person's store.

    Raises:
        InputError: the root is no path.
    """

    root: Path | None = None

    def __post_init__(self) -> None:
        """Take the root as sources have their paths."""
        if self.root is None:
            return
        if not isinstance(self.root, str | os.PathLike) or not os.fspath(self.root):
            raise InputError(
                f"Sessions cannot be kept in {self.root!r}; give the folder of the images, or None for "
                "the person's own place."
            )
        object.__setattr__(self, "root", Path(self.root).resolve())

    def folder(self, source: Source) -> Path:
        """Return the folder in which an image's session is kept; it need not exist yet.

        Raises:
            InputError: there is no home folder where one is needed.
        """
        return self._places(source)[0]

    def saved(self, source: Source) -> Path | None:
        """Return the folder that an image's session can be restored from; ``None``: there is none."""
        return next((place for place in self._places(source) if has_session(place)), None)

    def __contains__(self, source: Source) -> bool:
        return self.saved(source) is not None

    def is_kept(self, source: Source) -> bool:
        """Whether a session lies where one of just this image is kept, and not only where it was once."""
        return any(has_session(place) for place in self._ours(source))

    def parts(self, source: Source) -> list[Source]:
        """Return the image and those crops of it that have a session, the image first.

        Args:
            source: the image; its crop is of no matter.
        """
        whole = source.part(None)
        crops: set[tuple[int, int, int, int]] = set()
        for place in self._places(whole):
            for path in place.parent.glob(f"{place.name}-*"):
                crop = _crop_of(path.name.removeprefix(place.name))
                if crop is not None and has_session(path):
                    crops.add(crop)
        parts = [whole.part(crop) for crop in sorted(crops)]
        return [whole, *parts] if whole in self else parts

    def stray_parts(self, source: Source) -> list[Source]:
        """Return the image and those crops of which a session may be that is known by its pixels alone.

        Args:
            source: the image; its crop is of no matter.
        """
        whole = source.part(None)
        names = {
            match[1]
            for parent in self._parents(whole)
            for path in parent.glob(f"{PIXELS}*")
            if (match := _STRAY.fullmatch(path.name)) is not None
        }
        return [whole.part(_crop_of(name)) for name in sorted(names)]

    def strays(
        self, source: Source, shape: tuple[int, int] | None = None
    ) -> Iterator[tuple[Path, ImageRecord]]:
        """Yield the sessions that are known by their pixels alone and may be of an image.

        Args:
            source: the image, or a crop of it.
            shape: its rows and columns; ``None``: it may have any.
        """
        crop = "".join(f"-{number}" for number in source.crop or ())
        for parent in self._parents(source):
            for place in sorted(parent.glob(f"{PIXELS}{'[0-9a-f]' * 32}{crop}")):
                record = kept_record(place)
                if record is not None and shape in (None, record.shape):
                    yield place, record

    def stray(self, source: Source, shape: tuple[int, int], looks: Looks) -> Path | None:
        """Return where a session lies that is known by its pixels alone, and is of an image; it stays there.

        Args:
            source: as of :meth:`strays`.
            shape: as there.
            looks: at the pixels, which are read only where there are such sessions of its size.
        """
        for place, record in self.strays(source, shape):
            if belonging(record, None, looks).proven:
                return place
        return None

    def glance(self, source: Source) -> Glance | None:
        """Return how much is kept of an image and since when, without reading it; ``None``: nothing."""
        place = self.saved(source)
        return None if place is None else glance(place)

    def restore(
        self,
        source: Source,
        image: NDArray[np.uint8] | None = None,
        *,
        engine: EncodedImage | None = None,
        history_limit: int = LIMIT,
    ) -> Session:
        """Return an image's session, as :func:`~napari_corrclip.annotation.restore` does.

        One that was corrected on other pixels than ``image`` is not opened. Of an image of more than 8 bits
        they are not known, for it may have been stretched otherwise; then ``notes`` say that they differ.

        Args:
            source: the image's file as it is now.
            image: as for :class:`Session`.
            engine: as there.
            history_limit: as there.

        Raises:
            OtherImageError: it is of another image.
            InputError: there is none, or all of it is damaged.
        """
        look = None if image is None else Look(image)
        looks: Looks | None = None if look is None else lambda _: (look,)
        found = self._find(source, looks, engine, history_limit, asked=True, at_window=False)
        if found is None:
            raise InputError(f"There is no session of {source.path!r}; start a new one.")
        return found

    def find(
        self,
        source: Source,
        looks: Looks,
        *,
        stack: tuple[int, ...] = (),
        beside: Beside = _nobody_looks,
        asked: bool = False,
    ) -> Session | None:
        """Return the session of a plane of a stack, wherever its pixels say that it lies; ``None``: nowhere.

        What lies in the plane's place and is of another image is known by its pixels from then on: its folder
        is renamed, and found again when that image is shown. What is of this plane and lies in the place of
        another one comes into this one's, unless that one has the same pixels: it stays where it is.

        Args:
            source: the plane as it is now.
            looks: at its pixels.
            stack: how many planes there are along each axis that is not shown.
            beside: looks at the others.
            asked: whether a person has said that it is of this image, where nothing proves it.

        Raises:
            OtherImageError: what lies in its place is of another image.
            UnprovenError: nothing proves of which image it is.
            InputError: all of it is damaged, or cannot be renamed.
        """
        other: OtherImageError | None = None
        try:
            found = self._find(source, looks, None, LIMIT, asked=asked, at_window=True)
        except OtherImageError as error:
            found, other = None, error
            if error.folder in self._ours(source):
                moved = self._known_by_pixels(error.folder, error.record, source)
                other = OtherImageError.of(source, error.record, moved)
        if found is not None:
            return found
        for place in self._elsewhere(source, looks, stack, beside):
            home = self._home(place, source)
            logged = read_log(home, LIMIT)
            image = belonging(logged.saved.record, None, looks).image
            return self._opened(home, logged, image, None, source)
        if other is not None:
            raise other
        return None

    def may_have(self, source: Source, stack: tuple[int, ...] = ()) -> bool:
        """Whether it is worth to look at the pixels of an image to find its session."""
        return source in self or any(
            True for _ in (*self.strays(source), *self._neighbours_places(source, stack))
        )

    def has(
        self,
        source: Source,
        looks: Looks,
        stack: tuple[int, ...] = (),
        beside: Beside = _nobody_looks,
    ) -> bool:
        """Whether there is a session of just this image, whose pixels are read only where its file changed.

        Nothing of it is moved. Where there is none, what is of another image makes room, as by :meth:`find`.
        """
        ours, others = self._ours(source), list[tuple[Path, ImageRecord]]()
        for place in [place for place in self._places(source) if has_session(place)]:
            record = kept_record(place)
            if record is None:
                if place in ours:  # what cannot be read is not written over
                    return True
            elif (place in ours and source.is_unchanged_since(record.source)) or belonging(
                record, None, looks
            ).proven is not False:
                return True
            elif place in ours:
                others.append((place, record))
        if any(True for _ in self._elsewhere(source, looks, stack, beside)):
            return True
        try:
            for place, record in others:
                self._known_by_pixels(place, record, source)
        except InputError:  # another program writes there
            return True
        return False

    def _find(
        self,
        source: Source,
        looks: Looks | None,
        engine: EncodedImage | None,
        history_limit: int,
        *,
        asked: bool,
        at_window: bool,
    ) -> Session | None:
        """Return the session in the first of an image's places that is of it; ``None``: there is none.

        Args:
            source: as of :meth:`restore`.
            engine: as there.
            history_limit: as there.
            looks: at the image; ``None``: nobody looks, and what lies there is of it.
            asked: as of :meth:`find`.
            at_window: whether ``looks`` tries every way in which the image may have been stretched, and
                folders may be renamed.
        """
        ours = self._ours(source)
        refused: list[InputError] = []
        for place in [place for place in self._places(source) if has_session(place)]:
            logged = read_log(place, history_limit)
            record = logged.saved.record
            about = belonging(record, source if place in ours else None, looks)
            if about.proven is False and (at_window or not record.stretch):
                refused.insert(0, OtherImageError.of(source, record, place))
            elif not about.proven and not asked and not _is_unchanged_folder(record, source):
                refused.append(UnprovenError(_unproven(place, source)))
            elif at_window and place not in ours:
                home = self._home(place, source)
                logged = read_log(home, history_limit)
                return self._opened(home, logged, about.image, engine, source)
            else:
                return self._opened(place, logged, about.image, engine, source)
        if refused:
            raise refused[0]
        return None

    def _opened(
        self,
        place: Path,
        logged: Logged,
        image: NDArray[np.uint8] | None,
        engine: EncodedImage | None,
        source: Source,
    ) -> Session:
        former = logged.saved.source
        if former is not None:
            # The folder's name, or the pixels, say that it is this image, wherever it was.
            logged.saved.source = replace(source, size=former.size, mtime=former.mtime)
        return reopened(place, logged, image, engine=engine, source=source)

    def _home(self, place: Path, source: Source) -> Path:
        """Rename a folder to that of the image to which its session belongs; return its new name."""
        home = next((ours for ours in self._ours(source) if ours.parent == place.parent), None)
        return place if home is None or not can_write(place) else move(place, home)

    def _known_by_pixels(self, place: Path, record: ImageRecord, source: Source) -> Path:
        """Rename the folder of a session that is of another image; return its new name.

        Where nobody may rename it, it stays.
        """
        crop = "".join(f"-{number}" for number in source.crop or ())
        to = place.with_name(f"{PIXELS}{record.digest}{crop}")
        if not can_write(place):
            return place
        if has_session(to):
            put_aside(to)
        return move(place, to)

    def journal(
        self, session: Session, *, records: int = 200, replace: bool = False, wait: bool = True
    ) -> Journal:
        """Keep a session while it is edited; see :class:`Journal`.

        One that was restored from another place is taken over: it is found there until all of it is here.

        Raises:
            InputError: it is of no file, or as of :class:`Journal`; or what was restored from another place
                was edited there since.
        """
        if session.source is None:
            raise InputError("The session is of no file; give its journal a folder.")
        saved, place = self.saved(session.source), self.folder(session.source)
        if saved not in self._ours(session.source):
            saved = None  # of a stack, as earlier versions kept it; it stays there
        with contextlib.ExitStack() as held:
            if saved not in (None, place):
                if session.journal_folder == saved:
                    held.enter_context(_still(saved, session))
                elif not replace:
                    raise InputError(
                        f"{str(saved)!r} keeps a session that this one would replace; go on with "
                        "annotation.restore(folder), or say replace=True."
                    )
            return Journal(session, place, records=records, replace=replace, wait=wait)

    def put_aside(self, source: Source) -> Path:
        """Rename the folder of an image's session, so that another one can begin; return the new name.

        What lies where the image was known by its place in a stack stays: it may be another one's by now.

        Raises:
            InputError: there is none, another program writes there, or it cannot be renamed.
        """
        # What is found last goes first: if that fails, nothing has changed.
        aside = [put_aside(p) for p in reversed(self._ours(source)) if has_session(p)]
        if not aside:
            raise InputError(f"There is no session of {source.path!r} to be put aside.")
        return aside[-1]

    def _own(self, source: Source) -> Path | None:
        """Return the image's folder inside the root."""
        return None if self.root is None else self.root / FOLDER / source.key_below(self.root)

    def _places(self, source: Source) -> tuple[Path, ...]:
        """Return the folders in which an image's session may be; it is kept in the first."""
        former = source.former
        return self._ours(source) + (() if former is None else self._ours(former))

    def _elsewhere(
        self, source: Source, looks: Looks, stack: tuple[int, ...], beside: Beside
    ) -> Iterator[Path]:
        """Yield the folders with a session that is of an image by its pixels alone, and of none beside it."""
        for place, record in self.strays(source):
            if belonging(record, None, looks).proven:
                yield place
        for place, record, where in self._neighbours_places(source, stack):
            if belonging(record, None, looks).proven and not _is_of(record, where, beside):
                yield place

    def _neighbours_places(
        self, source: Source, stack: tuple[int, ...]
    ) -> Iterator[tuple[Path, ImageRecord, tuple[int, ...]]]:
        """Yield where the sessions of other planes lie, which may have been others, and of which planes."""
        places = self._places(source)
        plane = source if source.former is None else source.former
        for neighbour in _neighbours(plane, stack):
            for place in self._ours(neighbour):
                record = kept_record(place)
                if record is None or record.source is None or place in places:
                    continue
                if record.source.mtime != plane.mtime:  # else it is where it belongs
                    yield place, record, neighbour.slice

    def _parents(self, source: Source) -> Iterable[Path]:
        """Return the folders of folders in which an image's session may be."""
        return dict.fromkeys(place.parent for place in self._places(source))

    def _ours(self, source: Source) -> tuple[Path, ...]:
        """Return the folders that are named by an image as it is known now; it is kept in the first."""
        person, own = sessions_folder() / source.key, self._own(source)
        if own is None:
            return (person,)
        return (own, person) if can_write(own.parent) else (person, own)


def journal_folder(source: Source) -> Path:
    """Return the folder of an image's journal in the person's store; it need not exist yet."""
    return SessionStore().folder(source)


def kept_parts(source: Source) -> list[Source]:
    """Return the image and those crops of it that the person's store has a session of; the image first."""
    return SessionStore().parts(source)


def kept_record(folder: Path) -> ImageRecord | None:
    """Return what the session in a journal's folder says of its image; ``None``: there is none."""
    snapshot = last_snapshot(folder)
    return None if snapshot is None else image_record(snapshot)


def _crop_of(ending: str) -> tuple[int, int, int, int] | None:
    """Return the crop that the ending of a folder's name says; ``None``: it says none."""
    match = _CROP.fullmatch(ending)
    if match is None:
        return None
    top, left, bottom, right = (int(number) for number in match.groups())
    return top, left, bottom, right


def _unproven(place: Path, source: Source) -> str:
    return (
        f"Nothing proves that the corrections in {str(place)!r} are of {source.path!r}, which was changed "
        "since; press Restore to open them on it all the same."
    )


def _is_of(record: ImageRecord, where: tuple[int, ...], beside: Beside) -> bool:
    """Whether a session is of the plane in whose place it lies; also where that cannot be read."""
    looks = beside(where)
    try:
        return looks is not None and bool(belonging(record, None, looks).proven)
    except InputError:
        return True


def _is_unchanged_folder(record: ImageRecord, source: Source) -> bool:
    """Whether a session without a checksum is of a stack whose folder has the same files as then."""
    then, now = record.source, source.former
    if record.digest or then is None or now is None or not Path(now.path).is_dir():
        return False
    return (then.path, then.slice, then.mtime) == (now.path, now.slice, now.mtime)


def _neighbours(plane: Source, stack: tuple[int, ...]) -> Iterator[Source]:
    """Yield the other planes along each axis, also some that may have been removed since."""
    for axis, size in enumerate(stack[: len(plane.slice)]):
        for index in range(size + REMOVED):
            if index != plane.slice[axis]:
                where = (*plane.slice[:axis], index, *plane.slice[axis + 1 :])
                yield replace(plane, slice=where)


@contextlib.contextmanager
def _still(place: Path, session: Session) -> Iterator[None]:
    """Let nobody write at ``place``, where ``session`` was restored from and which it leaves.

    Raises:
        InputError: another program does, or did since.
    """
    lock = lock_folder(place) if can_write(place) else None
    try:
        if session.on_disk is not None and not ends_at(place, session.on_disk):
            raise InputError(
                f"The session in {str(place)!r} was edited in another window; restore it again."
            )
        yield
    finally:
        if lock is not None:
            lock.release()
