"""The review of a session: the regions that are most worth a look, one after another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from napari_corrclip.annotation import Edited, Queue, SmallGroup
from napari_corrclip.errors import InputError
from napari_corrclip.gui.correct.camera import Camera
from napari_corrclip.gui.correct.correcting import DIGITS, Correcting
from napari_corrclip.gui.layers.captions import describe
from napari_corrclip.wording.amounts import count


class Review:
    """The way through the queue of a session.

    Attributes:
        queue: its order stays until it is refreshed by hand, or by what is learnt meanwhile.
        before_next: called before the next region is chosen.
        before_refresh: called before regions are ordered anew by hand.
        hint: returns the name of the class that a region would be of by what was learnt; empty: of none.
    """

    def __init__(self, correcting: Correcting, camera: Camera) -> None:
        self._correcting = correcting
        self._camera = camera
        self.queue = Queue(correcting.session, refresh_every=0)
        self._presented: tuple[int, ...] = ()
        self.before_next: Callable[[], object] = lambda: None
        self.before_refresh: Callable[[], object] = lambda: None
        self.hint: Callable[[int], str] = lambda _: ""

    @property
    def on(self) -> bool:
        """Whether what is selected came from the queue."""
        return bool(self._presented) and self._correcting.selection == self._presented

    @property
    def small(self) -> tuple[int, ...]:
        """The undecided regions that are too small to be looked at one by one."""
        session = self._correcting.session
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
        self.before_next()
        entry = self.queue.next()
        if entry is None:
            self._correcting.say("All regions are decided.")
        elif isinstance(entry, SmallGroup):
            self._correcting.select(entry.ids)
            self._correcting.say_for_now(
                f"Only small regions are left ({len(entry.ids):,}); accept or absorb them all below."
            )
        else:
            self._present(entry)

    def back(self) -> None:
        """Select the region that was looked at before."""
        region = self.queue.back()
        if region is None:
            self._correcting.say("There is no region before this one.")
        else:
            self._present(region)

    def refresh(self) -> None:
        """Order anew what is undecided."""
        self.before_refresh()
        self.queue.refresh()
        self._correcting.say(
            f"The order is new; {self.header()}." if self.queue.left.regions else self.header()
        )

    def accept_small(self) -> Edited | None:
        """Accept the small regions, all that have a class."""
        session, small = self._correcting.session, self.small
        with_class = [region for region in small if session.region(region).predicted]
        if not with_class:
            self._correcting.say("None of the small regions has a class to accept; absorb them.")
            return None
        return self._correcting.perform(lambda: session.accept(with_class))

    def sure(self, threshold: float) -> list[int]:
        """Return the undecided regions whose class has a probability of ``threshold`` or more."""
        least = np.float32(threshold)
        rows = self._correcting.session.rows()
        return [
            row.id
            for row in rows
            if row.verdict is None and row.predicted and np.float32(row.confidence) >= least
        ]

    def accept_sure(self, threshold: float) -> Edited | None:
        """Accept the regions of :meth:`sure` unseen, as one step."""
        found = len(self.sure(threshold))
        if not found:
            self._correcting.say(
                f"No undecided region is as sure as {threshold:g}; choose a lower number."
            )
            return None
        # The session takes what is above; the next lower number is the one to be above of.
        above = max(float(np.nextafter(np.float32(threshold), np.float32(0))), 0.0)
        session, title = (
            self._correcting.session,
            f"Accept {count(found, 'region')} from {threshold:.2f}",
        )

        def accept() -> Edited:
            with session.step(title):  # as the button says it
                return replace(session.accept_above(above), title=title)

        return self._correcting.perform(accept)

    def accept_rest(self) -> Edited | None:
        """Accept all undecided regions that have a class, as one step; says what is left without one."""
        session = self._correcting.session
        rows = [row for row in session.rows() if row.verdict is None]
        with_class = self.sure(0)
        if not with_class:
            self._correcting.say(
                f"No class was found for the {count(len(rows), 'region')} that are left; assign or ignore "
                "them."
                if rows
                else "All regions are decided."
            )
            return None

        def accept() -> Edited:
            edited = session.accept(with_class)
            without = len(rows) - len(with_class)
            if not without:
                return edited
            have = "has" if without == 1 else "have"
            note = f"{count(without, 'region')} {have} no class to accept."
            return replace(edited, notes=(*edited.notes, note))

        return self._correcting.perform(accept)

    def absorb_small(self) -> Edited | None:
        """Let the small regions become part of their neighbours."""
        small = self.small
        if not small:
            self._correcting.say("There are no small regions.")
            return None
        return self._correcting.perform(lambda: self._correcting.session.absorb(small))

    def show(self, region: int) -> bool:
        """Move the camera to a region, as far as needed; return whether that could be, or say why not."""
        try:
            self._camera.show(self._correcting.session.region(region).box)
        except InputError as error:
            self._correcting.say_for_now(error)
            return False
        return True

    def _present(self, region: int) -> None:
        self._correcting.select([region])
        self._presented = self._correcting.selection
        if self.show(region):
            self._correcting.say_for_now(self._invitation(region))

    def _invitation(self, region: int) -> str:
        """Say what a region is and which keys are likeliest: ``#12: water 0.41 (wood 0.38) – …``."""
        session = self._correcting.session
        row = session.region(region)
        caption = f"#{region}: {describe(row, session.vocabulary)}"
        if row.verdict is not None:
            return f"{caption}."
        keys = ["Enter accepts"] if row.predicted else []
        taught = self.hint(region)
        if taught:
            shown = session.vocabulary.by_value(row.predicted).name if row.predicted else "no class"
            keys = [f"Enter = {shown}"] if row.predicted else []
            caption = f"#{region}: {shown} {row.confidence:.2f}, by the lesson {taught}"
        other = taught or self.queue.runner_up(region)
        if other:
            index = session.vocabulary.names.index(other)
            keys.append(f"{DIGITS[index] if index < len(DIGITS) else 'R'} = {other}")
        return f"{caption} – {', '.join(keys)}." if keys else f"{caption}."
