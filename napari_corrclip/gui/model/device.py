"""The list of devices: only those that there are, with their memory."""

from __future__ import annotations

from qtpy.QtWidgets import QComboBox, QWidget

from napari_corrclip._torch_import import prepare_imports
from napari_corrclip.gui.widgets import set_tip
from napari_corrclip.gui.work.jobs import Jobs
from napari_corrclip.progress import Progress, Steps


class DeviceBox(QComboBox):
    """The list with ``auto`` and ``cpu``, which looks for more in a thread when it is first opened.

    torch takes seconds to import, which nobody should wait for who only wants to look at an image.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        set_tip(self, "Where the networks run; auto is the fastest")
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(10)
        self._jobs = Jobs()
        self.listed = False
        for name in ("auto", "cpu"):
            self.addItem(name, name)

    @property
    def device(self) -> str:
        """The name of the chosen one."""
        return str(self.currentData())

    def choose(self, device: str) -> None:
        """Choose a device by its name; whether there is such a one, the run finds out."""
        if self.findData(device) < 0:
            self.addItem(device, device)
        self.setCurrentIndex(self.findData(device))

    def showPopup(self) -> None:
        """Open the list, and look for devices the first time."""
        if not self.listed and not self._jobs.running:
            self.addItem("looking for devices …", self.device)
            self._jobs.start(_look(), done=self._list, failed=lambda _: self._list([]))
        super().showPopup()

    def close_jobs(self) -> None:
        """Stop looking; nobody listens any more."""
        self._jobs.drop()

    def _list(self, found: list[tuple[str, str]]) -> None:
        self.listed = bool(found)
        chosen, view = self.device, self.view()
        opened = view is not None and view.isVisible()
        self.blockSignals(True)
        self.clear()
        best = f"auto ({found[0][0]})" if found else "auto"
        for name, title in [("auto", best), *(found or [("cpu", "cpu")])]:
            self.addItem(title, name)
        self.setCurrentIndex(max(self.findData(chosen), 0))
        self.blockSignals(False)
        if opened:  # its size is that of the former list
            self.hidePopup()
            super().showPopup()


def _look() -> Steps[list[tuple[str, str]]]:
    yield Progress("look for devices", 0, 1)
    prepare_imports()
    from napari_corrclip.devices import available_devices, short_description

    return [(name, short_description(name)) for name in available_devices()]
