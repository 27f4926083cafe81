"""The review of a project in the window: one image at a time, and the way to the next.

What is corrected is kept in its item's folder by the workspace, which has the project's store as long as it
is open; the index is told of it soon after each edit, and when the image is left.
"""

from __future__ import annotations

import getpass
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import napari
import numpy as np
from napari.layers import Image
from numpy.typing import NDArray
from psygnal import Signal
from qtpy.QtCore import QTimer

from napari_corrclip.annotation import Changed, Session, SessionStore, Source
from napari_corrclip.errors import CorrClipError, InputError
from napari_corrclip.gui.image.layer_files import fill
from napari_corrclip.gui.image.panel import ImagePanel
from napari_corrclip.gui.image.picture import Picture
from napari_corrclip.gui.session.display import SessionDisplay
from napari_corrclip.gui.work.jobs import Jobs
from napari_corrclip.gui.work.restoring import (
    OfOther,
    Unproven,
    find_steps,
    open_steps,
)
from napari_corrclip.gui.work.said import Kind, Said, Tell
from napari_corrclip.gui.work.workspace import Opened, Workspace
from napari_corrclip.images import Pixels
from napari_corrclip.images.stacks import read_plane
from napari_corrclip.progress import Progress, Steps
from napari_corrclip.project import thumbnails
from napari_corrclip.project.folder import is_large
from napari_corrclip.project.project import Project
from napari_corrclip.project.records import ItemRecord, ItemState, plane_text
from napari_corrclip.project.reviewing import as_it_was_read, check_unchanged, read_session
from napari_corrclip.project.sessions import ItemSessions
from napari_corrclip.project.vectors import keep_means
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
        edits: of its timeline, when the index was told.
    """

    session: Session
    edits: int


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
        coming_next: returns the item that is read while this one is looked at, or ``None``.

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
        self._jobs, self._prefetching = Jobs(), Jobs()
        self._putting = False
        self._coming: ItemRecord | None = None  # that is being read
        self._ahead: Ready | None = None
        self._layer: Callable[[], Image | None] = lambda: None  # in which images are shown
        self.coming_next: Callable[[], ItemRecord | None] = lambda: None
        self._known: _Shown | None = None
        self._was_decided = False  # something, since the session was opened
        self._soon = QTimer()
        self._soon.setSingleShot(True)
        self._soon.setInterval(SOON)
        self._soon.timeout.connect(lambda: self.keep())
        display.edited.connect(self._edited)
        workspace.opened.connect(self._session_opened)
        workspace.leaving.connect(lambda _: self._keep_all())

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
        self._prefetching.drop()
        self._coming = self._ahead = None
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
        self._prefetching.drop()
        self.opened.disconnect()
        self.shown.disconnect()
        self.changed.disconnect()
        self.keep()
        project, self.project = self.project, None
        if project is not None:
            project.close()

    @property
    def is_opening(self) -> bool:
        """Whether the session of the image that is shown is on its way."""
        return self._jobs.running or self._putting

    @property
    def has_session(self) -> bool:
        """Whether the open session is of the item that is shown."""
        return self._session is not None

    def is_shown(self, record: ItemRecord) -> bool:
        """Whether it is the item that is shown, or is about to be."""
        shown = self._coming or self.record
        return shown is not None and shown.id == record.id

    # -- an image

    def show(self, record: ItemRecord, said: str = "") -> None:
        """Show an item's image in place of the one before, with its session, as soon as both are read.

        Args:
            record: of the item.
            said: what is told besides.

        Raises:
            InputError: the image is gone; what was shown stays.
        """
        project = self._open_project()
        path = project.path_of(record)
        if not path.exists():
            raise InputError(
                f"The image {str(path)!r} is gone; put it back, or tell where it is: napari-corrclip project "
                "relink."
            )
        ahead, self._ahead = self._ahead, None
        self._jobs.drop()
        self._prefetching.drop()
        self._coming = record
        if ahead is not None and ahead.is_of(record, project.vocabulary):
            self._put(record, ahead, said)
            return
        self._jobs.start(
            self._ready_steps(record),
            done=lambda ready: self._put(record, ready, said),
            failed=self._failed,
        )

    def _ready_steps(self, record: ItemRecord) -> Steps[Ready]:
        project, store = self._open_project(), self._store
        assert store is not None  # of the project
        return ready_steps(
            record,
            project.path_of(record),
            project.folder_of(record),
            store,
            project.vocabulary,
        )

    def _put(self, record: ItemRecord, ready: Ready, said: str) -> None:
        """Show what was read, without a moment in which anything could be done to half of it."""
        if self.project is None:
            return
        self._coming = None
        self._putting = True
        try:
            # Its layers rest until they show the next session: the list of layers stays as it is.
            self._workspace.leave()
            self.record, self._known = None, None
            self._fill(ready)
            self.record = record
            self.shown.emit(record)
            self._open(record, ready, said)
            self._viewer.reset_view()  # each is seen whole, whatever its size
        except InputError as error:
            self._tell(error)
            return
        finally:
            self._putting = False
        self._prefetch()

    def _fill(self, ready: Ready) -> None:
        """Put an image into the layer of the one before; a large one is opened by napari.

        Raises:
            InputError: it cannot be opened.
        """
        former = self._layer()
        former = former if former is not None and former in self._viewer.layers else None
        if ready.pixels is None:
            self._layer = lambda: None
            if former is not None:
                self._viewer.layers.remove(former)
            self._image.open_file(str(ready.path))
            layer = self._image.layer
            self._layer = (lambda: None) if layer is None else weakref.ref(layer)
            return
        data, name = ready.shown, f"{ready.path.stem}{plane_text(ready.record.plane)}"
        colours = data.ndim == 3
        if former is None or former.rgb is not colours:
            if former is not None:
                self._viewer.layers.remove(former)
            former = Image(data, name=name, rgb=colours)
            self._viewer.add_layer(former)
            self._layer = weakref.ref(former)
        fill(former, data, str(ready.path), ready.record.plane)
        former.name = name
        former.visible = True
        self._image.layer = former
        self._image.reset_choices()  # the same layer, and another image

    def open_session(self) -> None:
        """Open the session of the item that is shown, now that there is one."""
        record = self.record
        if record is not None:
            self.show(record)

    def _open(self, record: ItemRecord, ready: Ready, said: str) -> None:
        """Open the session of the image that is shown; where napari has opened it, that is read first."""
        if record.regions is None and ready.session is None and not self._has_session(record):
            self._tell(" ".join(filter(None, (said, _not_run(record)))))
            return
        try:
            picture = self._image.picture()
        except InputError as error:
            self._tell(error)
            return
        if ready.session is not None and ready.pixels is not None:
            picture.keep(ready.pixels)
            self._read(record, ready.session, picture, said)
            return
        project, store = self._open_project(), self._store
        assert store is not None  # of the project
        self._jobs.start(
            session_steps(record, picture, project.folder_of(record), store, project.vocabulary),
            done=lambda session: self._read(record, session, picture, said),
            failed=self._failed,
        )

    def _read(self, record: ItemRecord, session: Session, picture: Picture, said: str) -> None:
        layer = picture.layer
        is_here = self.record is not None and self.record.id == record.id
        if not is_here or layer is None or layer not in self._viewer.layers:
            return
        session.source = picture.source
        self._workspace.open(
            session, picture, shown=self._display.slider.shows(picture), arrived=True
        )
        left = sum(row.verdict is None for row in session.rows())
        what = f"{count(left, 'region')} left; D goes to the next, Ctrl+Enter verifies the image."
        self._tell(Said(" ".join(filter(None, (said, what))), Kind.DONE if said else Kind.NOTE))

    def _failed(self, error: Exception) -> None:
        self._coming = None
        if isinstance(error, CorrClipError):
            self._tell(error)
        else:
            self._tell(
                Said(f"The image cannot be opened ({error}); please report it.", Kind.WARNING)
            )

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
                self._workspace.finish_writing()  # what is verified is on the disk
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
    def folder(self) -> Path | None:
        """The folder of the item whose session is open; ``None``: none is."""
        project, record = self.project, self.record
        if project is None or record is None or self._session is None:
            return None
        return project.folder_of(record)

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
        self._known = None if session is None else _Shown(session, session.timeline.edits)
        self._was_decided = False

    def _edited(self, _changed: Changed) -> None:
        if self.project is not None and self._session is not None:
            self._soon.start()

    def _keep_all(self) -> None:
        """Keep what is known of a session that is about to be left."""
        self.keep()
        session, folder = self._session, self.folder
        if session is None or folder is None or not self._was_decided:
            return
        try:
            keep_means(folder, session)
        except InputError as error:
            self._tell(error)

    def keep(self, *, whole: bool = False) -> None:
        """Tell the index what was decided since it was told last.

        Args:
            whole: also where nothing was.
        """
        self._soon.stop()
        session, record, project = self._session, self.record, self.project
        if session is None or record is None or project is None:
            return
        known, now = self._known, session.timeline.edits
        same = known is not None and known.session is session and known.edits == now
        if (same and not whole) or project.read_only:
            return
        try:
            project.take(record, session, by=self.by, decided=not same)
            self._known = _Shown(session, now)
            self._was_decided = self._was_decided or not same
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


@dataclass(frozen=True, eq=False)
class Ready:
    """An item that was read.

    Attributes:
        record: of the item.
        path: of its image.
        vocabulary: of the set then.
        pixels: of the image; ``None``: it is a large one, and napari is to show it.
        session: of the item; ``None``: it has none.
    """

    record: ItemRecord
    path: Path
    vocabulary: Vocabulary
    pixels: Pixels | None = None
    session: Session | None = None

    @property
    def shown(self) -> NDArray[np.uint8]:
        """What the viewer shows: (H, W, 3), or (H, W) of grayscale that was of more than 8 bits."""
        assert self.pixels is not None  # else napari reads it
        rgb = self.pixels.rgb
        gray = self.pixels.limits is not None and (rgb == rgb[..., :1]).all()
        return rgb[..., 0].copy() if gray else rgb

    def is_of(self, record: ItemRecord, vocabulary: Vocabulary) -> bool:
        """Whether it is of an item as that is now."""
        return (self.record, self.vocabulary) == (record, vocabulary)


def ready_steps(
    record: ItemRecord, image: Path, folder: Path, store: ItemSessions, words: Vocabulary
) -> Steps[Ready]:
    """Read an item's image and its session in a thread.

    Raises:
        InputError: one of them cannot be read, or they do not belong together.
    """
    yield Progress("read the image", 0, 3)
    if is_large(folder):
        return Ready(record, image, words)
    pixels = read_plane(image, record.plane, as_it_was_read(folder))
    source = Source.of(image, slice=record.plane)
    if record.regions is None and source not in store:
        return Ready(record, image, words, pixels)
    picture = Picture(image.stem, pixels.rgb.shape[:2], lambda _: (pixels, ()), source=source)
    session = yield from session_steps(record, picture, folder, store, words)
    return Ready(record, image, words, pixels, session)


def session_steps(
    record: ItemRecord,
    picture: Picture,
    folder: Path,
    store: ItemSessions,
    words: Vocabulary,
) -> Steps[Session]:
    """Read an item's session in a thread, with the classes that came to the set since.

    Raises:
        InputError: it is of another image, or damaged.
    """
    source = picture.source
    assert source is not None  # of a file
    check_unchanged(record, Path(source.path))
    found = yield from find_steps(picture, source, store, picture.stack, asked=False)
    if isinstance(found, Unproven):
        raise InputError(found.sentence)
    if isinstance(found, OfOther):
        raise InputError(
            f"The image {source.path!r} has other pixels now than those that were corrected; the corrections "
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
    """Let a session have the set's classes, if all of its own are among them, by their values."""
    former = session.vocabulary
    if former == words or not set(former.values) <= set(words.values):
        return  # what becomes of the decisions of a class that is gone is for a person to say
    # A value is one class in the whole set: it may have another name, and a new one has the value of the set.
    session.set_vocabulary(replace(words, origin=former.origin), classify=False)
