"""The decisions of a sheet on their way: one act after another in a thread, so that nobody waits for a disk.

Of the image that is open in the viewer the session is open, too: it is decided there, in its history, before
the rest of the act goes to the thread. While that is at work no other image is opened
(:mod:`napari_corrclip.gui.project.turns`).
"""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from psygnal import Signal

from napari_corrclip.annotation import Session
from napari_corrclip.errors import CorrClipError, InputError
from napari_corrclip.gui.project.review import Review
from napari_corrclip.gui.project.turns import Turn
from napari_corrclip.gui.work.jobs import Jobs
from napari_corrclip.gui.work.said import Kind, Said, Tell
from napari_corrclip.progress import Progress, finish
from napari_corrclip.project.merged_classes import class_of
from napari_corrclip.project.project import Project
from napari_corrclip.project.sheet.acts import DecidedSheet
from napari_corrclip.project.sheet.deciding import Answer, Key
from napari_corrclip.project.sheet.regions import Place, SheetRegion
from napari_corrclip.project.sheet.undoing import UndoneSheet
from napari_corrclip.wording.amounts import count

_LAST = 60.0
"""Seconds for which a window that closes waits for an act that is being written."""


@dataclass(frozen=True, eq=False)
class Act:
    """The outcome of a key: something that is to be done to a project.

    Attributes:
        folder: of the project.
        decisions: label values by regions; ``None``: it is as it is shown.
        names: what each is called on the sheet until it is written.
        made: the name of a class that is made for it; empty: none is.
        back: what is taken back instead; ``None``: nothing is.
    """

    folder: Path
    decisions: Mapping[SheetRegion, int | None]
    names: Mapping[Place, str]
    made: str = ""
    back: DecidedSheet | None = None

    @property
    def what(self) -> str:
        """What is so when it is done, as a clause."""
        if self.back is None:
            return "what was decided on the sheet is written"
        if self.back.removed is not None:
            return f"{class_of(self.back.removed).name!r} is a class again on all images"
        return "the sheet is taken back"


class Deciding:
    """The acts of one sheet.

    Args:
        review: has the project, and the session that is open.
        tell: is given a sentence.

    Attributes:
        by: who decides.

    Signals (psygnal):
        changed: an act has ended, so that regions may show something else.
    """

    changed = Signal()

    def __init__(self, review: Review, tell: Tell) -> None:
        self._review, self._tell = review, tell
        self.by = review.keeping.by
        self._jobs = Jobs()
        self._waiting: deque[Act] = deque()
        self._now: Act | None = None
        self._turn: Turn | None = None  # of the act that is being written, or comes next
        self._done: list[DecidedSheet] = []
        self._written = threading.Event()
        self._written.set()

    @property
    def running(self) -> bool:
        """Whether an act is being written, or waits for that."""
        return self._now is not None or bool(self._waiting)

    @property
    def waiting(self) -> dict[Place, str]:
        """What regions were decided to be and is not written yet, by their places."""
        acts = [*([self._now] if self._now is not None else []), *self._waiting]
        return {place: name for act in acts for place, name in act.names.items()}

    def forget(self) -> None:
        """Take note that another project is open, in which nothing was decided here."""
        self._done.clear()

    def add(self, act: Act) -> None:
        """Do something as soon as what was asked for before is done."""
        self._waiting.append(act)
        self._next()

    def undo(self) -> bool:
        """Take back the last act, or else that of another day; return whether there was any."""
        if self._waiting and self._waiting[-1].back is None:
            self._waiting.pop()
            self.changed.emit()
            if not self.running:
                self._end_turn()
            return True
        if self.running:  # it has to be whole before it can be taken back
            self._waiting.append(Act(self._waiting_folder, {}, {}, back=_LATEST))
            return True
        return self._undo_latest()

    @property
    def _waiting_folder(self) -> Path:
        last = self._waiting[-1] if self._waiting else self._now
        assert last is not None  # something is running
        return last.folder

    def _undo_latest(self) -> bool:
        project = self._review.project
        if project is None:
            return False
        latest = self._done.pop() if self._done else None
        if latest is None:
            try:
                left = [sheet for sheet in project.decided_sheets() if not sheet.undone]
            except InputError as error:
                self._tell(error)
                return False
            latest = left[-1] if left else None
        if latest is None:
            return False
        self.add(Act(project.folder, {}, {}, back=latest))
        return True

    # -- one after another

    def _next(self) -> None:
        if self._turn is None and self._waiting:
            act = self._waiting[0]
            self._turn = Turn(act.folder, self._begin, act.what)
            self._review.turns.ask(self._turn)

    def _begin(self) -> None:
        act = self._waiting.popleft()
        if act.back is _LATEST:
            self._undo_latest()
            self._end_turn()
            return
        self._now = act
        self._written.clear()
        project = self._project_of(act)
        try:
            steps = self._steps(act, project)
            if project is not None and project.is_only_writer:  # no thread may write
                self._ended(finish(steps))
                return
        except CorrClipError as error:
            self._failed(error)
            return
        self._jobs.start(steps, done=self._ended, failed=self._failed)

    def _end_turn(self) -> None:
        """Let images be opened, then do what comes next."""
        turn, self._turn = self._turn, None
        if turn is not None:
            self._review.turns.end(turn)
        self._next()

    def _project_of(self, act: Act) -> Project | None:
        """Return the project of an act, if it is open still."""
        project = self._review.project
        return project if project is not None and project.folder == act.folder else None

    def _steps(
        self, act: Act, project: Project | None
    ) -> Generator[Progress, None, DecidedSheet | UndoneSheet]:
        """Do to the open session what is to be done there, and return the generator of the rest.

        Args:
            act: what is to be done.
            project: as it is open here; ``None``: it is no longer.

        Raises:
            InputError: nothing can be done.
        """
        opened: dict[str, Session] = {}
        record, session = self._review.shown_whole, self._review.session_of_shown
        if project is not None and record is not None and session is not None:
            opened[record.name] = session
        alone = project if project is not None and project.is_only_writer else None
        place = _Place(act.folder, self.by, alone)
        if act.back is not None:
            names = [item.name for item in act.back.items]
            here = [name for name in names if name in opened]
            undone: UndoneSheet | None = None
            if here and project is not None:
                steps = project.undo_sheet_steps(act.back, by=self.by, opened=opened, only=here)
                undone = finish(steps)
                self._review.keep()  # by whoever sits here, now
                project.tell_undone(undone)  # who it was, and when
            rest = [name for name in names if name not in opened]
            return _back_steps(place, act.back, rest, undone, self._written)
        mine: dict[Key, Answer] = {}
        others: dict[Key, Answer] = {}
        for region, to in act.decisions.items():
            (mine if region.item.name in opened else others)[region] = to
        begun: DecidedSheet | None = None
        if mine and project is not None:
            made = project.add_class(act.made) if act.made else None
            if made is not None:
                mine = dict.fromkeys(mine, made)
            begun = finish(project.decide_steps(mine, by=self.by, opened=opened, made=made))
            self._review.keep()  # the sheet shows what the index knows
        return _decide_steps(place, others, act.made, begun, self._written)

    def _ended(self, outcome: DecidedSheet | UndoneSheet) -> None:
        self._now = None
        if isinstance(outcome, DecidedSheet):
            if outcome.items:
                self._done.append(outcome)
            if outcome.left:
                self._tell(Said(_left(outcome.left), Kind.WARNING))
        else:
            told = f"Took back {count(outcome.regions, 'region')}."
            kind = Kind.WARNING if outcome.left else Kind.DONE
            self._tell(
                Said(" ".join([told, *([_left(outcome.left)] if outcome.left else [])]), kind)
            )
        self._review.changed.emit()
        self.changed.emit()
        self._end_turn()

    def _failed(self, error: Exception) -> None:
        self._now = None
        self._written.set()
        what = str(error)
        if not isinstance(error, CorrClipError):
            what = f"The sheet could not be written ({error}); please report it."
        self._tell(Said(what, Kind.WARNING))
        self.changed.emit()
        self._end_turn()

    def let_go(self) -> None:
        """Wait for what is being written, write what waits, and tell nobody: the window is being deleted."""
        self.changed.disconnect()
        self._tell = lambda _: None
        self._written.wait(_LAST)
        self._jobs.drop()
        waiting, self._waiting = self._waiting, deque()
        for act in waiting:
            with contextlib.suppress(CorrClipError):
                if act.back is not _LATEST:
                    finish(self._steps(act, None))
        self._end_turn()


