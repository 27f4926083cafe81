"""Correct mode: regions are selected by mouse and decided by keys."""

from napari_corrclip.gui.correct.keys import help_text
from napari_corrclip.gui.correct.mode import CorrectMode
from napari_corrclip.gui.correct.panel import CorrectPanel

__all__ = ["CorrectMode", "CorrectPanel", "help_text"]
