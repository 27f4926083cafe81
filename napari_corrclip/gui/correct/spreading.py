"""The patch of like regions that Alt outlines, and spreading a class over it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from napari_corrclip.annotation import Edited
from napari_corrclip.errors import InputError
from napari_corrclip.gui.correct.correcting import Correcting


class Spreading:
    """The patch of undecided regions of one prediction around the targets.

    Attributes:
        patch: ids that are outlined, and that Alt and a class assign.
    """

    def __init__(self, correcting: Correcting) -> None:
        self._correcting = correcting
        self.patch: tuple[int, ...] = ()
        self._outlining = False
        self._around: list[int] = []
        correcting.selected.connect(self.follow)

    def outline(self, on: bool) -> None:
        """Outline the patch from now on, or no more."""
        self._outlining = on
        self._around = []
        self.follow()
        if not on and self.patch:
            self.patch = ()
            self._correcting.outlines.mark(())
            self._correcting.end_moment()

    def follow(self) -> None:
        """Outline the patch around what is the target now."""
        if not self._outlining:
            return
        try:
            around = self._correcting.targets()
        except InputError:
            around = []
        if around == self._around:
            return
        self._around = around
        self.patch = self._patch_of(around)
        self._correcting.outlines.mark(self.patch)
        if self.patch:
            self._correcting.say_for_now(
                f"A class now goes to all {len(self.patch)} outlined regions."
            )

    def changed(self) -> None:
        """Find the patch anew, because the session has changed."""
        self._around = []
        self.follow()

    def assign(self, around: Sequence[int], name: str) -> Edited:
        """Assign a class to the patches around regions, as one step.

        Raises:
            InputError: there is no such class or region.
        """
        session = self._correcting.session
        if len(around) == 1:
            return session.spread(around[0], name)
        title = f"Spread {name!r} over {len(self._patch_of(around))} regions"
        with session.step(title):
            each = [session.spread(start, name) for start in around]
        return replace(each[-1], title=title, made=any(edited.made for edited in each))

    def _patch_of(self, around: Sequence[int]) -> tuple[int, ...]:
        patch_of = self._correcting.session.patch_of
        return tuple(dict.fromkeys(region for start in around for region in patch_of(start)))
