"""The images of a project as a list of Qt's: numbers of all, records of those that are looked at."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

from qtpy.QtCore import QAbstractListModel, QModelIndex, Qt
from qtpy.QtWidgets import QWidget

from napari_corrclip.project.listing import ItemOrder
from napari_corrclip.project.project import Project
from napari_corrclip.project.records import ItemRecord, ItemState
from napari_corrclip.wording.amounts import count
from napari_corrclip.wording.markup import plain

RECORD = int(Qt.ItemDataRole.UserRole)
"""The role of an :class:`ItemRecord`."""
PAGE = 64
"""So many records are read together."""
HELD = 1024
"""So many are held."""


class ItemsModel(QAbstractListModel):
    """The items of a project, as they are sought and sorted.

    Attributes:
        project: whose items; ``None``: nothing is listed.
        states: only those in one of them; empty: all.
        search: only those whose path has this in it.
        order: how they are sorted.
        value: of the class by which they are.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.project: Project | None = None
        self.states: tuple[ItemState, ...] = ()
        self.search = ""
        self.order = ItemOrder.FILE
        self.value: int | None = None
        self._numbers: list[int] = []
        self._row_of: dict[int, int] = {}
        self._records: OrderedDict[int, ItemRecord] = OrderedDict()

    def show(self, project: Project | None) -> None:
        """List another project's items."""
        self.project = project
        self.refresh()

    def refresh(self) -> None:
        """Read anew what there is; the rows stay where nothing came, went or moved."""
        found: list[int] = []
        if self.project is not None:
            found = self.project.list_items(
                *self.states, search=self.search, order=self.order, value=self.value
            )
        self._records.clear()
        if found == self._numbers:
            if found:
                self.dataChanged.emit(self.index(0), self.index(len(found) - 1))
            return
        self.beginResetModel()
        self._numbers = found
        self._row_of = {number: row for row, number in enumerate(found)}
        self.endResetModel()

    def row_of(self, record: ItemRecord) -> int | None:
        """Return the row of an item; ``None``: it is not listed."""
        return self._row_of.get(record.id)

    def record(self, row: int) -> ItemRecord | None:
        """Return the item of a row, as it was when it was read last; ``None``: it is gone."""
        if not 0 <= row < len(self._numbers) or self.project is None:
            return None
        number = self._numbers[row]
        if number not in self._records:
            first = row - row % PAGE
            for record in self.project.read_items(self._numbers[first : first + PAGE]):
                self._records[record.id] = record
            while len(self._records) > HELD:
                self._records.popitem(last=False)
        return self._records.get(number)

    def numbers(self) -> Sequence[int]:
        """Return the numbers of all listed items, in their order."""
        return self._numbers

    # -- what Qt asks

    def rowCount(self, parent: QModelIndex | None = None) -> int:  # noqa: D102
        return 0 if parent is not None and parent.isValid() else len(self._numbers)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:  # noqa: D102
        wanted = (
            RECORD,
            Qt.ItemDataRole.DisplayRole,
            Qt.ItemDataRole.ToolTipRole,
            Qt.ItemDataRole.AccessibleTextRole,
        )
        if not index.isValid() or role not in wanted:
            return None
        record = self.record(index.row())
        if record is None:
            return None
        if role == RECORD:
            return record
        if role == Qt.ItemDataRole.ToolTipRole:
            return plain("\n".join(filter(None, (record.title, details(record), record.reason))))
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{file_name(record)}: {details(record)}"
        return file_name(record)


def file_name(record: ItemRecord) -> str:
    """Return what an item is called in the list."""
    return record.title.rpartition("/")[2] or record.title


def details(record: ItemRecord) -> str:
    """Return an item's state in a few words: ``pre-labelled · 12 left, least 0.31``."""
    parts = [str(record.state)]
    if record.state in (ItemState.VERIFIED, ItemState.SKIPPED):
        return parts[0] + (f" by {record.by}" if record.by else "")
    if record.undecided:
        least = "" if record.least is None else f", least {record.least:.2f}"
        parts.append(f"{record.undecided:,} left{least}")
    elif record.regions is not None:
        parts.append(f"all {count(record.regions, 'region')} decided")
    return " · ".join(parts)
