"""The networks that are loaded: one set of them, kept for whoever asks next, in whatever thread."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from napari_corrclip.engine.recipe import Recipe
from napari_corrclip.progress import Progress, Steps

if TYPE_CHECKING:
    from segment_anything.modeling import Sam

    from napari_corrclip.engine.segmenter import Segmenter

_PAUSE = 0.05
"""Seconds between two looks whether another thread has loaded its networks."""


class Networks:
    """The set of networks that was loaded last, for several who take turns or work side by side.

    Networks are not changed by what they compute, so that threads may share them. Two sets may not fit at
    once: the former one is let go of before other towers are loaded, and stays only as long as somebody
    still works with it.

    Attributes:
        loaded: the recipe that was asked for, and what was made of it; ``None``: nothing is kept.
    """

    def __init__(self) -> None:
        self.loaded: tuple[Recipe, Segmenter] | None = None
        self._loading = threading.Lock()
        self._at_work: list[Recipe] = []

    def load_steps(self, recipe: Recipe, sam: Sam | None = None) -> Steps[Segmenter]:
        """Load what a recipe says, as far as it is not loaded.

        Args:
            recipe: the run.
            sam: the preset's SAM on the recipe's device, where it is loaded already.

        Raises:
            InputError: as of :meth:`~napari_corrclip.engine.segmenter.Segmenter.from_recipe`.
            WeightsError: weights are missing and cannot be fetched, or are another network's.
        """
        from napari_corrclip.engine.segmenter import Segmenter  # imports torch

        while not self._loading.acquire(blocking=False):
            yield Progress("load the networks", 0, 1)
            time.sleep(_PAUSE)
        try:
            former = self.loaded
            if former is not None and former[0] == recipe:
                return former[1]
            if former is not None and not former[0].same_towers(recipe):
                self.loaded = former = None
            segmenter = yield from Segmenter.load_steps(
                recipe, former=None if former is None else former[1], sam=sam
            )
            # Work that is not wanted any more ends here.
            yield Progress("load the networks", 1, 1)
            self.loaded = recipe, segmenter
            return segmenter
        finally:
            self._loading.release()

    def let_go(self) -> None:
        """Keep none any more; who works with some goes on."""
        self.loaded = None

    @property
    def is_at_work(self) -> bool:
        """Whether somebody is at work by some for long."""
        return bool(self._at_work)

    @contextlib.contextmanager
    def working(self, recipe: Recipe) -> Iterator[None]:
        """Let others know that somebody is at work for long by the networks of a recipe."""
        self._at_work.append(recipe)
        try:
            yield
        finally:
            self._at_work.remove(recipe)

    def wait_steps(self, recipe: Recipe) -> Steps[None]:
        """Wait as long as somebody is at work by other towers, beside which these might not fit."""
        while any(not other.same_towers(recipe) for other in tuple(self._at_work)):
            yield Progress("wait for the run of the set", 0, 1)
            time.sleep(_PAUSE)
