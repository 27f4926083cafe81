"""The review of a project in the window: one image at a time, and the way to the next.

What is corrected is kept in its item's folder by the workspace, which has the project's store as long as it
is open; the index is told of it soon after each edit, and when the image is left.
"""

from __future__ import annotations

import getpass
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import napari
import numpy as np
from numpy.typing import NDArray
from psygnal import Signal
from qtpy.QtCore import QTimer

from napari_corrclip.annotation import Changed, Session, SessionStore, Source
from napari_corrclip.errors import CorrClipError, InputError
from napari_corrclip.gui.image.layer_files import file_of
from napari_corrclip.gui.image.panel import ImagePanel
from napari_corrclip.gui.image.picture import Picture
from napari_corrclip.gui.session.display import SessionDisplay
from napari_corrclip.gui.work.jobs import Jobs
from napari_corrclip.gui.work.restoring import (
    OfOther,
    Restored,
    Unproven,
    find_steps,
    open_steps,
)
from napari_corrclip.gui.work.said import Kind, Said, Tell
from napari_corrclip.gui.work.workspace import Opened, Workspace
from napari_corrclip.progress import Progress, Steps
from napari_corrclip.project import thumbnails
from napari_corrclip.project.project import Project
from napari_corrclip.project.records import ItemRecord, ItemState
from napari_corrclip.project.reviewing import check_unchanged, read_session
from napari_corrclip.project.sessions import ItemSessions
from napari_corrclip.vocabulary import Vocabulary
from napari_corrclip.wording.amounts import count

SOON = 1500
"""Milliseconds without an edit before the index is told of those that were made."""
READY = (ItemState.PRELABELLED, ItemState.IN_REVIEW)
"""The states of images that wait for a person."""


