"""The choice of networks, where they run and how fine they look."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import napari
import numpy as np
from napari.layers import Labels
from psygnal import Signal
from qtpy.QtCore import Qt
from qtpy.QtGui import QEnterEvent
from qtpy.QtWidgets import QFormLayout, QHBoxLayout, QWidget

from napari_corrclip.engine.recipe import Recipe
from napari_corrclip.engine.window_count import Size
from napari_corrclip.errors import InputError
from napari_corrclip.gui import preferences as configuration
from napari_corrclip.gui.fold import Fold
from napari_corrclip.gui.image.picture import Picture
from napari_corrclip.gui.image.planes import shape_at
from napari_corrclip.gui.model.advanced import Advanced
from napari_corrclip.gui.model.device import DeviceBox
from napari_corrclip.gui.model.weight_files import WeightFiles
from napari_corrclip.gui.model.weights_question import WeightsQuestion
from napari_corrclip.gui.widgets import Label, OwnWindow, button, combo, set_tip
from napari_corrclip.gui.work.choice import (
    DETAILS,
    LAYER,
    REGIONS,
    Choice,
    detail_title,
    source_for,
)
from napari_corrclip.gui.work.controller import Controller
from napari_corrclip.gui.work.estimates import ESTIMATES, about
from napari_corrclip.weights.cache import is_offline
from napari_corrclip.weights.catalogue import get_preset, preset_names
from napari_corrclip.weights.extras import check_extras, missing_extra
from napari_corrclip.weights.fetch import is_here, missing
from napari_corrclip.weights.files import WebFile
from napari_corrclip.wording.markup import plain

_log = logging.getLogger(__name__)


class ModelPanel(Fold):
    """The panel of the networks; :attr:`choice` is what is chosen.

    Args:
        viewer: whose Labels layers are offered as regions.
        controller: fetches and checks the networks' files.

    Signals (psygnal):
        preview: the regions are to be found and shown by themselves.
        unload: the networks are to be let go of.
        refused: why a value cannot be, so that it is as it was.
        agreed: a value is another one now.
        told: a sentence on what was done, or cannot be.
    """

    preview = Signal()
    unload = Signal()
    refused = Signal(object)
    agreed = Signal()
    told = Signal(object)

    def __init__(
        self, viewer: napari.viewer.Viewer, controller: Controller, parent: QWidget | None = None
    ) -> None:
        inside = QWidget()
        super().__init__("Networks", inside, parent)
        self.viewer = viewer
        self._controller = controller
        self._shape: Size | None = None
        self._question = WeightsQuestion()
        self.preset = combo([], "Which networks")
        self._offer_presets()
        self.regions = combo(REGIONS, "Where regions come from: found, or a Labels layer of yours")
        self.regions.setAccessibleName("Regions")
        self.detail = combo(
            [],
            "Short side, in pixels, at which the networks see the image: the preset's own, twice "
            "that, or the image's own. Small things vanish below.",
        )
        for detail in DETAILS:
            self.detail.addItem(detail, detail)
        self.preview_button = button(
            "Preview",
            "Outline the regions that are found, before any class; Advanced has their settings",
        )
        self.preview_button.setAccessibleName("Preview regions")
        self.windows = Label()
        set_tip(self.windows, "Windows of the networks over the image, and the time of a run")
        self.device = DeviceBox()
        self.device.setAccessibleName("Device")
        self.unload_button = button("Unload", "Free the memory that the networks take")
        self.unload_button.clicked.connect(lambda: self.unload.emit())
        self.advanced = Advanced(self._preset_settings, self)
        self.files = WeightFiles(self._question, controller)
        self.advanced.add(self.files)
        self.advanced_button = button(
            "Advanced…", "The method's parameters, the files of the weights, memory"
        )
        self.window_of_advanced = OwnWindow(self.advanced, "CorrCLIP: advanced", self)
        self.advanced_button.clicked.connect(self.open_advanced)
        self.advanced.counted.connect(self._count_changed)
        for pressed in (self.preview_button, self.advanced.regions.preview_button):
            pressed.clicked.connect(lambda: self.preview.emit())
        source = QHBoxLayout()
        source.addWidget(self.regions, 1)
        source.addWidget(self.preview_button)
        device = QHBoxLayout()
        device.addWidget(self.device, 1)
        device.addWidget(self.unload_button)
        more = QHBoxLayout()
        more.addWidget(self.windows, 1)
        more.addWidget(self.advanced_button)
        form = QFormLayout(inside)
        form.setContentsMargins(0, 0, 0, 0)
        form.setVerticalSpacing(4)
        form.addRow("Preset", self.preset)
        form.addRow("Regions", source)
        form.addRow("Detail", self.detail)
        form.addRow("Device", device)
        form.addRow(more)
        self.preset.currentTextChanged.connect(self._preset_chosen)
        self.regions.currentIndexChanged.connect(self._regions_chosen)  # before it is told of
        for widget in (self.regions, self.detail, self.device):
            widget.currentIndexChanged.connect(self.tell_windows)
        self.advanced.changed.connect(self._settings_changed)
        self.advanced.refused.connect(self.refused.emit)
        self.advanced.told.connect(self.told.emit)
        self.advanced.resources.told.connect(self.told.emit)
        self.advanced.resources.told.connect(
            lambda _: self.files.refresh()
        )  # another folder, perhaps
        self.files.told.connect(self.told.emit)
        controller.busy.connect(lambda _: self.allow_preview())
        self.files.show_networks(get_preset(self.preset.currentText()).networks)
        self._settings_changed()
        self.reset_choices()

    def enterEvent(self, event: QEnterEvent | None) -> None:
        """Look for presets that were saved since, before the mouse is at the list."""
        self._offer_presets()
        super().enterEvent(event)

    def _offer_presets(self) -> None:
        for name in preset_names():
            if self.preset.findText(name) >= 0:
                continue
            try:
                preset = get_preset(name)
            except InputError as error:  # a file that somebody is writing, perhaps
                _log.info("%s", error)
                continue
            self.preset.addItem(name)
            self.preset.setItemData(
                self.preset.count() - 1,
                plain(f"{preset.title}. {preset.description}".strip()),
                Qt.ItemDataRole.ToolTipRole,
            )

    @property
    def choice(self) -> Choice:
        """What is chosen; regions of a layer are found by :meth:`choice_for`."""
        settings = self.advanced.settings
        return Choice.of(
            self.preset.currentText(),
            self.device.device,
            self.detail.currentData(),
            self.regions.currentText(),
            None if settings == self._preset_settings else settings,
            region_options=self.advanced.regions.options,
        )

    def choice_for(self, picture: Picture) -> Choice:
        """What is chosen, with the regions of the chosen layer for ``picture``.

        Raises:
            InputError: the layer is not of the picture's size, or a network needs an extra of the package
                that is not installed.
        """
        chosen = self.choice
        check_extras(chosen.recipe.networks)
        layer: Any = self.regions.currentData()
        if layer is None:
            return chosen
        return replace(chosen, given=_regions_of(layer, picture))

    def to_fetch(self, choice: Choice) -> tuple[WebFile, ...]:
        """Return the files that a run would download."""
        # Offline, the run itself says which file is missing and where to put it.
        return () if is_offline() else choice.recipe.missing

    def to_fetch_for_regions(self, choice: Choice) -> tuple[WebFile, ...]:
        """Return the files that finding the regions alone would download."""
        return () if is_offline() else missing(choice.recipe.networks[2:])

    def may_fetch(self, files: Sequence[WebFile]) -> bool:
        """Ask whether files may be downloaded, once."""
        return self._question.ask(files, self)

    def begin(self) -> None:
        """Take what a person set in napari's preferences."""
        configuration.apply(self.told.emit)
        self.advanced.resources.refresh()
        preset = configuration.setting("start", "preset").strip()
        if self.preset.findText(preset) >= 0:
            self.preset.setCurrentText(preset)
        else:
            self.told.emit(
                f"There is no preset {preset!r}, which the preferences name; choose one here."
            )
        self.device.choose(configuration.setting("start", "device").strip() or "auto")

    def reset_choices(self) -> None:
        """Offer the Labels layers that there are."""
        chosen, layer = self.regions.currentText(), self.regions.currentData()
        self.regions.blockSignals(True)
        while self.regions.count() > len(REGIONS):
            self.regions.removeItem(len(REGIONS))
        for labels in self.viewer.layers:
            if (
                isinstance(labels, Labels)
                and labels.editable is not False
                and labels.data.ndim >= 2
            ):
                self.regions.addItem(f"{LAYER}{labels.name}", labels)
        place = self.regions.findText(chosen)
        for index in range(len(REGIONS), self.regions.count()):  # renamed, perhaps
            if layer is not None and self.regions.itemData(index) is layer:
                place = index
        self.regions.setCurrentIndex(max(place, 0))
        self.regions.blockSignals(False)
        self._regions_chosen()
        self.tell_windows()

    def show_run(self, recipe: Recipe) -> str:
        """Choose what a run was made by, but for the device, which is this computer's.

        Returns:
            A sentence on what cannot be chosen any more, and stays as it is; empty where all can.
        """
        gone = []
        if self.preset.findText(recipe.name) < 0:
            gone.append(
                f"the preset {recipe.name!r}" if recipe.name else "the networks of a script"
            )
        else:
            self.preset.setCurrentText(recipe.name)
            if get_preset(recipe.name) != recipe.preset:
                gone.append(f"the preset {recipe.name!r} as it was then")
            files = [network for network in recipe.networks if not is_here(network)]
            gone += [f"the weights {network.title!r}" for network in files]
        source, options = source_for(recipe), recipe.region_options
        if source is None or options is None:
            gone.append("the map that its regions came from")
        else:
            self.regions.setCurrentText(source)
            self.advanced.regions.take(options)
        self.detail.setCurrentIndex(self.detail.findData(recipe.detail))
        self.advanced.take(recipe.settings)
        self.tell_windows()
        if not gone:
            return ""
        return f"Not here any more: {', '.join(gone)}; choose before you run again."

    def show_shape(self, shape: Size | None) -> None:
        """Take the size of the chosen image, for the number of windows."""
        self._shape = shape
        self.tell_windows()

    def tell_windows(self, *_: object) -> None:
        """Show how many windows the image has, and about how long a run takes, if one like it was run."""
        self._summarise()
        if self._shape is None:
            self.windows.setText("")
            return
        rows, columns = self.choice.recipe.windows(self._shape)
        text = f"{rows} × {columns} windows" if rows * columns > 1 else "1 window"
        seconds = ESTIMATES.seconds(self.choice, self._shape)
        self.windows.setText(text if seconds is None else f"{text}, {about(seconds)}")

    def _summarise(self) -> None:
        """Say in the line what is chosen."""
        self.tell(
            f"{self.preset.currentText()}, {self.advanced.regions.title}, "
            f"{self.detail.currentData()}, {self.device.currentText()}"
        )

    def open_advanced(self) -> None:
        """Show the window of the parameters."""
        self.advanced.resources.refresh()
        self.window_of_advanced.open()

    def _count_changed(self, count: int) -> None:
        self.advanced_button.setText(f"Advanced ({count} changed)…" if count else "Advanced…")

    @property
    def _preset_settings(self) -> Any:
        return get_preset(self.preset.currentText()).settings

    def _regions_chosen(self, _: object = None) -> None:
        self.advanced.regions.choose(self.regions.currentText())
        self.allow_preview()

    def allow_preview(self) -> None:
        """Offer the preview while nothing is at work, and where regions are found and not given."""
        ready = not self._controller.running and self.advanced.regions.kind is not None
        for pressed in (self.preview_button, self.advanced.regions.preview_button):
            pressed.setEnabled(ready)

    def _preset_chosen(self, _: str) -> None:
        self.advanced.set_defaults(self._preset_settings)
        self.files.show_networks(get_preset(self.preset.currentText()).networks)
        self._settings_changed()
        extra = missing_extra(self.choice.recipe.networks)
        if extra is not None:
            self.told.emit(extra)

    def _settings_changed(self, *_: object) -> None:
        for number, detail in enumerate(DETAILS):
            self.detail.setItemText(number, detail_title(self.advanced.settings, detail))
        self.tell_windows()
        self.agreed.emit()


def _regions_of(layer: Labels, picture: Picture) -> Any:
    """Return a function that gives the layer's part over ``picture``."""
    data = layer.data
    if data.ndim > 2 and data.ndim - 2 == len(picture.where):
        data = data[picture.where]
    shape, whole = tuple(int(side) for side in data.shape), picture.shape
    if picture.layer is not None and picture.box is not None:
        rows, columns = shape_at(picture.layer, picture.level)[-2:]
        whole = rows, columns
    if shape not in (picture.shape, whole):
        raise InputError(
            f"The layer {layer.name!r} has shape {shape} and the image {picture.shape}; choose a "
            "Labels layer of the image's height and width, or other regions."
        )
    if shape != picture.shape and picture.box is not None:
        top, left, bottom, right = picture.box
        data = data[top:bottom, left:right]
    # As it is now; a person may paint while the run goes on.
    return partial(np.asarray, data.copy() if isinstance(data, np.ndarray) else data)
