"""The row that leads from one image of a project to the next; on every page, and gone without a project."""

from __future__ import annotations

from psygnal import Signal
from qtpy import QtGui
from qtpy.QtWidgets import QHBoxLayout, QSizePolicy, QWidget

from napari_corrclip.gui.project.model import ItemsModel
from napari_corrclip.gui.project.review import Review
from napari_corrclip.gui.widgets import Label, button, set_tip
from napari_corrclip.project.project import Project
from napari_corrclip.project.records import ItemState


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
        self.left = Label()
        self.left.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.skip_button = button("Skip", "Leave this image out, and go to the next")
        self.verify_button = button(
            "Verified ✓", "This image is done; go to the next that waits for you (Ctrl+Enter)"
        )
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
        self.hide()

    def _opened(self, project: Project | None) -> None:
        self.setVisible(project is not None)
        self.refresh()

    def refresh(self) -> None:
        """Say which image of how many is shown, and how many are verified."""
        project, record = self._review.project, self._review.record
        if project is None:
            return
        counts = project.count()
        verified, whole = counts.get(ItemState.VERIFIED, 0), sum(counts.values())
        at = None if record is None else self._model.row_of(record)
        rows = self._model.rowCount()
        place = f"{rows:,} images" if at is None else f"{at + 1:,} of {rows:,}"
        text = f"{place} · {verified:,} verified"
        self.left.setText(text)
        set_tip(self.left, f"{verified:,} of {whole:,} images are verified")
        self.verify_button.setEnabled(record is not None and not project.read_only)
        skipped = self._review.to_skip is not None
        self.skip_button.setEnabled(skipped and not project.read_only)
