"""Spreading a class over a patch of like regions, which is outlined while Alt is held."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from napari_corrclip.annotation import Edited
from napari_corrclip.errors import InputError
from napari_corrclip.gui.correct.overlay import Overlay

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_corrclip.gui.correct.mode import CorrectMode


class Spreading:
    """The patch of undecided regions of one prediction around the targets of ``mode``.

    Attributes:
        patch: ids that are outlined, and that Alt and a class assign.
    """

    def __init__(self, mode: CorrectMode) -> None:
        self._mode = mode
        self.overlay = Overlay(mode.viewer, mode.layers, "patch", {1: (1.0, 0.8, 0.1, 1.0)})
        self.patch: tuple[int, ...] = ()
        self._held = False
        self._around: list[int] = []

    def hold(self, held: bool) -> bool:
        """Outline the patch while Alt is held; return whether it is outlined."""
        mode = self._mode
        usable = mode.viewer.layers.selection.active in mode.layers.layers and not mode.splitting.on
        self._held = held and usable
        self._around = []
        self.follow()
        if not self._held and self.patch:
            self.patch = ()
            self.overlay.hide()
        return self._held

    def follow(self) -> None:
        """Outline the patch around what is the target now."""
        if not self._held:
            return
        try:
            around = self._mode.targets()
        except InputError:
            around = []
        if around == self._around:
            return
        self._around = around
        session = self._mode.session
        self.patch = tuple(
            dict.fromkeys(one for start in around for one in session.patch_of(start))
        )
        self.overlay.outline(self.patch)
        if self.patch:
            self._mode.say(f"A class now goes to all {len(self.patch)} outlined regions.")

    def changed(self) -> None:
        """Look anew at what the patch is."""
        self._around = []
        self.follow()

    def assign(self, around: Sequence[int], name: str) -> Edited:
        """Assign a class to the patches around regions, as one step.

        Raises:
            InputError: there is no such class or region.
        """
        session = self._mode.session
        if len(around) == 1:
            return session.spread(around[0], name)
        whole = {one for start in around for one in session.patch_of(start)}
        title = f"Spread {name!r} over {len(whole)} regions"
        with session.step(title):
            for start in around:
                edited = session.spread(start, name)
        return replace(edited, title=title)
