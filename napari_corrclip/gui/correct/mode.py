"""Correct mode: regions are selected by mouse and decided by keys, while napari pans and zooms.

All keys and mouse callbacks are bound on our two layers, and only while the mode is on; off, napari's own
tools are back. :data:`COMMANDS` is the table of keys, for the help panel too.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels
from napari.utils.colormaps import DirectLabelColormap
from napari.utils.transforms import Affine
from numpy.typing import NDArray
from psygnal import Signal

from napari_corrclip.annotation import Changed, Edited, Queue, SmallGroup
from napari_corrclip.annotation.boxes import Box, padded, union, window
from napari_corrclip.errors import InputError
from napari_corrclip.gui.layers import SessionLayers, Tell

if TYPE_CHECKING:
    import napari

CLICK = 4.0
"""A press that moves less than this, in screen pixels, is a click and no drag."""
SIMILAR = 5
"""Regions that one press of F adds."""
DIGITS = "1234567890"


@dataclass(frozen=True, slots=True)
class Command:
    """What a key does.

    Attributes:
        key: in napari's words.
        title: for the help panel.
        run: the action.
    """

    key: str
    title: str
    run: Callable[[CorrectMode], object]


class CorrectMode:
    """Selects and decides on the regions of ``layers``.

    Args:
        viewer: shows the layers.
        layers: of the session.
        tell: is given a sentence after every action and refusal.

    Attributes:
        selection: ids of the selected regions, in the order in which they were selected.
        queue: the order in which regions are looked at.

    Signals (psygnal):
        selected: the selection is another.
    """

    selected = Signal(tuple)

    def __init__(self, viewer: napari.Viewer, layers: SessionLayers, tell: Tell) -> None:
        self.viewer = viewer
        self.layers = layers
        self.session = layers.session
        self.queue = Queue(self.session)
        self.selection: tuple[int, ...] = ()
        self._tell = tell
        self._outline: Labels | None = None
        self._zooming: list[Any] = []
        self._modes: list[str] = []
        self.on = False

    # -- on and off

    def start(self) -> None:
        """Take the mouse and the keys of both layers."""
        if self.on:
            return
        self.on = True
        self._modes = [str(layer.mode) for layer in self.layers.layers]
        for layer in self.layers.layers:
            layer.mode = "pan_zoom"
            layer.mouse_drag_callbacks.append(self._pressed)
            layer.mouse_double_click_callbacks.append(self._double_clicked)
            for command in COMMANDS:
                layer.bind_key(command.key, self._bound(command), overwrite=True)
        # A double click selects here, and zooms elsewhere.
        self._zooming = list(self.viewer.mouse_double_click_callbacks)
        self.viewer.mouse_double_click_callbacks.clear()
        self.session.changed.connect(self._changed)

    def stop(self) -> None:
        """Give mouse and keys back."""
        if not self.on:
            return
        self.on = False
        self.session.changed.disconnect(self._changed)
        self.viewer.mouse_double_click_callbacks.extend(self._zooming)
        for layer, mode in zip(self.layers.layers, self._modes, strict=True):
            layer.mouse_drag_callbacks.remove(self._pressed)
            layer.mouse_double_click_callbacks.remove(self._double_clicked)
            for command in COMMANDS:
                layer.bind_key(command.key, None)
            layer.mode = mode
        self.select(())
        outline, self._outline = self._outline, None
        if outline is not None and outline in self.viewer.layers:
            self.viewer.layers.remove(outline)

    # -- selecting

    def select(self, regions: Iterable[int]) -> None:
        """Select exactly these regions; those that do not exist are left out."""
        found = dict.fromkeys(one for one in regions if self.session.find(one) is not None)
        self.selection = tuple(found)
        self._draw()
        self.selected.emit(self.selection)

    def targets(self) -> list[int]:
        """Return the selected regions, or else the one under the cursor.

        Raises:
            InputError: there is neither.
        """
        if self.selection:
            return list(self.selection)
        under = self._region_at(self.viewer.cursor.position)
        if under:
            return [under]
        raise InputError("No region is selected or under the cursor; click on one.")

    def select_similar(self) -> None:
        """Add the regions most like the first of the selection."""
        chosen = self.targets()
        among = [row.id for row in self.session.rows() if row.verdict is None]
        among = [one for one in among if one not in chosen]
        more = self.session.similar(chosen[0], SIMILAR, among=among) if among else []
        self.select([*chosen, *more])
        self._tell(f"{len(self.selection)} regions are selected, {len(more)} of them for likeness.")

    def _region_at(self, position: tuple[float, ...]) -> int:
        row, column = self.layers.regions.world_to_data(position[-2:])[-2:]
        # data coordinates are those of pixels' centres
        return self.session.region_at(int(np.floor(row + 0.5)), int(np.floor(column + 0.5)))

    def _pressed(self, layer: Labels, event: Any) -> Generator[None, None, None]:
        """A click selects, with Shift toggles; Shift and a drag draws a box; a plain drag pans."""
        if event.button != 1 or "Alt" in event.modifiers or "Control" in event.modifiers:
            return
        shift = "Shift" in event.modifiers
        start, pressed = tuple(event.position), np.array(event.pos)
        if shift:
            layer.mouse_pan = False
        dragged = False
        try:
            yield
            while event.type == "mouse_move":
                dragged = dragged or _far(pressed, event.pos)
                yield
        finally:
            if shift:
                layer.mouse_pan = True
        # Where the moves between were too fast to be told, the release lies elsewhere all the same.
        dragged = dragged or _far(pressed, event.pos)
        if not dragged:
            self._clicked(start, toggle=shift)
        elif shift:
            self._boxed(start, tuple(event.position))

    def _clicked(self, position: tuple[float, ...], *, toggle: bool) -> None:
        region = self._region_at(position)
        if not region:
            self.select(self.selection if toggle else ())
        elif not toggle:
            self.select([region])
        elif region in self.selection:
            self.select(one for one in self.selection if one != region)
        else:
            self.select([*self.selection, region])

    def _boxed(self, start: tuple[float, ...], end: tuple[float, ...]) -> None:
        """Add the regions that lie whole in a box."""
        corners = [self.layers.regions.world_to_data(point[-2:])[-2:] for point in (start, end)]
        low, high = np.min(corners, axis=0) - 0.5, np.max(corners, axis=0) + 1.5
        inside = [
            row.id
            for row in self.session.rows()
            if row.box[0] >= low[0] and row.box[1] >= low[1]
            and row.box[2] <= high[0] and row.box[3] <= high[1]
        ]  # fmt: skip
        self.select([*self.selection, *inside])

    def _double_clicked(self, _layer: Labels, event: Any) -> None:
        """Select all of that class in view."""
        region = self._region_at(event.position)
        if not region:
            return
        value = self.session.region(region).value
        top, left, bottom, right = self._in_view()
        self.select(
            row.id
            for row in self.session.rows()
            if row.value == value
            and row.box[0] < bottom and row.box[2] > top
            and row.box[1] < right and row.box[3] > left
        )  # fmt: skip

    def _in_view(self) -> Box:
        corners = np.asarray(self.layers.regions.corner_pixels)[:, -2:]
        return (
            int(corners[0, 0]),
            int(corners[0, 1]),
            int(corners[1, 0]) + 1,
            int(corners[1, 1]) + 1,
        )

    def _changed(self, changed: Changed) -> None:
        if self.selection and (changed.regions or changed.removed):
            self.select(self.selection)

    def _draw(self) -> None:
        """Outline the selection, in a layer no larger than its bounding box."""
        around = union(self.session.region(one).box for one in self.selection)
        if around is None:
            if self._outline is not None and self._outline in self.viewer.layers:
                self._outline.visible = False
            return
        box = padded(around, 2, self.session.shape)
        mask = np.isin(self.session.regions[window(box)], self.selection).astype(np.uint8)
        active = self.viewer.layers.selection.active
        regions = self.layers.regions
        if self._outline is None or self._outline not in self.viewer.layers:
            self._outline = Labels(
                mask,
                name="selection",
                colormap=DirectLabelColormap(
                    color_dict={None: (0, 0, 0, 0), 0: (0, 0, 0, 0), 1: (1, 1, 1, 1)}
                ),
                opacity=1.0,
                scale=regions.scale,
                rotate=regions.rotate,
                shear=regions.shear,
                affine=regions.affine,
                units=regions.units,
                axis_labels=regions.axis_labels,
            )
            self._outline.contour = 2
            self._outline.editable = False
            self.viewer.add_layer(self._outline)
        self._outline.data = mask
        # Where the box's corner lies before the layer's own affine, which the outline has too.
        to_physical = Affine(
            scale=regions.scale,
            translate=regions.translate,
            rotate=regions.rotate,
            shear=regions.shear,
        )
        self._outline.translate = to_physical(np.array(box[:2], np.float64))
        self._outline.visible = True
        if active is not None and self.viewer.layers.selection.active is not active:
            self.viewer.layers.selection.active = active

    # -- deciding

    def perform(self, action: Callable[[], Edited]) -> Edited | None:
        """Do something to the session and say what, or why not."""
        try:
            edited = action()
        except InputError as error:
            self._tell(str(error))
            return None
        self._tell(" ".join([f"{edited.title}.", *edited.notes]))
        return edited

    def assign(self, digit: str) -> None:
        """Assign the class of a digit key."""
        index = DIGITS.index(digit)
        names = self.session.vocabulary.names
        if index >= len(names):
            self._tell(f"There is no class {digit}; there are {len(names)}.")
            return
        self.perform(lambda: self.session.assign(self.targets(), names[index]))

    def runner_up(self) -> None:
        """Assign the likeliest class besides the predicted one, to each region its own."""

        def work() -> Edited:
            targets = self.targets()
            edited = Edited("")
            with self.session.step(f"Runner-up of {len(targets)} regions"):
                for one in targets:
                    edited = self.session.assign(one, self.queue.runner_up(one))
            return replace(edited, title=f"Assign the runner-up to {len(targets)} regions")

        self.perform(work)

    def look_next(self) -> None:
        """Go to the next region of the queue, and select it."""
        found = self.queue.next()
        left = self.queue.left
        if found is None:
            self._tell("All regions are decided.")
        elif isinstance(found, SmallGroup):
            self.select(found.ids)
            self._tell(
                f"Only small regions are left ({len(found.ids):,}); accept them with Enter, or absorb them."
            )
        else:
            self.select([found])
            self._show_region(found)
            self._tell(f"{left.regions} left, {left.share:.0%} of the area.")

    def look_back(self) -> None:
        """Go to the region that was looked at before."""
        found = self.queue.back()
        if found is None:
            self._tell("There is no region before this one.")
            return
        self.select([found])
        self._show_region(found)

    def accept(self) -> None:
        """Accept the selection, and go on to the next region of the queue."""
        if self.perform(lambda: self.session.accept(self.targets())) is not None:
            self.look_next()

    def show(self, region: int) -> None:
        """Move the camera to a region, as far as needed."""
        self._show_region(region)

    def _show_region(self, region: int) -> None:
        """Move the camera as far as needed to see a region; zoom if it is tiny or fills the view."""
        row = self.session.region(region)
        top, left, bottom, right = self._in_view()
        camera = getattr(self.viewer, "scene", self.viewer).camera
        height, width = row.box[2] - row.box[0], row.box[3] - row.box[1]
        share = max(height / max(bottom - top, 1), width / max(right - left, 1))
        inside = (
            row.box[0] >= top
            and row.box[1] >= left
            and row.box[2] <= bottom
            and row.box[3] <= right
        )
        if inside and 0.05 <= share <= 0.8:
            return
        if not inside:
            middle = ((row.box[0] + row.box[2]) / 2, (row.box[1] + row.box[3]) / 2)
            camera.center = (0.0, *self.layers.regions.data_to_world(middle)[-2:])
        if share < 0.05 or share > 0.8:
            camera.zoom *= 0.3 / share

    def _bound(self, command: Command) -> Callable[[Labels], None]:
        def act(_layer: Labels) -> None:
            try:
                command.run(self)
            except InputError as error:
                self._tell(str(error))

        return act


def _far(pressed: NDArray[np.floating], position: Any) -> bool:
    return bool(np.abs(np.asarray(position) - pressed).max() > CLICK)


def _assigns(digit: str) -> Command:
    return Command(digit, f"assign class {digit}", lambda mode: mode.assign(digit))


COMMANDS: tuple[Command, ...] = (
    *(_assigns(digit) for digit in DIGITS),
    Command("Enter", "accept, and go to the next", lambda mode: mode.accept()),
    Command(
        "Backspace",
        "ignore",
        lambda mode: mode.perform(lambda: mode.session.ignore(mode.targets())),
    ),
    Command("R", "assign the runner-up", lambda mode: mode.runner_up()),
    Command(
        "V",
        "re-vote the undecided",
        lambda mode: mode.perform(lambda: mode.session.revote("undecided")),
    ),
    Command("F", "add similar regions", lambda mode: mode.select_similar()),
    Command("G", "merge", lambda mode: mode.perform(lambda: mode.session.merge(mode.targets()))),
    Command(
        "Shift-S",
        "split into connected parts",
        lambda mode: mode.perform(lambda: mode.session.split(mode.targets()[0])),
    ),
    Command("D", "next region of the queue", lambda mode: mode.look_next()),
    Command("A", "back", lambda mode: mode.look_back()),
    Command("Escape", "select nothing", lambda mode: mode.select(())),
)
"""The keys of the mode."""


def help_text() -> str:
    """Return the keys and what the mouse does, a line each, for the help panel."""
    lines = [
        "click: select, Shift-click: add or remove",
        "Shift-drag: box, double click: all of the class",
        "1 – 9, 0: assign the class",
        *(f"{command.key}: {command.title}" for command in COMMANDS if command.key not in DIGITS),
        "Ctrl-Z, Ctrl-Shift-Z: undo, redo",
    ]
    return "\n".join(lines)
