"""The page of a sheet as a list of Qt's: what each region showed, and what a person says of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from psygnal import Signal
from qtpy.QtCore import QAbstractListModel, QModelIndex, Qt
from qtpy.QtWidgets import QWidget

from napari_corrclip.gui.project.model import file_name
from napari_corrclip.project.joining.conflicts import Conflict
from napari_corrclip.project.joining.waiting import OpenConflict
from napari_corrclip.project.sheet.regions import Place, SheetRegion
from napari_corrclip.wording.markup import plain

CELL = int(Qt.ItemDataRole.UserRole)
"""The role of a :class:`Cell`."""
FIRST, SECOND = "[", "]"
"""The keys that take what the first, and what the second has said of a conflict."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A region on the page that is shown.

    Attributes:
        region: as it was read when the page was shown.
        marked: whether a person has said that it is wrong.
        said: the name of what it was decided to be here; empty: nothing.
        written: whether that is in its image's session.
        conflict: what two people said of it; ``None``: it is no conflict.
    """

    region: SheetRegion
    marked: bool = False
    said: str = ""
    written: bool = True
    conflict: Conflict | None = None

    @property
    def is_open(self) -> bool:
        """Whether nobody has decided about it."""
        return not (self.said or self.region.state)

    @property
    def title(self) -> str:
        """What stands below its picture."""
        region = self.region
        if self.said:
            return self.said
        if region.state == "ignored":
            return "left out"
        return region.name or "no class"

    @property
    def lines(self) -> tuple[str, ...]:
        """What stands below the picture: of a conflict what each has said, with the key that takes it."""
        if self.conflict is None:
            return (self.title,)
        if self.is_open:
            first, second = self.conflict.said
            return f"{FIRST} {first}", f"{SECOND} {second}"
        both = self.conflict.first, self.conflict.second
        return self.title, " · ".join(decision.class_ or "left out" for decision in both)


class CellsModel(QAbstractListModel):
    """The regions of a page.

    Signals (psygnal):
        changed: what is marked or said may be another one.
    """

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._cells: list[Cell] = []

    def show(self, regions: Iterable[SheetRegion], conflicts: Mapping[Place, OpenConflict]) -> None:
        """Show the regions of another page.

        Args:
            regions: of it.
            conflicts: what two people said of regions, by their places.
        """
        self.beginResetModel()
        self._cells = []
        for region in regions:
            found = conflicts.get(region.place)
            self._cells.append(Cell(region, conflict=None if found is None else found.conflict))
        self.endResetModel()
        self.changed.emit()

    def follow(self, regions: Iterable[SheetRegion], waiting: Mapping[Place, str]) -> None:
        """Show what the same regions are by now; places and marks stay as they are.

        Args:
            regions: as they are; what is not among them is gone, and stays as it was.
            waiting: the names of what is decided and not written yet.
        """
        now = {region.place: region for region in regions}
        for row, cell in enumerate(self._cells):
            place = cell.region.place
            self._cells[row] = replace(
                cell,
                region=now.get(place, cell.region),
                said=waiting.get(place, ""),
                written=place not in waiting,
            )
        self._tell()

    def toggle(self, row: int) -> None:
        """Mark a region as wrong, or not any more."""
        if 0 <= row < len(self._cells):
            self._cells[row] = replace(self._cells[row], marked=not self._cells[row].marked)
            self._tell()

    def toggle_all(self) -> None:
        """Mark all that nobody has decided about; where they are marked already, take the marks away."""
        open_ = [row for row, cell in enumerate(self._cells) if cell.is_open]
        marked = not all(self._cells[row].marked for row in open_)
        for row in open_:
            self._cells[row] = replace(self._cells[row], marked=marked)
        self._tell()

    def say(self, rows: Iterable[int], said: str) -> None:
        """Take note that regions are decided, which is being written; they are not marked any more."""
        for row in rows:
            self._cells[row] = replace(self._cells[row], marked=False, said=said, written=False)
        self._tell()

    def _tell(self) -> None:
        if self._cells:
            self.dataChanged.emit(self.index(0), self.index(len(self._cells) - 1))
        self.changed.emit()

    @property
    def cells(self) -> Sequence[Cell]:
        """The regions that are shown."""
        return self._cells

    @property
    def marked(self) -> list[int]:
        """The rows of those that are marked."""
        return [row for row, cell in enumerate(self._cells) if cell.marked]

    def __iter__(self) -> Iterator[Cell]:
        return iter(self._cells)

    # -- what Qt asks

    def rowCount(self, parent: QModelIndex | None = None) -> int:  # noqa: D102
        return 0 if parent is not None and parent.isValid() else len(self._cells)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:  # noqa: D102
        if not index.isValid() or not 0 <= index.row() < len(self._cells):
            return None
        cell = self._cells[index.row()]
        if role == CELL:
            return cell
        if role == Qt.ItemDataRole.DisplayRole:
            return cell.title
        if role == Qt.ItemDataRole.ToolTipRole:
            return plain(told(cell))
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return told(cell)
        return None


def told(cell: Cell) -> str:
    """Return what is to be known of a region, in words."""
    region, conflict = cell.region, cell.conflict
    if not region.state:
        shows = f"{region.name or 'no class'}, {region.p:.2f} sure"
        shows = shows if conflict is None else f"the networks: {shows}"
    else:  # how sure the networks are is of what they found, and not of what a person said
        by = f" by {region.by}" if region.by else ""
        what = region.name or "no class"
        shows = f"left out{by}" if region.state == "ignored" else f"{what}, {region.state}{by}"
        shows = shows if conflict is None else f"decided: {shows}"
    parts = [shows] if conflict is None else [*conflict.said, shows]
    if cell.said:
        parts.append(f"now {cell.said}")
    if cell.marked:
        parts.append("marked" if conflict is not None else "marked as wrong")
    parts.append(f"region {region.region} of {file_name(region.item)}")
    return ", ".join(parts)
