"""The sweep: a class goes to all regions that one stroke of the mouse touches, as one step."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.gui.correct.camera import Camera
from napari_corrclip.gui.correct.correcting import Correcting, Tool
from napari_corrclip.maps.strokes import line, touched

REACH = 1.5
"""Half of a stroke's width, in pixels of the screen: what is so near to the cursor counts as touched."""


class Sweeping:
    """The stroke that is under way, or none.

    Attributes:
        held: the class whose key is held; a drag sweeps it, whatever the tool is.
        regions: ids that the stroke has touched, in their order.
    """

    def __init__(self, correcting: Correcting, camera: Camera) -> None:
        self._correcting = correcting
        self._camera = camera
        self.held: str | None = None
        self.regions: dict[int, None] = {}
        self._name: str | None = None
        self._last: NDArray[np.float64] | None = None

    @property
    def under_way(self) -> bool:
        """Whether a stroke is being drawn."""
        return self._name is not None

    def ready(self) -> str | None:
        """Return the class that a drag would sweep; ``None``: none."""
        if self.held is not None:
            return self.held
        return self.active() if self._correcting.tool is Tool.SWEEP else None

    def active(self) -> str | None:
        """Return the active class: that of the selected row, which the brush paints as well."""
        value = int(self._correcting.layers.labels.selected_label)
        words = self._correcting.session.vocabulary
        return words.by_value(value).name if value in words.values else None

    def switch(self) -> None:
        """Take the tool, or put it down."""
        correcting = self._correcting
        on = correcting.tool is not Tool.SWEEP
        correcting.take(Tool.SWEEP if on else None)
        if on:
            self.tell_active()
        else:
            correcting.say("A drag moves the image again.")

    def tell_active(self, _event: object = None) -> None:
        """Say what a drag sweeps, while the tool is taken."""
        correcting, name = self._correcting, self.active()
        if correcting.tool is not Tool.SWEEP:
            return
        if name is None:
            correcting.say_for_now(
                "A drag sweeps the active class; click on a class in the table first."
            )
        else:
            correcting.say_for_now(
                f"A drag assigns {name!r} to all regions that it touches; Esc ends it."
            )

    def begin(self, name: str, position: tuple[float, ...]) -> None:
        """Begin a stroke of a class at a place in the viewer; a key that is held has done its work."""
        self._name = name
        self.held = None
        self._last = None
        self.regions = {}
        self.reach(position)

    def reach(self, position: tuple[float, ...]) -> None:
        """Go on straight to a place in the viewer, and show what is touched in the colour of the class.

        All that the line crosses is touched, however far the mouse has come since it was heard of last.
        """
        if self._name is None:
            return
        place = self._correcting.place_at(position)
        corners = line(
            place if self._last is None else self._last, place, self._camera.to_screen(), REACH
        )
        self._last = place
        found = np.unique(self._correcting.session.regions[touched(corners, self._shape)]).tolist()
        new = [region for region in found if region and region not in self.regions]
        if new:
            self.regions.update(dict.fromkeys(new))
            self._show()

    def commit(self) -> None:
        """Assign the class to all that was touched, decided or not, as its key does."""
        name, regions = self._name, self.regions
        self._end()
        session = self._correcting.session
        touched = [region for region in regions if session.find(region) is not None]
        if name is None:
            return
        if not touched:
            self._correcting.say_for_now("The stroke touched no region.")
            return
        self._correcting.perform(lambda: session.assign(touched, name))

    def give_up(self) -> None:
        """Take the stroke back, and say so."""
        self._end()
        self._correcting.say("The stroke was taken back; nothing has changed.")

    def leave(self) -> None:
        """Forget the stroke without a word, and what is held."""
        self.held = None
        if self.under_way:
            self._end()

    @property
    def _shape(self) -> tuple[int, int]:
        return self._correcting.session.shape

    def _end(self) -> None:
        self._name = self._last = None
        self.regions = {}
        self._correcting.outlines.sweep(0, ())

    def _show(self) -> None:
        assert self._name is not None
        words = self._correcting.session.vocabulary
        if self._name in words.names:
            value = words.values[words.index(self._name)]
            self._correcting.outlines.sweep(value, self.regions)
