"""The sessions of a stack's planes: what is shown and corrected follows the viewer's slider.

A session is of one plane, and its layers have two axes, which napari draws over every plane. So the layers
are taken away when the slider leaves the plane. What was done there is in its journal, or held here where
there is none, and comes back with the plane.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import napari
import numpy as np
from napari.layers import Image, Labels
from qtpy.QtCore import QTimer

from napari_corrclip.annotation import Session, SessionStore
from napari_corrclip.annotation.encoded_cache import FEATURES, Kept
from napari_corrclip.errors import InputError
from napari_corrclip.gui.image.picture import Picture, picture_like, source_like
from napari_corrclip.gui.image.planes import Where, place, plane_of
from napari_corrclip.gui.layers.captions import class_colormap
from napari_corrclip.gui.layers.session_layers import Tell
from napari_corrclip.gui.session.kept import Held, hold
from napari_corrclip.gui.session.restore_bar import restore_steps
from napari_corrclip.gui.work.jobs import Jobs
from napari_corrclip.images.boxes import Box
from napari_corrclip.vocabulary import Vocabulary

if TYPE_CHECKING:
    from napari_corrclip.gui.work.controller import Controller

DELAY = 80
"""Milliseconds that the slider rests before a plane's session is opened."""
Key = tuple[Where, int, Box | None]


