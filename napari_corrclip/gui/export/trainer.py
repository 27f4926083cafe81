"""The choices of an export in the format of a trainer."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

from psygnal import Signal
from qtpy.QtWidgets import QComboBox, QGridLayout, QHBoxLayout, QWidget

from napari_corrclip.errors import InputError
from napari_corrclip.gui.widgets import Label, Line, combo, set_tip
from napari_corrclip.gui.words.rolling import RollUpChoice
from napari_corrclip.project.export.exporting import ExportOptions, split_of
from napari_corrclip.project.export.format import Format, Wanted
from napari_corrclip.project.export.numbering import Background, Choices, First
from napari_corrclip.project.export.pictures import How
from napari_corrclip.vocabulary import MAX_VALUE, Vocabulary

MASKS: dict[Wanted, str] = {"regions": "a region each", "classes": "a class each", "both": "both"}
PICTURES: dict[How, str] = {"copy": "copied", "link": "linked to", "none": "left where they are"}
FIRSTS: dict[First, str] = {"keep": "as in the set", 0: "from 0 on", 1: "from 1 on"}
BACKGROUNDS: dict[Background, str] = {"class": "a class as any other", "unlabelled": "has no class"}
_LONGEST = 18
"""Digits of a seed."""


class TrainerPanel(QWidget):
    """The fields of an export: what masks are of, numbers, where images go, and a split.

    Attributes:
        masks, roll_up, first, background, unlabelled, ignored, pictures, split, seed: the fields; of those
            that a format does not leave free none is shown.

    Signals (psygnal):
        changed: a choice is another one.
    """

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._format: Format | None = None
        self.masks = combo((), "What a mask is of")
        self.roll_up = RollUpChoice()
        self.first = combo((), "How classes are numbered")
        self.background = combo(
            (),
            "Whether the background is a class as any other, or its pixels are as if they had none",
        )
        self.unlabelled, self.ignored = Line(), Line()
        set_tip(self.unlabelled, "The number of pixels that have no class")
        set_tip(
            self.ignored,
            "The number of what was ignored, which trainers leave out; that of no class makes it the same",
        )
        self.pictures = combo((), "What becomes of the images themselves")
        self.split = Line()
        self.split.setPlaceholderText("none")
        set_tip(
            self.split,
            "Parts for training, validation and testing, such as 80/10/10; planes of one file stay together",
        )
        self.seed = Line()
        self.seed.setPlaceholderText("0")
        set_tip(
            self.seed,
            "A number by which images are dealt out: the same ones again for the same images",
        )
        self._rows: dict[str, tuple[QWidget, QWidget]] = {}
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(4)
        grid.setColumnStretch(1, 1)
        # Two in a row: a low screen has no place for one each.
        self._void = _side_by_side(self.unlabelled, "Ignored", self.ignored)
        self._dealt = _side_by_side(self.split, "Seed", self.seed)
        fields: dict[str, QWidget] = {
            "Masks": self.masks,
            "Classes": self.roll_up,
            "Numbers": self.first,
            "Background": self.background,
            "No class": self._void,
            "Images": self.pictures,
            "Split": self._dealt,
        }
        for row, (name, field) in enumerate(fields.items()):
            label = Label(name)
            named = {
                self._void: self.unlabelled,
                self._dealt: self.split,
                self.roll_up: self.roll_up.box,
            }.get(field, field)
            label.setBuddy(named)
            named.setAccessibleName(name)
            grid.addWidget(label, row, 0)
            grid.addWidget(field, row, 1)
            self._rows[name] = label, field
        self.roll_up.box.setAccessibleName("Classes count")
        self.roll_up.changed.connect(lambda: self.changed.emit())
        self.unlabelled.setAccessibleName("Number of what has no class")
        self.ignored.setAccessibleName("Number of what is ignored")
        self.seed.setAccessibleName("Seed of the split")
        for box in (self.masks, self.first, self.background, self.pictures):
            box.currentIndexChanged.connect(lambda _: self.changed.emit())
        for line in (self.unlabelled, self.ignored, self.split, self.seed):
            line.textChanged.connect(lambda _: self.changed.emit())

    def show_format(
        self, format_: Format, *, several: bool, words: Vocabulary | None = None
    ) -> None:
        """Offer the choices of a format, its usual ones first.

        Args:
            format_: that is chosen.
            several: whether there are several images, which can be split.
            words: the classes that are written; ``None``: it is not known.
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
            self._show_void(format_)
        for name, there in (
            ("Masks", self.masks.count() > 1),
            ("Classes", self.roll_up.show_words(words)),
            ("Numbers", self.first.count() > 1),
            ("Background", self.background.count() > 1),
            ("No class", "unlabelled" in format_.free),
            ("Images", True),
            ("Split", several),
        ):
            for widget in self._rows[name]:
                widget.setVisible(there)

    def _show_void(self, format_: Format) -> None:
        """Offer the numbers of what has no class, with those that a format has usually."""
        choices = format_.choices
        backgrounds = {name: BACKGROUNDS[name] for name in (choices.background, *BACKGROUNDS)}
        _offer(self.background, backgrounds if "background" in format_.free else {})
        for line, usual in ((self.unlabelled, choices.unlabelled), (self.ignored, choices.ignored)):
            line.blockSignals(True)
            line.clear()
            line.blockSignals(False)
            line.setPlaceholderText("the same" if usual is None else str(usual))

    @property
    def choices(self) -> Choices | None:
        """What an export would choose; ``None``: no format is shown, or what was typed is no number."""
        if self._format is None:
            return None
        try:
            chosen = self.options(several=False, replace=False)
        except InputError:
            return None
        given = {
            "first": chosen.first,
            "unlabelled": chosen.unlabelled,
            "ignored": chosen.ignored,
            "background": chosen.background,
        }
        told = {name: value for name, value in given.items() if value is not None}
        return replace(self._format.choices, **told)  # type: ignore[arg-type]

    def options(self, *, several: bool, replace: bool) -> ExportOptions:
        """Return what is chosen.

        Args:
            several: whether there are several images, which can be split.
            replace: whether a former export may be replaced.

        Raises:
            InputError: the split is none, or what was typed is no number.
        """
        free = frozenset() if self._format is None else self._format.free
        text = self.split.text().strip() if several else ""
        return ExportOptions(
            masks=self.masks.currentData(),
            first=self.first.currentData() if self.first.count() > 1 else None,
            unlabelled=_number(self.unlabelled, "of no class") if "unlabelled" in free else None,
            ignored=_number(self.ignored, "of what is ignored") if "ignored" in free else None,
            background=self.background.currentData() if self.background.count() > 1 else None,
            pictures=self.pictures.currentData(),
            split=split_of(text) if text else (),
            seed=_seed(self.seed) if text else 0,
            roll_up=self.roll_up.value,
            replace=replace,
        )


