"""The place where the sessions of images are kept while they are edited: a person's, or a folder's."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.annotation.encoded import EncodedImage
from napari_corrclip.annotation.files.log import (
    Glance,
    ends_at,
    glance,
    has_session,
    lock_folder,
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
_CROP = re.compile(r"-(\d+)-(\d+)-(\d+)-(\d+)")


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

    def parts(self, source: Source) -> list[Source]:
        """Return the image and those crops of it that have a session, the image first.

        Args:
            source: the image; its crop is of no matter.
        """
        whole = source.part(None)
        crops: set[tuple[int, int, int, int]] = set()
        for place in self._places(whole):
            for path in place.parent.glob(f"{place.name}-*"):
                match = _CROP.fullmatch(path.name.removeprefix(place.name))
                if match is not None and has_session(path):
                    top, left, bottom, right = (int(number) for number in match.groups())
                    crops.add((top, left, bottom, right))
        parts = [whole.part(crop) for crop in sorted(crops)]
        return [whole, *parts] if whole in self else parts

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

        Args:
            source: the image's file as it is now.
            image: as for :class:`Session`.
            engine: as there.
            history_limit: as there.

        Raises:
            InputError: there is none, or all of it is damaged.
        """
        place = self.saved(source)
        if place is None:
            raise InputError(f"There is no session of {source.path!r}; start a new one.")
        logged = read_log(place, history_limit)
        former = logged.saved.source
        if former is not None and place == self._own(source):
            # The folder's name says that it is this image, wherever the folder was.
            logged.saved.source = replace(source, size=former.size, mtime=former.mtime)
        return reopened(place, logged, image, engine=engine, source=source)

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

        Raises:
            InputError: there is none, another program writes there, or it cannot be renamed.
        """
        # What is found last goes first: if that fails, nothing has changed.
        aside = [put_aside(p) for p in reversed(self._places(source)) if has_session(p)]
        if not aside:
            raise InputError(f"There is no session of {source.path!r} to be put aside.")
        return aside[-1]

    def _own(self, source: Source) -> Path | None:
        """Return the image's folder inside the root."""
        return None if self.root is None else self.root / FOLDER / source.key_below(self.root)

    def _places(self, source: Source) -> tuple[Path, ...]:
        """Return the folders in which an image's session may be; it is kept in the first."""
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
