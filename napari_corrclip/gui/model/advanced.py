"""The method's parameters, each with its symbol in the paper and its default."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, cast, get_args, get_origin

from psygnal import Signal
from qtpy.QtCore import QSize
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFormLayout,
    QLabel,
    QLineEdit,
    QVBoxLayout,
    QWidget,
)

from napari_corrclip.errors import InputError
from napari_corrclip.gui.model.region_settings import RegionSettings
from napari_corrclip.gui.model.resources import Resources
from napari_corrclip.gui.widgets import (
    Column,
    Label,
    Line,
    button,
    combo,
    heading,
    set_reading_order,
    set_tip,
)
from napari_corrclip.gui.work.said import Kind, Said
from napari_corrclip.settings import Settings
from napari_corrclip.vocabulary.numbers import number, whole_number

SYMBOLS: Mapping[str, str] = {
    "similarity": "S, eq. 9, 10",
    "scope": "E, eq. 7, 8",
    "value": "Attn, eq. 9, 10",
    "merging": "z, eq. 5, 6",
    "spatial": "F_spatial, eq. 11",
    "semantic": "F_semantic, eq. 11",
    "correction": "eq. 12",
    "unsegmented": "m₀, eq. 7",
    "tau": "τ, eq. 8",
    "alpha": "α, eq. 11",
    "beta": "β, eq. 11",
    "eps": "ε of DBSCAN, eq. 5, 6",
    "logit_scale": "factor of the softmax over queries",
    "short_side": "S, the short side of the image",
    "long_side": "the long side of the image",
    "window": "side of the sliding window",
    "stride": "step of the sliding window",
    "windows": "not in the paper; changes labels",
    "stitched": "not in the paper; changes labels",
    "batch_size": "not in the paper; memory alone",
}
"""What the paper calls each setting."""
_OWN = "own"
"""What is typed for a short side that is the image's own."""


