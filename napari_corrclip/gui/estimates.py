"""How long a run will take, by those before it in this process; nothing is said before the first."""

from __future__ import annotations

import math

from napari_corrclip.gui.choice import SAM, SUPERPIXELS, Choice
from napari_corrclip.tiling import Size


class Estimates:
    """Remembers seconds per window, and of regions: of SAM per grid of points, else per pixel.

    What comes after that, classifying and counting, goes by the pixels.
    """

    def __init__(self) -> None:
        self._window: dict[tuple[str, str, int], float] = {}
        self._regions: dict[tuple[str, str, str], float] = {}
        self._rest: dict[tuple[str, str, int], float] = {}

    def note(
        self, choice: Choice, shape: Size, regions: float, encode: float, whole: float
    ) -> None:
        """Remember the seconds of a run on an image of ``shape``.

        Args:
            choice: what ran.
            shape: rows and columns.
            regions: of finding the regions.
            encode: of all windows.
            whole: of the run, from the loaded networks to the session.
        """
        # Classifying and counting go by the pixels.
        self._rest[_towers(choice)] = max(0.0, whole - regions - encode) / math.prod(shape)
        self._window[_towers(choice)] = encode / math.prod(choice.windows(shape))
        self._regions[_source(choice)] = regions / _units(choice, shape)

    def seconds(self, choice: Choice, shape: Size) -> float | None:
        """About how long a run takes; ``None``: there was none like it."""
        window, regions = self._window.get(_towers(choice)), self._regions.get(_source(choice))
        if choice.given is not None:
            regions = 0.0
        if window is None or regions is None:
            return None
        rest = self._rest[_towers(choice)] * math.prod(shape)
        return window * math.prod(choice.windows(shape)) + regions * _units(choice, shape) + rest


def _towers(choice: Choice) -> tuple[str, str, int]:
    return choice.preset, choice.device, choice.base.window


def _source(choice: Choice) -> tuple[str, str, str]:
    # Superpixels run on the CPU, whatever the preset.
    if choice.kind == SUPERPIXELS:
        return "", "", choice.kind
    return choice.preset, choice.device, choice.regions


def _units(choice: Choice, shape: Size) -> int:
    # SAM sees every image at one size.
    return 1 if choice.kind == SAM else math.prod(shape)


def about(seconds: float) -> str:
    """``about 4 s``, ``about 3 min``."""
    if seconds < 90:
        return f"about {max(round(seconds), 1)} s"
    return f"about {seconds / 60:.0f} min"


ESTIMATES = Estimates()
"""Of this process."""
