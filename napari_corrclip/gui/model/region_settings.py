"""The settings of the source of regions: how many superpixels, SAM's grid and what of its masks stays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from psygnal import Signal
from qtpy.QtWidgets import QFormLayout, QHBoxLayout, QLabel, QWidget

from napari_corrclip.errors import InputError
from napari_corrclip.gui.widgets import Label, Line, button, heading, set_tip
from napari_corrclip.gui.work.choice import REGIONS, SAM, SUPERPIXELS, regions_title
from napari_corrclip.regions.options import SamOptions, SourceOptions, region_options
from napari_corrclip.vocabulary.numbers import number, whole_number

BY_SIZE = "by size"
"""What is shown, and may be typed, for the number of superpixels that goes by the image's size."""


@dataclass(frozen=True, slots=True)
class Field:
    """A setting as a person reads it.

    Attributes:
        title: in a word or two.
        tip: what it does.
        whole: whether it is a whole number.
    """

    title: str
    tip: str
    whole: bool = False


FIELDS: Mapping[str, Mapping[str, Field]] = {
    SAM: {
        "points_per_side": Field(
            "points per side", "SAM is asked at a grid of so many points, squared", whole=True
        ),
        "iou_threshold": Field(
            "predicted IoU", "Masks that SAM itself rates at this or less are left out; 0 to 1"
        ),
        "stability_threshold": Field(
            "stability", "Masks whose edge moves more than this allows are left out; 0 to 1"
        ),
    },
    SUPERPIXELS: {
        "n_segments": Field(
            "number", f"About how many; {BY_SIZE}: more in a larger image", whole=True
        ),
        "compactness": Field("compactness", "Higher: squarer; lower: closer to the colours"),
    },
}
"""The settings of each source, by the names that scripts use."""


class RegionSettings(QWidget):
    """The fields of the chosen source, and the button that shows what it finds.

    Attributes:
        heading: names the source, above the fields.

    Signals (psygnal):
        changed: other :attr:`options`.
        refused: a sentence, why a value cannot be.
    """

    changed = Signal()
    refused = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._source = next(iter(REGIONS))
        self._changed: dict[str, dict[str, object]] = {kind: {} for kind in FIELDS}
        self.heading = heading("")
        self.lines: dict[str, Line] = {}
        self.labels: dict[str, QLabel] = {}
        self._form = QFormLayout(self)
        self._form.setContentsMargins(0, 0, 0, 0)
        for kind, fields in FIELDS.items():
            for name, field in fields.items():
                self.lines[name] = line = Line()
                self.labels[name] = label = Label(field.title)
                label.setBuddy(line)
                line.setAccessibleName(f"{_title(kind)}: {field.title}")
                line.editingFinished.connect(lambda kind=kind, name=name: self._typed(kind, name))
                self._form.addRow(label, line)
        self.preview_button = button(
            "Preview regions", "Outline the regions that these settings find, before any class"
        )
        self.found = Label()
        row = QHBoxLayout()
        row.addWidget(self.preview_button)
        row.addWidget(self.found, 1)
        self._form.addRow(row)
        self._show()

    @property
    def kind(self) -> str | None:
        """``sam`` or ``superpixels``; ``None``: the regions are given."""
        return REGIONS[self._source][0] if self._source in REGIONS else None

    @property
    def options(self) -> Mapping[str, object]:
        """What differs from what the list of sources stands for."""
        return {} if self.kind is None else self._changed[self.kind]

    @property
    def title(self) -> str:
        """What is chosen, in a few words."""
        kind = self.kind
        known = None if kind is None else {**REGIONS[self._source][1], **self._changed[kind]}
        return regions_title(self._source, None if kind is None else region_options(kind, known))

    @property
    def count(self) -> int:
        """How many values are not those of the list."""
        return len(self.options)

    def choose(self, source: str) -> None:
        """Show the settings of another source of the list; points that it names are its own again."""
        if source == self._source:
            return
        self._source = source
        if self.kind is not None:
            for name in REGIONS[source][1]:
                self._changed[self.kind].pop(name, None)
        self._show()
        self.changed.emit()

    def take(self, options: SourceOptions) -> None:
        """Show the settings by which regions were found."""
        kind = SAM if isinstance(options, SamOptions) else SUPERPIXELS
        defaults = self._defaults(kind)
        self._changed[kind] = {
            name: getattr(options, name)
            for name in FIELDS[kind]
            if getattr(options, name) != getattr(defaults, name)
        }
        self._show()
        self.changed.emit()

    def reset(self) -> None:
        """Take what the list stands for again."""
        if self.count:
            self._changed[self.kind or ""] = {}
            self._show()
            self.changed.emit()

    def _defaults(self, kind: str) -> SourceOptions:
        """Return the options that the list stands for; those of the other kind are the first of it."""
        known = REGIONS[self._source][1] if kind == self.kind else {}
        found = region_options(kind, known)
        assert found is not None  # of a kind that finds regions
        return found

    def _typed(self, kind: str, name: str) -> None:
        text = self.lines[name].text().strip()
        if text == self._text(kind, name):
            return
        try:
            value = _value(name, FIELDS[kind][name], text)
            region_options(kind, {name: value})
        except InputError as error:
            self._show()
            said = str(error).replace(name, repr(FIELDS[kind][name].title), 1)  # as it is read here
            self.refused.emit(InputError(said))
            return
        former = dict(self._changed[kind])
        self._changed[kind].pop(name, None)
        if value != getattr(self._defaults(kind), name):
            self._changed[kind][name] = value
        self._show()
        if self._changed[kind] != former:
            self.changed.emit()

    def _text(self, kind: str, name: str) -> str:
        value = self._changed[kind].get(name, getattr(self._defaults(kind), name))
        if value is None:
            return BY_SIZE
        return f"{value:g}" if isinstance(value, float) else str(value)

    def _show(self) -> None:
        """Show the values of the source; those that are not its own are bold."""
        self.heading.setText(f"Regions: {self.title}")
        for kind, fields in FIELDS.items():
            for name, field in fields.items():
                line, label = self.lines[name], self.labels[name]
                self._form.setRowVisible(line, kind == self.kind)
                line.setText(self._text(kind, name))
                font = label.font()
                font.setBold(name in self._changed[kind])
                label.setFont(font)
                default = getattr(self._defaults(kind), name)
                said = BY_SIZE if default is None else f"{default:g}"
                for widget in (label, line):
                    set_tip(widget, f"{field.tip}\nIn scripts: {name}.\nDefault: {said}")


def _title(kind: str) -> str:
    return "SAM" if kind == SAM else kind


def _value(name: str, field: Field, text: str) -> object:
    """Return what is typed as a number, ``None`` for a number by size; else as it is, to be refused.

    Raises:
        InputError: it could be a thousand times as much.
    """
    if name == "n_segments" and text.casefold() in ("", BY_SIZE):
        return None
    try:
        found = whole_number(text) if field.whole else number(text)
    except InputError as error:
        raise InputError(f"{field.title}: {error}") from None
    return text if found is None else found
