"""The two Labels layers of a session, kept in step with it in both directions.

The session is the truth and the layers show it: an edit of the session is copied into them, in the boxes
that it touched; a stroke on them becomes an edit of the session, or is wiped away with the reason why.
While a stroke is being drawn, what the session changes waits for its end. There is one history, the
session's: the layers' own undo and redo are replaced by it, and what napari keeps for its own is let go.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels
from numpy.typing import NDArray
from qtpy.QtCore import QTimer

from napari_corrclip.annotation import Changed, Edited, Session
from napari_corrclip.annotation.state import folded
from napari_corrclip.errors import InputError
from napari_corrclip.gui.canvas.outlines import Outlines
from napari_corrclip.gui.layers.captions import (
    class_colormap,
    describe,
    painting_title,
    region_colormap,
    region_features,
)
from napari_corrclip.gui.layers.guard import Guard
from napari_corrclip.gui.layers.strokes import (
    Places,
    copy_boxes,
    draw_strip,
    is_seen,
    is_written,
    painted_pixels,
)
from napari_corrclip.gui.widgets import waiting
from napari_corrclip.gui.work.said import Kind, Said, Tell, done
from napari_corrclip.images.boxes import Box
from napari_corrclip.results.segmentation import class_features
from napari_corrclip.wording.amounts import count
from napari_corrclip.wording.markup import plain

if TYPE_CHECKING:
    from napari.components import ViewerModel

DELAY = 200
"""Milliseconds without an edit before the regions' features are written anew."""
ROWS = 200
"""Up to so many changed rows of the features are written one by one."""
LEFT = 0.8
"""Opacity of regions whose outlines are drawn by nobody but the layer."""
DRAWING = ("paint", "erase", "fill")
"""napari's tools that draw while a button is held."""


