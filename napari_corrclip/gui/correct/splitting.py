"""The split of a region by clicks, seen before it is done."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from napari_corrclip.annotation import Changed
from napari_corrclip.annotation.edits.splitting import Divider
from napari_corrclip.errors import InputError
from napari_corrclip.gui.canvas.cover import Dot
from napari_corrclip.gui.canvas.outlines import CUT, KEPT, PART_COLORS, Division
from napari_corrclip.gui.correct.correcting import Correcting
from napari_corrclip.gui.work.jobs import Jobs
from napari_corrclip.images.boxes import window
from napari_corrclip.progress import Progress, Steps

HOW = "Left-click what stays in the region, right-click what is to be cut away; Enter splits, Esc leaves it."


class Splitting:
    """The split that is under way, or none.

    Attributes:
        region: the one that is split; 0: none.
        keep, cut: (row, column) of the clicks.

    Signals (psygnal):
        switched: whether a split is under way.
    """

    switched = Signal(bool)

    def __init__(self, correcting: Correcting) -> None:
        self._correcting = correcting
        self.region = 0
        self.keep: list[tuple[int, int]] = []
        self.cut: list[tuple[int, int]] = []
        self._divider: Divider | None = None
        self._parts: NDArray[np.integer] | None = None
        self._jobs = Jobs()
        self._committing = False
        correcting.selected.connect(self._selected)

    @property
    def busy(self) -> bool:
        """Whether it is being worked out how the region would be divided."""
        return self._jobs.running

    @property
    def on(self) -> bool:
        """Whether a split is under way."""
        return self.region != 0

    def begin(self) -> None:
        """Begin to split the one region that is selected or under the cursor.

        Raises:
            InputError: there is none, there are several, or it is a single pixel.
        """
        targets = self._correcting.targets()
        if len(targets) > 1:
            raise InputError(f"{len(targets)} regions are selected; select the one to split.")
        region = targets[0]
        self._divider = self._correcting.session.divider(region)
        comes = self._correcting.encode(
            "split by points",
            self._renew,
            clicks=True,
            meanwhile="until then clicks divide along edges",
        )
        if self._correcting.selection != (region,):  # to outline a large region takes long
            self._correcting.select(targets)
        self.region = region
        self._draw()
        self._correcting.say_for_now(comes or HOW)
        self.switched.emit(True)

    def _renew(self) -> None:
        """Have the networks divide the region, now that the image is encoded."""
        if not self.on:
            return
        self._divider = self._correcting.session.divider(self.region)
        if self.keep or self.cut:
            self._look(again=True)
        else:
            self._correcting.say_for_now("This image is encoded; clicks ask SAM now.")

    def leave(self) -> None:
        """End the split without a trace."""
        if not self.on:
            return
        self.region = 0
        self.keep.clear()
        self.cut.clear()
        self._divider = self._parts = None
        self._jobs.drop()
        self._correcting.outlines.divide(None)
        self._correcting.end_moment()
        self.switched.emit(False)

    def give_up(self) -> None:
        """Leave the split, and say so."""
        self.leave()
        self._correcting.say("The split was left; nothing has changed.")

    def click(self, at: tuple[int, int], *, cut: bool) -> None:
        """Add a point, and show how the region would be divided."""
        mine, other = (self.cut, self.keep) if cut else (self.keep, self.cut)
        if self._correcting.session.region_at(*at) != self.region:
            self._correcting.say_for_now(f"That is not in region {self.region}; click inside it.")
            return
        if at in other:
            other.remove(at)
        if at not in mine:
            mine.append(at)
        self._look()

    def commit(self) -> None:
        """Split as it is shown, or as soon as it is."""
        parts, region, session = self._parts, self.region, self._correcting.session
        if parts is None:
            self._committing = self.busy
            self._correcting.say_for_now(
                "It is split in a moment …" if self.busy else self._missing()
            )
            return
        mask = np.zeros(session.shape, bool)
        mask[window(session.region(region).box)] = parts == CUT
        self.leave()
        edited = self._correcting.perform(lambda: self._correcting.session.split_mask(region, mask))
        if edited is not None and self._correcting.selection != (region,):
            self._correcting.select([region])

    def _selected(self, selection: tuple[int, ...]) -> None:
        if self.on and selection != (self.region,):
            self.leave()

    def changed(self, changed: Changed) -> None:
        """Follow the session: what is no longer there cannot be split."""
        if not self.on:
            return
        gone = self.region in changed.removed
        if gone or (changed.regions and self.region in changed.updated):
            self.leave()
            self._correcting.say("The region was changed meanwhile; the split was left.")

    def _missing(self) -> str:
        if not self.cut:
            return "Right-click what is to be cut away."
        if not self.keep:
            return "Left-click what is to stay in the region."
        return "The clicks do not divide the region; click on other places, or leave with Esc."

    def _look(self, *, again: bool = False) -> None:
        """Find out in a thread how the clicks divide the region; what former clicks asked is dropped.

        Args:
            again: whether the clicks are those of before, so that it is split by them if that was asked.
        """
        self._jobs.drop()
        self._parts = None
        self._committing = self._committing and again
        divider = self._divider
        self._draw()
        if divider is None or not (self.keep and self.cut):
            self._correcting.say_for_now(self._missing())
            return
        try:
            points = divider.points(self.keep, self.cut)
        except InputError as error:
            self._correcting.say_for_now(error)
            return
        self._correcting.say_for_now("Looking where the region is divided …")
        self._jobs.start(_divided(divider, *points), done=self._divided, failed=self._refused)

    def _divided(self, parts: NDArray[np.integer]) -> None:
        self._parts = parts
        inside, away = int((parts > 0).sum()), int((parts == CUT).sum())
        percent = 100 * away / inside
        share = "Under 1" if percent < 1 else "Over 99" if percent > 99 else f"{percent:.0f}"
        if self._committing:
            self.commit()
            return
        self._draw()
        self._correcting.say_for_now(f"{share} % of the region is cut away; Enter splits it.")

    def _refused(self, error: Exception) -> None:
        self._correcting.say_for_now(
            str(error)
            if isinstance(error, InputError)
            else f"The region cannot be divided ({type(error).__name__}: {error}); click elsewhere."
        )

    def _draw(self) -> None:
        session = self._correcting.session
        box = session.region(self.region).box
        inside = session.regions[window(box)] == self.region
        parts = inside.astype(np.uint8)  # all of it is kept
        if self._parts is not None:
            parts[self._parts == CUT] = CUT
        dots = tuple(
            Dot(place, PART_COLORS[part])
            for part, places in ((KEPT, self.keep), (CUT, self.cut))
            for place in places
        )
        self._correcting.outlines.divide(Division(box, parts, dots))


def _divided(
    divider: Divider, kept: NDArray[np.int64], away: NDArray[np.int64]
) -> Steps[NDArray[np.integer]]:
    yield Progress("divide the region", 0, 1)
    return divider.divide(kept, away)
