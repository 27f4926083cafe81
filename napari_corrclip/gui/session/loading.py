"""A session that was saved in a folder, opened on the image that is chosen.

It is the image that was chosen when this began, whatever is chosen while it goes on. The folder is read in
the thread, and so is the image. Then, without a pause in which a person could do anything, it takes the place
of what is corrected: what was kept of the image is put aside on the disk, and what nobody could find again is
asked about.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal
from qtpy.QtWidgets import QWidget

from napari_corrclip.annotation import Session, Source, has_session, restore
from napari_corrclip.annotation.files.folder import is_session
from napari_corrclip.errors import InputError
from napari_corrclip.gui.image.layer_files import file_of
from napari_corrclip.gui.image.panel import ImagePanel
from napari_corrclip.gui.image.picture import Picture, picture_of
from napari_corrclip.gui.image.planes import plane_name
from napari_corrclip.gui.session.display import SessionDisplay
from napari_corrclip.gui.widgets import is_sure
from napari_corrclip.gui.work.controller import Controller
from napari_corrclip.gui.work.restoring import open_steps
from napari_corrclip.gui.work.said import Kind, Said, Tell
from napari_corrclip.gui.work.workspace import Workspace
from napari_corrclip.images.origin import Origin, digest_of, place_of
from napari_corrclip.progress import Progress, Steps
from napari_corrclip.results.folder import read_provenance
from napari_corrclip.results.segmentation import Segmentation
from napari_corrclip.wording.amounts import count


@dataclass(frozen=True, eq=False)
class _Loaded:
    """A session with the image that it is to be opened on.

    Attributes:
        session: with the image.
        doubt: a sentence on why a result may be of another image; empty: it is of this one, or none.
    """

    session: Session
    doubt: str


class Loading:
    """The opener of saved sessions.

    Args:
        image: the choice of the image.
        controller: works in the thread.
        workspace: has the sessions.
        display: opens them.
        tell: is given a sentence.
        parent: what the question stands before.

    Signals (psygnal):
        loaded: a :class:`Session` was, and is open.
    """

    loaded = Signal(Session)

    def __init__(
        self,
        image: ImagePanel,
        controller: Controller,
        workspace: Workspace,
        display: SessionDisplay,
        tell: Tell,
        parent: QWidget,
    ) -> None:
        self._image = image
        self._controller = controller
        self._workspace = workspace
        self._display = display
        self._tell = tell
        self._parent = parent

    def check(self) -> None:
        """See that a session can be loaded now.

        Raises:
            InputError: no image is chosen, or something runs that would be stopped.
        """
        self._image.picture()
        if self._controller.running:
            raise InputError(
                "Something is at work; wait for it or cancel it, then load the session."
            )

    def begin(self, folder: str) -> None:
        """Open the session that lies in ``folder``.

        Raises:
            InputError: as :meth:`check`; what else goes wrong is told.
        """
        self.check()
        chosen = self._image.picture()

        def found(session: Session) -> None:
            try:
                picture, other_plane = _part_of(chosen, session)
            except InputError as error:
                self._tell(error)
                return
            self._controller.work(
                _load_steps(picture, folder),
                lambda loaded: self._open_if_of(picture, loaded, session, other_plane),
            )

        self._controller.work(_look_steps(folder), found)

    def _open_if_of(
        self, picture: Picture, loaded: _Loaded, saved: Session, other_plane: str
    ) -> None:
        """Open a session, if it is of the image, or if a person says so.

        Args:
            picture: what it is to be opened on.
            loaded: the session.
            saved: as it was read without the image.
            other_plane: what is told where it is of another plane; empty: it is not.
        """
        session = loaded.session
        then, now = saved.source, picture.source
        same = saved.image_digest == session.image_digest
        if other_plane and not same:
            self._tell(Said(other_plane, Kind.WARNING))
            return
        unchanged = now is not None and now.is_unchanged_since(then)
        doubt = loaded.doubt
        if saved.image_digest and not same and not unchanged:
            doubt = f"The session was corrected on other pixels than {picture.title} has."
        if doubt and not self._may_be_of(doubt):
            self._tell("Nothing was loaded; what is corrected is as it was.")
            return
        self._open(session, picture)

    def _may_be_of(self, doubt: str) -> bool:
        return is_sure(
            self._parent,
            "Load a session",
            f"{doubt} On another image its regions and decisions are wrong.",
            "Load all the same",
        )

    def _open(self, session: Session, picture: Picture) -> None:
        layers = self._image.viewer.layers
        if picture.layer is None or picture.layer not in layers:
            self._tell(
                f"The image {picture.name!r} is in the viewer no more; open it again, and load the session "
                "again."
            )
            return
        if not self._display.slider.shows(picture):
            self._tell(
                f"The slider has left {picture.title}; move it back, and load the session again."
            )
            return
        # A layer that is of no file is not to be kept as if it were the file that was saved.
        session.source = picture.source
        lost = self._workspace.steps_lost_by(picture, layers, replaced=True)
        if lost and not ask_to_leave(self._parent, lost, "Load a session", "Load"):
            self._tell("Nothing was loaded; what is corrected is as it was.")
            return
        try:
            aside = self._workspace.make_room(picture.source)
        except InputError as error:
            self._tell(f"{error} Nothing was loaded.")
            return
        steps = len(session.history.done)
        said = [
            f"Loaded {len(session.ids)} regions and {count(steps, 'step')}.",
            *session.notes,
            aside,
        ]
        self._tell(" ".join(filter(None, said)))
        self._display.open(session, picture)
        self.loaded.emit(session)


def ask_to_leave(parent: QWidget, steps: int, title: str, act: str, because: str = "") -> bool:
    """Ask whether a session is left though ``steps`` steps in memory could not be undone any more.

    Args:
        parent: of the window that asks.
        steps: how many.
        title: of the window.
        act: what the button says that leaves it.
        because: a sentence on why they cannot be kept.
    """
    return is_sure(
        parent,
        title,
        f"{count(steps, 'step')} of what was corrected {'is' if steps == 1 else 'are'} "
        f"kept in memory only. {because}The layers stay, hidden. Napari asks about the decisions once more "
        "when it is closed; to go on with them then, press Cancel and save the session first.",
        act,
    )


def _part_of(picture: Picture, session: Session) -> tuple[Picture, str]:
    """Return the part of an image that a session is of.

    With it, a sentence where it was of another plane, which is told unless the pixels say otherwise.

    Raises:
        InputError: it is of another size.
    """
    other_plane, layer = "", picture.layer
    here, there = picture.source, session.source
    if layer is not None and here is not None and there is not None and _file(here) == _file(there):
        if here.slice != there.slice:
            other_plane = (
                f"The session is of {plane_name(layer, there.slice)}; "
                "move the slider there, and load it again."
            )
        if here.key != replace(there, slice=here.slice).key:
            layers = picture.layers
            picture = picture_of(
                layer,
                picture.where,
                level=there.level,
                box=there.crop,
                contrast=picture.contrast,
                channels=layers if len(layers) > 1 else (),
            )
    if picture.shape != session.shape:
        raise InputError(
            f"The session is of {_size(session.shape)} pixels, and {picture.title} has "
            f"{_size(picture.shape)}; choose the image that it was saved of, and the same part of it."
        )
    return picture, other_plane


def _look_steps(folder: str) -> Steps[Session]:
    """Read a session without its image."""
    yield Progress("read the session", 0, 1)
    return _read(folder)


def _load_steps(picture: Picture, folder: str) -> Steps[_Loaded]:
    """Read a picture and a session of it, and see whether a result may be of another image."""
    session = yield from open_steps(picture, partial(_read, folder))
    if is_session(folder) or has_session(folder):
        return _Loaded(session, "")  # which know their pixels
    origin = Origin.from_document(read_provenance(Path(folder)) or {})
    if any(_is_of(origin, path, folder) for path in _paths(picture)):
        return _Loaded(session, "")
    if not origin.image:
        return _Loaded(session, "The result does not say of which image it is.")
    return _Loaded(
        session,
        f"The result is of {origin.image!r} as it was then, and nothing proves that {picture.title} is that "
        "image.",
    )


def _is_of(origin: Origin, path: str, folder: str) -> bool:
    """Whether a result is of a file, which is as it was when the result was made."""
    there = origin.is_of(path, folder)
    return there and origin.digest in ("", digest_of(place_of(path)))


def _paths(picture: Picture) -> list[str]:
    """Return the file of a picture as it is known and as it was opened, which may be by a link."""
    source, layer = picture.source, picture.layer
    if source is None or source.channels:
        return []
    link = None if layer is None else file_of(layer)
    is_it = link is not None and str(Path(link).resolve()) == source.path
    return [source.path, *([link] if is_it and link is not None else [])]


def _read(
    folder: str, rgb: NDArray[np.uint8] | None = None, source: Source | None = None
) -> Session:
    """Return what a folder holds: a saved session, what a journal kept, or a result to be corrected."""
    if is_session(folder):
        return Session.load(folder, rgb, source=source)
    if has_session(folder):
        return restore(folder, rgb, source=source)
    if read_provenance(Path(folder)) is not None:
        return Session(Segmentation.load(folder), rgb, source=source)
    return Session.load(folder, rgb, source=source)  # which says that there is none


def _file(source: Source) -> tuple[str, tuple[str, ...]]:
    return source.path, source.channels


def _size(shape: tuple[int, int]) -> str:
    return f"{shape[0]:,} × {shape[1]:,}"
