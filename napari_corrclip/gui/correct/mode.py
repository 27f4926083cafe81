"""Correct mode: regions are selected by mouse and decided by keys, while napari pans and zooms.

All keys and mouse callbacks are bound on our two layers, and only while the mode is on; off, napari's own
tools are back, and one key, which napari has no use for, is ours: D begins with the next region. Whoever
takes one of these tools leaves the mode. The keys are in :mod:`~napari_corrclip.gui.correct.keys`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from napari.layers import Labels
from psygnal import Signal
from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QWidget

from napari_corrclip.annotation import Changed, Session
from napari_corrclip.errors import InputError
from napari_corrclip.gui.correct.actions import Actions
from napari_corrclip.gui.correct.camera import Camera
from napari_corrclip.gui.correct.class_keys import CLASS_KEYS
from napari_corrclip.gui.correct.correcting import Correcting
from napari_corrclip.gui.correct.held_keys import HeldKeys
from napari_corrclip.gui.correct.keys import BOUND, Action
from napari_corrclip.gui.correct.peeking import Peeking
from napari_corrclip.gui.correct.pointer import Pointer
from napari_corrclip.gui.correct.review import Review
from napari_corrclip.gui.correct.splitting import Splitting
from napari_corrclip.gui.correct.spreading import Spreading
from napari_corrclip.gui.correct.sweeping import Sweeping
from napari_corrclip.gui.layers.session_layers import SessionLayers
from napari_corrclip.gui.widgets import is_number_typed
from napari_corrclip.gui.work.said import Tell

if TYPE_CHECKING:
    import napari

HELP = "click selects, a digit assigns its class, D goes to the next: the dock has the keys"
"""What the status bar tells of keys while the mode is on."""
BEGIN = "D"
"""The key that begins while the mode is off; that of the next region."""
PAN_ZOOM = "pan_zoom"
"""The mode of both layers while correct mode is on."""
UNDER_WAY = "A split is under way; finish it with Enter, or leave it with Esc."


class CorrectMode:
    """The tools of correct mode, bound to the keys and the mouse of a session's layers.

    Args:
        viewer: shows the layers.
        layers: of the session.
        tell: is given a sentence after every action and refusal.
        host: a widget of the viewer's window, where keys are watched and questions appear; ``None``: any
            window.

    Attributes:
        on: whether mouse and keys are the mode's.
        correcting: the session and its selection.
        camera: what the canvas shows.
        review: the way through the queue.
        splitting: the split that is under way.
        spreading: the patch that Alt outlines.
        sweeping: the stroke that is being drawn.
        actions: what the keys do.

    Signals (psygnal):
        ended: a tool of napari's was taken, which ended the mode.
        asked: the key that begins was pressed while it was off.
    """

    ended = Signal()
    asked = Signal()

    def __init__(
        self,
        viewer: napari.Viewer,
        layers: SessionLayers,
        tell: Tell,
        host: QWidget | None = None,
    ) -> None:
        correcting = self.correcting = Correcting(viewer, layers, tell, host)
        self.camera = Camera(correcting)
        self.review = Review(correcting, self.camera)
        self.splitting = Splitting(correcting)
        self.spreading = Spreading(correcting)
        self.sweeping = Sweeping(correcting, self.camera)
        self._peeking = Peeking(correcting)
        self.actions = Actions(
            correcting, self.review, self.splitting, self.spreading, self._peeking, self.sweeping
        )
        self._pointer = Pointer(
            correcting, self.camera, self.splitting, self.spreading, self.sweeping
        )
        self._held = HeldKeys(
            self._alt,
            self._peeking.end,
            Qt.Key.Key_H,
            self._spread_digit,
            released=self.actions.let_go,
            host=host,
        )
        self._modes: list[str] = []
        self._letters: dict[str, str] = {}
        self._kept: tuple[int, ...] = ()
        # Another layer is active for a moment whenever one is added.
        self._listening = QTimer()
        self._listening.setSingleShot(True)
        self._listening.setInterval(0)
        self._listening.timeout.connect(self._tell_if_deaf)
        self._deaf = False
        self._offered = False
        self.on = False

    @property
    def session(self) -> Session:
        """The session that is corrected."""
        return self.correcting.session

    @property
    def layers(self) -> SessionLayers:
        """The layers of the session."""
        return self.correcting.layers

    @property
    def selection(self) -> tuple[int, ...]:
        """Ids of the selected regions, in the order in which they were selected."""
        return self.correcting.selection

    def select(self, regions: Iterable[int]) -> None:
        """Select exactly these regions; those that do not exist are left out."""
        self.correcting.select(regions)

    # -- on and off

    def offer(self) -> None:
        """Hear the key that begins, while the mode is off."""
        if self.on or self._offered:
            return
        self._offered = True
        for layer in self.layers.layers:
            layer.bind_key(BEGIN, self._ask, overwrite=True)

    def withdraw(self) -> None:
        """Hear it no more."""
        if not self._offered:
            return
        self._offered = False
        for layer in self.layers.layers:
            layer.bind_key(BEGIN, None)

    def _ask(self, _layer: Labels) -> None:
        if not is_number_typed():
            self.asked.emit()

    def start(self) -> None:
        """Take the mouse and the keys of both layers; what a tool interrupted is selected again."""
        if self.on:
            return
        self.withdraw()
        self.on = True
        viewer, layers = self.correcting.viewer, self.layers.layers
        self._modes = [str(layer.mode) for layer in layers]
        self._pointer.bind()
        for layer in layers:
            layer.mode = PAN_ZOOM
            layer.help = HELP  # napari's own tells of keys that are ours now
            # After napari's own buttons, which show the mode that an event names.
            layer.events.mode.connect(self._tool_taken, position="last")
            for key in BOUND["normal"]:
                layer.bind_key(key, self._bound(key), overwrite=True)
        self._bind_letters()
        CLASS_KEYS.changed.connect(self._bind_letters)
        viewer.mouse_double_click_callbacks.insert(0, self.camera.note)
        viewer.layers.selection.events.changed.connect(self._layers_selected)
        self.session.changed.connect(self._changed)
        self.layers.labels.events.selected_label.connect(self.sweeping.tell_active)
        self._held.start()
        if not self.correcting.is_active:
            viewer.layers.selection.active = self.layers.labels
        self._show_help()
        kept, self._kept = self._kept, ()
        self.select(kept)

    def stop(self) -> None:
        """Give mouse and keys back."""
        if not self.on:
            return
        self.on = False
        viewer = self.correcting.viewer
        self._held.stop()
        self._listening.stop()
        self.splitting.leave()
        self.sweeping.leave()
        self.correcting.take(None)
        self.layers.labels.events.selected_label.disconnect(self.sweeping.tell_active)
        self.session.changed.disconnect(self._changed)
        viewer.layers.selection.events.changed.disconnect(self._layers_selected)
        viewer.mouse_double_click_callbacks.remove(self.camera.note)
        self._pointer.unbind()
        CLASS_KEYS.changed.disconnect(self._bind_letters)
        self._unbind_letters()
        for layer, mode in zip(self.layers.layers, self._modes, strict=True):
            layer.events.mode.disconnect(self._tool_taken)
            for key in BOUND["normal"]:
                layer.bind_key(key, None)
            if layer.help == HELP:
                layer.help = ""
            if str(layer.mode) == PAN_ZOOM:  # else a tool was taken just now
                layer.mode = mode
        self._show_help()
        self.select(())
        self.correcting.outlines.clear()

    def _show_help(self) -> None:
        """Show the active layer's help at once, which napari does when the mouse moves next."""
        viewer = self.correcting.viewer
        active = viewer.layers.selection.active
        if active is not None:
            viewer.help = active.help

    def _tool_taken(self, event: Any) -> None:
        """Make way for a tool of napari's; but not in the middle of a split, which would be lost."""
        layer = event.source
        tool = str(layer.mode)
        if tool == PAN_ZOOM:
            return
        if self.splitting.on:
            layer.mode = PAN_ZOOM
            self.correcting.say_for_now(UNDER_WAY)
            return
        kept = self.selection
        self.stop()
        self._kept = kept
        self.ended.emit()
        self.correcting.say_for_now(
            f"napari's tool {tool.replace('_', ' ')!r} is on, so correct mode is off; "
            "press 'Correct regions' to come back."
        )

    def _layers_selected(self, _event: object = None) -> None:
        self._listening.start()

    def _tell_if_deaf(self) -> None:
        """Say why mouse and keys do nothing where another layer than ours, or several, are selected."""
        if not self.on or self.correcting.is_active:
            self._hear_again()
            return
        selection = self.correcting.viewer.layers.selection
        labels, regions = self.layers.layers
        if labels in selection and regions in selection:
            reason = f"{labels.name!r} and {regions.name!r} are both selected in the layer list"
        else:
            reason = f"Neither {labels.name!r} nor {regions.name!r} is the selected layer"
        self._deaf = True
        self.correcting.say_for_now(f"{reason}; click on one of the two there to correct regions.")

    def _hear_again(self) -> None:
        """Take back that mouse and keys do nothing."""
        deaf, self._deaf = self._deaf, False
        if deaf:
            self.correcting.end_moment()

    def _changed(self, changed: Changed) -> None:
        if not self.splitting.on:  # which sees for itself what is still true
            self.correcting.end_moment()
        if changed.vocabulary:
            self._bind_letters()
        self.splitting.changed(changed)
        self.spreading.changed()
        if self.selection and (changed.regions or changed.removed):
            self.select(self.selection)

    # -- keys

    def _bind_letters(self) -> None:
        """Bind the letters of the classes that there are, with Alt too, as the digits."""
        self._unbind_letters()
        for letter, name in CLASS_KEYS.letters(self.session.vocabulary).items():
            key = letter.replace("+", "-")
            self._letters[key] = self._letters[f"Alt-{key}"] = name
        for layer in self.layers.layers:
            for key in self._letters:
                layer.bind_key(key, self._bound(key), overwrite=True)

    def _unbind_letters(self) -> None:
        for layer in self.layers.layers:
            for key in self._letters:
                layer.bind_key(key, None)
        self._letters = {}

    def _action(self, key: str) -> Action | None:
        """Return what a key is for at this moment."""
        if key not in self._letters:
            return BOUND["splitting" if self.splitting.on else "normal"].get(key)
        if self.splitting.on:
            return None
        name = self._letters[key]
        if key.startswith("Alt-"):
            return lambda actions: actions.spread_class(name)
        return lambda actions: actions.hold_class(name)

    def _bound(self, key: str) -> Callable[[Labels], None]:
        def act(_layer: Labels) -> None:
            if is_number_typed():
                return
            self.actions.let_go()  # of a class whose key is still down
            action = self._action(key)
            if action is None:
                self.correcting.say_for_now(UNDER_WAY)
                return
            try:
                action(self.actions)
            except InputError as error:
                self.correcting.say_for_now(error)

        return act

    def _alt(self, held: bool) -> bool:
        """Outline the patch while Alt is held; return whether it is outlined."""
        on = held and self.correcting.is_active and not self.splitting.on
        self.spreading.outline(on)
        return on

    def _spread_digit(self, digit: str) -> None:
        """Spread by a key that napari does not know as a digit's."""
        try:
            self.actions.spread(digit)
        except InputError as error:
            self.correcting.say_for_now(error)
