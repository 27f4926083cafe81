"""The turns of a project's images: they are opened, or changed in the background, never both at once.

Who opens an image reads its session and then has it, with its lock; a thread that changes images opens the
session of each. Side by side one of both would find the other's lock, or go on with what is no longer so: a
decision would not be made, or an image would not be kept, or get a class again that it had just lost. So each
waits for what was asked for before it. Changes also wait for one another.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from psygnal import Signal


@dataclass(eq=False)
class Turn:
    """A piece of work on a project's images that has its time.

    Attributes:
        folder: of the project.
        begin: called when it is its time; whoever asked says by :meth:`Turns.end` when it is over.
        what: what a change comes to, as a clause: ``'cat' is taken back on all images``; empty: an image is
            opened.
        began: whether it is its time.
    """

    folder: Path
    begin: Callable[[], object]
    what: str = ""
    began: bool = False

    def waits_for(self, other: Turn) -> bool:
        """Whether it cannot be done beside another one that was asked for before."""
        if self.what and other.what:
            return True
        return bool(self.what or other.what) and self.folder == other.folder


class Turns:
    """The turns that were asked for and are not over, in their order; for one thread.

    Signals (psygnal):
        changed: images were changed in the background, and that is over.
    """

    changed = Signal()

    def __init__(self) -> None:
        self._asked: list[Turn] = []
        self._stopped = False

    def ask(self, turn: Turn) -> None:
        """Have something begun as soon as it can be; often at once, before this returns."""
        self._asked.append(turn)
        self._go_on()

    def end(self, turn: Turn) -> None:
        """Take note that something is over, or is not wanted any more."""
        if turn not in self._asked:
            return
        self._asked.remove(turn)
        if turn.what and turn.began:
            self.changed.emit()
        self._go_on()

    def is_waited_for(self, turn: Turn) -> str:
        """Return for what change something waits, as a clause; empty: it has begun."""
        if turn.began or turn not in self._asked:
            return ""
        before = self._asked[: self._asked.index(turn)]
        return next((other.what for other in reversed(before) if turn.waits_for(other)), "")

    def stop(self) -> None:
        """Begin nothing any more by itself: all is being closed."""
        self._stopped = True

    def finish(self) -> None:
        """Do the changes that wait, in their order, before this returns."""
        self._stopped = True
        while self._asked:
            turn = self._asked[0]
            if turn.what and not turn.began:
                turn.began = True
                turn.begin()
            self.end(turn)  # else an image would have been opened

    def _go_on(self) -> None:
        for turn in tuple(self._asked):
            # What has begun just now may have ended others, or itself.
            if self._stopped or turn.began or turn not in self._asked:
                continue
            before = self._asked[: self._asked.index(turn)]
            if not any(turn.waits_for(other) for other in before):
                turn.began = True
                turn.begin()
