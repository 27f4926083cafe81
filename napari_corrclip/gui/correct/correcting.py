"""The session in correct mode as its tools see it: layers, selected regions, edits and sentences."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from enum import Enum
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from napari_corrclip.annotation import Edited
from napari_corrclip.errors import CorrClipError, InputError
from napari_corrclip.gui.canvas.outlines import Outlines
from napari_corrclip.gui.layers.session_layers import SessionLayers, pixel_at
from napari_corrclip.gui.widgets import waiting
from napari_corrclip.gui.work.said import OVER, Said, Tell, done

if TYPE_CHECKING:
    import napari
    from qtpy.QtWidgets import QWidget

DIGITS = "1234567890"
"""Keys of the first ten classes, in their order."""


class Encode(Protocol):
    """The way to have the image encoded for a tool; see :meth:`.Encoding.ask`."""

    def __call__(
        self,
        what: str,
        then: Callable[[], object],
        *,
        clicks: bool = ...,
        meanwhile: str = ...,
    ) -> str:
        """Return what is to be told of it; empty: the tool does without."""
        ...


def _without_networks(
    what: str,
    then: Callable[[], object],
    *,
    clicks: bool = False,
    meanwhile: str = "",
) -> str:
    return ""


class Tool(Enum):
    """The tools of the mouse: what a plain drag does instead of moving the image."""

    SWEEP = "Sweep"
    LASSO = "Lasso"


class Correcting:
    """A session on the screen, with the regions that are selected: all that a tool of the mode gets.

    Args:
        viewer: shows the layers.
        layers: of the session.
        say: is given a sentence after every action and refusal.
        host: a widget of the viewer's window, where keys are watched and questions appear; ``None``: any
            window.

    Attributes:
        session: of the layers.
        selection: ids of the selected regions, in the order in which they were selected.
        tool: what a plain drag does; ``None``: it moves the image.
        encode: has the image encoded for a tool that asks the networks.

    Signals (psygnal):
        selected: the selection, which is another, or whose regions are.
        tool_taken: the :class:`Tool`, or ``None``.
    """

    selected = Signal(tuple)
    tool_taken = Signal(object)

    def __init__(
        self,
        viewer: napari.Viewer,
        layers: SessionLayers,
        say: Tell,
        host: QWidget | None = None,
    ) -> None:
        self.viewer = viewer
        self.layers = layers
        self.session = layers.session
        self.say = say
        self.host = host
        self.selection: tuple[int, ...] = ()
        self._for_now = False
        self.tool: Tool | None = None
        self.encode: Encode = _without_networks

    @property
    def outlines(self) -> Outlines:
        """What is drawn over the canvas."""
        return self.layers.outlines

    @property
    def is_active(self) -> bool:
        """Whether keys and mouse go to one of the session's layers."""
        return self.viewer.layers.selection.active in self.layers.layers

    def take(self, tool: Tool | None) -> None:
        """Have a plain drag do something else from now on."""
        if tool is not self.tool:
            self.tool = tool
            self.end_moment()
            self.tool_taken.emit(tool)

    def select(self, regions: Iterable[int]) -> None:
        """Select exactly these regions; those that do not exist are left out."""
        self.selection = tuple(
            dict.fromkeys(region for region in regions if self.session.find(region) is not None)
        )
        self.end_moment()
        self.outlines.select(self.selection)
        self.selected.emit(self.selection)

    def say_for_now(self, told: str | CorrClipError) -> None:
        """Say what is true until the selection or the session is another, or :meth:`end_moment`."""
        self._for_now = True
        self.say(replace(Said.of(told), for_now=True))

    def end_moment(self) -> None:
        """Take back what was said for now."""
        if self._for_now:
            self._for_now = False
            self.say(OVER)

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

    def pixel_at(self, position: tuple[float, ...]) -> tuple[int, int]:
        """Return the pixel of the image, (row, column), at a place in the viewer."""
        return pixel_at(self.layers.regions.world_to_data(position[-2:]))

    def place_at(self, position: tuple[float, ...]) -> NDArray[np.float64]:
        """Return the place in the image, whole at the middles of pixels, at a place in the viewer."""
        return np.array(self.layers.regions.world_to_data(position[-2:])[-2:], np.float64)

    def region_at(self, position: tuple[float, ...]) -> int:
        """Return the region at a place in the viewer, 0 where there is none."""
        return self.session.region_at(*self.pixel_at(position))

    def perform(self, action: Callable[[], Edited]) -> Edited | None:
        """Edit the session and say what was done, or why it was not; ``None``: it was refused."""
        try:
            with waiting(self.session.regions.size):
                edited = action()
        except InputError as error:
            self.say_for_now(error)
            return None
        if edited.made:
            self.say(done(edited.title, *edited.notes))
        else:
            self.say(" ".join(["Nothing changed; it was so already.", *edited.notes]))
        return edited
