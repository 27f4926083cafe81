"""Learning: what a person's verdicts teach about the regions that nobody has looked at. NumPy and SciPy."""

from __future__ import annotations

from napari_corrclip.learning.lesson import Lesson
from napari_corrclip.learning.open_image import Foretold, OpenImage, Taught
from napari_corrclip.learning.sitting import Sitting
from napari_corrclip.learning.store import LessonStore
from napari_corrclip.learning.teachers import Teacher

__all__ = ["Foretold", "Lesson", "LessonStore", "OpenImage", "Sitting", "Taught", "Teacher"]
