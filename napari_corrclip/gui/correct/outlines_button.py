"""The button that chooses by mouse which outlines are shown, and says which are."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from qtpy.QtCore import QPointF, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QPainter, QPaintEvent, QPen, QPolygonF
from qtpy.QtWidgets import QMenu, QPushButton, QWidget

from napari_corrclip.gui.canvas.outlines import Shown
from napari_corrclip.gui.correct.mode import CorrectMode
from napari_corrclip.gui.widgets import set_tip
from napari_corrclip.wording.markup import plain


class OutlinesButton(QPushButton):
    """A menu of what the keys O, Shift+O and C choose, under a picture of what is outlined now."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFixedWidth(44)
        self.setAutoDefault(False)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)  # by mouse, the keys stay with the canvas
        self._mode: CorrectMode | None = None
        self.choices = QMenu(self)
        self.choices.aboutToShow.connect(self._fill)
        self.setMenu(self.choices)
        self._tell()

    def open(self, mode: CorrectMode) -> None:
        """Be about the outlines of a session."""
        self.close_mode()
        self._mode = mode
        mode.correcting.outlines.shown_changed.connect(self._tell)
        self._tell()

    def close_mode(self) -> None:
        """Let go of the session."""
        mode, self._mode = self._mode, None
        if mode is not None:
            mode.correcting.outlines.shown_changed.disconnect(self._tell)
        self._tell()

    def sizeHint(self) -> QSize:
        """Return the size of a button with a word."""
        return QSize(self.width(), QPushButton("Outlines").sizeHint().height())

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw two regions: a thin line where one is outlined, the left one full where it is alone."""
        super().paintEvent(event)
        shown = self._shown
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        ink = self.palette().color(self.foregroundRole())
        place = QRectF(7, (self.height() - 14) / 2, 18, 14)
        left = QPolygonF(
            [
                place.topLeft(),
                QPointF(18, place.top()),
                QPointF(14, place.bottom()),
                place.bottomLeft(),
            ]
        )
        alone = shown.decided_only or shown.of_class is not None
        faint = QColor(ink)
        faint.setAlpha(90)
        painter.setPen(QPen(ink if shown.any and not alone else faint, 1.5))
        painter.drawRect(place)
        painter.setPen(QPen(ink if shown.any else faint, 1.5))
        if shown.any and alone:
            painter.setBrush(faint)
        painter.drawPolygon(left)
        if not shown.any:
            painter.setPen(QPen(ink, 1.5))
            painter.drawLine(place.bottomLeft(), place.topRight())
        painter.end()

    @property
    def _shown(self) -> Shown:
        return Shown() if self._mode is None else self._mode.correcting.outlines.shown

    def _fill(self) -> None:
        """Offer what there is now."""
        self.choices.clear()
        mode = self._mode
        if mode is None:
            return
        shown, actions = mode.correcting.outlines.shown, mode.actions
        _add(self.choices, "Outlines\tO", shown.any, actions.toggle_outlines)
        _add(self.choices, "Decided only\tShift+O", shown.decided_only, actions.toggle_undecided)
        classes = self.choices.addMenu("One class only\tC")
        assert classes is not None
        _add(classes, "All classes", shown.of_class is None, lambda: actions.outline_class(None))
        for entry in mode.session.vocabulary:
            _add(
                classes,
                plain(entry.name).replace("&", "&&"),
                shown.of_class == entry.value,
                partial(actions.outline_class, entry.value),
            )

    def _tell(self) -> None:
        """Say what is shown."""
        mode, shown = self._mode, self._shown
        self.update()
        said = "all regions"
        if not shown.any:
            said = "none"
        elif mode is not None and shown != Shown():
            said = "decided regions" if shown.decided_only else "regions"
            words = mode.session.vocabulary
            if shown.of_class is not None:
                known = shown.of_class in words.values
                said += f" of {words.by_value(shown.of_class).name!r}" if known else " of no class"
            said += " alone"
        set_tip(self, f"Which regions are outlined: {said} (O, Shift+O, C)")
        self.setAccessibleName(f"Outlines: {said}")


def _add(menu: QMenu, text: str, on: bool, call: Callable[[], object]) -> None:
    action = menu.addAction(text)
    assert action is not None
    action.setCheckable(True)
    action.setChecked(on)
    action.triggered.connect(lambda *_: call())