class Stack:
    """The sessions of one image layer's planes, opened and put away as the slider moves.

    Args:
        viewer: whose slider is followed.
        controller: has the open session.
        leave: takes the layers of the open session away, and returns whether all of it is on the disk.
        tell: is given a sentence.

    Attributes:
        layer: whose planes are followed; ``None``: no stack is corrected.
        opening: whether a session is opened because its plane has come, and not after a run.
    """

    def __init__(
        self,
        viewer: napari.viewer.Viewer,
        controller: Controller,
        leave: Callable[[], bool],
        tell: Tell,
    ) -> None:
        self._viewer = viewer
        self._controller = controller
        self._leave = leave
        self._tell = tell
        self.layer: Image | None = None
        self.opening = False
        self._like: Picture | None = None
        self._held: dict[Key, tuple[Session, Picture]] = {}
        self._values: dict[str, int] = {}  # of classes on all planes, by name
        self._encoded: dict[Key, tuple[str, Kept]] = {}  # of planes that are on the disk
        self._jobs = Jobs()
        self._timer = QTimer()
        self._timer.setSingleShot(True)
        self._timer.setInterval(DELAY)
        self._timer.timeout.connect(self._arrive)
        viewer.dims.events.point.connect(self._moved)

    def close(self) -> None:
        """Follow no more; what is held in memory becomes layers."""
        self.stop()
        self.end()

    def unload(self) -> None:
        """Let go of the encoded images of the planes that are not shown."""
        self._encoded.clear()
        for session, _ in self._held.values():
            session.engine = None

    def stop(self) -> None:
        """Follow no more, and leave the layers as they are."""
        self._viewer.dims.events.point.disconnect(self._moved)
        with contextlib.suppress(RuntimeError):  # Python ends, and Qt has deleted it
            self._timer.stop()
        self._jobs.drop()

    def follow(self, picture: Picture) -> None:
        """Follow the stack that ``picture`` is a plane of; another one is left."""
        layer = picture.layer if picture.where else None
        if layer is not self.layer:
            self.end()
        self.layer, self._like = layer, picture

    def end(self) -> None:
        """Follow no stack; what is held in memory becomes layers of all its planes."""
        self._timer.stop()
        self._jobs.drop()
        held, self._held = list(self._held.values()), {}
        self._values.clear()
        self._encoded.clear()
        layer, self.layer = self.layer, None
        if layer is not None and held:
            self.freeze(layer, held)
            for session, picture in held:
                hold(Held(session, picture))

    def numbered(self, words: Vocabulary, session: Session) -> Vocabulary:
        """Return ``words``, which are to be ``session``'s, so that a value means one class on all planes."""
        if self.layer is None:
            return words
        open_now = [one for one, _ in self._held.values()]
        for one in (session, *open_now):
            for entry in one.vocabulary:
                self._values.setdefault(entry.name, entry.value)
        words = words.beside(session.vocabulary, self._values)
        for entry in words:
            self._values.setdefault(entry.name, entry.value)
        return words

    def shows(self, picture: Picture) -> bool:
        """Whether the viewer shows the plane that a picture is of."""
        layer = picture.layer
        if not picture.where or layer is None or layer not in self._viewer.layers:
            return True
        return self._where(layer) == picture.where

    def held(self, pictures: Sequence[Picture]) -> set[Where]:
        """Return those planes of ``pictures`` of which a session is in memory."""
        keys = set(self._held)
        session, picture = self._controller.session, self._controller.picture
        if session is not None and picture is not None and picture.layer is self.layer:
            keys.add(_key(picture))
        return {one.where for one in pictures if one.layer is self.layer and _key(one) in keys}

    def closed_by(self, picture: Picture) -> list[Session]:
        """Return the sessions in memory that end when a session of ``picture`` is opened."""
        same = picture.where and picture.layer is self.layer
        return [one for key, (one, _) in self._held.items() if not same or key == _key(picture)]

    def admit(self, session: Session, picture: Picture) -> bool:
        """Return whether a new session is to be opened; if its plane is not shown it is kept for then."""
        if self.shows(picture):
            return True
        if self.held([picture]) or (
            session.source is not None and session.source in SessionStore()
        ):
            # It would replace what a person decided on that plane.
            self._tell(f"{picture.title} has corrections already; go there and run again.")
            return False
        self.follow(picture)
        self._keep(session, picture)
        self._tell(f"{picture.title} is segmented; move the slider there to correct it.")
        return False

    def take(self, session: Session, picture: Picture, problem: str | None) -> None:
        """Take a plane that a run over the stack has finished, and open it if it is shown."""
        if self.shows(picture) and self._controller.session is None:
            self._open(session, picture)
        elif session.source is None or problem is not None:
            self._hold(session, picture)
        else:
            self._keep_encoded(session, picture)

    def freeze(
        self,
        image: Image,
        sessions: Sequence[tuple[Session, Picture]],
        which: Sequence[str] = ("labels", "regions"),
    ) -> None:
        """Add layers with all axes of the stack, that show what was corrected on its planes."""
        for level in sorted({picture.level for _, picture in sessions}):
            some = [(session, one) for session, one in sessions if one.level == level]
            for name in which:
                data, where, box = _joined(some, name)
                layer = Labels(
                    data,
                    name=f"{name} (before)",
                    opacity=0.4 if name == "labels" else 0.8,
                    **place(image, level=level, box=box, where=where),
                )
                if name == "labels":
                    layer.colormap = class_colormap(some[-1][0].vocabulary)
                else:
                    layer.contour = 1
                self._viewer.add_layer(layer)

    # -- the slider

    def _where(self, layer: Image) -> Where | None:
        try:
            return plane_of(layer, self._viewer.dims)
        except InputError:
            return None

    def _moved(self, _event: object = None) -> None:
        layer = self.layer
        if layer is None or layer not in self._viewer.layers:
            return
        session, picture = self._controller.session, self._controller.picture
        if session is not None and picture is not None:
            if picture.layer is not layer or self.shows(picture):
                return
            self._like = picture
            if self._leave():
                self._keep_encoded(session, picture)
            else:
                self._keep(session, picture)
        self._timer.start()

    def _arrive(self) -> None:
        """Open what there is of the plane that is shown."""
        layer, like = self.layer, self._like
        if layer is None or like is None or layer not in self._viewer.layers:
            return
        where = self._where(layer)
        if where is None or self._controller.session is not None:
            return
        for key in [key for key in self._held if key[0] == where][-1:]:
            self._open(*self._held.pop(key))
            return
        source = source_like(like, where)
        if source is None:
            return
        parts = SessionStore().parts(source)
        if not parts:
            return
        chosen = next((one for one in parts if one.crop == like.box), parts[0])
        picture = picture_like(like, where, chosen.crop)

        def done(session: Session) -> None:
            if self.layer is layer and self.shows(picture) and self._controller.session is None:
                self._find_encoded(session, picture)
                self._open(session, picture)

        self._jobs.start(
            restore_steps(picture, chosen), done=done, failed=lambda error: self._tell(str(error))
        )

    def _open(self, session: Session, picture: Picture) -> None:
        self.opening = True
        try:
            self._controller.open(session, picture)
        finally:
            self.opening = False

    def _keep(self, session: Session, picture: Picture) -> None:
        """Keep a session that is not shown: in its journal, or else in memory."""
        if session.source is None:
            self._hold(session, picture)
            return
        try:
            SessionStore().journal(session).close()
        except InputError as error:
            self._hold(session, picture)
            self._tell(f"{error} Corrections are kept in memory only.")
        else:
            self._keep_encoded(session, picture)

    def _hold(self, session: Session, picture: Picture) -> None:
        self._held[_key(picture)] = session, picture

    def _keep_encoded(self, session: Session, picture: Picture) -> None:
        """Keep the encoded image of a plane whose session is read from the disk when it comes back."""
        engine = session.engine
        if engine is not None:
            self._encoded[_key(picture)] = session.run_digest, FEATURES.keep(engine)

    def _find_encoded(self, session: Session, picture: Picture) -> None:
        """Give a session that was read from the disk its encoded image, if that is still there."""
        run, kept = self._encoded.pop(_key(picture), ("", None))
        if kept is not None and kept.engine is not None and run == session.run_digest:
            session.engine = kept.engine


def _key(picture: Picture) -> Key:
    return picture.where, picture.level, picture.box


def _joined(
    sessions: Sequence[tuple[Session, Picture]], name: str
) -> tuple[Any, Where, tuple[int, int, int, int]]:
    """Return a map of all planes from the first to the last, and where its first pixel lies."""
    wheres = np.array([picture.where for _, picture in sessions])
    boxes = np.array([picture.box or (0, 0, *picture.shape) for _, picture in sessions])
    first, last = wheres.min(axis=0), wheres.max(axis=0) + 1
    top, left = boxes[:, :2].min(axis=0).tolist()
    bottom, right = boxes[:, 2:].max(axis=0).tolist()
    found = np.zeros(
        (*(last - first).tolist(), bottom - top, right - left),
        getattr(sessions[0][0], name).dtype,
    )
    for (session, _), where, box in zip(sessions, wheres, boxes, strict=True):
        at = tuple((where - first).tolist())
        rows, columns = slice(box[0] - top, box[2] - top), slice(box[1] - left, box[3] - left)
        found[(*at, rows, columns)] = getattr(session, name)
    return found, tuple(first.tolist()), (top, left, bottom, right)
