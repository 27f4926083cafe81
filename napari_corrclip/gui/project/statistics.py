"""The window of a project's figures, drawn by matplotlib in a thread."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from qtpy.QtGui import QPixmap
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_corrclip.errors import CorrClipError, InputError
from napari_corrclip.gui.project.view import COLORS
from napari_corrclip.gui.widgets import Label, OwnWindow
from napari_corrclip.gui.work.jobs import Jobs
from napari_corrclip.gui.work.said import Kind, Said, Tell
from napari_corrclip.progress import Progress, Steps
from napari_corrclip.project.project import Project
from napari_corrclip.project.statistics import BINS, Figures
from napari_corrclip.vocabulary import Vocabulary

MOST = 25
"""So many classes have a bar; of more, those with the largest area."""


class StatisticsWindow:
    """The window, made when it is asked for.

    Args:
        parent: with which it goes.
        tell: is given a sentence.
    """

    def __init__(self, parent: QWidget, tell: Tell) -> None:
        self._tell = tell
        self._jobs = Jobs()
        inside = QWidget()
        self.picture, self.text = Label(), Label()
        self.picture.setAccessibleName("Figures of the project")
        column = QVBoxLayout(inside)
        column.addWidget(self.picture)
        column.addWidget(self.text)
        self.window = OwnWindow(inside, "CorrCLIP: statistics", parent)

    def open(self, project: Project) -> None:
        """Count and draw; the window comes when that is done."""
        self._jobs.start(_steps(project.folder), done=self._show, failed=self._failed)

    def close(self) -> None:
        """Draw nothing any more."""
        self._jobs.drop()
        self.window.close()

    def _show(self, drawn: tuple[Figures, bytes]) -> None:
        found, png = drawn
        pixmap = QPixmap()
        pixmap.loadFromData(png)
        self.picture.setPixmap(pixmap)
        said = said_of(found)
        self.text.setText(said)
        self.picture.setAccessibleDescription(said)
        self.window.open()

    def _failed(self, error: Exception) -> None:
        if isinstance(error, CorrClipError):
            self._tell(error)
        else:
            self._tell(Said(f"The figures cannot be drawn ({error}).", Kind.WARNING))


def said_of(found: Figures) -> str:
    """Return the figures in a few words."""
    images = ", ".join(f"{number:,} {state}" for state, number in found.states.items())
    regions = sum(row.regions for row in found.classes)
    decided = sum(row.decided for row in found.classes)
    return f"{images or 'no image'}; {decided:,} of {regions:,} regions decided by hand"


def _steps(folder: Path) -> Steps[tuple[Figures, bytes]]:
    yield Progress("count", 0, 2)
    with Project.open(folder, read_only=True) as project:
        found, words = project.figures(), project.vocabulary
    yield Progress("draw", 1, 2)
    return found, draw(found, words)


def draw(found: Figures, words: Vocabulary) -> bytes:
    """Return a picture of the figures, as a PNG.

    Raises:
        InputError: matplotlib is not installed.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise InputError(
            "Statistics are drawn by matplotlib, which is not installed; pip install "
            '"napari-corrclip[effort]".'
        ) from None
    rows = [row for row in found.classes if row.regions]
    rows = sorted(rows, key=lambda row: -row.area)[:MOST]
    figure = Figure(
        figsize=(9.5, 2.6 + 0.18 * max(len(rows) - 6, 0)), dpi=100, layout="constrained"
    )
    FigureCanvasAgg(figure)
    states, classes, certainty = figure.subplots(1, 3, width_ratios=(1, 1.5, 1))
    _bars(states, [str(state) for state in found.states], list(found.states.values()))
    for bar, state in zip(states.patches, found.states, strict=True):
        bar.set_color(COLORS[state])
    states.set_title("images by state")
    whole = sum(row.area for row in found.classes) or 1
    _bars(
        classes,
        [f"{row.name} ({row.images:,})" for row in rows],
        [100 * row.area / whole for row in rows],
    )
    for bar, row in zip(classes.patches, rows, strict=True):
        color = words.by_value(row.value).color if row.value in words.values else (128, 128, 128)
        bar.set_color(tuple(part / 255 for part in color[:3]))
    classes.set_title("area of each class, % (images)")
    certainty.bar(
        [(number + 0.5) / BINS for number in range(BINS)], found.certainty, width=0.9 / BINS
    )
    certainty.set_title("regions nobody decided")
    certainty.set_xlabel("probability of their class")
    certainty.set_xlim(0, 1)
    data = io.BytesIO()
    figure.savefig(data, format="png")
    return data.getvalue()


def _bars(axes: Any, names: list[str], numbers: list[float]) -> None:
    axes.barh(range(len(names)), numbers)
    # Names of classes are no markup.
    axes.set_yticks(range(len(names)), [name.replace("$", r"\$") for name in names])
    axes.invert_yaxis()