def reviewer() -> str:
    """Return the name of whoever sits at the computer; empty where nobody knows."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # a container without accounts
        return ""


@dataclass(frozen=True, eq=False)
class _Shown:
    """The state of a session that the index was told of last.

    Attributes:
        session: of the item.
        revision: of its timeline, when the index was told.
    """

    session: Session
    revision: int


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

    Signals (psygnal):
        opened: a :class:`Project`, or ``None``: it was closed.
        shown: the :class:`ItemRecord` of the image that is shown now.
        changed: the states of items may be others.
    """

    opened = Signal(object)
    shown = Signal(object)
    changed = Signal()

    def __init__(
        self,
        viewer: napari.viewer.Viewer,
        image: ImagePanel,
        workspace: Workspace,
        display: SessionDisplay,
        tell: Tell,
    ) -> None:
        self._viewer, self._image = viewer, image
        self._workspace, self._display = workspace, display
        self._tell = tell
        self.project: Project | None = None
        self.record: ItemRecord | None = None
        self.by = reviewer()
        self._store: ItemSessions | None = None
        self._jobs = Jobs()
        self._known: _Shown | None = None
        self._soon = QTimer()
        self._soon.setSingleShot(True)
        self._soon.setInterval(SOON)
        self._soon.timeout.connect(lambda: self.keep())
        display.edited.connect(self._edited)
        workspace.opened.connect(self._session_opened)
        workspace.leaving.connect(lambda _: self.keep())

    # -- the project

    def open(self, project: Project) -> None:
        """Have a project from now on; another one is closed."""
        self.close()
        self.project = project
        self._store = project.sessions()
        self._workspace.use(self._store)
        self._display.keeps_look = True
        self.opened.emit(project)

    def close(self) -> None:
        """Have no project any more; what is corrected is kept in it."""
        if self.project is None:
            return
        self._jobs.drop()
        self.keep()
        self._workspace.leave()
        self._store = None
        self._workspace.use(SessionStore())
        self._display.keeps_look = False
        self.project.close()
        self.project = self.record = None
        self.opened.emit(None)

    def let_go(self) -> None:
        """Let go of the project, and tell nobody: the window is being deleted."""
        self._soon.stop()
        self._jobs.drop()
        self.opened.disconnect()
        self.shown.disconnect()
        self.changed.disconnect()
        project, self.project = self.project, None
        if project is not None:
            project.close()

    @property
    def is_opening(self) -> bool:
        """Whether the session of the image that is shown is on its way."""
        return self._jobs.running

    @property
    def has_session(self) -> bool:
        """Whether the open session is of the item that is shown."""
        return self._session is not None

    def is_shown(self, record: ItemRecord) -> bool:
        """Whether it is the item that is shown."""
        return self.record is not None and self.record.id == record.id

    # -- an image

    def show(self, record: ItemRecord, said: str = "") -> None:
        """Show an item's image in place of the one before, and open its session.

        Args:
            record: of the item.
            said: what is told besides.

        Raises:
            InputError: the image is gone or cannot be read; what was shown stays.
        """
        project = self._open_project()
        path = project.path_of(record)
        if not path.exists():
            raise InputError(
                f"The image {str(path)!r} is gone; put it back, or tell where it is: napari-corrclip project "
                "relink."
            )
        former = self.record
        self._jobs.drop()
        # Its layers rest until they show the next session: the list of layers stays as it is.
        self._workspace.leave()
        try:
            self._image.open_file(str(path))
        except InputError:
            if former is not None:
                self.open_session()
            raise
        self._take_away(former)
        self._viewer.reset_view()  # each is seen whole, whatever its size
        self.record = record
        self.shown.emit(record)
        if record.regions is None and not self._has_session(record):
            self._tell(" ".join(filter(None, (said, _not_run(record)))))
            return
        self.open_session(said)

    def open_session(self, said: str = "") -> None:
        """Open the session of the item that is shown; ``said`` is told besides."""
        record, project = self.record, self._open_project()
        if record is None:
            return
        try:
            picture = self._image.picture()
        except InputError as error:
            self._tell(error)
            return
        folder, image = project.folder_of(record), project.path_of(record)
        assert self._store is not None  # of the project
        self._jobs.start(
            _read_steps(record, picture, folder, image, self._store, project.vocabulary),
            done=lambda session: self._read(record, session, picture, said),
            failed=self._failed,
        )

    def _read(self, record: ItemRecord, session: Session, picture: Picture, said: str) -> None:
        layer = picture.layer
        if not self.is_shown(record) or layer is None or layer not in self._viewer.layers:
            return
        session.source = picture.source
        self._workspace.open(
            session, picture, shown=self._display.slider.shows(picture), arrived=True
        )
        left = sum(row.verdict is None for row in session.rows())
        what = f"{count(left, 'region')} left; D goes to the next, Ctrl+Enter verifies the image."
        self._tell(Said(" ".join(filter(None, (said, what))), Kind.DONE if said else Kind.NOTE))

    def _failed(self, error: Exception) -> None:
        if isinstance(error, CorrClipError):
            self._tell(error)
        else:
            self._tell(
                Said(f"The image cannot be opened ({error}); please report it.", Kind.WARNING)
            )

    def _take_away(self, record: ItemRecord | None) -> None:
        """Take the image of an item out of the viewer."""
        if record is None or self.project is None:
            return
        place = self.project.path_of(record)
        for layer in list(self._viewer.layers):
            file = file_of(layer)
            if file is not None and Path(file) == place and layer in self._image.layers.choices:
                self._viewer.layers.remove(layer)

    def _has_session(self, record: ItemRecord) -> bool:
        source = Source.of(self._open_project().path_of(record))
        return self._store is not None and source in self._store

    # -- what becomes of it

    def verify(self) -> bool:
        """Say that the item that is shown is verified; return whether it could be."""
        return self._bring(ItemState.VERIFIED)

    def skip(self) -> bool:
        """Say that the item that is shown is skipped."""
        return self._bring(ItemState.SKIPPED)

    def _bring(self, state: ItemState) -> bool:
        project, record = self._open_project(), self.record
        if record is None:
            self._tell("No image of the project is shown; choose one in the list.")
            return False
        if self.is_opening:
            self._tell("The image is still being opened; wait a moment.")
            return False
        try:
            if self._session is not None:
                self.keep(whole=True)
            project.mark(record, state, by=self.by)
        except InputError as error:
            self._tell(error)
            return False
        self.record = project.item(record)
        self.changed.emit()
        return True

    def next_ready(self, numbers: Sequence[int]) -> ItemRecord | None:
        """Return the next item that waits for a person, after the one that is shown and round to it.

        Args:
            numbers: of the items, in the order in which they are gone through.
        """
        project = self._open_project()
        ready = {number for state in READY for number in project.list_items(state)}
        if self.record is not None:
            ready.discard(self.record.id)
        at = 0
        if self.record is not None and self.record.id in numbers:
            at = numbers.index(self.record.id) + 1
        following = [*numbers[at:], *numbers[:at]]
        found = next((number for number in following if number in ready), None)
        return None if found is None else project.read_items([found])[0]

    @property
    def _session(self) -> Session | None:
        """The open session, if it is of the item that is shown."""
        picture, session = self._workspace.picture, self._workspace.session
        if self.record is None or picture is None or session is None or picture.source is None:
            return None
        store = self._store
        is_of_it = store is not None and store.item_of(picture.source) == self.record.name
        return session if is_of_it and picture.box is None else None

    def _session_opened(self, opened: Opened) -> None:
        session = self._session
        self._known = None if session is None else _Shown(session, session.timeline.revision)

    def _edited(self, _changed: Changed) -> None:
        if self.project is not None and self._session is not None:
            self._soon.start()

    def keep(self, *, whole: bool = False) -> None:
        """Tell the index what was decided since it was told last.

        Args:
            whole: also where nothing was.
        """
        self._soon.stop()
        session, record, project = self._session, self.record, self.project
        if session is None or record is None or project is None:
            return
        known, now = self._known, session.timeline.revision
        same = known is not None and known.session is session and known.revision == now
        if (same and not whole) or project.read_only:
            return
        try:
            project.take(record, session, by=self.by, decided=not same)
            self._known = _Shown(session, now)
            if session.image is not None:
                made = thumbnails.draw(session.image, session.labels, session.vocabulary)
                thumbnails.write(made, project.folder_of(record))
        except InputError as error:
            self._tell(error)
        self.changed.emit()

    def set_words(self, vocabulary: Vocabulary | None) -> None:
        """Have other classes for the whole set, as they were changed in the window."""
        project = self.project
        if project is None or vocabulary is None or project.read_only:
            return
        try:
            if vocabulary != project.vocabulary:
                project.choose(vocabulary)
                self.changed.emit()
        except InputError as error:
            self._tell(error)

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


