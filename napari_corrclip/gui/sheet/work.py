"""The decisions of a sheet on their way: one act after another in a thread, so that nobody waits for a disk.

Of the image that is open in the viewer the session is open, too: it is decided there, in its history, before
the rest of the act goes to the thread. While that is at work no other image is opened
(:mod:`napari_corrclip.gui.project.turns`, which has acts wait for one another, too). Each act belongs to the
folder of a project, whichever is open by the time that it is done; what is told of it says so. What can be
taken back is what the project's own record has.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from psygnal import Signal

from napari_corrclip.annotation import Session
from napari_corrclip.errors import CorrClipError, InputError
from napari_corrclip.gui.project.review import Review
from napari_corrclip.gui.project.turns import Turn
from napari_corrclip.gui.work.jobs import Jobs
from napari_corrclip.gui.work.said import Kind, Said, Tell, write_down
from napari_corrclip.gui.work.whole import LAST, Whole
from napari_corrclip.progress import Steps, finish
from napari_corrclip.project.merged_classes import class_of
from napari_corrclip.project.project import Project
from napari_corrclip.project.sheet.acts import DecidedSheet, read
from napari_corrclip.project.sheet.deciding import Answer, Key
from napari_corrclip.project.sheet.regions import Place, SheetRegion
from napari_corrclip.project.sheet.undoing import UndoneSheet
from napari_corrclip.wording.amounts import count


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
    """The acts of one window, in the order in which they were asked for.

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
        self._asked: dict[Act, Turn] = {}  # what is not over, in its order
        self._now: _Now | None = None
        self._stuck: set[tuple[Path, int]] = set()  # sheets that could not be taken back
        self._closing = False

    @property
    def running(self) -> bool:
        """Whether an act is being written, or waits for that."""
        return bool(self._asked)

    def waiting(self, folder: Path) -> dict[Place, str]:
        """Return what regions of a project were decided to be and is not written yet, by their places."""
        return {place: name for act in self._asked_of(folder) for place, name in act.names.items()}

    def _asked_of(self, folder: Path) -> list[Act]:
        """Return the acts of a project that are not over, that which is being written first."""
        return [act for act in self._asked if act.folder == folder]

    def try_again(self) -> None:
        """Let what could not be taken back be tried once more: a person has begun anew."""
        self._stuck.clear()

    def add(self, act: Act) -> None:
        """Do something as soon as what was asked for before is done."""
        turn = self._asked[act] = Turn(act.folder, lambda: self._begin(act), act.what)
        self._review.turns.ask(turn)

    def undo(self) -> None:
        """Take back the last act in the project that is open, or else that of another day."""
        project = self._review.project
        if project is None:
            return
        last = next(reversed(self._asked_of(project.folder)), None)
        if last is not None and not self._asked[last].began and last.back is None:
            turn = self._asked.pop(last)
            self.changed.emit()
            self._review.turns.end(turn)
        else:  # what is being written has to be whole before it can be taken back
            self.add(Act(project.folder, {}, {}, back=_LATEST))

    def _latest(self, folder: Path) -> DecidedSheet:
        """Return what whoever sits here has decided last in a project, and may take back.

        Raises:
            InputError: there is nothing, or the record cannot be read.
        """
        for sheet in reversed(read(folder)):
            if (
                sheet.by == self.by
                and not sheet.undone
                and sheet.removed is None  # Bring back… in the menu of a class has these
                and (sheet.items or sheet.made is not None)
                and (folder, sheet.number) not in self._stuck
            ):
                return sheet
        raise InputError("Nothing was decided by you on a sheet that could be taken back.")

    # -- one after another

    def _begin(self, act: Act) -> None:
        """Do something, now that it is time for it."""
        now = self._now = _Now(act, act.back)
        try:
            if now.back is _LATEST:  # what that is, is known now
                now.back = self._latest(act.folder)
            project = self._project_of(act)
            now.whole = Whole(self._steps(act, now.back, project))
        except Exception as error:
            self._failed(error)
            return
        if self._closing or (project is not None and project.is_only_writer):  # no thread may write
            self._finish_now(now.whole)
        else:
            self._jobs.start(now.whole.in_thread(), done=self._ended, failed=self._failed)

    def _finish_now(self, whole: Whole[DecidedSheet | UndoneSheet]) -> None:
        try:
            outcome = whole.finish(LAST)
        except Exception as error:
            self._failed(error)
        else:
            self._ended(outcome)

    def _project_of(self, act: Act) -> Project | None:
        """Return the project of an act, if it is open still."""
        project = self._review.project
        return project if project is not None and project.folder == act.folder else None

    def _steps(
        self, act: Act, back: DecidedSheet | None, project: Project | None
    ) -> Steps[DecidedSheet | UndoneSheet]:
        """Do to the open session what is to be done there, and return the generator of the rest.

        Args:
            act: what is to be done.
            back: what is taken back by it; ``None``: nothing is.
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
        if back is not None:
            names = [item.name for item in back.items]
            here = [name for name in names if name in opened]
            undone: UndoneSheet | None = None
            if here and project is not None:
                steps = project.undo_sheet_steps(back, by=self.by, opened=opened, only=here)
                undone = finish(steps)
                self._review.keep()  # by whoever sits here, now
                project.tell_undone(undone)  # who it was, and when
            rest = [name for name in names if name not in opened]
            return _back_steps(place, back, rest, undone)
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
        return _decide_steps(place, others, act.made, begun)

    def _ended(self, outcome: DecidedSheet | UndoneSheet) -> None:
        now, turn = self._over()
        if isinstance(outcome, DecidedSheet):
            if outcome.left:
                self._tell_of(now.act, _left("Not decided", outcome.left), Kind.WARNING)
        else:
            assert now.back is not None  # something is taken back
            if outcome.left:
                self._stuck.add((now.act.folder, now.back.number))
            self._tell_of(now.act, *_told_of_undone(now.back, outcome))
        self._go_on(turn)

    def _failed(self, error: Exception) -> None:
        now, turn = self._over()
        if now.back is not None:
            self._stuck.add((now.act.folder, now.back.number))
        what = str(error)
        if not isinstance(error, CorrClipError):
            what = f"The sheet could not be written ({error}); please report it."
        self._tell_of(now.act, what, Kind.WARNING)
        self._go_on(turn)

    def _over(self) -> tuple[_Now, Turn]:
        """Take note that an act is over; return what it was."""
        now, self._now = self._now, None
        assert now is not None  # it was begun
        return now, self._asked.pop(now.act)

    def _go_on(self, turn: Turn) -> None:
        """Let images be opened, and do what comes next."""
        self._review.changed.emit()
        self.changed.emit()
        self._review.turns.end(turn)

    def _tell_of(self, act: Act, text: str, kind: Kind) -> None:
        """Tell what became of an act; where another project is open by now, say of which it is."""
        project = self._review.project
        if project is not None and project.folder != act.folder:
            text = f"{act.folder.name!r}: {text}"
        self._tell(Said(text, kind))

    # -- the end

    def let_go(self) -> None:
        """Begin nothing in a thread, and tell nobody any more: all is being closed."""
        self._closing = True
        self._jobs.drop()
        self.changed.disconnect()
        self._tell = write_down

    def finish(self) -> None:
        """Have what is being written done before this returns; what waits is done when its turn comes.

        What cannot be done is in the log then.
        """
        self.let_go()
        if self._now is not None:
            assert self._now.whole is not None  # it was begun
            self._finish_now(self._now.whole)


@dataclass(eq=False, slots=True)
class _Now:
    """The act that is being done.

    Attributes:
        act: as it was asked for.
        back: the sheet that is taken back by it; ``None``: none is.
        whole: what a thread does of it; ``None``: nothing yet.
    """

    act: Act
    back: DecidedSheet | None
    whole: Whole[DecidedSheet | UndoneSheet] | None = None


_LATEST = DecidedSheet(0, "", 0.0)
"""Stands for what will be the last act when those before it are done."""


def _told_of_undone(sheet: DecidedSheet, undone: UndoneSheet) -> tuple[str, Kind]:
    """Return what is told of a sheet that was taken back, or of a class that is there again."""
    regions = count(undone.regions, "region")
    told = [f"Took back {regions}."] if undone.regions or not undone.left else []
    if sheet.removed is not None:
        told = [f"{class_of(sheet.removed).name!r} is a class again, with {regions}."]
    if undone.left:
        told.append(_left("Not taken back", undone.left))
    return " ".join(told), Kind.WARNING if undone.left else Kind.DONE


def _left(what: str, left: tuple[str, ...]) -> str:
    more = f" (and {len(left) - 1:,} more)" if len(left) > 1 else ""
    return f"{what}: {left[0]}{more}"


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
    place: _Place, decisions: Mapping[Key, Answer], new: str, begun: DecidedSheet | None
) -> Steps[DecidedSheet]:
    """Decide what is not decided in the open session."""
    if not decisions and begun is not None:
        return begun
    with place.opened() as project:
        if not new:
            return (yield from project.decide_steps(decisions, by=place.by, to=begun))
        if begun is None:
            return (yield from project.new_class_steps(new, decisions, by=place.by))
        examples: dict[Key, Answer] = dict.fromkeys(decisions, new)
        return (yield from project.decide_steps(examples, by=place.by, to=begun))


def _back_steps(
    place: _Place, sheet: DecidedSheet, rest: list[str], begun: UndoneSheet | None
) -> Steps[UndoneSheet]:
    """Take back what was not taken back in the open session."""
    if begun is not None and not rest:
        return begun
    with place.opened() as project:
        found = yield from project.undo_sheet_steps(sheet, by=place.by, only=rest)
    if begun is None:
        return found
    return UndoneSheet(
        (*begun.items, *found.items), begun.regions + found.regions, (*begun.left, *found.left)
    )
