"""Edits that take long, made on a copy in another thread and taken by the session at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from napari_corrclip.annotation.change import Step
from napari_corrclip.annotation.files.records import Kind
from napari_corrclip.annotation.session import Session
from napari_corrclip.annotation.state import Changed, State, folded

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Draft(Generic[T]):
    """The session as it would be after an edit, ready to be taken: regions counted, labels drawn.

    Attributes:
        of: the session.
        made: what the edit returned.
    """

    of: Session
    made: T
    _session: Session
    _revision: int
    _records: tuple[tuple[Kind, Step], ...]
    _told: Changed
    _former: State

    @classmethod
    def make(cls, session: Session, edit: Callable[[Session], T]) -> Draft[T]:
        """Make ``edit`` on a copy of ``session``; any thread may do so, while the session is edited.

        Args:
            session: what is copied; it is not changed.
            edit: is given the copy, edits it, and keeps nothing of it.

        Raises:
            InputError: the edit is refused.
        """
        copy = session.copy()
        revision = copy.timeline.revision
        former = copy.state.copy()
        records: list[tuple[Kind, Step]] = []
        told: list[Changed] = []

        def record(kind: Kind, step: Step) -> None:
            records.append((kind, step))

        def tell(changed: Changed) -> None:  # psygnal takes 30 ms to inspect a list's own method
            told.append(changed)

        copy.recorded.connect(record)
        copy.changed.connect(tell)
        made = edit(copy)
        copy.recorded.disconnect()
        copy.changed.disconnect()
        if len(records) == 1:
            session.timeline.prepare(*records[0])
        if session.state.has_adjacency:
            copy.state.adjacency  # noqa: B018  # counted here, and not where it is asked for
        return cls(session, made, copy, revision, tuple(records), folded(told), former)

    def take(self) -> bool:
        """Make the session what the copy is, as the same step of its history, and tell of it.

        To be called in the thread that edits the session. It costs the copying of three maps.

        Returns:
            Whether it did: where the session was edited meanwhile nothing happens, and another draft is
            to be made.
        """
        return self.of.timeline.adopt(
            self._session.timeline, self._revision, self._records, self._told, self._former
        )
