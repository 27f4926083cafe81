"""The choices of an export in the format of a trainer."""

from __future__ import annotations

from typing import get_args

from psygnal import Signal
from qtpy.QtWidgets import QComboBox, QGridLayout, QWidget

from napari_corrclip.gui.widgets import Label, Line, combo, set_tip
from napari_corrclip.project.export.exporting import ExportOptions, split_of
from napari_corrclip.project.export.format import Format, Wanted
from napari_corrclip.project.export.numbering import First
from napari_corrclip.project.export.pictures import How

MASKS: dict[Wanted, str] = {"regions": "a region each", "classes": "a class each", "both": "both"}
PICTURES: dict[How, str] = {"copy": "copied", "link": "linked to", "none": "left where they are"}
FIRSTS: dict[First, str] = {"keep": "as in the set", 0: "from 0 on", 1: "from 1 on"}


class TrainerPanel(QWidget):
    """The fields of an export: what masks are of, how classes are numbered, where images go, and a split.

    Attributes:
        masks, first, pictures, split: the fields.

    Signals (psygnal):
        changed: a choice is another one.
    """

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._format: Format | None = None
        self.masks = combo((), "What a mask is of")
        self.first = combo((), "How classes are numbered")
        self.pictures = combo((), "What becomes of the images themselves")
        self.split = Line()
        self.split.setPlaceholderText("none, or 80/10/10")
        set_tip(
            self.split,
            "Parts for training, validation and testing; planes of one file stay together",
        )
        self._rows: dict[str, tuple[Label, QWidget]] = {}
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(4)
        grid.setColumnStretch(1, 1)
        fields: dict[str, QComboBox | Line] = {
            "Masks": self.masks,
            "Numbers": self.first,
            "Images": self.pictures,
            "Split": self.split,
        }
        for row, (name, field) in enumerate(fields.items()):
            label = Label(name)
            label.setBuddy(field)
            field.setAccessibleName(name)
            grid.addWidget(label, row, 0)
            grid.addWidget(field, row, 1)
            self._rows[name] = label, field
        for box in (self.masks, self.first, self.pictures):
            box.currentIndexChanged.connect(lambda _: self.changed.emit())
        self.split.textChanged.connect(lambda _: self.changed.emit())

    def show_format(self, format_: Format, *, several: bool) -> None:
        """Offer the choices of a format, its usual ones first.

        Args:
            format_: that is chosen.
            several: whether there are several images, which can be split.
        """
        if format_ is not self._format:
            self._format = format_
            _offer(self.masks, {name: MASKS[name] for name in format_.masks})
            usual = format_.pictures
            others = (how for how in get_args(How) if how != usual)
            _offer(self.pictures, {how: PICTURES[how] for how in (usual, *others)})
            firsts = {name: FIRSTS[name] for name in (format_.choices.first, *FIRSTS)}
            free = "first" in format_.free
            _offer(
                self.first,
                firsts if free else {format_.choices.first: FIRSTS[format_.choices.first]},
            )
        for name, there in (
            ("Masks", self.masks.count() > 1),
            ("Numbers", self.first.count() > 1),
            ("Images", True),
            ("Split", several),
        ):
            for widget in self._rows[name]:
                widget.setVisible(there)

    def options(self, *, several: bool, replace: bool) -> ExportOptions:
        """Return what is chosen.

        Args:
            several: whether there are several images, which can be split.
            replace: whether a former export may be replaced.

        Raises:
            InputError: the split is none.
        """
        text = self.split.text().strip() if several else ""
        return ExportOptions(
            masks=self.masks.currentData(),
            first=self.first.currentData() if self.first.count() > 1 else None,
            pictures=self.pictures.currentData(),
            split=split_of(text) if text else (),
            replace=replace,
        )


def _offer(box: QComboBox, choices: dict[First, str] | dict[Wanted, str] | dict[How, str]) -> None:
    box.blockSignals(True)
    box.clear()
    for value, text in choices.items():
        box.addItem(text, value)
    box.blockSignals(False)


def numbers_text(format_: Format) -> str:
    """Say what a format makes of what has no class, and what comes back from it."""
    choices = format_.choices
    if choices.unlabelled is None:
        void = "What has no class, and what is ignored, is in no mask."
    elif choices.ignored is None or choices.ignored == choices.unlabelled:
        void = f"What has no class, and what is ignored, is {choices.unlabelled}."
    else:
        void = f"What has no class is {choices.unlabelled}, what is ignored {choices.ignored}."
    back = (
        "Labels come back from it exactly."
        if format_.exact
        else "Masks become polygons, which come back nearly as they were."
    )
    return f"{void} {back}"
