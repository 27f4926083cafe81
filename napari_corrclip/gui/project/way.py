"""The row that leads from one image of a project to the next; on every page, and gone without a project."""

from __future__ import annotations

from psygnal import Signal
from qtpy import QtGui
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QHBoxLayout, QSizePolicy, QWidget

from napari_corrclip.gui.project.model import ItemsModel, file_name
from napari_corrclip.gui.project.review import Review
from napari_corrclip.gui.widgets import Label, button, set_tip
from napari_corrclip.project.project import Project
from napari_corrclip.project.records import ItemState

SKIP = "Leave {} out, and go to the next"
VERIFY = "{} is done; go to the next that waits for you (Ctrl+Enter)"


class Place(Label):
    """The text of the row, in the room that there is; what does not fit is in its tip."""

    def __init__(self) -> None:
        super().__init__()
        self._unread = ""
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def say(self, text: str) -> None:
        """Show a text."""
        self._unread = ""
        self.setAccessibleName(text)
        self.setText(text)

    def say_unread(self, name: str) -> None:
        """Show that the image of a name cannot be opened."""
        self._unread = name
        self.setAccessibleName(f"{name} cannot be opened")  # whole, where what is seen is cut
        self._fit()

    def resizeEvent(self, event: QtGui.QResizeEvent | None) -> None:  # noqa: D102
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        if not self._unread:
            return
        metrics, room = self.fontMetrics(), self.contentsRect().width()
        text = f"{self._unread} cannot be opened"
        if metrics.horizontalAdvance(text) > room:
            rest = " not opened"
            left = room - metrics.horizontalAdvance(rest)
            text = metrics.elidedText(self._unread, Qt.TextElideMode.ElideMiddle, left) + rest
        self.setText(text)


class WayBar(QWidget):
    """Back, on, how far it is, and *Verified*.

    Args:
        review: shows the images.
        model: the list through which it goes.

    Signals (psygnal):
        stepped: -1 or 1.
        verified: the image is, and the next one is wanted.
        skipped: the image is to be left out.
    """

    stepped = Signal(int)
    verified = Signal()
    skipped = Signal()

    def __init__(self, review: Review, model: ItemsModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._review, self._model = review, model
        self.back_button = button("◀", "The image before in the list (PageUp)")
        self.next_button = button("▶", "The image after in the list (PageDown)")
        self.back_button.setAccessibleName("Image before")
        self.next_button.setAccessibleName("Image after")
        self.left = Place()
        self.skip_button = button("Skip", SKIP.format("this image"))
        self.verify_button = button("Verified ✓", VERIFY.format("This image"))
        self.verify_button.setAccessibleName("Verified, on to the next image")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(4)
        for step in (self.back_button, self.next_button):
            step.setMaximumWidth(28)
            row.addWidget(step)
        row.addWidget(self.left, 1)
        row.addWidget(self.skip_button)
        row.addWidget(self.verify_button)
        self.back_button.clicked.connect(lambda: self.stepped.emit(-1))
        self.next_button.clicked.connect(lambda: self.stepped.emit(1))
        self.skip_button.clicked.connect(lambda: self.skipped.emit())
        self.verify_button.clicked.connect(lambda: self.verified.emit())
        # Of the whole window, the canvas too; only while this is to be seen.
        for keys, act in (
            ("PgUp", lambda: self.stepped.emit(-1)),
            ("PgDown", lambda: self.stepped.emit(1)),
            ("Ctrl+Return", lambda: self.verified.emit()),
            ("Ctrl+Enter", lambda: self.verified.emit()),
        ):
            QtGui.QShortcut(QtGui.QKeySequence(keys), self).activated.connect(act)  # type: ignore[attr-defined]
        review.opened.connect(self._opened)
        review.tried.connect(self.refresh)
        self.hide()

    def _opened(self, project: Project | None) -> None:
        self.setVisible(project is not None)
        self.refresh()

    def refresh(self) -> None:
        """Say which image of how many is shown, and how many are verified."""
        project, record, unread = self._review.project, self._review.record, self._review.unread
        if project is None:
            return
        counts = project.count()
        verified, whole = counts.get(ItemState.VERIFIED, 0), sum(counts.values())
        at = None if record is None else self._model.row_of(record)
        rows = self._model.rowCount()
        place = f"{rows:,} images" if at is None else f"{at + 1:,} of {rows:,}"
        tip = f"{verified:,} of {whole:,} images are verified"
        skipped, done = "this image", "This image"
        if unread is None:
            self.left.say(f"{place} · {verified:,} verified")
        else:
            name = file_name(unread)
            self.left.say_unread(name)
            tip = f"{name!r} cannot be opened; {tip}"
            skipped = f"{name!r}, which cannot be opened,"
            done = done if record is None else f"{file_name(record)!r}, which is shown,"
        set_tip(self.left, tip)
        set_tip(self.skip_button, SKIP.format(skipped))
        set_tip(self.verify_button, VERIFY.format(done))
        self.verify_button.setEnabled(record is not None and not project.read_only)
        self.skip_button.setEnabled(self._review.to_skip is not None and not project.read_only)
