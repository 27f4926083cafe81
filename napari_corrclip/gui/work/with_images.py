"""The sessions that are kept in memory with their image, for as long as it lives.

They are on no disk. Whichever dock is closed, opened again or beside another one, it finds them by the image.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_corrclip.annotation import Session
from napari_corrclip.annotation.files.folder import Mark, saved_mark
from napari_corrclip.gui.image.picture import Picture


@dataclass(frozen=True, eq=False)
class InMemory:
    """A session in memory, with what it is of.

    Attributes:
        session: with what was decided.
        picture: what it is of.
    """

    session: Session
    picture: Picture


@dataclass(frozen=True, eq=False)
class _Save:
    """A session as a person saved it.

    Attributes:
        folder: where.
        edits: those of its timeline then.
        mark: what tells it from another one that is saved there; ``None``: it could not be seen.
    """

    folder: Path
    edits: int
    mark: Mark | None


class WithImages:
    """The sessions that are kept with image layers; an image that goes takes its own along."""

    def __init__(self) -> None:
        self._kept: weakref.WeakKeyDictionary[Any, list[InMemory]] = weakref.WeakKeyDictionary()
        self._layers: weakref.WeakKeyDictionary[Session, list[weakref.ref[Any]]]
        self._layers = weakref.WeakKeyDictionary()
        self._saved: weakref.WeakKeyDictionary[Session, _Save]
        self._saved = weakref.WeakKeyDictionary()

    @staticmethod
    def of_process() -> WithImages:
        """Return the one of all workspaces that nobody gave another one."""
        return _OF_PROCESS

    def of(self, image: Any) -> Sequence[InMemory]:
        """Return the sessions that are kept with an image layer; ``None``: there is no image."""
        return () if image is None else tuple(self._kept.get(image, ()))

    def keep(self, session: Session, picture: Picture) -> None:
        """Keep a session in which something was done, in place of another one of the same part."""
        image = picture.layer
        if image is None or not (session.can_undo or session.can_redo):
            return
        others = [other for other in self.of(image) if not other.picture.same_as(picture)]
        self._kept[image] = [*others, InMemory(session, picture)]

    def release(self, kept: InMemory) -> None:
        """Keep a session no more."""
        image = kept.picture.layer
        if image is not None:
            self._kept[image] = [other for other in self.of(image) if other is not kept]

    def note_saved(self, session: Session, folder: Path, edits: int) -> None:
        """Note where and after how many edits a person saved a session, by whichever dock."""
        self._saved[session] = _Save(folder, edits, saved_mark(folder))

    def saved_in(self, session: Session) -> Path | None:
        """Return the folder in which a person saved a session last."""
        found = self._saved.get(session)
        return None if found is None else found.folder

    def lies_in(self, session: Session, folder: Path) -> bool:
        """Whether what a person saved of a session last still lies in a folder."""
        found = self._saved.get(session)
        if found is None or found.folder != folder or found.mark is None:
            return False
        return saved_mark(folder) == found.mark

    def is_saved(self, session: Session) -> bool:
        """Whether a person saved a session as it is now, and it still lies there."""
        found = self._saved.get(session)
        if found is None or found.edits != session.timeline.edits:
            return False
        return self.lies_in(session, found.folder)

    def stand_in(self, session: Session, layers: Iterable[Any]) -> None:
        """Note that layers stand for a session that was left, in one viewer or in several."""
        there = [*self.stand_ins(session), *layers]
        self._layers[session] = [weakref.ref(layer) for layer in there]

    def stand_ins(self, session: Session) -> list[Any]:
        """Return the layers that stand for a session; any dock that opens it again takes them away."""
        found = [layer() for layer in self._layers.get(session, ())]
        return [layer for layer in found if layer is not None]


_OF_PROCESS = WithImages()