def _side_by_side(left: Line, name: str, right: Line) -> QWidget:
    """Return a row of two fields, the second one with its name before it."""
    row = QWidget()
    layout = QHBoxLayout(row)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(4)
    label = Label(name)
    label.setBuddy(right)
    for part in (left, label, right):
        layout.addWidget(part, 0 if part is label else 1)
    return row


def _seed(line: Line) -> int:
    """Return the seed that was typed; 0: none was.

    Raises:
        InputError: it is no number.
    """
    text = line.text().strip() or "0"
    if not (text.isascii() and text.isdecimal() and len(text) <= _LONGEST):
        raise InputError(f"The seed is {text!r}; give a whole number, such as 1.")
    return int(text)


def _number(line: Line, what: str) -> int | None:
    """Return the number that was typed; ``None``: none was.

    Raises:
        InputError: it is none that a pixel can have.
    """
    text = line.text().strip()
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= 5 and int(text) <= MAX_VALUE):
        raise InputError(f"The number {what} is {text!r}; give one from 0 to {MAX_VALUE}.")
    return int(text)


def _offer(
    box: QComboBox,
    choices: dict[First, str] | dict[Wanted, str] | dict[How, str] | dict[Background, str],
) -> None:
    box.blockSignals(True)
    box.clear()
    for value, text in choices.items():
        box.addItem(text, value)
    box.blockSignals(False)


def numbers_text(format_: Format, choices: Choices | None = None) -> str:
    """Say what a format makes of what has no class, and what comes back from it.

    Args:
        format_: the format.
        choices: what was chosen; ``None``: as the format does usually.
    """
    choices = choices or format_.choices
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
