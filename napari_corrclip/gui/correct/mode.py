"""Correct mode: regions are selected by mouse and decided by keys, while napari pans and zooms.

All keys and mouse callbacks are bound on our two layers, and only while the mode is on; off, napari's own
tools are back. Whoever takes one of these tools leaves the mode. The keys are in
:mod:`~napari_corrclip.gui.correct.keys`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels
from psygnal import Signal
from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QMessageBox, QWidget

from napari_corrclip.annotation import Changed, Edited, Queue
from napari_corrclip.annotation.edits.targets import count as counted
from napari_corrclip.errors import InputError
from napari_corrclip.gui.correct.camera import Sight
from napari_corrclip.gui.correct.held_keys import HeldKeys
from napari_corrclip.gui.correct.keys import COMMANDS, DIGITS, Command
from napari_corrclip.gui.correct.overlay import Overlay
from napari_corrclip.gui.correct.pointer import Pointer
from napari_corrclip.gui.correct.review import Walk
from napari_corrclip.gui.correct.splitting import Splitting
from napari_corrclip.gui.correct.spreading import Spreading
from napari_corrclip.gui.layers.session_layers import SessionLayers, Tell
from napari_corrclip.gui.widgets import is_number_typed, question

if TYPE_CHECKING:
    import napari

SIMILAR = 5
"""Regions that one press of F adds."""
HELP = "click selects, a digit assigns its class, D goes to the next: the dock has the keys"
"""What the status bar tells of keys while the mode is on."""
PAN_ZOOM = "pan_zoom"
"""The mode of both layers while correct mode is on."""
UNDER_WAY = "A split is under way; finish it with Enter, or leave it with Esc."


class CorrectMode:
    """Selects and decides on the regions of ``layers``.

    Args:
        viewer: shows the layers.
        layers: of the session.
        tell: is given a sentence after every action and refusal.

    Attributes:
        selection: ids of the selected regions, in the order in which they were selected.
        sight: what the canvas shows.
        walk: the way through the queue.
        splitting: the split that is under way.
        spreading: the patch that Alt outlines.

    Signals (psygnal):
        selected: the selection is another.
        moment: what a person does now: ``normal``, ``splitting`` or ``finding``.
        ended: a tool of napari's was taken, which ended the mode.
        find_asked: a class is to be found: the title, the names, and who takes the name.
    """

    selected = Signal(tuple)
    moment = Signal(str)
    ended = Signal()
    find_asked = Signal(str, tuple, object)

    def __init__(self, viewer: napari.Viewer, layers: SessionLayers, tell: Tell) -> None:
        self.viewer = viewer
        self.layers = layers
        self.session = layers.session
        self.selection: tuple[int, ...] = ()
        self.say = tell
        self._outline = Overlay(viewer, layers, "selection", {1: (1.0, 1.0, 1.0, 1.0)})
        self.sight: Sight = Sight(self)
        self.walk: Walk = Walk(self)
        self.splitting: Splitting = Splitting(self)
        self.spreading: Spreading = Spreading(self)
        self._pointer = Pointer(self)
        self._held = HeldKeys(
            self.spreading.hold, self.peek_no_more, Qt.Key.Key_H, self._spread_digit
        )
        self._peeking: list[tuple[Labels, bool]] = []
        self._modes: list[str] = []
        self._kept: tuple[int, ...] = ()
        # Another layer is active for a moment whenever one is added.
        self._listening = QTimer()
        self._listening.setSingleShot(True)
        self._listening.setInterval(0)
        self._listening.timeout.connect(self._tell_if_deaf)
        self.on = False

    @property
    def queue(self) -> Queue:
        """The order in which regions are looked at."""
        return self.walk.queue

    @property
    def host(self) -> QWidget | None:
        """A widget of the viewer's window: where its keys are watched and its questions appear."""
        return self._held.host

    @host.setter
    def host(self, host: QWidget | None) -> None:
        self._held.host = host

    # -- on and off

    def start(self) -> None:
        """Take the mouse and the keys of both layers; what a tool interrupted is selected again."""
        if self.on:
            return
        self.on = True
        self._modes = [str(layer.mode) for layer in self.layers.layers]
        self._pointer.bind()
        for layer in self.layers.layers:
            layer.mode = PAN_ZOOM
            layer.help = HELP  # napari's own tells of keys that are ours now
            # After napari's own buttons, which show the mode that an event names.
            layer.events.mode.connect(self._tool_taken, position="last")
            for command in COMMANDS:
                layer.bind_key(command.key, self._bound(command), overwrite=True)
        self.viewer.mouse_double_click_callbacks.insert(0, self.sight.note_camera)
        self.viewer.layers.selection.events.changed.connect(self._layers_selected)
        self.session.changed.connect(self._changed)
        self._held.start()
        kept, self._kept = self._kept, ()
        self.select(kept)

    def stop(self) -> None:
        """Give mouse and keys back."""
        if not self.on:
            return
        self.on = False
        self._held.stop()
        self._listening.stop()
        self.splitting.leave()
        self.session.changed.disconnect(self._changed)
        self.viewer.layers.selection.events.changed.disconnect(self._layers_selected)
        self.viewer.mouse_double_click_callbacks.remove(self.sight.note_camera)
        self._pointer.unbind()
        for layer, mode in zip(self.layers.layers, self._modes, strict=True):
            layer.events.mode.disconnect(self._tool_taken)
            for command in COMMANDS:
                layer.bind_key(command.key, None)
            if layer.help == HELP:
                layer.help = ""
            if str(layer.mode) == PAN_ZOOM:  # else a tool was taken just now
                layer.mode = mode
        self.select(())
        for overlay in self._overlays:
            overlay.remove()

    def _tool_taken(self, event: Any) -> None:
        """Make way for a tool of napari's; but not in the middle of a split, which would be lost."""
        layer = event.source
        tool = str(layer.mode)
        if tool == PAN_ZOOM:
            return
        if self.splitting.on:
            layer.mode = PAN_ZOOM
            self.say(UNDER_WAY)
            return
        kept = self.selection
        self.stop()
        self._kept = kept
        self.ended.emit()
        self.say(
            f"napari's tool {tool.replace('_', ' ')!r} is on, so correct mode is off; "
            "press 'Correct regions' to come back."
        )

    def _layers_selected(self, _event: object = None) -> None:
        self._listening.start()

    def _tell_if_deaf(self) -> None:
        """Say why mouse and keys do nothing where another layer than ours, or several, are selected."""
        selection = self.viewer.layers.selection
        if not self.on or selection.active in self.layers.layers:
            return
        labels, regions = self.layers.layers
        if labels in selection and regions in selection:
            said = f"{labels.name!r} and {regions.name!r} are both selected in the layer list"
        else:
            said = f"Neither {labels.name!r} nor {regions.name!r} is the selected layer"
        self.say(f"{said}; click on one of the two there to correct regions.")

    @property
    def _overlays(self) -> tuple[Overlay, ...]:
        return self._outline, self.spreading.overlay, self.splitting.overlay

    def _changed(self, changed: Changed) -> None:
        self.splitting.changed(changed)
        self.spreading.changed()
        if self.selection and (changed.regions or changed.removed):
            self.select(self.selection)

    def _bound(self, command: Command) -> Callable[[Labels], None]:
        def act(_layer: Labels) -> None:
            if is_number_typed():
                return
            if self.splitting.on and not command.always:
                self.say(UNDER_WAY)
                return
            try:
                command.run(self)
            except InputError as error:
                self.say(str(error))

        return act

    # -- selecting

    def select(self, regions: Iterable[int]) -> None:
        """Select exactly these regions; those that do not exist are left out."""
        found = dict.fromkeys(one for one in regions if self.session.find(one) is not None)
        self.selection = tuple(found)
        if self.splitting.on and self.selection != (self.splitting.region,):
            self.splitting.leave()
        self._outline.outline(self.selection)
        self.spreading.follow()
        self.selected.emit(self.selection)

    def targets(self) -> list[int]:
        """Return the selected regions, or else the one under the cursor.

        Raises:
            InputError: there is neither.
        """
        if self.selection:
            return list(self.selection)
        under = self.region_at(self.viewer.cursor.position)
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
        self.say(f"{len(self.selection)} regions are selected, {len(more)} of them for likeness.")

    def pixel_at(self, position: tuple[float, ...]) -> tuple[int, int]:
        """Return the pixel of the image at a place in the viewer."""
        row, column = self.layers.regions.world_to_data(position[-2:])[-2:]
        # data coordinates are those of pixels' centres
        return int(np.floor(row + 0.5)), int(np.floor(column + 0.5))

    def region_at(self, position: tuple[float, ...]) -> int:
        """Return the region at a place in the viewer, 0 where there is none."""
        return self.session.region_at(*self.pixel_at(position))

    # -- what is seen

    @property
    def camera(self) -> Any:
        """The viewer's camera, wherever this napari keeps it."""
        return getattr(self.viewer, "scene", self.viewer).camera

    def show(self, region: int) -> bool:
        """Move the camera to a region, as far as needed; return whether that could be, or say why not."""
        try:
            self.walk.show(region)
        except InputError as error:
            self.say(str(error))
            return False
        return True

    def pixel_on_screen(self) -> float:
        """Return how wide a pixel of the image is on the screen."""
        return float(self.camera.zoom * np.mean(np.abs(self.layers.regions.scale[-2:])))

    def peek(self) -> None:
        """Hide everything but the image until :meth:`peek_no_more`."""
        if self._peeking:
            return
        self._peeking = [(layer, layer.visible) for layer in self.layers.layers]
        for layer, _ in self._peeking:
            layer.visible = False
        for overlay in self._overlays:
            overlay.veil(True)

    def peek_no_more(self) -> None:
        """Show again what :meth:`peek` hid."""
        if not self._peeking:
            return
        hidden, self._peeking = self._peeking, []
        for layer, visible in hidden:
            layer.visible = visible
        for overlay in self._overlays:
            overlay.veil(False)

    # -- deciding

    def perform(self, action: Callable[[], Edited]) -> Edited | None:
        """Do something to the session and say what, or why not."""
        before = self.session.history.done[-1:]
        try:
            edited = action()
        except InputError as error:
            self.say(str(error))
            return None
        same = [*map(id, self.session.history.done[-1:])] == [*map(id, before)]
        said = "Nothing changed; it was so already." if same else f"{edited.title}."
        self.say(" ".join([said, *edited.notes]))
        return edited

    def assign(self, digit: str) -> None:
        """Assign the class of a digit key."""
        name = self._named(digit)
        if name is not None:
            self._decide(lambda: self.session.assign(self.targets(), name))

    def spread(self, digit: str) -> None:
        """Assign the class of a digit key to the whole patch around the targets."""
        name = self._named(digit)
        if name is not None:
            self._decide(lambda: self.spreading.assign(self.targets(), name))

    def _spread_digit(self, digit: str) -> None:
        """Spread by a key that napari does not know as a digit's."""
        try:
            self.spread(digit)
        except InputError as error:
            self.say(str(error))

    def find(self, *, spread: bool = False) -> None:
        """Ask for the name of a class, and assign or spread it."""
        targets = self.targets()
        many = f"{len(targets)} regions" if len(targets) > 1 else f"region {targets[0]}"

        def chosen(name: str) -> None:
            if spread:
                self._decide(lambda: self.spreading.assign(targets, name))
            else:
                self._decide(lambda: self.session.assign(targets, name))

        title = f"Class to {'spread from' if spread else 'assign to'} {many}"
        self.find_asked.emit(title, self.session.vocabulary.names, chosen)

    def ignore(self) -> None:
        """Leave the targets out."""
        self._decide(lambda: self.session.ignore(self.targets()))

    def undecide(self) -> None:
        """Take back what was decided on the targets and painted in them."""
        self.perform(lambda: self.session.undecide(self.targets()))

    def runner_up(self) -> None:
        """Assign the likeliest class besides the predicted one, to each region its own."""

        def work() -> Edited:
            targets = self.targets()
            edited = Edited("")
            with self.session.step(f"Runner-up of {counted(len(targets), 'region')}"):
                for one in targets:
                    edited = self.session.assign(one, self.queue.runner_up(one))
            return replace(
                edited, title=f"Assign the runner-up to {counted(len(targets), 'region')}"
            )

        self._decide(work)

    def merge(self) -> None:
        """Make one region of the selected ones."""
        self.perform(lambda: self.session.merge(self.targets()))

    def split_parts(self) -> None:
        """Split a region into its connected parts."""
        self.perform(lambda: self.session.split(self.targets()[0]))

    def revote(self) -> None:
        """Let the selected regions vote anew, or all undecided ones where none is selected.

        Asks before verdicts are taken back.
        """
        rows = [self.session.region(one) for one in self.selection]
        decided = [row.id for row in rows if row.verdict is not None]
        if not decided:
            self.perform(lambda: self.session.revote(list(self.selection) or "undecided"))
            return
        box = question(
            self.host,
            "Re-vote",
            f"{len(decided)} of the {len(rows)} selected regions {'is' if len(decided) == 1 else 'are'} "
            "decided. Take these decisions back and vote anew?",
        )
        every = box.addButton("Take back and re-vote", QMessageBox.ButtonRole.AcceptRole)
        rest = [row.id for row in rows if row.verdict is None]
        others = box.addButton("Only the undecided", QMessageBox.ButtonRole.ActionRole)
        assert others is not None
        others.setEnabled(bool(rest))
        box.setDefaultButton(box.addButton(QMessageBox.StandardButton.Cancel))
        box.exec()
        answer = box.clickedButton()
        if answer is every:
            self.perform(lambda: self.session.revote([row.id for row in rows], overrule=True))
        elif answer is others:
            self.perform(lambda: self.session.revote(rest))

    def enter(self) -> None:
        """Commit the split; else accept the selection, and go on to the next region of the queue."""
        if self.splitting.on:
            self.splitting.commit()
        elif self.perform(lambda: self.session.accept(self.targets())) is not None:
            self.walk.next()

    def escape(self) -> None:
        """Leave the split, or select nothing."""
        if self.splitting.on:
            self.splitting.leave()
            self.say("The split was left; nothing has changed.")
        else:
            self.select(())

    def _named(self, digit: str) -> str | None:
        """Return the class of a digit key; says so where there is none."""
        index = DIGITS.index(digit)
        names = self.session.vocabulary.names
        if index < len(names):
            return names[index]
        self.say(f"There is no class {digit}; there are {len(names)}.")
        return None

    def _decide(self, action: Callable[[], Edited]) -> None:
        """Perform a decision, and go on where the queue is being walked."""
        walking = self.walk.walking
        if self.perform(action) is not None and walking:
            self.walk.next()
