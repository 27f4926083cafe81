"""The window of a project's figures, drawn by matplotlib in a thread, in the colours of napari's theme."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import napari
from napari.utils.theme import get_theme
from qtpy.QtGui import QPixmap
from qtpy.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from napari_corrclip.errors import CorrClipError, InputError
from napari_corrclip.gui.project.view import COLORS
from napari_corrclip.gui.widgets import Label, OwnWindow
from napari_corrclip.gui.words.rolling import RollUpChoice
from napari_corrclip.gui.work.jobs import Jobs
from napari_corrclip.gui.work.said import Kind, Said, Tell
from napari_corrclip.progress import Progress, Steps
from napari_corrclip.project.project import Project
from napari_corrclip.project.records import ItemState
from napari_corrclip.project.statistics import BINS, Figures
from napari_corrclip.vocabulary import RollUp, Vocabulary

MOST = 25
"""So many classes have a bar; of more, those with the largest area."""


CERTAINTY = COLORS[ItemState.RUNNING]
"""A colour that is seen on a dark ground and on a light one."""


@dataclass(frozen=True, slots=True)
class Look:
    """The colours of a picture, as matplotlib takes them.

    Attributes:
        ground: what is drawn on.
        ink: of text and lines.
    """

    ground: str
    ink: str

    @classmethod
    def of(cls, theme: str) -> Look:
        """Return those of a theme of napari's."""
        colors = get_theme(theme)
        return cls(colors.background.as_hex(), colors.text.as_hex())


class StatisticsWindow:
    """The window, made when it is asked for.

    Args:
        viewer: whose theme it has.
        parent: with which it goes.
        tell: is given a sentence.
    """

    def __init__(self, viewer: napari.viewer.Viewer, parent: QWidget, tell: Tell) -> None:
        self._viewer, self._tell = viewer, tell
        self._jobs = Jobs()
        self._folder: Path | None = None  # whose figures are shown
        inside = QWidget()
        self.roll_up = RollUpChoice()
        self.picture, self.text = Label(), Label()
        self.picture.setAccessibleName("Figures of the project")
        column = QVBoxLayout(inside)
        column.addLayout(self._counted())
        column.addWidget(self.picture)
        column.addWidget(self.text)
        self.window = OwnWindow(inside, "CorrCLIP: statistics", parent)
        self.roll_up.changed.connect(self._draw_again)
        viewer.events.theme.connect(self._take_theme)

    def _counted(self) -> QHBoxLayout:
        """Return the row of what classes count as."""
        self._named = Label("Classes count")
        self._named.setBuddy(self.roll_up.box)
        row = QHBoxLayout()
        row.addWidget(self._named)
        row.addWidget(self.roll_up)
        row.addStretch(1)
        return row

    def open(self, project: Project) -> None:
        """Count and draw; the window comes when that is done."""
        self._folder = project.folder
        there = self.roll_up.show_words(project.vocabulary)
        for part in (self._named, self.roll_up):
            part.setVisible(there)
        self._draw(project.folder)

    def close(self) -> None:
        """Draw nothing any more."""
        self.let_go()
        self.window.close()

    def let_go(self) -> None:
        """Hear nothing more, and touch no widget: they are being deleted."""
        self._jobs.drop()
        self._viewer.events.theme.disconnect(self._take_theme)

    def _draw(self, folder: Path) -> None:
        try:
            to = self.roll_up.value
        except InputError as error:
            self.text.setText(str(error))
            return
        steps = _steps(folder, Look.of(self._viewer.theme), to)
        self._jobs.start(steps, done=self._show, failed=self._failed)

    def _take_theme(self, _event: object = None) -> None:
        self._draw_again()

    def _draw_again(self) -> None:
        if self._folder is not None and self.picture.isVisible():
            self._draw(self._folder)

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


def _steps(folder: Path, look: Look, roll_up: RollUp | None) -> Steps[tuple[Figures, bytes]]:
    yield Progress("count", 0, 2)
    with Project.open(folder, read_only=True) as project:
        found, words = project.figures(roll_up=roll_up), project.vocabulary
    yield Progress("draw", 1, 2)
    return found, draw(found, words, look)


def draw(found: Figures, words: Vocabulary, look: Look) -> bytes:
    """Return a picture of the figures, as a PNG.

    Args:
        found: what is drawn.
        words: have the colours of classes.
        look: all other ones.

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
        figsize=(9.5, 2.6 + 0.18 * max(len(rows) - 6, 0)),
        dpi=100,
        layout="constrained",
        facecolor=look.ground,
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
        bar.set_facecolor(tuple(part / 255 for part in color[:3]))
        bar.set_edgecolor(look.ink)  # one may have the colour of the ground
    classes.set_title("area of each class, % (images)")
    certainty.bar(
        [(number + 0.5) / BINS for number in range(BINS)],
        found.certainty,
        width=0.9 / BINS,
        color=CERTAINTY,
    )
    certainty.set_title("regions nobody decided")
    certainty.set_xlabel("probability of their class")
    certainty.set_xlim(0, 1)
    for axes in (states, classes, certainty):
        _dress(axes, look)
    data = io.BytesIO()
    figure.savefig(data, format="png")
    return data.getvalue()


def _bars(axes: Any, names: list[str], numbers: list[float]) -> None:
    axes.barh(range(len(names)), numbers)
    # Names of classes are no markup.
    axes.set_yticks(range(len(names)), [name.replace("$", r"\$") for name in names])
    axes.invert_yaxis()


def _dress(axes: Any, look: Look) -> None:
    """Give axes the colours of a theme; matplotlib's own settings are everybody's."""
    axes.set_facecolor(look.ground)
    axes.tick_params(colors=look.ink)
    for line in axes.spines.values():
        line.set_color(look.ink)
    for text in (axes.title, axes.xaxis.label):
        text.set_color(look.ink)
