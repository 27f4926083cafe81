"""The resources: where weights are kept, and how much memory encoded images may take."""

from __future__ import annotations

import shutil
from pathlib import Path

from psygnal import Signal
from qtpy.QtCore import QEvent, Qt
from qtpy.QtGui import QResizeEvent, QShowEvent
from qtpy.QtWidgets import (
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QSizePolicy,
    QWidget,
)

from napari_corrclip.annotation.encoded_cache import FEATURES, GIB, LIMIT_VARIABLE
from napari_corrclip.errors import InputError
from napari_corrclip.gui import preferences as configuration
from napari_corrclip.gui.numbers import NumberBox
from napari_corrclip.gui.widgets import Label, button, set_tip
from napari_corrclip.weights.cache import CACHE_VARIABLE, PREFERENCES, cache_folder


class PathLabel(Label):
    """A path in one line, whose middle gives way where there is no room for all of it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent=parent)
        self.path = ""
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)

    def show_path(self, path: str) -> None:
        """Show another path."""
        self.path = path
        self._fit()

    def resizeEvent(self, event: QResizeEvent | None) -> None:  # noqa: D102
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        middle = Qt.TextElideMode.ElideMiddle
        self.setText(self.fontMetrics().elidedText(self.path, middle, max(self.width(), 40)))


class Resources(QWidget):
    """The folder of weights with its free space, and the limit of the feature cache with what is in use.

    Empty until :meth:`refresh` is called or it is shown.

    Signals (psygnal):
        told: a sentence.
    """

    told = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.folder = PathLabel()
        self.free = Label()
        self.choose_button = button("Choose…", "Keep downloaded weights in another folder")
        self.choose_button.clicked.connect(self.ask)
        self.default_button = button("Default", "Use the system's folder for caches again")
        self.default_button.clicked.connect(lambda: self.choose(""))
        self.choose_button.setAccessibleName("Choose the folder of weights")
        self.default_button.setAccessibleName("Default folder of weights")
        self.limit = NumberBox()
        self.limit.setAccessibleName("Feature cache")
        self.limit.setRange(0, 1024)
        self.limit.setDecimals(1)
        self.limit.setSingleStep(0.5)
        self.limit.setSuffix(" GiB")
        self.limit.setButtonSymbols(NumberBox.ButtonSymbols.NoButtons)  # a narrow dock cuts them
        self.limit.valueChanged.connect(self._limit_edited)
        self.used = Label()
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        buttons.addWidget(self.default_button)
        buttons.addWidget(self.choose_button)
        form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.addRow("weights folder", self.folder)
        form.addRow("", self.free)
        form.addRow("", buttons)
        form.addRow("feature cache", self.limit)
        form.addRow("", self.used)  # beside the limit it would widen the dock

    def refresh(self) -> None:
        """Show what counts now."""
        folder = cache_folder()
        self.folder.show_path(str(folder))
        fixed = configuration.folder_is_of_environment()
        self.choose_button.setEnabled(not fixed)
        self.default_button.setVisible(bool(PREFERENCES.folder) and not fixed)
        self.free.setText(_free(folder))
        kept = (
            "" if configuration.is_kept() else "\nThis napari does not keep it for the next start."
        )
        by = f"\nSet by {CACHE_VARIABLE}, which wins." if fixed else kept
        set_tip(self.folder, f"Downloaded weights are kept in\n{folder}{by}")
        set_tip(
            self.choose_button,
            f"{CACHE_VARIABLE} names the folder; remove it to choose one here."
            if fixed
            else f"Keep downloaded weights in another folder; what there is stays where it is.{kept}",
        )
        fixed = configuration.limit_is_of_environment()
        self.limit.blockSignals(True)
        self.limit.setValue(FEATURES.limit / GIB)
        self.limit.blockSignals(False)
        self.limit.setEnabled(not fixed)
        by = f"\nSet by {LIMIT_VARIABLE}, which wins." if fixed else kept
        set_tip(
            self.limit,
            "Memory for encoded images, of planes and other images too. Above it the least recently\n"
            f"used are let go of: their labels stay, new classes need another run.{by}",
        )
        used = FEATURES.nbytes
        self.used.setText(
            f"{used / GIB:.1f} in use" if used >= GIB / 20 else f"{_mib(used)} in use"
        )

    def ask(self) -> None:
        """Let a person choose the folder of weights."""
        chosen = QFileDialog.getExistingDirectory(
            self, "Folder of weights", str(_existing(cache_folder()))
        )
        if chosen:
            self.choose(chosen)

    def choose(self, folder: str) -> None:
        """Keep weights in ``folder`` from now on; empty: in the system's folder for caches."""
        try:
            configuration.choose_folder(folder)
        except InputError as error:
            self.told.emit(error)
        else:
            self.told.emit(f"Weights are kept in {str(cache_folder())!r} from now on.")
        self.refresh()

    def showEvent(self, event: QShowEvent | None) -> None:  # noqa: D102
        super().showEvent(event)
        self.refresh()

    def event(self, event: QEvent | None) -> bool:  # noqa: D102
        if event is not None and event.type() == QEvent.Type.Enter:
            self.refresh()  # what is in use, before it is read
        return super().event(event)

    def _limit_edited(self, gib: float) -> None:
        try:
            configuration.limit_features(gib)
        except InputError as error:
            self.told.emit(error)
        self.refresh()


def _existing(folder: Path) -> Path:
    """Return the folder, or the nearest above it that there is."""
    return next((path for path in (folder, *folder.parents) if path.is_dir()), folder)


def _free(folder: Path) -> str:
    try:
        free = shutil.disk_usage(_existing(folder)).free
    except OSError:
        return ""
    return f"{free / 1e9:.1f} GB free" if free < 1e11 else f"{free / 1e9:.0f} GB free"


def _mib(used: int) -> str:
    return f"{-(-used // (1 << 20))} MiB"
