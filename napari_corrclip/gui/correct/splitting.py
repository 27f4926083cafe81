"""Splitting a region by clicks, seen before it is done."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_corrclip.annotation import Changed
from napari_corrclip.annotation.boxes import Box, window
from napari_corrclip.errors import InputError
from napari_corrclip.gui.correct.overlay import Overlay

if TYPE_CHECKING:
    from napari_corrclip.gui.correct.mode import CorrectMode

_KEPT, _CUT, _POINT = 1, 2, 3
_COLORS = {
    _KEPT: (0.1, 0.75, 0.95, 1.0),
    _CUT: (0.95, 0.2, 0.65, 1.0),
    _POINT: (1.0, 1.0, 1.0, 1.0),
}
DOT = 3.0
"""Radius of a clicked point, in pixels of the screen."""


class Splitting:
    """One split that is under way in ``mode``, or none.

    Attributes:
        region: the one that is split; 0: none.
        keep, cut: (row, column) of the clicks.
    """

    def __init__(self, mode: CorrectMode) -> None:
        self._mode = mode
        self.overlay = Overlay(mode.viewer, mode.layers, "split preview", _COLORS, opacity=0.65)
        self.region = 0
        self.keep: list[tuple[int, int]] = []
        self.cut: list[tuple[int, int]] = []
        self._mask: np.ndarray[tuple[int, ...], np.dtype[np.bool_]] | None = None

    @property
    def on(self) -> bool:
        """Whether a split is under way."""
        return self.region != 0

    def begin(self) -> None:
        """Begin to split the one region that is selected or under the cursor.

        Raises:
            InputError: there is none, there are several, or it is a single pixel.
        """
        targets = self._mode.targets()
        if len(targets) > 1:
            raise InputError(f"{len(targets)} regions are selected; select the one to split.")
        region = targets[0]
        if self._mode.session.region(region).area < 2:
            raise InputError(f"Region {region} is a single pixel; there is nothing to split.")
        self._mode.select(targets)
        self.region = region
        self._draw()
        self._mode.say(
            "Left-click what stays in the region, right-click what is to be cut away; Enter splits, "
            "Esc leaves it."
        )
        self._mode.moment.emit("splitting")

    def leave(self) -> None:
        """End the split without a trace."""
        if not self.on:
            return
        self.region = 0
        self.keep.clear()
        self.cut.clear()
        self._mask = None
        self.overlay.hide()
        self._mode.moment.emit("normal")

    def click(self, at: tuple[int, int], *, cut: bool) -> None:
        """Add a point, and show how the region would be divided."""
        mine, other = (self.cut, self.keep) if cut else (self.keep, self.cut)
        if self._mode.session.region_at(*at) != self.region:
            self._mode.say(f"That is not in region {self.region}; click inside it.")
            return
        if at in other:
            other.remove(at)
        if at not in mine:
            mine.append(at)
        self._look()

    def commit(self) -> None:
        """Split as it is shown."""
        mask, region = self._mask, self.region
        if mask is None:
            self._mode.say(self._missing())
            return
        self.leave()
        edited = self._mode.perform(lambda: self._mode.session.split_mask(region, mask))
        if edited is not None:
            self._mode.select([region])

    def changed(self, changed: Changed) -> None:
        """Follow the session: what is no longer there cannot be split."""
        if not self.on:
            return
        gone = self.region in changed.removed
        if gone or (changed.regions and self.region in changed.updated):
            self.leave()
            self._mode.say("The region was changed meanwhile; the split was left.")

    def _missing(self) -> str:
        if not self.cut:
            return "Right-click what is to be cut away."
        if not self.keep:
            return "Left-click what is to stay in the region."
        return "The clicks do not divide the region; click on other places, or leave with Esc."

    def _look(self) -> None:
        self._mask = None
        if self.keep and self.cut:
            try:
                box, parts = self._mode.session.split_preview(self.region, self.keep, self.cut)
            except InputError as error:
                self._draw()
                self._mode.say(str(error))
                return
            self._mask = np.zeros(self._mode.session.shape, bool)
            self._mask[window(box)] = parts == _CUT
            inside, away = int((parts > 0).sum()), int((parts == _CUT).sum())
            percent = 100 * away / inside
            share = "Under 1" if percent < 1 else "Over 99" if percent > 99 else f"{percent:.0f}"
            self._mode.say(f"{share} % of the region is cut away; Enter splits it.")
        else:
            self._mode.say(self._missing())
        self._draw()

    def _draw(self) -> None:
        session = self._mode.session
        box = session.region(self.region).box
        inside = session.regions[window(box)] == self.region
        shown = inside.astype(np.uint8)
        if self._mask is not None:
            shown[self._mask[window(box)]] = _CUT
        radius = DOT / self._mode.pixel_on_screen()
        for points, color in ((self.keep, _KEPT), (self.cut, _CUT)):
            for row, column in points:
                _dot(shown, box, (row, column), radius, color)
        self.overlay.show(box, shown)


def _dot(
    shown: np.ndarray[tuple[int, ...], np.dtype[np.uint8]],
    box: Box,
    at: tuple[int, int],
    radius: float,
    color: int,
) -> None:
    """Draw a white point with its kind's colour in the middle, where there is room for one."""
    rows, columns = np.ogrid[: shown.shape[0], : shown.shape[1]]
    away = (rows + box[0] - at[0]) ** 2 + (columns + box[1] - at[1]) ** 2
    shown[away <= radius**2] = _POINT
    if radius >= 2:
        shown[away <= (radius / 2) ** 2] = color
