"""The review of a project in the window: one image at a time, and the way to the next.

What is corrected is kept in its item's folder by the workspace, which has the project's store as long as it
is open; the index is told of it soon after each edit, and when the image is left.
"""

from __future__ import annotations

import getpass
import weakref
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import napari
from napari.layers import Image
from psygnal import Signal

from napari_corrclip.annotation import Session, SessionStore, Source
from napari_corrclip.annotation.files.log import put_aside
from napari_corrclip.errors import CorrClipError, InputError
from napari_corrclip.gui.image.layer_files import fill
from napari_corrclip.gui.image.panel import ImagePanel
from napari_corrclip.gui.image.picture import Picture
from napari_corrclip.gui.image.planes import plane_of
from napari_corrclip.gui.project.keeping import Keeping, Shown
from napari_corrclip.gui.project.model import file_name
from napari_corrclip.gui.project.reading import Ready, ready_steps, result_in, session_steps
from napari_corrclip.gui.session.display import SessionDisplay
from napari_corrclip.gui.work.jobs import Jobs
from napari_corrclip.gui.work.said import Kind, Said, Tell
from napari_corrclip.gui.work.workspace import Safety, Workspace
from napari_corrclip.progress import Steps
from napari_corrclip.project.folder import SESSION, decides, is_large
from napari_corrclip.project.project import Project
from napari_corrclip.project.records import BY_HAND, ItemRecord, ItemState, plane_text
from napari_corrclip.project.sessions import ItemSessions
from napari_corrclip.vocabulary import Vocabulary
from napari_corrclip.wording.amounts import count

READY = (ItemState.PRELABELLED, ItemState.IN_REVIEW)
"""The states of images that wait for a person."""


