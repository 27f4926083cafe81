"""The files of the chosen preset: which are here, fetching and checking them without a run."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path

from psygnal import Signal
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from napari_corrclip.gui.model.weights_question import WeightsQuestion
from napari_corrclip.gui.widgets import MarkupLabel, button, set_tip
from napari_corrclip.gui.work.controller import Controller
from napari_corrclip.progress import Steps
from napari_corrclip.weights.fetch import fetch, file_path, missing
from napari_corrclip.weights.files import WebFile
from napari_corrclip.weights.presets import NetworkSpec
from napari_corrclip.weights.verify import FileCheck, verify
from napari_corrclip.wording.amounts import count, size_text

Version = tuple[Path, int, int]
"""A file as it was: its path, size in bytes, and when it was last changed, in nanoseconds."""


class WeightFiles(QWidget):
    """A line a file: which network, how large, by which licence, whether it is here and as published.

    Args:
        question: asks before anything is downloaded.
        controller: fetches and checks in the thread, where nothing else is at work.

    Signals (psygnal):
        told: a sentence.

    Attributes:
        files: those of the preset's networks.
    """

    told = Signal(str)

    def __init__(
        self, question: WeightsQuestion, controller: Controller, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._question = question
        self._controller = controller
        self._checked: dict[Version, FileCheck] = {}
        self.files: tuple[WebFile, ...] = ()
        self._networks: tuple[NetworkSpec, ...] = ()
        self.label = MarkupLabel()
        self.label.setWordWrap(True)
        self.download_button = button("Download", "Fetch what is missing, without a run")
        self.verify_button = button("Verify", "Compare the files with their published checksums")
        self.download_button.clicked.connect(self.download)
        self.verify_button.clicked.connect(self.verify)
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        buttons.addWidget(self.download_button)
        buttons.addWidget(self.verify_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.label)
        column.addLayout(buttons)
        controller.busy.connect(lambda _: self.refresh())  # a run fetches what it misses

    def show_networks(self, networks: Sequence[NetworkSpec]) -> None:
        """Show the files of another preset's networks; those of the demo are part of the package."""
        files = {file_path(file): file for network in networks for file in network.files}
        self.files = tuple(files.values())
        self._networks = tuple(networks)
        self.refresh()

    def refresh(self) -> None:
        """Look what is here now."""
        lines = [
            f"{escape(file.title)} – {size_text(file.size).replace(' ', '&nbsp;')}, "
            f"{escape(file.licence_text)}: "
            f"<b>{self._state(file)}</b>"
            for file in self.files
        ]
        self.label.setText("<br>".join(lines) or "This preset needs no download.")
        set_tip(self.label, "\n".join(str(file_path(file)) for file in self.files))
        self.download_button.setEnabled(bool(missing(self._networks)))
        self.verify_button.setEnabled(bool(self.files))

    def download(self) -> None:
        """Fetch what is missing, if a person agrees."""
        needed = missing(self._networks)
        if not needed or self._is_busy():
            return
        if not self._question.ask(needed, self):
            self.told.emit("Nothing was downloaded.")
            return

        def steps() -> Steps[int]:
            for spec in needed:
                yield from fetch(spec)
            return len(needed)

        def done(files: int) -> None:
            self.refresh()
            self.told.emit(f"{count(files, 'file')} downloaded; all of them are here.")

        self._controller.work(steps(), done, "The download")

    def verify(self) -> None:
        """Compare the files with their checksums, and tell what is wrong with which."""
        files = self.files
        if not files or self._is_busy():
            return

        def steps() -> Steps[list[FileCheck]]:
            checks = []
            for spec in files:
                checks.append((yield from verify(spec)))
            return checks

        def done(checks: list[FileCheck]) -> None:
            for check in checks:
                version = _version(check.path)
                if version is not None:
                    self._checked[version] = check
            self.refresh()
            details = [check.detail for check in checks if check.detail]
            whole = f"{count(len(checks), 'file is', 'files are')} as published."
            self.told.emit(" ".join(details) or whole)

        self._controller.work(steps(), done, "The check of the files")

    def showEvent(self, event: QShowEvent | None) -> None:  # noqa: D102
        super().showEvent(event)
        self.refresh()

    def _is_busy(self) -> bool:
        busy = self._controller.running
        if busy:
            self.told.emit("Something is at work; wait for it or cancel it first.")
        return busy

    def _state(self, spec: WebFile) -> str:
        version = _version(file_path(spec))
        if version is None:
            return "missing"
        check = self._checked.get(version)
        return "here" if check is None else check.state


def _version(path: Path) -> Version | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return path, found.st_size, found.st_mtime_ns
