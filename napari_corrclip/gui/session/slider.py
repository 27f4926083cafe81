"""The viewer's slider: when it leaves a plane of a stack its session is put away, and comes back with it.

A session is of one plane, and its layers have two axes, which napari draws over every plane. So the layers
are taken away when the slider leaves the plane.
"""

from __future__ import annotations

import contextlib

import napari
from napari.layers import Image
from psygnal import Signal
from qtpy.QtCore import QTimer

from napari_corrclip.annotation import Session
from napari_corrclip.gui.image.picture import Picture, neighbours, shows_plane
from napari_corrclip.gui.image.planes import Where, hidden_because, shown_plane
from napari_corrclip.gui.work.jobs import Jobs
from napari_corrclip.gui.work.restoring import (
    Belongs,
    OfOther,
    Restored,
    Unproven,
    belonging_steps,
)
from napari_corrclip.gui.work.said import Kind, Said, Tell
from napari_corrclip.gui.work.with_images import InMemory
from napari_corrclip.gui.work.workspace import Workspace

DELAY = 80
"""Milliseconds that the slider rests before a plane's session is opened."""


class Slider:
    """The teller of which plane of the stack is shown; it reads what lies of it on the disk.

    Args:
        viewer: whose slider it is.
        workspace: has the sessions.
        tell: is given a sentence.

    Signals (psygnal):
        belongs: what lay in the place of the plane that is shown :class:`.Belongs` to another one.
        unproven: it may lie there what is of it, and nothing proves that.
    """

    belongs = Signal(Picture, Belongs)
    unproven = Signal(Picture)

    def __init__(self, viewer: napari.viewer.Viewer, workspace: Workspace, tell: Tell) -> None:
        self._viewer = viewer
        self._workspace = workspace
        self._tell = tell
        self._jobs = Jobs()
        self._timer = QTimer()
        self._timer.setSingleShot(True)
        self._timer.setInterval(DELAY)
        self._timer.timeout.connect(self._arrive)
        dims = viewer.dims.events
        self._events = (dims.point, dims.order, dims.ndisplay)
        for event in self._events:
            event.connect(self._moved)

    def stop(self) -> None:
        """Follow no more."""
        for event in self._events:
            event.disconnect(self._moved)
        with contextlib.suppress(RuntimeError):  # Python ends, and Qt has deleted it
            self._timer.stop()
        self._jobs.drop()

    @property
    def settled(self) -> bool:
        """Whether all that there is of the plane that is shown has come."""
        return not self._timer.isActive() and not self._jobs.running

    def shows(self, picture: Picture) -> bool:
        """Whether the viewer shows the plane that a picture is of."""
        return shows_plane(picture, self._viewer)

    def _where(self, layer: Image) -> Where | None:
        return shown_plane(layer, self._viewer.dims)

    def _moved(self, _event: object = None) -> None:
        image, picture = self._workspace.image, self._workspace.picture
        if image is None or image not in self._viewer.layers or hidden_because(self._viewer.dims):
            return  # other axes are shown, and no plane is left
        if picture is not None:
            if picture.layer is not image or self.shows(picture):
                return
            self._workspace.put_away()
        self._timer.start()

    def _arrive(self) -> None:
        """Open what there is of the plane that is shown."""
        image = self._workspace.image
        if image is None or image not in self._viewer.layers or hidden_because(self._viewer.dims):
            return
        where = self._where(image)
        found = None if where is None else self._workspace.comes_with(where)
        if found is None:
            return
        if isinstance(found, InMemory):
            self._workspace.arrive(found.session, found.picture)
            return
        picture = found.picture

        def is_shown() -> bool:
            followed = self._workspace.image is image and self._workspace.session is None
            return followed and self.shows(picture)

        def told(belongs: Belongs) -> None:
            if is_shown():
                self.belongs.emit(picture, belongs)

        def done(found: Restored) -> None:
            if not is_shown():
                return
            if isinstance(found, Session):
                self._workspace.arrive(found, picture)
            elif isinstance(found, OfOther):
                others = neighbours(picture, found.box)
                self._jobs.start(belonging_steps(picture, others, found), done=told, failed=failed)
            elif isinstance(found, Unproven):
                self._tell(Said(found.sentence, Kind.WARNING))
                self.unproven.emit(picture)

        def failed(error: Exception) -> None:
            if self._workspace.image is image:
                self._tell(Said(str(error), Kind.WARNING))

        steps = self._workspace.restore_steps(picture, found.source)
        self._jobs.start(steps, done=done, failed=failed)