def reviewer() -> str:
    """Return the name of whoever sits at the computer; empty where nobody knows."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # a container without accounts
        return ""


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
        keeping: of what is corrected, in the index.
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
        self._store: ItemSessions | None = None  # which knows all items
        self._used: ItemSessions | None = None  # by the workspace
        self._jobs, self._prefetching = Jobs(), Jobs()
        self._putting = False
        self._coming: ItemRecord | None = None  # that is being read
        self._unread: ItemRecord | None = None  # that could not be
        self._ahead: Ready | None = None
        self._layer: Callable[[], Image | None] = lambda: None  # in which images are shown
        self.coming_next: Callable[[], ItemRecord | None] = lambda: None
        self._besides = ""  # what is told with the image that is on its way
        self.keeping = Keeping(workspace, self._kept, tell, self.changed.emit, reviewer())
        display.edited.connect(lambda _: self.keeping.edited())
        workspace.opened.connect(lambda _: self.keeping.begin())
        workspace.leaving.connect(lambda _: self.keeping.leave())
        workspace.left.connect(lambda _: self._use_store())

    # -- the project

    def open(self, project: Project) -> None:
        """Have a project from now on; another one is closed."""
        self.close()
        self.project = project
        self._store = project.sessions()
        self._use_store()
        self._display.keeps_look = True
        self.opened.emit(project)

    def close(self) -> None:
        """Have no project any more; what is corrected is kept in it."""
        if self.project is None:
            return
        self._jobs.drop()
        self._prefetching.drop()
        self._coming = self._ahead = None
        self._workspace.leave()
        self._store = self._used = None
        self._workspace.use(SessionStore())
        self._display.keeps_look = False
        self.project.close()
        self.project = self.record = None
        self.opened.emit(None)

    def let_go(self) -> None:
        """Let go of the project, and tell nobody: the window is being deleted."""
        self.keeping.stop()
        self._jobs.drop()
        self._prefetching.drop()
        self.opened.disconnect()
        self.shown.disconnect()
        self.changed.disconnect()
        self.keeping.keep(leaving=True)
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
        """Whether it is the item that is shown, or is about to be, and nothing else is corrected."""
        shown = self._coming or (None if self._is_elsewhere else self.record)
        return shown is not None and shown.id == record.id

    @property
    def _is_elsewhere(self) -> bool:
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
        project, store = self.project, self._store
        if project is not None and store is not None and len(project) != len(store.names):
            self._store = project.sessions()
            self._use_store()

    def _know(self, record: ItemRecord) -> None:
        """Know an item that has come, or moved, since."""
        store = self._store
        if store is None or store.names.get((record.path, record.plane)) != record.name:
            self._store = self._open_project().sessions()
            self._use_store()

    def _use_store(self) -> None:
        """Let the workspace have the store of all items, as soon as no session is open."""
        if self._store is not self._used and self._workspace.session is None:
            self._used = self._store
            self._workspace.use(self._store or SessionStore())

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
        if not path.exists():
            raise InputError(
                f"The image {str(path)!r} is gone; put it back, or tell where it is: napari-corrclip project "
                "relink."
            )
        self._know(record)
        ahead, self._ahead = self._ahead, None
        self._jobs.drop()
        self._prefetching.drop()
        self._coming, self._unread, self._besides = record, None, ""
        if ahead is not None and ahead.is_of(record, project.vocabulary, project.folder_of(record)):
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
            self._use_store()
            self.record = None
            self.keeping.forget()
            self._fill(ready)
            self.record = record
            self.shown.emit(record)
            self._open(record, ready, said)
            self._viewer.reset_view()  # each is seen whole, whatever its size
        except InputError as error:
            self._tell(error)
            self.changed.emit()  # the list shows where one is
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
        if self._workspace.unsaved_with(former):
            former = None  # what is in memory only stays with its image
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
            picture = self._whole_picture()
        except InputError as error:
            self._tell(error)
            return
        if ready.session is not None and ready.pixels is not None:
            picture.keep(ready.pixels)
            self._read(ready, ready.session, picture, said)
            return
        project, store = self._open_project(), self._store
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
            done=lambda session: self._read(ready, session, picture, said),
            failed=self._failed,
        )

    def _whole_picture(self) -> Picture:
        """Return all of the image that is shown, whatever part was chosen for a run on another one.

        Raises:
            InputError: there is none.
        """
        source, layer = self._image.source(), self._image.layer
        if source is None or layer is None:
            return self._image.picture()
        # The plane of the layer, which may hold one plane of a stack alone.
        return self._image.picture_for(replace(source, slice=plane_of(layer, self._viewer.dims)))

    def _read(self, ready: Ready, session: Session, picture: Picture, said: str) -> None:
        """Open a session that was read; one that is none of its item any more is read again."""
        layer, record, project = picture.layer, ready.record, self.project
        is_here = self.record is not None and self.record.id == record.id
        if project is None or not is_here or layer is None or layer not in self._viewer.layers:
            return
        try:
            if self._was_run(ready):
                self.show(record, said)
                return
            session.source = picture.source
            self._workspace.open(
                session, picture, shown=self._display.slider.shows(picture), arrived=True
            )
            if self._workspace.session is not session:
                return  # it is opened with its plane, which is told
            if self._workspace.journal is None:
                self._workspace.write_again()  # whoever looked whether it is free has done so
            # From now on no run writes there; one may have been faster.
            if self._was_run(ready) and not session.history.done:
                self._workspace.leave()
                put_aside(project.folder_of(record) / SESSION)
                self.show(record, said)
                return
            self.record = project.item(record)
            self._catch_up(session)
        except InputError as error:
            self._tell(error)
            return
        left = sum(row.verdict is None for row in session.rows())
        what = f"{count(left, 'region')} left; D goes to the next, Ctrl+Enter verifies the image."
        besides = " ".join(filter(None, (said, self._besides)))
        self._tell(
            Said(" ".join(filter(None, (besides, what))), Kind.DONE if besides else Kind.NOTE)
        )

    def _was_run(self, ready: Ready) -> bool:
        """Whether an item has another result than when it was read."""
        project = self._open_project()
        run = project.item(ready.record).run
        return run != ready.record.run or result_in(project.folder_of(ready.record)) != ready.result

    def _catch_up(self, session: Session) -> None:
        """Let the index hear of what a window that was killed left in an item's journal.

        Raises:
            InputError: it cannot be written.
        """
        project, record = self._open_project(), self.record
        if record is None or self._session is not session or project.read_only:
            return
        rows = session.rows()
        left = sum(row.verdict is None for row in rows)
        same = (record.regions, record.undecided) == (len(rows), left)
        said = record.state in BY_HAND
        # A look brings the classes that came to the set, which decides nothing.
        if (said and same) or (not said and not decides(session)):
            return
        project.take(record, session, by=record.by, decided=record.state is not ItemState.SKIPPED)
        self.record = project.item(record)
        self.changed.emit()

    def tell_besides(self, said: str) -> None:
        """Tell something; where an image is on its way, with what is told of it."""
        if self.is_opening:
            self._besides = said
        else:
            self._tell(Said(said, Kind.DONE))

    def _failed(self, error: Exception) -> None:
        self._unread, self._coming = self._coming, None
        self.changed.emit()
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
        """Say that the item that is shown is skipped; where none is, that which could not be read."""
        return self._bring(ItemState.SKIPPED)

    @property
    def to_skip(self) -> ItemRecord | None:
        """The item that :meth:`skip` is about."""
        return self.record or self._unread

    def _bring(self, state: ItemState) -> bool:
        project, record = self._open_project(), self.record
        if record is None and state is ItemState.SKIPPED:
            record = self._unread
        if record is None:
            self._tell("No image of the project is shown; choose one in the list.")
            return False
        if self.is_opening:
            self._tell("The image is still being opened; wait a moment.")
            return False
        try:
            if self._is_elsewhere:
                raise InputError(
                    f"{file_name(record)!r} is not what is corrected now; click on it in the list, and then "
                    f"say that it is {state}."
                )
            if self._workspace.session is not None:
                try:
                    self._workspace.write_again()  # what is verified is on the disk
                except InputError as error:
                    raise InputError(
                        f"{file_name(record)!r} is not {state}, for what you did to it is on no disk. {error}"
                    ) from None
            self.keeping.take_whole()
            project.mark(record, state, by=self.keeping.by)
        except InputError as error:
            self._tell(error)
            return False
        self.keeping.draw()  # after it was marked, else it would be taken for an older one
        if self.record is not None:
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
    def _session(self) -> Session | None:
        """The open session, if it is of the item that is shown."""
        return self._workspace.session if self._is_of_shown and self._is_whole else None

    @property
    def _is_of_shown(self) -> bool:
        """Whether the open session is of the image that is shown, or of a part of it."""
        record, picture, store = self.record, self._workspace.picture, self._store
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
        try:
            self._workspace.write_again()
        except InputError as error:
            if self._workspace.safety is not Safety.SAVED:
                raise InputError(
                    f"{file_name(record)!r} stays open, for what you did to it is on no disk; Export > Save "
                    f"session… keeps it elsewhere. {error}"
                ) from None

    def words_beside(self, before: Vocabulary | None, after: Vocabulary) -> Vocabulary:
        """Return changed classes with values that no other class of the set has."""
        project = self.project
        if project is None or not self._are_of_the_set(before):
            return after
        return project.classes_beside(before, after)

    def _are_of_the_set(self, words: Vocabulary | None) -> bool:
        """Whether classes are those of an item, or of no image; another one's are its own."""
        return words is None or self.has_session

    def set_words(self, before: Vocabulary | None, after: Vocabulary | None) -> None:
        """Change the classes of the whole set as those of the image were in the window.

        Args:
            before: of the image that is open; ``None``: none is.
            after: as of :meth:`words_beside`.
        """
        project = self.project
        if project is None or after is None or project.read_only:
            return
        if not self._are_of_the_set(before):
            return
        former = project.vocabulary
        try:
            stay = project.change_classes(before, after, self.record)
        except InputError as error:
            self._tell(error)
            return
        if stay:
            names = ", ".join(repr(name) for name in stay)
            self._tell(
                Said(
                    f"{names} stays in the set, where other images have regions of it.",
                    Kind.NOTE,
                )
            )
        if project.vocabulary != former:
            self.changed.emit()

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