class SessionLayers:
    """The layers ``labels`` and ``regions`` of ``viewer``, which show ``session``.

    Args:
        viewer: gets the layers.
        session: what is shown and edited.
        spatial: ``scale``, ``translate`` and the like of the image's two axes.
        tell: is given a sentence after every stroke and undo, and for every refusal.
        former: layers of a former session that :meth:`rest`; they show this one, and the list of layers
            stays as it is.

    Attributes:
        labels: uint16 classes, in the vocabulary's colours.
        regions: int32 ids; clear, because their outlines are drawn over the canvas.
        hidden: why nothing is seen of them, in a sentence; empty: they are shown as a person wants them.
        outlines: of the regions.
    """

    def __init__(
        self,
        viewer: ViewerModel,
        session: Session,
        *,
        spatial: Mapping[str, Any] | None = None,
        tell: Tell = lambda _: None,
        former: tuple[Labels, Labels] | None = None,
    ) -> None:
        self.session = session
        self.hidden = ""
        self._visible = (True, True)
        self._viewer = viewer
        self._tell = tell
        self._closed = False
        self._stroke: Labels | None = None
        self._strokes = 0
        self._encircling = False
        self._waiting: list[Changed] = []
        self._copying = False
        self._early: list[tuple[Labels, list[Any]]] = []
        self._strips: deque[tuple[Labels, Box]] = deque()
        self._drawing = QTimer()
        self._drawing.timeout.connect(self._draw_next)
        self._brush = 0.0
        where = dict(spatial or {})
        if former is None:
            self.labels = Labels(
                session.labels.copy(),
                name="labels",
                colormap=class_colormap(session.vocabulary),
                **where,
            )
            self.regions = Labels(
                session.regions.copy(), name="regions", colormap=region_colormap(), **where
            )
        else:
            self.labels, self.regions = former
            self.labels.data, self.regions.data = session.labels.copy(), session.regions.copy()
            for layer in former:
                layer.editable = layer.visible = True
                for name, value in where.items():
                    setattr(layer, name, value)
            self.labels.colormap = class_colormap(session.vocabulary)
        self.labels.features = class_features(session.vocabulary)
        self.regions.features = region_features(session.rows(), session.vocabulary)
        self.labels.opacity, self.regions.opacity = 0.4, 0.0
        self.regions.contour = 1  # seen where a person raises the opacity
        self._seen = False
        self.regions.events.opacity.connect(self._maybe_seen)
        # What fill and polygon paint before a label is picked: the first class, and a new region.
        self.labels.selected_label = min(session.vocabulary.values, default=1)
        self.regions.selected_label = self._new_id()
        self._rows_of = {region: at for at, region in enumerate(self.regions.features["index"])}
        self._later = QTimer()
        self._later.setSingleShot(True)
        self._later.setInterval(DELAY)
        self._later.timeout.connect(self._describe_all)
        for layer in self.layers:
            layer.undo = self.undo
            layer.redo = self.redo
            layer.get_status = self._status_of(layer)
            layer.visible = True
            if former is None:
                viewer.add_layer(layer)
            # Before napari's own callback, which paints with the label that is selected then.
            layer.mouse_drag_callbacks.insert(0, self._pressed)
            layer.events.set_data.connect(self._redrawn)
        self._guards = [Guard(layer, self._take_given) for layer in self.layers]
        # After others who listen: the history that the event carries is emptied here.
        self.labels.events.paint.connect(self._labels_painted, position="last")
        self.regions.events.paint.connect(self._regions_painted, position="last")
        self.regions.mouse_move_callbacks.insert(0, self._hovered)
        viewer.layers.selection.events.active.connect(self._left)
        self.outlines = Outlines(viewer, self.regions, session)
        session.changed.connect(self._show)

    @property
    def place(self) -> dict[str, Any]:
        """Where both layers lie, for a layer that lies over them."""
        names = ("scale", "translate", "rotate", "shear", "affine", "units", "axis_labels")
        return {name: getattr(self.regions, name) for name in names}

    @property
    def layers(self) -> tuple[Labels, Labels]:
        """Both layers, the upper one last."""
        return self.labels, self.regions

    @property
    def drawing(self) -> bool:
        """Whether a stroke is being drawn on one of them."""
        return self._stroke is not None

    def close(self) -> None:
        """Leave the layers alone from now on; their own undo is theirs again, and empty."""
        if self._closed:
            return
        self._left()
        self._take_early()
        self._closed = True
        self._later.stop()
        self.outlines.close()
        if self.regions.opacity == 0:
            self.regions.opacity = LEFT  # nothing else shows them any more
        self.regions.events.opacity.disconnect(self._maybe_seen)
        for guard in self._guards:
            guard.close()
        while self._strips:
            self._draw_next()
        self.session.changed.disconnect(self._show)
        self._viewer.layers.selection.events.active.disconnect(self._left)
        self.labels.events.paint.disconnect(self._labels_painted)
        self.regions.events.paint.disconnect(self._regions_painted)
        self.regions.mouse_move_callbacks.remove(self._hovered)
        for layer in self.layers:
            layer.events.set_data.disconnect(self._redrawn)
            layer.mouse_drag_callbacks.remove(self._pressed)
            del layer.undo
            del layer.redo
            del layer.get_status
            # Steps that were emptied would each cost an idle Ctrl+Z; no public way.
            getattr(layer, "_reset_history", lambda: None)()

    def rest(self) -> tuple[Labels, Labels]:
        """Return both layers, which show nothing and are not painted on until they show another session."""
        self.close()
        for layer in self.layers:
            layer.visible = False
            # As small as can be: what is seen whole is the image, whatever was here before.
            layer.data = np.zeros((1, 1), layer.data.dtype)
            layer.editable = False
        return self.layers

    def hide(self, why: str) -> None:
        """Show nothing for a while; what is not seen is neither painted nor undone by keys."""
        if not self.hidden:
            self._left()  # a stroke ends
            self._visible = (self.labels.visible, self.regions.visible)
            for layer in self.layers:
                layer.visible = False
        self.hidden = why

    def show_again(self) -> None:
        """Show both layers as they were before :meth:`hide`."""
        if self.hidden:
            self.hidden = ""
            for layer, visible in zip(self.layers, self._visible, strict=True):
                layer.visible = visible

    def undo(self) -> None:
        """Take the session's last step back, and say which."""
        if self.hidden:
            self._tell(Said(self.hidden, Kind.WARNING))
            return
        with waiting(self.session.regions.size):
            edited = self.session.undo()
        title = edited.title.removeprefix("Undo: ")
        self._tell(Said(f"Undone: {title}.", Kind.DONE) if title else "There is nothing to undo.")

    def redo(self) -> None:
        """Make the last undone step again, and say which."""
        if self.hidden:
            self._tell(Said(self.hidden, Kind.WARNING))
            return
        with waiting(self.session.regions.size):
            edited = self.session.redo()
        title = edited.title
        self._tell(Said(f"Redone: {title}.", Kind.DONE) if title else "There is nothing to redo.")

    # -- what the session changed

    def _show(self, changed: Changed) -> None:
        """Copy what an edit touched into the layers, or do it when the stroke on them has ended."""
        self._waiting.append(changed)
        if self._stroke is None:
            self._show_waiting()

    def _show_waiting(self) -> None:
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        changed = folded(waiting)
        if changed.vocabulary:
            self.labels.colormap = class_colormap(self.session.vocabulary)
            self.labels.features = class_features(self.session.vocabulary)
        self._copy(self.labels, self.session.labels, changed.labels)
        self._copy(self.regions, self.session.regions, changed.regions)
        self._describe(changed)
        self.outlines.changed(changed)

    def _copy(self, layer: Labels, truth: NDArray[np.integer], boxes: Iterable[Box]) -> None:
        with self._copies():
            strips = copy_boxes(truth, layer, boxes)
        if strips:
            self._strips += [(layer, strip) for strip in strips]
            self._drawing.start()

    def _maybe_seen(self, _event: object = None) -> None:
        """Draw a layer that was clear and is seen now; what changed meanwhile is in its data alone."""
        seen, self._seen = self._seen, is_seen(self.regions)
        if self._seen and not seen:
            self.regions.refresh(extent=False)

    def _draw_next(self) -> None:
        """Draw a strip of what was changed; between two of them a person's events get their turn."""
        layer, box = self._strips.popleft()
        if not self._strips:
            self._drawing.stop()
        with self._copies():
            draw_strip(layer, box)

    @contextmanager
    def _copies(self) -> Iterator[None]:
        """What is painted inside was not painted by a person."""
        self._copying = True
        try:
            yield
        finally:
            self._copying = False

    def _describe(self, changed: Changed) -> None:
        """Keep the features in step: a changed row at once, another set of rows soon."""
        features = self.regions.features
        known = self._rows_of
        rows = [row for region in changed.updated if (row := self.session.find(region)) is not None]
        others = changed.vocabulary or changed.removed or len(rows) > ROWS
        if others or any(row.id not in known for row in rows):
            # Thousands of rows take longer than an edit may; whoever edits on is not held up.
            self._later.start()
            return
        column = features.columns.get_loc("region")
        for row in rows:
            features.iat[known[row.id], column] = plain(describe(row, self.session.vocabulary))

    def _describe_all(self) -> None:
        self.regions.features = region_features(self.session.rows(), self.session.vocabulary)
        self._rows_of = {region: at for at, region in enumerate(self.regions.features["index"])}

    # -- the status bar

    def _status_of(self, layer: Labels) -> Callable[..., dict[str, Any]]:
        """Return what tells napari's status bar of the region under the cursor, on either layer.

        A layer's features say the same of every pixel of a value, so those of the labels cannot tell one
        region from another.
        """

        def get_status(position: Any = None, **how: Any) -> dict[str, Any]:
            status: dict[str, Any] = Labels.get_status(layer, position, **how)
            if position is None:
                return status
            place = layer.world_to_data(position[-2:]) if how.get("world") else position
            said = plain(self._say_pixel(*pixel_at(place)))
            if said:
                status["coordinates"] = f"{status['coordinates'].partition(':')[0]}: {said}"
                status["value"] = said
            return status

        return get_status

    def _say_pixel(self, row: int, column: int) -> str:
        """Say ``#412 cat 0.61 (dog 0.33)``, and what is painted there; empty outside the image."""
        height, width = self.session.shape
        if not (0 <= row < height and 0 <= column < width):
            return ""
        region = self.session.find(self.session.region_at(row, column))
        words = self.session.vocabulary
        said = "no region" if region is None else f"#{region.id} {describe(region, words)}"
        pin = int(self.session.pins[row, column])
        if pin >= 0:
            said += f"; painted {words.by_value(pin).name if pin in words.values else 'unlabelled'}"
        return said

    # -- what a person paints

    def _pressed(self, layer: Labels, event: Any) -> Generator[None, None, None]:
        """Until the button is released, what the session changes is not copied over the stroke."""
        mode = str(layer.mode)
        if mode not in DRAWING:
            return
        if layer is self.regions and mode == "paint":
            self._aim(event)
        self._stroke = layer
        self._strokes += 1
        number = self._strokes
        # The right button begins a stroke that goes on without it, until it is closed or left.
        self._encircling = mode == "paint" and event.button == 2 and layer.n_edit_dimensions == 2
        try:
            yield
            while event.type == "mouse_move":
                yield
        finally:
            if not self._encircling:
                # napari's own callback comes after this one; it may find that nothing was painted.
                QTimer.singleShot(0, lambda: self._released(number))

    def _released(self, number: int) -> None:
        if number == self._strokes and not self._closed:
            self._end_stroke()

    def _end_stroke(self) -> None:
        self._stroke = None
        self._encircling = False
        self._show_waiting()

    def _redrawn(self, _event: object = None) -> None:
        """A stroke around something that Escape gave up is drawn over by what was there."""
        if self._encircling:
            self._end_stroke()

    def _left(self, _event: object = None) -> None:
        """Take what was drawn so far when another layer becomes active: its release goes there."""
        layer = self._stroke
        if layer is None:
            return
        if not self._encircling:
            with layer.block_history():
                pass  # napari commits what it holds of the stroke
        self._end_stroke()

    def _hovered(self, layer: Labels, event: Any) -> None:
        if "Alt" not in event.modifiers:
            self._brush = layer.brush_size

    def _aim(self, event: Any) -> None:
        """A brush paints the region in which it begins; with Alt, or outside all, a new one."""
        layer = self.regions
        alt = "Alt" in event.modifiers
        if alt and str(layer.cursor) == "circle_frozen":
            # napari sizes the brush by moves under Alt, and paints nothing then.
            layer.cursor = "circle"
            layer.brush_size = self._brush or layer.brush_size
        region = self.session.region_at(*pixel_at(layer.world_to_data(event.position[-2:])))
        layer.selected_label = self._new_id() if alt or region == 0 else region

    def _new_id(self) -> int:
        return int(self.session.ids.max(initial=0)) + 1

    def _labels_painted(self, event: Any) -> None:
        self._painted(event, self.labels)

    def _regions_painted(self, event: Any) -> None:
        self._painted(event, self.regions)

    def _painted(self, event: Any, layer: Labels) -> None:
        """Take what was painted, and let go of what napari keeps for an undo of its own."""
        dabs = list(event.value)
        event.value.clear()
        if self._copying or not dabs:
            return
        if is_written(dabs[-1], layer.data):
            self._take(layer, dabs)
            event.value.clear()  # napari has added to it what was wiped away
        else:  # outside a stroke, as by the polygon, napari tells before it writes
            self._stroke = layer
            self._early.append((layer, dabs))
            QTimer.singleShot(0, self._take_early)

    def _take_early(self) -> None:
        while self._early:
            self._take(*self._early.pop(0))

    def _take(self, layer: Labels, dabs: list[Any]) -> None:
        """Make an edit of what was painted, or wipe it away, and show what came of it."""
        labels = layer is self.labels
        truth: NDArray[np.integer] = self.session.labels if labels else self.session.regions
        edit = self._pin if labels else self._extend
        box, at = painted_pixels(dabs, layer.data, truth)
        # What the edit changes waits too, so that all of it is shown at once.
        self._stroke = layer
        try:
            if len(at[0]):
                edit(np.asarray(layer.data[at]), at)
        except InputError as error:
            self._tell(error)
        finally:
            # Pixels that were refused, and ids that are others than those which napari painted.
            self._copy(layer, truth, (box,))
            self._end_stroke()

    def _take_given(self, layer: Labels, given: Any) -> None:
        """Pin what differs in data that others have set on ``labels``; of ``regions`` nothing is taken."""
        truth = self.session.labels
        if layer is self.regions:
            self._tell(
                "Regions change by strokes, merges, splits or another run; the data that were set on "
                "'regions' were taken off it again."
            )
        elif np.shape(given) != truth.shape:
            self._tell(
                f"Data of shape {np.shape(given)} were set on 'labels', which has {truth.shape}; they were "
                "taken off it again."
            )
        else:
            given = np.asarray(given)
            at = np.nonzero(given != truth)
            try:
                if len(at[0]):
                    self._pin(given[at], at)
            except InputError as error:
                self._tell(error)

    def _pin(self, painted: NDArray[np.integer], at: Places) -> None:
        """Pin the painted pixels to the painted classes."""
        values = np.unique(painted).tolist()
        with self.session.step(painting_title(self.session.vocabulary, values, len(at[0]))):
            for value in values:
                here = painted == value
                self.session.paint((at[0][here], at[1][here]), value)
        self._tell(done(self.session.history.done[-1].title))

    def _extend(self, painted: NDArray[np.integer], at: Places) -> None:
        """Extend the region in which a stroke began, or make a new one."""
        for value in np.unique(painted).tolist():
            here = painted == value
            pixels = (at[0][here], at[1][here])
            # The eraser's, a region's, or that of a new region.
            target = value if value == 0 or self.session.find(value) else None
            touched = {value, *np.unique(self.session.regions[pixels]).tolist()}
            former = {region: row.value for region in touched if (row := self.session.find(region))}
            edited = self.session.paint_regions(pixels, target)
            self._tell(done(said(edited, self.session, former), *edited.notes))


def said(edited: Edited, session: Session, former: Mapping[int, int]) -> str:
    """Say what a stroke on the regions did: which voted anew, and how many show another class.

    Args:
        edited: the stroke.
        session: as it is now.
        former: what each region that was touched showed before.
    """
    rows = [row for region in edited.updated if (row := session.find(region)) is not None]
    voted = [row for row in rows if row.verdict is None]
    changed = sum(row.id in former and former[row.id] != row.value for row in voted)
    return f"{edited.title}; {count(len(voted), 'region')} re-voted, {changed:,} changed"


def pixel_at(place: Iterable[float]) -> tuple[int, int]:
    """Return the pixel, (row, column), at data coordinates, which are those of pixels' centres."""
    row, column = list(place)[-2:]
    return int(np.floor(row + 0.5)), int(np.floor(column + 0.5))
