"""The question before anything is downloaded: which files, how large, by whose licence."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path

from qtpy.QtWidgets import QDialog, QDialogButtonBox, QVBoxLayout, QWidget

from napari_corrclip.gui.widgets import MarkupLabel
from napari_corrclip.weights.cache import cache_folder
from napari_corrclip.weights.files import WebFile
from napari_corrclip.wording.amounts import size_text


class WeightsDialog(QDialog):
    """The question whether ``files`` may be downloaded.

    Args:
        files: those that are missing.
        parent: what it stands before.
    """

    def __init__(self, files: Sequence[WebFile], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Download weights")
        total = sum(spec.size for spec in files)
        rows = "".join(
            f"<tr><td>{escape(spec.title)}&nbsp;&nbsp;</td>"
            f"<td align='right'>{size_text(spec.size)}&nbsp;&nbsp;</td>"
            f"<td>{escape(spec.licence_text)}</td></tr>"
            for spec in files
        )
        unfree = [spec for spec in files if not spec.free]
        text = (
            "<p>The networks of this preset are not on this computer yet:</p>"
            f"<table>{rows}</table><p>Together {size_text(total)}, once, into<br>"
            f"{escape(str(cache_folder()))}</p>"
        )
        if unfree:
            names = " and ".join(escape(spec.title) for spec in unfree)
            text += (
                f"<p><b>Not for commercial use:</b> the licence of {names} is Creative Commons "
                f"Attribution-NonCommercial 4.0 ({escape(unfree[0].licence)}). Results may be used "
                "for research and teaching alone.</p>"
            )
        self.label = MarkupLabel(text)
        self.label.setWordWrap(True)
        self.label.setMinimumWidth(420)
        self.buttons = QDialogButtonBox()
        self.download_button = self.buttons.addButton(
            f"Download {size_text(total)}", QDialogButtonBox.ButtonRole.AcceptRole
        )
        self.refuse_button = self.buttons.addButton(
            "Not now", QDialogButtonBox.ButtonRole.RejectRole
        )
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addWidget(self.label)
        layout.addWidget(self.buttons)


class WeightsQuestion:
    """The question, asked once: not again about files that somebody agreed to, after a cut for example.

    For another folder it asks anew.
    """

    def __init__(self) -> None:
        self._agreed: set[tuple[WebFile, Path]] = set()

    def ask(self, files: Sequence[WebFile], parent: QWidget | None = None) -> bool:
        """Return whether ``files`` may be downloaded."""
        new = {(spec, cache_folder()) for spec in files} - self._agreed
        if not new:
            return True
        dialog = WeightsDialog(files, parent)
        agreed = dialog.exec() == QDialog.DialogCode.Accepted
        dialog.deleteLater()
        if agreed:
            self._agreed.update(new)
        return bool(agreed)