def _read_steps(
    record: ItemRecord,
    picture: Picture,
    folder: Path,
    image: Path,
    store: ItemSessions,
    words: Vocabulary,
) -> Steps[Session]:
    """Read an item's session in a thread, with the classes that came to the set since.

    Raises:
        InputError: it is of another image, or damaged.
    """
    yield Progress("look at the image", 0, 3)
    check_unchanged(record, image)
    found: Restored = None
    if picture.source is not None:
        found = yield from find_steps(picture, picture.source, store, picture.stack, asked=False)
    if isinstance(found, Unproven):
        raise InputError(found.sentence)
    if isinstance(found, OfOther):
        raise InputError(
            f"The image {str(image)!r} has other pixels now than those that were corrected; the corrections "
            f"lie in {str(found.folder)!r}."
        )
    if found is None:

        def read(rgb: NDArray[np.uint8] | None, source: Source | None) -> Session:
            return read_session(folder, rgb, source)

        found = yield from open_steps(picture, read)
    yield Progress("count the regions", 2, 3)
    _bring_words(found, words)
    found.state.adjacency  # noqa: B018  # which the first key would have to wait for
    return found


def _bring_words(session: Session, words: Vocabulary) -> None:
    """Let a session have the set's classes, if it has all of its own among them."""
    if session.vocabulary == words:
        return
    if any(
        class_.value not in words.values or words.by_value(class_.value).name != class_.name
        for class_ in session.vocabulary
    ):
        return  # what becomes of a decision is for a person to say
    session.set_vocabulary(words, classify=False)
