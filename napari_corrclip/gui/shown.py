"""What the viewer shows of the session that is corrected: its layers, and the panels that act on them.

Layers come with a session and are left behind, or taken away, when it goes. Regions that were found while
the classes are still computed are shown until then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray
from psygnal import Signal

from napari_corrclip.annotation import Changed, Session
from napari_corrclip.annotation.session import SESSION
from napari_corrclip.gui.correct import CorrectMode, CorrectPanel
from napari_corrclip.gui.keeper import Keeper
from napari_corrclip.gui.layers import SessionLayers, Tell
from napari_corrclip.gui.look import Look
from napari_corrclip.gui.picture import Picture
from napari_corrclip.gui.regions_table import RegionsBar
from napari_corrclip.gui.stack import Stack

if TYPE_CHECKING:
    import napari
    import numpy as np

    from napari_corrclip.gui.controller import Controller


class Shown:
    """Shows one session at a time.

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
    """

    edited = Signal(Changed)

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
        self._look = Look()
        self._preview: Any = None
        self._previewed: Picture | None = None
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
        self._keeper.close_journal()
        self.stack.stop()
        self._let_go()

    def _let_go(self) -> None:
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
        mode = CorrectMode(self._viewer, self.layers, self._tell)
        self._correct.open(mode)
        self._regions.open(mode)
        self._viewer.layers.selection.active = self.layers.labels
        session.changed.connect(self._session_changed)
        self._keeper.keep(session)

    def _session_changed(self, changed: Changed) -> None:
        self.edited.emit(changed)

    def look_as_before(self) -> None:
        """Show a plane's layers, and the mode, as those of the plane before."""
        if self.layers is not None:
            self._look.apply(self._viewer, self.layers)
        self._correct.button.setChecked(self._look.correcting)

    def forget(self) -> None:
        """Let go of the session's layers and its journal; the layers stay in the viewer as they are."""
        self._regions.close_mode()
        self._correct.close_mode()
        self._keeper.close_journal()
        former, picture = self._take()
        if former is None:
            return
        for layer in former.layers:
            layer.metadata.pop(SESSION, None)
        former.close()
        left = [layer for layer in former.layers if layer in self._viewer.layers]
        stack = picture.layer if picture is not None and picture.where else None
        if picture is None or stack is None:
            for layer in left:
                layer.name = f"{layer.name} (before)"
            return
        # Two axes would be drawn over every plane of the stack.
        which = ["labels" if layer is former.labels else "regions" for layer in left]
        for layer in left:
            self._viewer.layers.remove(layer)
        self.stack.freeze(stack, [(former.session, picture)], which)

    def _take(self) -> tuple[SessionLayers | None, Picture | None]:
        """Return what is shown, and show it no more."""
        former, self.layers = self.layers, None
        picture, self.picture = self.picture, None
        if former is not None:
            former.session.changed.disconnect(self._session_changed)
        return former, picture

    def _leave_plane(self) -> bool:
        """Take the session's layers away; return whether it is wholly on the disk."""
        if self.layers is None:
            return False
        self._look.note(self._viewer, self.layers, self._correct.button.isChecked())
        former, _ = self._take()
        assert former is not None
        self._correct.close_mode()
        written = self._keeper.close_journal()
        self._controller.leave()
        former.close()
        for layer in former.layers:
            self._viewer.layers.remove(layer)
        return written

    # -- regions, before there is a session

    def preview(self, regions: NDArray[np.int32], picture: Picture) -> None:
        """Show regions while the classes are still being computed."""
        self.forget_preview()
        if not self.stack.shows(picture):
            return
        self._previewed = picture
        self._preview = self._viewer.add_labels(
            regions, name="regions (classes follow)", opacity=0.8, **picture.spatial
        )
        self._preview.contour = 1
        self._preview.editable = False

    def forget_preview(self) -> None:
        """Take these regions away."""
        preview, self._preview, self._previewed = self._preview, None, None
        if preview is not None and preview in self._viewer.layers:
            self._viewer.layers.remove(preview)

    # -- the viewer

    def _slider_moved(self, _event: object = None) -> None:
        if self._previewed is not None and not self.stack.shows(self._previewed):
            self.forget_preview()

    def _removed(self, event: Any) -> None:
        """A layer of ours that somebody removes ends the correcting; the labels are not lost sight of."""
        if self.layers is not None and event.value in self.layers.layers:
            self.forget()
            self._controller.close()
            self._controller.session = None
            self._tell(f"The layer {event.value.name!r} was removed; press Run for new ones.")
        if self.stack.layer is not None and event.value is self.stack.layer:
            self.forget()
            self.stack.end()
            self._controller.close()
            self._controller.leave()
            self._tell(f"The image {event.value.name!r} was removed; its labels stay as layers.")
        if event.value is self._preview:
            self._preview = self._previewed = None
