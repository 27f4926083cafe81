"""The review of a project in the window: one image at a time, and the way to the next.

What is corrected is kept in its item's folder by the workspace, which has the project's store as long as it
is open; the index is told of it soon after each edit, and when the image is left.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import napari
from psygnal import Signal

from napari_corrclip.annotation import Session, Source
from napari_corrclip.annotation.files.log import put_aside
from napari_corrclip.errors import CorrClipError, InputError
from napari_corrclip.gui.image.panel import ImagePanel
from napari_corrclip.gui.image.picture import Picture
from napari_corrclip.gui.project.keeping import Keeping, Shown, reviewer
from napari_corrclip.gui.project.layer import ItemLayer
from napari_corrclip.gui.project.model import file_name
from napari_corrclip.gui.project.reading import (
    ReadSession,
    Ready,
    ready_steps,
    result_in,
    session_steps,
)
from napari_corrclip.gui.project.store import ItemsStore
from napari_corrclip.gui.project.turns import Turn, Turns
from napari_corrclip.gui.session.display import SessionDisplay
from napari_corrclip.gui.work.jobs import Jobs
from napari_corrclip.gui.work.said import OVER, Kind, Said, Tell
from napari_corrclip.gui.work.workspace import Safety, Workspace
from napari_corrclip.progress import Steps
from napari_corrclip.project.folder import SESSION, is_large
from napari_corrclip.project.own_classes import bring_classes, told_of_classes
from napari_corrclip.project.project import Project
from napari_corrclip.project.records import ItemRecord, ItemState
from napari_corrclip.wording.amounts import count


class Review:
    """The review of one project.

    Args:
        viewer: shows the images.
        image: the choice of the image.
        workspace: has the sessions.
        display: shows them.
        tell: is given a sentence.

    Attributes:
        project: that is open; ``None``: none is.
        record: the item that is shown, as it was when it was opened; ``None``: none is.
        at: the item from which the way goes on: that which was asked for last, also where it is not shown.
        unread: it, if it could not be opened; until a person turns to the one that is shown again.
        keeping: of what is corrected, in the index.
        turns: of images that are opened, and of what changes images in the background.
        coming_next: returns the item that is read while this one is looked at, or ``None``.
        learns: is given the session of the image that was opened; returns what is told of it besides.

    Signals (psygnal):
        opened: a :class:`Project`, or ``None``: it was closed.
        shown: the :class:`ItemRecord` of the image that is shown now.
        tried: another item is :attr:`unread`, or none is.
        changed: the states of items may be others.
    """

    opened = Signal(object)
    shown = Signal(object)
    tried = Signal()
    changed = Signal()

    def __init__(
        self,
        viewer: napari.viewer.Viewer,
        image: ImagePanel,
        workspace: Workspace,
        display: SessionDisplay,
        tell: Tell,
    ) -> None:
        self._layer, self._store = ItemLayer(viewer, image, workspace), ItemsStore(workspace)
        self._workspace, self._display = workspace, display
        self._tell = tell
        self.project: Project | None = None
        self.record: ItemRecord | None = None
        self.at: ItemRecord | None = None
        self.unread: ItemRecord | None = None
        self._jobs, self._prefetching = Jobs(), Jobs()
        self.turns = Turns()
        self.turns.changed.connect(self._forget_ahead)
        self._turn: Turn | None = None  # of the image that is on its way
        self._putting = False
        self._coming: ItemRecord | None = None  # that is being read
        self._ahead: Ready | None = None
        self.coming_next: Callable[[], ItemRecord | None] = lambda: None
        self.learns: Callable[[Session], str] = lambda _: ""
        self._besides = Said("")  # what is told with the image that is on its way
        self.keeping = Keeping(workspace, self._kept, tell, self.changed.emit, reviewer())
        display.edited.connect(lambda _: self._edited())
        workspace.opened.connect(lambda _: self.keeping.begin())
        workspace.leaving.connect(lambda _: self.keeping.leave())

    # -- the project

    def open(self, project: Project) -> None:
        """Have a project from now on; another one is closed."""
        self.close()
        self.project = project
        self._store.open(project)
        self._display.keeps_look = True
        self.opened.emit(project)

    def close(self) -> None:
        """Have no project any more; what is corrected is kept in it."""
        if self.project is None:
            return
        self._jobs.drop()
        self._prefetching.drop()
        self._coming = self._ahead = self.at = self.unread = None
        self._besides = Said("")
        self._workspace.leave()
        self._store.close()
        self._display.keeps_look = False
        self.project.close()
        self.project = self.record = None
        self.opened.emit(None)
        self._end_turn()

    def let_go(self) -> None:
        """Let go of the project, and tell nobody: the window is being deleted."""
        self.keeping.stop()
        self._jobs.drop()
        self._prefetching.drop()
        self.turns.changed.disconnect()
        self.opened.disconnect()
        self.shown.disconnect()
        self.tried.disconnect()
        self.changed.disconnect()
        self.keeping.keep(leaving=True)
        project, self.project = self.project, None
        if project is not None:
            project.close()

    @property
    def is_opening(self) -> bool:
        """Whether the session of the image that is shown is on its way."""
        return self._coming is not None or self._jobs.running or self._putting

    @property
    def waits(self) -> str:
        """The sentence by which an image that was asked for is opened later; empty: none is."""
        what = "" if self._turn is None else self.turns.is_waited_for(self._turn)
        if not what or self._coming is None:
            return ""
        return f"{file_name(self._coming)!r} opens when {what}."

    @property
    def has_session(self) -> bool:
        """Whether the open session is of the item that is shown."""
        return self._session is not None

    def is_shown(self, record: ItemRecord) -> bool:
        """Whether it is the item that is shown, or is about to be, and nothing else is corrected."""
        shown = self._coming or (None if self.is_elsewhere else self.record)
        return shown is not None and shown.id == record.id

    @property
    def is_elsewhere(self) -> bool:
        """Whether something else is corrected than the item that is shown: another image, or a part of it.

        Of a large image nothing but parts can be.
        """
        project, record = self.project, self.record
        if project is None or record is None or self._workspace.session is None:
            return False
        if self._is_of_shown:
            return not self._is_whole and not is_large(project.folder_of(record))
        return True

    def look_for_items(self) -> None:
        """Know the items that have come since the project was opened, so that their sessions lie in them."""
        if self.project is not None:
            self._store.look_for_items(self.project)

    # -- an image

    def show(self, record: ItemRecord, said: str = "") -> None:
        """Show an item's image in place of the one before, with its session, as soon as both are read.

        Args:
            record: of the item.
            said: what is told besides.

        Raises:
            InputError: the image is gone, or what was done to the one before is on no disk; what was shown
                stays.
        """
        project = self._open_project()
        self._check_written()
        record = project.item(record)  # as it is now; whoever asks may have read it long ago
        path = project.path_of(record)
        self.at = record
        if not path.exists():
            self._could_not_open(record)
            raise InputError(
                f"{str(path)!r} is gone; put it back, or relink: napari-corrclip project relink."
            )
        self._jobs.drop()
        if self._turn is not None and self._has_open(record):
            self._coming = None  # another one was on its way, which is not wanted any more
            self.stay()
            self._tell(Said(said, Kind.DONE) if said else OVER)
            self._end_turn()
            return
        self._store.know(project, record)
        self._coming = record
        former, self._turn = self._turn, Turn(project.folder, lambda: self._begin(record, said))
        turn = self._turn
        if former is not None:
            self.turns.end(former)
        self.turns.ask(turn)
        if self.waits and turn is self._turn:
            self._tell(Said(" ".join(filter(None, (said, self.waits))), for_now=True))

    def _has_open(self, record: ItemRecord) -> bool:
        """Whether an item is shown, and open."""
        shown = self.record
        return shown is not None and shown.id == record.id and self.has_session

    def _begin(self, record: ItemRecord, said: str) -> None:
        """Read an item, now that nothing changes it."""
        project = self._open_project()
        record = project.item(record)  # as it is now; something else may have come first
        self._coming = record
        ahead, self._ahead = self._ahead, None
        self._prefetching.drop()
        if ahead is not None and ahead.is_of(record, project.vocabulary, project.folder_of(record)):
            self._put(record, ahead, said)
            return
        self._jobs.start(
            self._ready_steps(record),
            done=lambda ready: self._put(record, ready, said),
            failed=self._failed,
        )

    def _end_turn(self) -> None:
        """Let come what waits, now that no image is on its way any more."""
        turn, self._turn = self._turn, None
        if turn is not None:
            self.turns.end(turn)

    def _opened(self) -> None:
        """Take note that an image is open, or cannot be, unless something of it is being read still."""
        if not self.is_opening:
            self._end_turn()

    def _forget_ahead(self) -> None:
        """Read what comes next once more when it is wanted: images were changed."""
        self._ahead = None
        self._prefetching.drop()

    def _ready_steps(self, record: ItemRecord) -> Steps[Ready]:
        project, store = self._open_project(), self._store.sessions
        assert store is not None  # of the project
        return ready_steps(
            record,
            project.path_of(record),
            project.folder_of(record),
            store,
            project.vocabulary,
            project.names_of_values(),
        )

    def _put(self, record: ItemRecord, ready: Ready, said: str) -> None:
        """Show what was read, without a moment in which anything could be done to half of it."""
        if self.project is None:
            return
        self._coming = None
        self._putting = True
        try:
            self._check_written()  # till now it was corrected
            # Its layers rest until they show the next session: the list of layers stays as it is.
            self._workspace.leave()
            self._store.use()
            self.record = None
            self.keeping.forget()
            self._layer.fill(ready)
            self.record = record
            self.stay()
            self.shown.emit(record)
            self._open(record, ready, said)
            self._layer.see_whole()
        except InputError as error:
            if self.record is None:
                self._could_not_open(record)
            else:  # what was shown could not be left
                self.at = self.record
            self._tell_of_image(str(error), kind=Kind.WARNING)
            self.changed.emit()  # the list shows where one is
            return
        finally:
            self._putting = False
            self._opened()
        self._prefetch()

    def open_session(self) -> None:
        """Open the session of the item that is shown, now that there is one."""
        record = self.record
        if record is not None:
            self.show(record)

    def _open(self, record: ItemRecord, ready: Ready, said: str) -> None:
        """Open the session of the image that is shown; where napari has opened it, that is read first."""
        if record.regions is None and ready.read is None and not self._has_session(record):
            self._tell_of_image(_not_run(record), said)
            return
        try:
            picture = self._layer.whole_picture()
        except InputError as error:
            self._tell_of_image(str(error), kind=Kind.WARNING)
            return
        if ready.read is not None and ready.pixels is not None:
            picture.keep(ready.pixels)
            self._read(ready, ready.read, picture, said)
            return
        project, store = self._open_project(), self._store.sessions
        assert store is not None  # of the project
        self._jobs.start(
            session_steps(
                record,
                picture,
                project.folder_of(record),
                store,
                project.vocabulary,
                project.names_of_values(),
            ),
            done=lambda read: self._arrived(ready, read, picture, said),
            failed=self._failed,
        )

    def _arrived(self, ready: Ready, read: ReadSession, picture: Picture, said: str) -> None:
        try:
            self._read(ready, read, picture, said)
        finally:
            self._opened()

    def _read(self, ready: Ready, read: ReadSession, picture: Picture, said: str) -> None:
        """Open a session that was read; one that is none of its item any more is read again."""
        record, project, session = ready.record, self.project, read.session
        is_here = self.record is not None and self.record.id == record.id
        if project is None or not is_here or not self._layer.has(picture):
            return
        try:
            if self._was_run(ready):
                self.show(record, said)
                return
            session.source = picture.source
            moved = dict(read.moved)
            if ready.vocabulary != project.vocabulary:  # the set's classes are others since
                moved |= bring_classes(session, project.vocabulary, project.names_of_values())
            self._workspace.open(
                session, picture, shown=self._display.slider.shows(picture), arrived=True
            )
            if self._workspace.session is not session:
                return  # it is opened with its plane, which is told
            if self._workspace.journal is None and not project.read_only:
                self._workspace.note_as_read()
                self._workspace.write_again()  # whoever looked whether it is free has done so
            # From now on no run writes there; one may have been faster.
            if self._was_run(ready) and not session.history.done:
                self._workspace.leave()
                put_aside(project.folder_of(record) / SESSION)
                self.show(record, said)
                return
            self.record = project.item(record)
            self.keeping.catch_up(moved)
            self.record = project.item(record)
            taught = self.learns(session)
            self.record = project.item(record)
        except InputError as error:
            self._tell_of_image(str(error), kind=Kind.WARNING)
            return
        left = sum(row.verdict is None for row in session.rows())
        keys = "." if project.read_only else ": D goes on, Ctrl+Enter verifies."
        what = f"{count(left, 'region')} left{keys}"
        if taught and not project.read_only:  # there are two lines for all of it
            what = f"{left:,} left: D goes on."
        own = told_of_classes(session, project.vocabulary, project.names_of_values())
        what = " ".join(filter(None, (own, taught, what)))
        kind = Kind.WARNING if own else Kind.DONE if said else Kind.NOTE
        self._tell_of_image(what, said, kind)

    def _was_run(self, ready: Ready) -> bool:
        """Whether an item has another result than when it was read."""
        project = self._open_project()
        run = project.item(ready.record).run
        return run != ready.record.run or result_in(project.folder_of(ready.record)) != ready.result

    def tell_besides(self, said: Said) -> None:
        """Tell something; where an image is on its way, with what is told of it."""
        if self.is_opening:
            self._besides = said
        else:
            self._tell(said)

    def _tell_of_image(self, what: str, said: str = "", kind: Kind = Kind.NOTE) -> None:
        """Tell what became of an image that was on its way, after what else there is to tell."""
        besides, self._besides = self._besides, Said("")
        if besides.text and kind is not Kind.WARNING:
            kind = besides.kind
        self._tell(Said(" ".join(filter(None, (said, besides.text, what))), kind))

    def _failed(self, error: Exception) -> None:
        coming, self._coming = self._coming, None
        if coming is not None:  # else it is shown, without its session
            self._could_not_open(coming)
        self.changed.emit()
        what = str(error)
        if not isinstance(error, CorrClipError):
            what = f"The image cannot be opened ({error}); please report it."
        self._tell_of_image(what, kind=Kind.WARNING)
        self._opened()

    def _prefetch(self) -> None:
        """Read the image that comes next, and its session, while a person looks at this one."""
        record = self.coming_next()
        if record is None or self.project is None or record.regions is None:
            return

        def done(ready: Ready) -> None:
            self._ahead = ready

        self._prefetching.start(self._ready_steps(record), done=done, failed=lambda _: None)

    def _has_session(self, record: ItemRecord) -> bool:
        source = Source.of(self._open_project().path_of(record), slice=record.plane)
        return self._store.sessions is not None and source in self._store.sessions

    # -- where one is

    @property
    def to_skip(self) -> ItemRecord | None:
        """The item that may be left out: that which could not be opened, or else that which is shown."""
        return self.unread or self.record

    def stay(self) -> None:
        """Turn to the item that is shown, also after another one could not be opened."""
        self.at = self._coming or self.record
        self._could_not_open(None)

    def _could_not_open(self, record: ItemRecord | None) -> None:
        if record is not self.unread:
            self.unread = record
            self.tried.emit()

    def marked(self, record: ItemRecord) -> None:
        """Take note that an item was marked, from which the way goes on."""
        if self.record is not None:
            self.record = self._open_project().item(self.record)
        self.at = record
        self._could_not_open(None)
        self.changed.emit()

    # -- what is kept of it

    def _edited(self) -> None:
        self.keeping.edited()
        if self.has_session:
            self.stay()

    def keep(self) -> None:
        """Tell the index what was decided since it was told last."""
        self.keeping.keep()

    def _kept(self) -> Shown | None:
        project, record, session = self.project, self.record, self._session
        if project is None or record is None or session is None:
            return None
        return Shown(project, record, session)

    @property
    def folder(self) -> Path | None:
        """The folder of the item whose session is open; ``None``: none is."""
        project, record = self.project, self.record
        if project is None or record is None or self._session is None:
            return None
        return project.folder_of(record)

    @property
    def shown_whole(self) -> ItemRecord | None:
        """The item whose session is open; ``None``: none is, or that of another image or of a part of it."""
        return self.record if self._session is not None else None

    @property
    def session_of_shown(self) -> Session | None:
        """The open session, if it is of the item that is shown, and of all of it."""
        return self._session

    @property
    def _session(self) -> Session | None:
        """The open session, if it is of the item that is shown."""
        return self._workspace.session if self._is_of_shown and self._is_whole else None

    @property
    def _is_of_shown(self) -> bool:
        """Whether the open session is of the image that is shown, or of a part of it."""
        record, picture, store = self.record, self._workspace.picture, self._store.sessions
        if record is None or store is None or picture is None or picture.source is None:
            return False
        return store.item_of(picture.source) == record.name

    @property
    def _is_whole(self) -> bool:
        """Whether the open session is of a whole image."""
        picture = self._workspace.picture
        return picture is not None and picture.box is None

    def _check_written(self) -> None:
        """Refuse to leave the item that is shown while something that was done to it is on no disk.

        Raises:
            InputError: it cannot be written, and nobody has saved it.
        """
        session, record = self._session, self.record
        if session is None or record is None or not session.history.done:
            return
        if self._workspace.journal is None and self._workspace.is_as_read:
            return  # another process has it open, and nothing was done here
        try:
            self._workspace.write_again()
        except InputError as error:
            if self._workspace.safety is not Safety.SAVED:
                raise InputError(
                    f"{file_name(record)!r} stays open, for what you did to it is on no disk; Export > Save "
                    f"session… keeps it elsewhere. {error}"
                ) from None

    def _open_project(self) -> Project:
        if self.project is None:
            raise InputError("No project is open; press Open folder… first.")
        return self.project


def _not_run(record: ItemRecord) -> str:
    if record.state is ItemState.FAILED:
        return f"This image has no labels, for its run failed: {record.reason}"
    return (
        "This image has no labels yet; Run labels this one, and Run on the page Images all of them."
    )
