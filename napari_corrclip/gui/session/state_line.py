"""The line that says which session is open, and whether it is on the disk or in memory only."""

from __future__ import annotations

from qtpy import QtCore
from qtpy.QtWidgets import QHBoxLayout, QWidget

from napari_corrclip.gui.model.resources import PathLabel
from napari_corrclip.gui.widgets import Label, set_tip
from napari_corrclip.gui.work.workspace import Safety, Workspace

TIPS = {
    Safety.SAVED: "All that was corrected is on the disk",
    Safety.WRITING: "What there is so far is being written to the disk",
    Safety.MEMORY: "Nothing keeps this when napari is closed; Save session… on the page Export does",
}


class SessionLine(QWidget):
    """A line in a place that is kept for it; empty where nothing is corrected.

    Args:
        workspace: has the session.
    """

    # What a journal tells from its thread is shown in the widget's.
    _kept = QtCore.Signal()  # type: ignore[attr-defined]

    def __init__(self, workspace: Workspace, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._workspace = workspace
        self.name = PathLabel()
        self.safety = Label()
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.name, 1)
        row.addWidget(self.safety)
        self._kept.connect(self.refresh)
        workspace.kept.connect(self._kept.emit)
        workspace.opened.connect(self.refresh)
        workspace.left.connect(self.refresh)
        self.refresh()

    def refresh(self, *_: object) -> None:
        """Show what is open now."""
        session, picture = self._workspace.session, self._workspace.picture
        if session is None or picture is None:
            self.name.show_path("")
            self.safety.setText("")
            return
        safety, journal = self._workspace.safety, self._workspace.journal
        problem = None if journal is None else journal.problem
        self.name.show_path(" ".join(filter(None, (picture.name, picture.plane))))
        set_tip(self.name, f"Corrected now: {picture.title}")
        self.safety.setText(safety.value)
        set_tip(self.safety, problem if safety is Safety.MEMORY and problem else TIPS[safety])
        weight = "bold" if safety is Safety.MEMORY else "normal"
        self.safety.setStyleSheet(f"font-weight: {weight};")
        self.setAccessibleName(f"Session of {picture.title}: {safety.value}")
