"""The display of the session that is corrected: its layers, and the panels that act on them.

Layers come with a session and are left behind, or taken away, when it goes. When the slider leaves its plane
they rest, empty, until they show the session of another one: the list of layers and the dock stay as they
are. Regions that were found while the classes are still computed are shown until then.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from napari.layers import Image, Labels
from numpy.typing import NDArray
from psygnal import Signal

from napari_corrclip.annotation import Changed, Session
from napari_corrclip.annotation.session import SESSION
from napari_corrclip.gui.canvas.cover import canvas_of
from napari_corrclip.gui.canvas.outlines import FoundOutlines
from napari_corrclip.gui.correct import CorrectMode, CorrectPanel
from napari_corrclip.gui.image.picture import OURS, Picture
from napari_corrclip.gui.image.planes import hidden_because, place
from napari_corrclip.gui.layers.appearance import Appearance
from napari_corrclip.gui.layers.frozen import frozen, name_of_aside
from napari_corrclip.gui.layers.session_layers import SessionLayers
from napari_corrclip.gui.regions.table import RegionsBar
from napari_corrclip.gui.session.slider import Slider
from napari_corrclip.gui.work.said import Kind, Said, Tell
from napari_corrclip.gui.work.with_images import InMemory
from napari_corrclip.gui.work.workspace import Left, Opened, StackLeft, Workspace

if TYPE_CHECKING:
    import napari
    import numpy as np


PLACE = ("scale", "translate", "rotate", "shear", "affine", "units", "axis_labels")
"""What says where a layer lies."""


class SessionDisplay:
    """The display of one session at a time.

    Args:
        viewer: gets the layers.
        workspace: has the session.
        correct, regions: act on the layers.
        tell: is given a sentence.

    Attributes:
        layers: of the session; ``None`` where none is corrected.
        picture: what the session is of.
        slider: says which plane is shown.
        keeps_look: whether the look of one image is that of the next, as of planes; those of a project are.

    Signals (psygnal):
        edited: the session has :class:`Changed`.
        left: nothing is shown any more.
        removed: the name of a layer that somebody removed, which ended the correcting; ``True`` of the
            image itself.
    """

    edited = Signal(Changed)
    left = Signal()
    removed = Signal(str, bool)

    def __init__(
        self,
        viewer: napari.viewer.Viewer,
        workspace: Workspace,
        *,
        correct: CorrectPanel,
        regions: RegionsBar,
        tell: Tell,
    ) -> None:
        self._viewer = viewer
        self._workspace = workspace
        self._correct = correct
        self._regions = regions
        self._tell = tell
        self.slider = Slider(viewer, workspace, tell)
        self.layers: SessionLayers | None = None
        self.picture: Picture | None = None
        self._resting: tuple[Labels, Labels] | None = None
        self._look = Appearance()
        self.keeps_look = False
        self._preview: FoundOutlines | None = None
        self._previewed: Picture | None = None
        self._image: Image | None = None
        self._chosen: Callable[[], Image | None] = lambda: None
        self._closing = False
        workspace.leaving.connect(self._leaving)
        workspace.left.connect(self._session_left)
        workspace.stack_left.connect(self._stack_left)
        workspace.opened.connect(self._opened)
        viewer.dims.events.point.connect(self._slider_moved)
        for event in (viewer.dims.events.order, viewer.dims.events.ndisplay):
            event.connect(self._see_whether_shown)
        viewer.layers.events.removed.connect(self._removed)

    def close(self) -> None:
        """Let go of everything; the layers stay as they are."""
        self._closing = True
        self._chosen = lambda: None
        self._see_whether_shown()
        self.forget_preview()
        self._workspace.close()
        self._end_rest()
        self._let_go()

    def stop(self) -> None:
        """Hear nothing more, and touch nothing: the viewer is being deleted."""
        self.edited.disconnect()
        self.left.disconnect()
        self.removed.disconnect()
        self._let_go()

    def _let_go(self) -> None:
        self._follow(None)
        self.slider.stop()
        dims = self._viewer.dims.events
        dims.point.disconnect(self._slider_moved)
        for event in (dims.order, dims.ndisplay):
            event.disconnect(self._see_whether_shown)
        self._viewer.layers.events.removed.disconnect(self._removed)

    def open(self, session: Session, picture: Picture) -> None:
        """Have a session opened, if the viewer shows its plane."""
        self._workspace.open(session, picture, shown=self.slider.shows(picture))

    def take_up(self, kept: InMemory) -> None:
        """Have a session opened that was kept in memory; the layers that stood for it are taken away."""
        shown = self.slider.shows(kept.picture)
        for layer in self._workspace.stand_ins(kept.session) if shown else ():
            if layer in self._viewer.layers:
                self._viewer.layers.remove(layer)
        self._workspace.take_up(kept, shown=shown)

    def take_plane(self, session: Session, picture: Picture, problem: str | None) -> None:
        """Have a plane taken that a run over the stack has finished."""
        shown = self.slider.shows(picture)
        self._workspace.take_plane(session, picture, problem, shown=shown)

    def image_chosen(self, image: Image | None) -> None:
        """Hide what belongs to another image than the one that is chosen, until its own is chosen again."""
        self._chosen = (lambda: None) if image is None else weakref.ref(image)
        if (
            self._previewed is not None
            and image is not None
            and image not in self._previewed.layers
        ):
            self.forget_preview()
        self._see_whether_shown()

    # -- what the workspace tells

    def _opened(self, opened: Opened) -> None:
        self.forget_preview()
        session, picture = opened.session, opened.picture
        self.picture = picture
        self.layers = SessionLayers(
            self._viewer,
            session,
            spatial=picture.spatial,
            tell=self._tell,
            former=self._resting,
        )
        self._resting = None
        self._raise(self.layers)
        for layer in self.layers.layers:
            layer.metadata[SESSION] = session  # what the writer of sessions is given
        mode = CorrectMode(self._viewer, self.layers, self._tell, canvas_of(self._viewer))
        self._correct.open(mode)
        self._regions.open(mode)
        self._viewer.layers.selection.active = self.layers.labels
        session.changed.connect(self._session_changed)
        self._follow(picture.layer)
        if opened.arrived:
            self._look.apply(self._viewer, self.layers)
            self._regions.check.setChecked(self._look.confident)
            self._correct.button.setChecked(self._look.correcting)
        self._see_whether_shown()

    def _raise(self, layers: SessionLayers) -> None:
        """Have the layers lie over all images, as new ones do."""
        order = self._viewer.layers
        between = [layer for layer in order if OURS in layer.metadata]
        ours = [layers.labels, *between, layers.regions]
        above = order[min(map(order.index, ours)) :]
        if any(isinstance(layer, Image) and layer not in between for layer in above):
            for layer in ours:
                order.move(order.index(layer), len(order))

    def _session_changed(self, changed: Changed) -> None:
        self.edited.emit(changed)

    def _leaving(self, session: Session) -> None:
        """Let go of the layers; a stroke that ends with them is still an edit of the session."""
        if self.layers is None:
            return
        self.layers.show_again()
        self._correct.end_peek()
        if self.picture is not None and (self.picture.where or self.keeps_look):
            self._look.note(self._viewer, self.layers, self._correct.button.isChecked())
            self._look.confident = self._regions.check.isChecked()
        self._regions.rest()
        self._correct.rest()
        self._follow(None)
        session.changed.disconnect(self._session_changed)
        for layer in self.layers.layers:
            layer.metadata.pop(SESSION, None)
        self.layers.close()

    def _session_left(self, left: Left) -> None:
        former, self.layers, self.picture = self.layers, None, None
        if former is None:
            return
        there = [layer for layer in former.layers if layer in self._viewer.layers]
        image = left.picture.layer if left.picture.where else None
        if left.put_away:
            self._resting = former.rest()
            self.left.emit()
            return
        kept = left.on_disk and image is None and left.picture.layer in self._viewer.layers
        if kept and len(there) == 2 and not self._closing:
            self._resting = former.rest()  # it is read again when its image is gone on with
            return
        self._regions.close_mode()
        self._correct.close_mode()
        if image is not None:
            # Two axes would be drawn over every plane of the stack.
            for layer in there:
                self._viewer.layers.remove(layer)
            which = ["labels" if layer is former.labels else "regions" for layer in there]
            if self._closing or not left.on_disk:  # else it is read again
                aside = self._freeze(image, [InMemory(left.session, left.picture)], which)
                self._workspace.stand_in(left.session, aside)
        else:
            for name, layer in zip(("labels", "regions"), former.layers, strict=True):
                layer.name = name_of_aside(name, left.picture.name)
                layer.visible = self._stays_seen
            self._workspace.stand_in(left.session, there)

    def _end_rest(self) -> None:
        """Take the layers away that rest; no session is to come."""
        resting, self._resting = self._resting, None
        if resting is None:
            return
        self._regions.close_mode()
        self._correct.close_mode()
        for layer in resting:
            if layer in self._viewer.layers:
                self._viewer.layers.remove(layer)

    def _stack_left(self, left: StackLeft) -> None:
        self._freeze(left.image, left.planes, ("labels", "regions"))

    def _freeze(
        self, image: Image, planes: Sequence[InMemory], which: Sequence[str]
    ) -> Sequence[Labels]:
        """Add layers that show planes as they were left; returns them."""
        layers = list(frozen(image, planes, which))
        for layer in layers:
            layer.visible = self._stays_seen
            self._viewer.add_layer(layer)
        return layers

    @property
    def _stays_seen(self) -> bool:
        """Whether layers that are left are seen: nothing else shows what they do, on their own image."""
        return self._closing and not any(SESSION in layer.metadata for layer in self._viewer.layers)

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

    # -- regions, before there is a session

    def preview(
        self, regions: NDArray[np.int32], picture: Picture, *, instead: bool = False
    ) -> None:
        """Outline regions that have no classes yet.

        Args:
            regions: (H, W) ids; 0 = no region.
            picture: what they are of.
            instead: whether the outlines of a session on the same image make way for them; else they stay,
                and these are not drawn.
        """
        self.forget_preview()
        chosen = self._chosen()
        if chosen is not None and chosen not in picture.layers:
            return
        shown = self.picture if self.layers is not None else None
        is_outlined = shown is not None and shown.layer is picture.layer
        if (is_outlined and not instead) or not self.slider.shows(picture):
            return
        if is_outlined and self.layers is not None:
            self.layers.outlines.step_aside(True)
        self._previewed = picture
        self._preview = FoundOutlines(self._viewer, regions, picture.spatial)

    def forget_preview(self) -> None:
        """Take these outlines away."""
        preview, self._preview, self._previewed = self._preview, None, None
        if preview is not None:
            preview.close()
        if self.layers is not None:
            self.layers.outlines.step_aside(False)

    # -- the viewer

    def _hidden_because(self) -> str:
        """Say why the layers are not to be seen now: by the axes, or by the image; empty: they are."""
        image, shown = self._chosen(), self.picture
        if image is None or shown is None or image in shown.layers:
            return hidden_because(self._viewer.dims)
        if shown.layer not in self._viewer.layers:
            return (
                f"The image {shown.name!r} is gone, so its labels are hidden while {image.name!r} is chosen; "
                "Save session… keeps them."
            )
        return f"The labels of {shown.name!r} are hidden until it is chosen again."

    def _see_whether_shown(self, _event: object = None) -> None:
        """Hide the layers where the viewer shows other axes or another image than theirs, or show them."""
        layers, why = self.layers, self._hidden_because()
        if layers is None or why == layers.hidden:
            return
        if why:
            if not layers.hidden:
                self._correct.pause(True)
                self._regions.pause(True)
            layers.hide(why)
            self._tell(Said(why, Kind.WARNING))
            return
        layers.show_again()
        self._regions.pause(False)
        self._correct.pause(False)
        assert self.picture is not None  # of the layers
        self._tell(f"The labels of {self.picture.name!r} are shown again.")

    def _slider_moved(self, _event: object = None) -> None:
        if self._previewed is not None and not self.slider.shows(self._previewed):
            self.forget_preview()

    def _removed(self, event: Any) -> None:
        """A layer of ours that somebody removes ends the correcting; the labels are not lost sight of."""
        name = event.value.name
        if self.layers is not None and event.value in self.layers.layers:
            self._workspace.leave()
            self.removed.emit(name, False)
        if self._resting is not None and event.value in self._resting:
            self._end_rest()
        if self._workspace.image is not None and event.value is self._workspace.image:
            self._workspace.close()
            self._end_rest()
            self.removed.emit(name, True)
        if self._previewed is not None and event.value is self._previewed.layer:
            self.forget_preview()
        if self._workspace.unsaved_with(event.value):
            self._tell(
                f"The image {name!r} was removed; what was corrected of it stays in memory, and is asked "
                "about when napari is closed."
            )
