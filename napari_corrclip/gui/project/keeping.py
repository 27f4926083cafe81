"""The keeping of what is corrected, in the project's index: soon after each edit, and before it is left.

Edits themselves are on the disk as they are made, by the workspace; what no disk has is not told the index.
"""

from __future__ import annotations

import getpass
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from qtpy.QtCore import QTimer

from napari_corrclip.annotation import Session
from napari_corrclip.errors import InputError
from napari_corrclip.gui.work.said import Tell
from napari_corrclip.gui.work.workspace import Workspace
from napari_corrclip.project import thumbnails
from napari_corrclip.project.folder import decides
from napari_corrclip.project.project import Project
from napari_corrclip.project.records import BY_HAND, ItemRecord, ItemState
from napari_corrclip.project.vectors import keep_means

SOON = 1500
"""Milliseconds after an edit before the index is told of it, and of those that were made meanwhile."""


def reviewer() -> str:
    """Return the name of whoever sits at the computer; empty where nobody knows."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # a container without accounts
        return ""


@dataclass(frozen=True, eq=False, slots=True)
class Shown:
    """The item that is corrected now.

    Attributes:
        project: whose it is.
        record: the item.
        session: of it.
    """

    project: Project
    record: ItemRecord
    session: Session


@dataclass(frozen=True, eq=False, slots=True)
class _Told:
    """The state of a session that the index was told of last.

    Attributes:
        session: of the item.
        edits: of its timeline, when the index was told.
    """

    session: Session
    edits: int


class Keeping:
    """The keeping of the item that is shown.

    Args:
        workspace: has the session, and its journal.
        shown: returns the item, or ``None`` where none is corrected.
        tell: is given a sentence.
        changed: called when the index says something else.

    Attributes:
        by: who corrects.
    """

    def __init__(
        self,
        workspace: Workspace,
        shown: Callable[[], Shown | None],
        tell: Tell,
        changed: Callable[[], object],
        by: str,
    ) -> None:
        self.by = by
        self._workspace, self._shown = workspace, shown
        self._tell, self._changed = tell, changed
        self._told: _Told | None = None
        self._begun = False  # whether the index knows that something was decided
        self._undrawn = False  # whether the small picture is older than what the index knows
        self._was_decided = False  # something, since the session was opened
        self._following = False  # what the set says, which decides nothing
        self._soon = QTimer()
        self._soon.setSingleShot(True)
        self._soon.setInterval(SOON)
        self._soon.timeout.connect(lambda: self.keep())

    def begin(self) -> None:
        """Take note that a session was opened, of which nothing has to be told yet."""
        shown = self._shown()
        self._told = None if shown is None else _told_of(shown.session)
        self._begun = self._undrawn = self._was_decided = False

    def catch_up(self, moved: Mapping[int, int]) -> None:
        """Let the index hear of what a window that was killed left in an item's journal alone.

        Args:
            moved: label values that are others in the session since it was read, or again, by which nobody
                decides.

        Raises:
            InputError: it cannot be written.
        """
        shown = self._shown()
        if shown is None or shown.project.read_only:
            return
        record, session = shown.record, shown.session
        rows = session.rows()
        left = sum(row.verdict is None for row in rows)
        same = (record.regions, record.undecided) == (len(rows), left)
        said = record.state in BY_HAND
        # A look brings the classes that came to the set, which decides nothing.
        news = not same if said else decides(session)
        if not news and not moved:
            return
        decided = news and record.state is not ItemState.SKIPPED
        shown.project.take(record, session, by=record.by, decided=decided, moved=moved)
        self._changed()

    def forget(self) -> None:
        """Take note that another image is about to be shown."""
        self._told = None

    def stop(self) -> None:
        """Tell nothing any more by itself."""
        self._soon.stop()

    def edited(self) -> None:
        """Tell the index of an edit: of the first one at once, of the others soon."""
        shown = self._shown()
        if shown is None or self._following or not self._is_news(shown.session):
            return
        if not self._soon.isActive():  # edits that go on do not put it off
            self._soon.start()
        if self._begun or not self._workspace.keeps(shown.session):
            return
        self._begun = True  # the process may be killed before it tells more
        try:
            self._take(shown)
        except InputError as error:
            self._tell(error)
        self._changed()

    def keep(self, *, leaving: bool = False) -> None:
        """Tell the index what was decided since it was told last, and the person what it cannot be told.

        Args:
            leaving: whether it is the last time; what is being written is waited for.
        """
        self._soon.stop()
        shown = self._shown()
        if shown is None or shown.project.read_only:
            return
        try:
            if self._is_news(shown.session):
                self._check_kept(wait=leaving)
                self._take(shown)
        except InputError as error:
            self._tell(error)
        if self._undrawn:
            self.draw()
            self._changed()

    def leave(self) -> None:
        """Keep what is known of a session that is about to be left."""
        self.keep(leaving=True)
        shown = self._shown()
        if shown is None or not self._was_decided:
            return
        try:
            keep_means(shown.project.folder_of(shown.record), shown.session)
        except InputError as error:
            self._tell(error)

    def follow(self, follow: Callable[[Session], Mapping[int, int]]) -> bool:
        """Let the open session take what became of the set's classes, by which nobody decides.

        Args:
            follow: makes the step, and returns the label values that are others by it.

        Returns:
            Whether there was a session that took something.

        Raises:
            InputError: the index cannot be told.
        """
        self.keep()  # what was decided before
        shown = self._shown()
        if shown is None or shown.project.read_only:
            return False
        self._following = True
        try:
            moved = follow(shown.session)
        finally:
            self._following = False
        if moved:
            record = shown.project.item(shown.record)
            shown.project.take(record, shown.session, by=self.by, decided=False, moved=moved)
            self._told, self._undrawn = _told_of(shown.session), True
        return bool(moved)

    def take_whole(self) -> None:
        """Let the index have the session as it is, also where nothing was decided.

        Raises:
            InputError: it cannot be written.
        """
        self._soon.stop()
        shown = self._shown()
        if shown is not None:
            self._take(shown)

    def draw(self) -> None:
        """Keep the small picture of the item that is shown, as it is corrected now."""
        self._undrawn = False
        shown = self._shown()
        if shown is None or shown.session.image is None:
            return
        session, folder = shown.session, shown.project.folder_of(shown.record)
        made = thumbnails.draw(shown.session.image, session.labels, session.vocabulary)
        thumbnails.write(made, folder, thumbnails.labels_in(folder))

    def _take(self, shown: Shown) -> None:
        if shown.project.read_only:
            return
        told, news = _told_of(shown.session), self._is_news(shown.session)
        decided = news and decides(shown.session)  # what a lesson says is nobody's decision
        shown.project.take(shown.record, shown.session, by=self.by, decided=decided)
        self._told = told
        self._undrawn = True
        self._was_decided = self._was_decided or decided

    def _is_news(self, session: Session) -> bool:
        """Whether the index was not told of a session as it is now."""
        told, now = self._told, session.timeline.edits
        return told is None or told.session is not session or told.edits != now

    def _check_kept(self, *, wait: bool) -> None:
        """Refuse what is not on the disk: another process would not find it, and a repair would lose it.

        Raises:
            InputError: it is not.
        """
        journal = self._workspace.journal
        try:
            if journal is None or wait or journal.problem is not None:
                self._workspace.finish_writing()
        except InputError as error:
            raise InputError(
                f"The list does not count what you did last, for it is on no disk. {error}"
            ) from None


def _told_of(session: Session) -> _Told:
    return _Told(session, session.timeline.edits)