class Advanced(Column):
    """The group of parameters, in a window of its own; :attr:`settings` are what is chosen.

    Args:
        defaults: the preset's settings.

    Signals (psygnal):
        changed: other :class:`Settings`, or other regions.
        refused: why a value cannot be, so that it is as it was.
        told: a sentence on values that were given up.
        counted: how many values are not the preset's.

    Attributes:
        regions: the settings of the source of regions, which are not of the method.
        resources: the folder of weights, the memory of encoded images.
    """

    changed = Signal(object)
    refused = Signal(object)
    told = Signal(Said)
    counted = Signal(int)

    def __init__(self, defaults: Settings, parent: QWidget | None = None) -> None:
        inside = QWidget()
        super().__init__(inside, parent)
        self.defaults = defaults
        self.settings = defaults
        self.fields: dict[str, QCheckBox | QComboBox | QLineEdit] = {}
        self.labels: dict[str, QLabel] = {}
        form = QFormLayout()
        form.setContentsMargins(0, 0, 0, 0)
        for name in Settings.model_fields:
            self.fields[name] = field = self._field(name)
            self.labels[name] = label = Label(name.replace("_", " "))
            field.setAccessibleName(label.text())
            form.addRow(label, field)
        self.reset_button = button("Reset", "Take the preset's values again")
        self.reset_button.clicked.connect(self.reset)
        form.addRow("", self.reset_button)
        self.regions = RegionSettings()
        self.regions.changed.connect(self._regions_changed)
        self.regions.refused.connect(self.refused.emit)
        column = QVBoxLayout(inside)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.regions.heading)
        column.addWidget(self.regions)
        column.addWidget(heading("Method"))
        column.addLayout(form)
        self.resources = Resources()
        column.addWidget(self.resources)
        self._column = column
        set_reading_order(inside)
        self._show()

    def add(self, widget: QWidget) -> None:
        """Put a widget below the parameters."""
        self._column.addWidget(widget)

    def showEvent(self, event: QShowEvent | None) -> None:
        """Let the two forms have one edge; the font is that of napari from now on."""
        super().showEvent(event)
        labels = [*self.labels.values(), *self.regions.labels.values()]
        width = max(label.sizeHint().width() for label in labels)
        for label in labels:
            label.setMinimumWidth(width)

    def sizeHint(self) -> QSize:  # noqa: D102
        return QSize(380, 560)

    def reset(self) -> None:
        """Take the defaults again."""
        self.regions.reset()
        self._take(self.defaults)

    def take(self, settings: Settings) -> None:
        """Show other settings, those of a session that is gone on with."""
        self._take(settings)

    def set_defaults(self, defaults: Settings) -> None:
        """Take another preset's settings as the defaults; what a person changed stays changed."""
        mine, former = self.settings.model_dump(), self.defaults.model_dump()
        kept = {name: value for name, value in mine.items() if value != former[name]}
        self.defaults = defaults
        try:
            self._take(defaults.replace(**kept))
        except InputError as error:
            self._take(defaults)
            self.told.emit(Said(f"{error} The preset's values are taken.", Kind.WARNING))

    def _regions_changed(self) -> None:
        self._show()
        self.changed.emit(self.settings)

    def _field(self, name: str) -> QCheckBox | QComboBox | QLineEdit:
        kind = Settings.model_fields[name].annotation
        if kind is bool:
            box = QCheckBox()
            box.toggled.connect(lambda on: self._edited(name, on))
            return box
        if get_origin(kind) is Literal:
            choices = combo(get_args(kind), "")
            choices.currentTextChanged.connect(lambda text: self._edited(name, text))
            return choices
        line = Line()
        line.editingFinished.connect(lambda: self._typed(name, line.text()))
        return line

    def _typed(self, name: str, text: str) -> None:
        if text == _text(getattr(self.settings, name)):
            return  # the keyboard went by; what is shown may be rounded
        try:
            value = _number(name, text)
        except InputError as error:
            self._show()
            self.refused.emit(InputError(f"The setting {name!r}: {error}"))
        else:
            self._edited(name, value)

    def _edited(self, name: str, value: object) -> None:
        if value == getattr(self.settings, name):
            self._show()  # such as 0.250 for 0.25
            return
        try:
            settings = self.settings.replace(**{name: value})
        except InputError as error:
            self._show()
            self.refused.emit(error)
        else:
            self._take(settings)

    def _take(self, settings: Settings) -> None:
        former, self.settings = self.settings, settings
        self._show()
        if settings != former:
            self.changed.emit(settings)

    def _show(self) -> None:
        """Show the values; those that are not the preset's are bold."""
        changed = self.regions.count
        for name, field in self.fields.items():
            value, default = getattr(self.settings, name), getattr(self.defaults, name)
            field.blockSignals(True)
            if isinstance(field, QCheckBox):
                field.setChecked(value)
            elif isinstance(field, QComboBox):
                field.setCurrentText(value)
            else:
                field.setText(_text(value))
            field.blockSignals(False)
            changed += value != default
            label = self.labels[name]
            font = label.font()
            font.setBold(value != default)
            label.setFont(font)
            tip = (
                f"{Settings.model_fields[name].description}\nIn the paper: {SYMBOLS[name]}.\n"
                f"Default: {_text(default)}"
            )
            set_tip(label, tip)
            set_tip(field, tip)
        self.reset_button.setEnabled(changed > 0)
        self.counted.emit(changed)


def _text(value: object) -> str:
    if value is None:
        return _OWN
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _number(name: str, text: str) -> object:
    """Return what is typed as a number; what is none as it is, for the settings to refuse.

    Raises:
        InputError: it could be a thousand times as much.
    """
    kind = cast(Any, Settings.model_fields[name].annotation)
    typed = text.strip()
    if kind == int | None and typed.casefold() in (_OWN, "native", ""):
        return None
    found = number(typed) if kind is float else whole_number(typed)
    return typed if found is None else found
