"""The two sides of a sheet of conflicts: what either person has said, taken by a key or a button."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from psygnal import Signal
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_corrclip.gui.sheet.cells import FIRST, SECOND
from napari_corrclip.gui.widgets import button, set_tip
from napari_corrclip.project.joining.conflicts import NAMELESS
from napari_corrclip.project.joining.waiting import OpenConflict
from napari_corrclip.project.sheet.regions import Place

SIDES = (FIRST, SECOND)


class SidesBar(QWidget):
    """The buttons of the two people, or projects; hidden on a sheet of anything else.

    Attributes:
        buttons: of the first, and of the second.
        people: what these two are called.

    Signals (psygnal):
        taken: 0 or 1: whose word is to be taken.
    """

    taken = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._conflicts: Mapping[Place, OpenConflict] = {}
        self.people = NAMELESS
        self.buttons = button("", ""), button("", "")
        self.buttons[0].clicked.connect(lambda: self.taken.emit(0))
        self.buttons[1].clicked.connect(lambda: self.taken.emit(1))
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        for each in self.buttons:
            column.addWidget(each)
        self.show_conflicts({}, shown=False)

    def show_conflicts(self, conflicts: Mapping[Place, OpenConflict], *, shown: bool) -> None:
        """Take the conflicts of a sheet.

        Args:
            conflicts: by the places of their regions.
            shown: whether it is a sheet of conflicts, of which there may be none.
        """
        self._conflicts = conflicts
        pairs = {each.conflict.people for each in conflicts.values()}
        # Of several pairs of people each picture tells who they are.
        self.people = pairs.pop() if len(pairs) == 1 else NAMELESS
        for each, person, key in zip(self.buttons, self.people, SIDES, strict=True):
            each.setText(f"Take {_shortened(person)}'s ({key})")
            set_tip(each, f"Decide the marked conflicts as {person} has")
        self.setVisible(shown)

    def said(
        self, places: Iterable[Place], side: int
    ) -> tuple[dict[Place, tuple[int, str]], list[str]]:
        """Return label value and name of what a person has said, and why not of others, a sentence each.

        Args:
            places: of regions.
            side: 0: the first, 1: the second.
        """
        found, why = dict[Place, tuple[int, str]](), list[str]()
        for place in places:
            waits = self._conflicts.get(place)
            if waits is None:
                continue
            value = waits.values[side]
            name = (waits.conflict.first, waits.conflict.second)[side].class_
            if value is None:
                why.append(f"The project has no class {name!r} any more; give another class.")
            else:
                found[place] = value, name or "left out"
        return found, why


def _shortened(person: str, most: int = 18) -> str:
    return person if len(person) <= most else f"{person[: most - 1]}…"