_LATEST = DecidedSheet(0, "", 0.0)
"""Stands for what will be the last act when those before it are done."""


def _left(left: tuple[str, ...]) -> str:
    more = f" (and {len(left) - 1:,} more)" if len(left) > 1 else ""
    return f"Not decided: {left[0]}{more}"


@dataclass(frozen=True, slots=True)
class _Place:
    """The project that a thread writes to.

    Attributes:
        folder: of the project.
        by: who decides.
        alone: the project as it is open, where nobody else may write; ``None``: the thread opens it itself.
    """

    folder: Path
    by: str
    alone: Project | None

    @contextlib.contextmanager
    def opened(self) -> Iterator[Project]:
        """Give the project; a thread has its own."""
        if self.alone is not None:
            yield self.alone
            return
        with Project.open(self.folder) as project:
            yield project


def _decide_steps(
    place: _Place,
    decisions: Mapping[Key, Answer],
    new: str,
    begun: DecidedSheet | None,
    written: threading.Event,
) -> Generator[Progress, None, DecidedSheet]:
    """Decide what is not decided in the open session; an act is whole also where nobody waits for it."""
    try:
        yield Progress("decide", 0, 1)
        if not decisions and begun is not None:
            return begun
        with place.opened() as project:
            if not new:
                return finish(project.decide_steps(decisions, by=place.by, to=begun))
            if begun is None:
                return finish(project.new_class_steps(new, decisions, by=place.by))
            examples: dict[Key, Answer] = dict.fromkeys(decisions, new)
            return finish(project.decide_steps(examples, by=place.by, to=begun))
    finally:
        written.set()


def _back_steps(
    place: _Place,
    sheet: DecidedSheet,
    rest: list[str],
    begun: UndoneSheet | None,
    written: threading.Event,
) -> Generator[Progress, None, UndoneSheet]:
    """Take back in a thread what was not taken back in the open session."""
    try:
        yield Progress("take back", 0, 1)
        if begun is not None and not rest:
            return begun
        with place.opened() as project:
            found = finish(project.undo_sheet_steps(sheet, by=place.by, only=rest))
        if begun is None:
            return found
        return UndoneSheet(
            (*begun.items, *found.items), begun.regions + found.regions, (*begun.left, *found.left)
        )
    finally:
        written.set()
