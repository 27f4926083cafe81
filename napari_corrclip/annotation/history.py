"""Undo and redo that never throw a state away."""

from __future__ import annotations

from collections.abc import Iterable
from copy import copy
from dataclasses import replace

from napari_corrclip.annotation.change import Step

LIMIT = 200 << 20


class History:
    """The steps that were done, in order, and those that were undone.

    An edit after an undo does not discard what was undone: the undone steps and their inverses become
    part of what was done, so that undoing further leads back through every state there was (as in
    Emacs). Only when the memory limit is reached do the oldest steps go; ``forgotten`` counts them.

    Args:
        limit: bytes that the steps may hold, about; the newest step is always kept.
        done: steps to begin with, the oldest first.
        undone: steps that were undone, the one to be redone next last.
    """

    def __init__(
        self, limit: int = LIMIT, done: Iterable[Step] = (), undone: Iterable[Step] = ()
    ) -> None:
        self.limit = limit
        self.done = list(done)
        self.undone = list(undone)
        self.forgotten = 0
        self._held = sum(step.nbytes for step in (*self.done, *self.undone))
        self._trim()

    def copy(self) -> History:
        """Return one of its own; the steps never change, and both have the same."""
        other = copy(self)
        other.done, other.undone = list(self.done), list(self.undone)
        return other

    @property
    def nbytes(self) -> int:
        """Memory held, in bytes, about."""
        return self._held

    def record(self, step: Step) -> None:
        """Add a step that was just made."""
        again = list(reversed(self.undone))
        self.done += again
        back = [step.inverse() for step in self.undone]
        self.done += back
        self._held += sum(step.nbytes for step in back)
        self.undone.clear()
        self.done.append(step)
        self._held += step.nbytes
        self._trim()

    def amend(self, step: Step) -> None:
        """Make ``step``, a better prediction, part of the last step that brought one.

        What a lesson says becomes part of the step by which one was last heard, with the new title, if no
        other prediction came after it; a prediction that ends what was taught, part of the last of both.
        Decisions made since are other data, so undoing that step takes both
        predictions back at once. A step that was undone and is redone begins with the former prediction, as
        it did. Where no step brought a prediction, it is a step itself.
        """
        at = self.last_prediction
        tells = any(change.taught is not None for change in step.changes)
        if tells:
            at = self.last_taught if step.teaches else self._last_told
        if at is None:
            self.record(step)
            return
        former = self.done[at]
        title = step.title if step.teaches else former.title
        changes = (*former.changes, *step.changes)
        self.done[at] = replace(former, title=title, changes=changes, provisional=False)
        self._held += step.nbytes
        for place in range(len(self.undone) - 1, -1, -1):
            if self.undone[place].predicts or (tells and self.undone[place].teaches):
                later = self.undone[place]
                changes = (*step.inverse().changes, *later.changes)
                self.undone[place] = replace(later, changes=changes)
                self._held += step.nbytes
                break
        self._trim()

    @property
    def last_prediction(self) -> int | None:
        """The place in ``done`` of the step that brought what is predicted now; ``None``: none did."""
        places = range(len(self.done) - 1, -1, -1)
        return next((at for at in places if self.done[at].predicts), None)

    @property
    def last_taught(self) -> int | None:
        """The place in ``done`` of the step that brought what is taught now; ``None``: none did."""
        at = self._last_told
        if at is None or not self.done[at].teaches:
            return None
        last = self.done[at].changes[-1].taught
        return at if last is not None and last.new is not None else None

    @property
    def _last_told(self) -> int | None:
        places = reversed(range(len(self.done)))
        return next((at for at in places if _tells(self.done[at])), None)

    def undo(self) -> Step | None:
        """Move the last step to the undone ones and return it; ``None`` where there is none."""
        if not self.done:
            return None
        self.undone.append(self.done.pop())
        return self.undone[-1]

    def redo(self) -> Step | None:
        """Move the last undone step back and return it; ``None`` where there is none."""
        if not self.undone:
            return None
        self.done.append(self.undone.pop())
        return self.done[-1]

    def limit_to(self, limit: int) -> None:
        """Change the limit; the oldest steps go where they do not fit."""
        self.limit = limit
        self._trim()

    def _trim(self) -> None:
        gone = 0
        while self._held > self.limit and gone < len(self.done) - 1:
            self._held -= self.done[gone].nbytes
            gone += 1
        del self.done[:gone]
        self.forgotten += gone


def standing(steps: Iterable[Step]) -> list[Step]:
    """Return the steps that no later one takes back, without those that take one back."""
    left = list[Step]()
    for step in steps:
        at = next((at for at in reversed(range(len(left))) if step.takes_back(left[at])), None)
        if at is not None:
            del left[at]
        else:
            left.append(step)
    return left


def _tells(step: Step) -> bool:
    """Whether a step brings another prediction, or what a lesson says."""
    return step.predicts or step.teaches
