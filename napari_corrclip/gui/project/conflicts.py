"""The count of a merged project's conflicts that wait for somebody.

Their file is read, and they are counted, in a thread: there may be a hundred thousand.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from psygnal import Signal

from napari_corrclip.errors import CorrClipError, InputError
from napari_corrclip.gui.work.jobs import Jobs
from napari_corrclip.gui.work.said import Kind, Said
from napari_corrclip.progress import Progress, Steps, finish
from napari_corrclip.project.joining.conflicts import FILE, Conflict, read_conflicts
from napari_corrclip.project.project import Project


class _Counted(NamedTuple):
    """The outcome of a look.

    Attributes:
        conflicts: all of them.
        waiting: how many wait for somebody.
        wrong: why their file cannot be read; ``None``: it can.
    """

    conflicts: Sequence[Conflict]
    waiting: int
    wrong: InputError | None = None


class ConflictCount:
    """The count of the conflicts that wait for somebody in the project that is open.

    Args:
        tell: is given a sentence.

    Attributes:
        waiting: how many, as far as is known yet.

    Signals (psygnal):
        changed: they may be others.
    """

    changed = Signal()

    def __init__(self, tell: Callable[[Said], object]) -> None:
        self._tell = tell
        self._jobs = Jobs()
        self._project: Project | None = None
        self._conflicts: Sequence[Conflict] | None = None  # as they were read; they stay
        self._again = False
        self.waiting = 0

    @property
    def any(self) -> bool:
        """Whether the project was merged of two that had conflicts, decided by now or not."""
        return bool(self._conflicts)

    def show(self, project: Project | None) -> None:
        """Count those of a project from now on; ``None``: none is open."""
        self.close()
        self._project = project
        is_merged = project is not None and (project.folder / FILE).exists()
        self._conflicts = None if is_merged else ()
        self.waiting = 0
        self.changed.emit()
        self.look()

    def look(self) -> None:
        """Count once more, as soon as the count that goes on is done."""
        project = self._project
        if project is None or (self._conflicts is not None and not self._conflicts):
            return
        if self._jobs.running:
            self._again = True
            return
        alone = project if project.is_only_writer else None
        steps = _steps(project.folder, self._conflicts, alone)
        if alone is None:
            self._jobs.start(steps, done=self._counted, failed=self._failed)
            return
        try:
            self._counted(finish(steps))
        except CorrClipError as error:
            self._failed(error)

    def _counted(self, found: _Counted) -> None:
        self._conflicts, self.waiting = found.conflicts, found.waiting
        if found.wrong is not None:
            self._tell(Said(str(found.wrong), Kind.WARNING))
        self.changed.emit()
        again, self._again = self._again, False
        if again:
            self.look()

    def _failed(self, error: Exception) -> None:
        self._again = False
        what = str(error)
        if not isinstance(error, CorrClipError):
            what = f"The conflicts could not be counted ({error}); please report it."
        self._tell(Said(what, Kind.WARNING))

    def close(self) -> None:
        """Count nothing any more."""
        self._jobs.drop()
        self._project, self._again = None, False


def _steps(
    folder: Path, known: Sequence[Conflict] | None, alone: Project | None
) -> Steps[_Counted]:
    """Count in a thread the conflicts that wait.

    Args:
        folder: of the project.
        known: all of them; ``None``: they are to be read.
        alone: the project, where no thread can open it; ``None``: it can.
    """
    yield Progress("count the conflicts", 0, 1)
    try:
        conflicts = read_conflicts(folder) if known is None else known
    except InputError as error:
        return _Counted((), 0, error)
    with contextlib.ExitStack() as opened:
        project = alone or opened.enter_context(Project.open(folder, read_only=True))
        return _Counted(conflicts, len(project.open_conflicts(conflicts)))
