"""The drafts of an edit: made in a thread, and again where the session was edited meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from napari_corrclip.annotation import Draft, Session

T = TypeVar("T")
TRIES = 4
"""So often what was edited meanwhile is waited for."""


@dataclass(eq=False)
class Drafting(Generic[T]):
    """The drafts of one edit, until the session takes one.

    Attributes:
        edit: is given the session, or a copy of it.
        tries: how many drafts came too late.
    """

    edit: Callable[[Session], T]
    tries: int = 0

    def draft(self, session: Session) -> Draft[T]:
        """Return what the session would be; may be called in a thread.

        Raises:
            InputError: the edit is refused.
        """
        return Draft.make(session, self.edit)

    def take(self, draft: Draft[T]) -> Draft[T] | None:
        """Have the session take a draft, in the thread that edits it.

        Returns:
            The one that was taken; ``None``: the session was edited meanwhile, and another one is to be made
            in the thread. Where somebody edits without a pause they are kept waiting, for one that is made
            here.

        Raises:
            InputError: as :meth:`draft`.
        """
        if draft.take():
            return draft
        self.tries += 1
        if self.tries <= TRIES:
            return None
        again = self.draft(draft.of)
        return again if again.take() else None
