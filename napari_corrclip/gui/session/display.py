"""The display of the session that is corrected: its layers, and the panels that act on them.

Layers come with a session and are left behind, or taken away, when it goes. Regions that were found while
the classes are still computed are shown until then.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from napari.layers import Image, Labels
from numpy.typing import NDArray
from psygnal import Signal

from napari_corrclip.annotation import Changed, Session
from napari_corrclip.annotation.session import SESSION
from napari_corrclip.gui.correct import CorrectMode, CorrectPanel
from napari_corrclip.gui.image.picture import Picture
from napari_corrclip.gui.image.planes import place
from napari_corrclip.gui.layers.appearance import Appearance
from napari_corrclip.gui.layers.session_layers import SessionLayers, Tell
from napari_corrclip.gui.regions.table import RegionsBar
from napari_corrclip.gui.session.kept import HELD, Held, hold
from napari_corrclip.gui.session.restore_bar import Keeper
from napari_corrclip.gui.session.slider import Stack

if TYPE_CHECKING:
    import napari
    import numpy as np

    from napari_corrclip.gui.work.controller import Controller


PLACE = ("scale", "translate", "rotate", "shear", "affine", "units", "axis_labels")
"""What says where a layer lies."""


class Shown:
    """The display of one session at a time.

    Args:
        viewer: gets the layers.
        controller: has the open session.
        correct, regions, keeper: what acts on the layers, and keeps the session on the disk.
        tell: is given a sentence.
        tell_stroke: is given a sentence on what a click may take back.

    Attributes:
        layers: of the session; ``None`` where none is corrected.
        picture: what the session is of.
        stack: the sessions of other planes of the same image.

    Signals (psygnal):
        edited: the session has :class:`Changed`.
        left: nothing is shown any more.
    """

    edited = Signal(Changed)
    left = Signal()

    def __init__(
        self,
        viewer: napari.viewer.Viewer,
        controller: Controller,
        *,
        correct: CorrectPanel,
        regions: RegionsBar,
        keeper: Keeper,
        tell: Tell,
        tell_stroke: Tell,
    ) -> None:
        self._viewer = viewer
        self._controller = controller
        self._correct = correct
        self._regions = regions
        self._keeper = keeper
        self._tell = tell
        self._tell_stroke = tell_stroke
        self.stack = Stack(viewer, controller, self._leave_plane, tell)
        self.layers: SessionLayers | None = None
        self.picture: Picture | None = None
        self._look = Appearance()
        self._preview: Any = None
        self._previewed: Picture | None = None
        self._image: Image | None = None
        viewer.dims.events.point.connect(self._slider_moved)
        viewer.layers.events.removed.connect(self._removed)

    def close(self) -> None:
        """Let go of everything; the layers stay as they are."""
        self.forget_preview()
        self.forget()
        self.stack.close()
        self._let_go()

    def stop(self) -> None:
        """Hear and write nothing more, and touch nothing: the viewer is being deleted."""
        self.edited.disconnect()
        self.left.disconnect()
        self._keeper.close_journal()
        self.stack.stop()
        self._let_go()

    def _let_go(self) -> None:
        self._follow(None)
        self._viewer.dims.events.point.disconnect(self._slider_moved)
        self._viewer.layers.events.removed.disconnect(self._removed)

    def open(self, session: Session, picture: Picture) -> None:
        """Show a session in place of the former one, and write down from now on what is done to it."""
        self.forget_preview()
        self.forget()
        self.stack.follow(picture)
        self.picture = picture
        self.layers = SessionLayers(
            self._viewer,
            session,
            spatial=picture.spatial,
            tell=self._tell,
            tell_stroke=self._tell_stroke,
        )
        for layer in self.layers.layers:
            layer.metadata[SESSION] = session  # what the writer of sessions is given
        mode = CorrectMode(self._viewer, self.layers, self._tell, host=self._correct)
        self._correct.open(mode)
        self._regions.open(mode)
        self._viewer.layers.selection.active = self.layers.labels
        session.changed.connect(self._session_changed)
        self._follow(picture.layer)
        self._keeper.keep(session)

    def _session_changed(self, changed: Changed) -> None:
        self.edited.emit(changed)

    def take_up(self, held: Held) -> None:
        """Take the layers away that were left of a session that is shown again."""
        for layer in held.layers:
            if layer in self._viewer.layers:
                self._viewer.layers.remove(layer)

    def look_as_before(self) -> None:
        """Show a plane's layers, and the mode, as those of the plane before."""
        if self.layers is not None:
            self._look.apply(self._viewer, self.layers)
            self._regions.check.setChecked(self._look.confident)
        self._correct.button.setChecked(self._look.correcting)

    def forget(self) -> None:
        """Let go of the session's layers and its journal; the layers stay in the viewer as they are."""
        self._regions.close_mode()
        self._correct.close_mode()
        written = self._keeper.close_journal()
        former, picture = self._take()
        if former is None:
            return
        written = written or self._keeper.wrote(former.session)
        for layer in former.layers:
            layer.metadata.pop(SESSION, None)
        former.close()
        left = [layer for layer in former.layers if layer in self._viewer.layers]
        stack = picture.layer if picture is not None and picture.where else None
        if picture is None or stack is None:
            for layer in left:
                layer.name = f"{layer.name} (before)"
            if picture is not None and not written:
                hold(Held(former.session, picture, tuple(left)))
            return
        # Two axes would be drawn over every plane of the stack.
        which = ["labels" if layer is former.labels else "regions" for layer in left]
        for layer in left:
            self._viewer.layers.remove(layer)
        self.stack.freeze(stack, [(former.session, picture)], which)
        if not written:
            hold(Held(former.session, picture))

    def _follow(self, image: Image | None) -> None:
        """Keep the layers over the image wherever it is moved."""
        former, self._image = self._image, image
        for name in PLACE:
            if former is not None:
                getattr(former.events, name).disconnect(self._moved)
            if image is not None:
                getattr(image.events, name).connect(self._moved)

    def _moved(self, _event: object = None) -> None:
        if self.layers is None or self.picture is None or self._image is None:
            return
        there = place(self._image, level=self.picture.level, box=self.picture.box)
        confidence = self._regions.confidence
        for layer in (*self.layers.layers, *([confidence.layer] if confidence else ())):
            for name in PLACE:
                setattr(layer, name, there[name])

    def _take(self) -> tuple[SessionLayers | None, Picture | None]:
        """Return what is shown, and show it no more."""
        former, self.layers = self.layers, None
        picture, self.picture = self.picture, None
        self._follow(None)
        if former is not None:
            former.session.changed.disconnect(self._session_changed)
        return former, picture

    def _leave_plane(self) -> bool:
        """Take the session's layers away; return whether it is wholly on the disk."""
        if self.layers is None:
            return False
        self._look.note(self._viewer, self.layers, self._correct.button.isChecked())
        self._look.confident = self._regions.check.isChecked()
        former, _ = self._take()
        assert former is not None
        self._regions.close_mode()
        self._correct.close_mode()
        written = self._keeper.close_journal()
        self._controller.leave()
        former.close()
        for layer in former.layers:
            self._viewer.layers.remove(layer)
        self.left.emit()
        return written

    # -- regions, before there is a session

    def preview(self, regions: NDArray[np.int32], picture: Picture) -> None:
        """Show regions while the classes are still being computed."""
        self.forget_preview()
        drawing = self.layers is not None and self.layers.drawing
        if drawing or not self.stack.shows(picture):
            return  # another layer in the list would end the stroke
        self._previewed = picture
        self._preview = Labels(
            regions, name="regions (classes follow)", opacity=0.8, **picture.spatial
        )
        self._preview.contour = 1
        self._preview.editable = False
        ours = () if self.layers is None else self.layers.layers
        below = [self._viewer.layers.index(one) for one in ours if one in self._viewer.layers]
        with self._selecting_the_same():
            self._viewer.layers.insert(min(below, default=len(self._viewer.layers)), self._preview)

    def forget_preview(self) -> None:
        """Take these regions away."""
        preview, self._preview, self._previewed = self._preview, None, None
        if preview is not None and preview in self._viewer.layers:
            with self._selecting_the_same():
                self._viewer.layers.remove(preview)

    @contextmanager
    def _selecting_the_same(self) -> Iterator[None]:
        """Have the person's layer active as before; somebody may be correcting or drawing on it."""
        selection = self._viewer.layers.selection
        active, selected = selection.active, [*selection]
        yield
        there = [one for one in selected if one in self._viewer.layers]
        if {*selection} != {*there}:
            selection.clear()
            selection.update(there)
        if active in there and selection.active is not active:
            selection.active = active

    # -- the viewer

    def _slider_moved(self, _event: object = None) -> None:
        if self._previewed is not None and not self.stack.shows(self._previewed):
            self.forget_preview()

    def _removed(self, event: Any) -> None:
        """A layer of ours that somebody removes ends the correcting; the labels are not lost sight of."""
        if self.layers is not None and event.value in self.layers.layers:
            name = event.value.name
            self.forget()
            self._controller.close()
            self._controller.leave()
            self.left.emit()
            again = not self._keeper.isHidden()
            self._tell(
                f"The layer {name!r} was removed; "
                + ("Restore brings back what was corrected, and " if again else "")
                + "Run makes new ones."
            )
        if self.stack.layer is not None and event.value is self.stack.layer:
            self.forget()
            self.stack.end()
            self._controller.close()
            self._controller.leave()
            self._tell(f"The image {event.value.name!r} was removed; its labels stay as layers.")
            self.left.emit()
        if event.value is self._preview:
            self._preview = self._previewed = None
        if event.value.metadata.get(HELD):
            self._tell(
                f"The image {event.value.name!r} was removed, and with it what was corrected of it in "
                "memory; only its labels stay, as layers."
            )
