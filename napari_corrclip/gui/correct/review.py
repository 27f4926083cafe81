"""Walking the queue: the regions that are most worth a look, one after another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_corrclip.annotation import Edited, Queue, SmallGroup
from napari_corrclip.gui.correct.keys import DIGITS
from napari_corrclip.gui.layers.captions import describe

if TYPE_CHECKING:
    from napari_corrclip.gui.correct.mode import CorrectMode

LOW, HIGH, GOOD = 0.05, 0.8, 0.3
"""A region under the first share of the view is zoomed to the third; over the second, to the second."""
MARGIN = 0.05
"""Of the view, around a region that the camera moved to."""


class Walk:
    """Goes through the queue for ``mode``.

    Attributes:
        queue: its order stays until it is refreshed by hand.
        at: the selection that the queue made last; () when none did.
    """

    def __init__(self, mode: CorrectMode) -> None:
        self._mode = mode
        self.queue = Queue(mode.session, refresh_every=0)
        self.at: tuple[int, ...] = ()

    @property
    def walking(self) -> bool:
        """Whether what is selected came from the queue."""
        return bool(self.at) and self._mode.selection == self.at

    @property
    def small(self) -> tuple[int, ...]:
        """The undecided regions that are too small to be looked at one by one."""
        session = self._mode.session
        least = self.queue.small * session.shape[0] * session.shape[1]
        return tuple(row.id for row in session.rows() if row.verdict is None and row.area < least)

    def header(self) -> str:
        """Say how much is left: ``37 left ≈ 4 % of the area``."""
        left = self.queue.left
        if not left.regions:
            return "All regions are decided."
        percent = left.share * 100
        share = f"{percent:.0f}" if percent >= 1 else "under 1"
        return f"{left.regions:,} left ≈ {share} % of the area"

    def next(self) -> None:
        """Select the next region and show it."""
        mode = self._mode
        found = self.queue.next()
        if found is None:
            mode.say("All regions are decided.")
        elif isinstance(found, SmallGroup):
            mode.select(found.ids)
            mode.say(
                f"Only small regions are left ({len(found.ids):,}); accept or absorb them all below."
            )
        else:
            self._go(found)

    def back(self) -> None:
        """Select the region that was looked at before."""
        found = self.queue.back()
        if found is None:
            self._mode.say("There is no region before this one.")
        else:
            self._go(found)

    def refresh(self) -> None:
        """Order anew what is undecided."""
        self.queue.refresh()
        self._mode.say(
            f"The order is new; {self.header()}." if self.queue.left.regions else self.header()
        )

    def accept_small(self) -> Edited | None:
        """Accept the small regions, all that have a class."""
        session, small = self._mode.session, self.small
        with_class = [one for one in small if session.region(one).predicted]
        if not with_class:
            self._mode.say("None of the small regions has a class to accept; absorb them.")
            return None
        return self._mode.perform(lambda: session.accept(with_class))

    def absorb_small(self) -> Edited | None:
        """Let the small regions become part of their neighbours."""
        small = self.small
        if not small:
            self._mode.say("There are no small regions.")
            return None
        return self._mode.perform(lambda: self._mode.session.absorb(small))

    def _go(self, region: int) -> None:
        mode = self._mode
        mode.select([region])
        self.at = mode.selection
        if mode.show(region):
            mode.say(self._invitation(region))

    def _invitation(self, region: int) -> str:
        """Say what a region is and which keys are likeliest: ``#12: water 0.41 (wood 0.38) – …``."""
        session = self._mode.session
        row = session.region(region)
        said = f"#{region}: {describe(row, session.vocabulary)}"
        if row.verdict is not None:
            return f"{said}."
        keys = ["Enter accepts"] if row.predicted else []
        other = self.queue.runner_up(region)
        if other:
            index = session.vocabulary.names.index(other)
            keys.append(f"{DIGITS[index] if index < len(DIGITS) else 'R'} = {other}")
        return f"{said} – {', '.join(keys)}." if keys else f"{said}."

    def show(self, region: int) -> None:
        """Move the camera as little as shows a region; zoom if it is tiny or fills the view.

        Raises:
            InputError: other axes than rows and columns are shown.
        """
        mode = self._mode
        box = mode.session.region(region).box
        view = mode.sight.in_view()
        camera = mode.camera
        extent = view[2] - view[0], view[3] - view[1]
        share = max((box[2] - box[0]) / extent[0], (box[3] - box[1]) / extent[1])
        # Where all of the image is seen, no zoom shows more.
        height, width = mode.session.shape
        everything = view[0] <= 0 and view[1] <= 0 and view[2] >= height and view[3] >= width
        if share < LOW or (share > HIGH and not everything):
            middle = ((box[0] + box[2] - 1) / 2, (box[1] + box[3] - 1) / 2)
            mode.sight.look_at(mode.layers.regions.data_to_world(middle)[-2:])
            camera.zoom *= (GOOD if share < LOW else HIGH) / share
            return
        by = [
            _shift(box[axis], box[axis + 2], view[axis], view[axis + 2], MARGIN * extent[axis])
            for axis in (0, 1)
        ]
        if any(by):
            regions = mode.layers.regions
            moved = [
                to - at
                for to, at in zip(
                    regions.data_to_world(by)[-2:], regions.data_to_world((0, 0))[-2:], strict=True
                )
            ]
            row, column = mode.sight.looks_at()
            mode.sight.look_at((row + moved[0], column + moved[1]))


def _shift(low: float, high: float, first: float, last: float, margin: float) -> float:
    """Return by how much a view must move to hold ``low`` to ``high``."""
    if low < first:
        return low - margin - first
    if high > last:
        return high + margin - last
    return 0.0
