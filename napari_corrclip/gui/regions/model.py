"""The regions of a session as a table's model: read when they are seen, sorted and filtered on request.

Rows keep their places while somebody edits: what an edit changed is written anew where it stands, a new
region is added at the end. Only a click on a header, a filter or a refresh puts them in order again.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from qtpy.QtCore import QAbstractTableModel, QModelIndex, QObject, Qt

from napari_corrclip.annotation import Changed, Region, Session
from napari_corrclip.annotation.review.filter import Keep, reader_of
from napari_corrclip.wording.markup import plain

COLUMNS = ("id", "class", "conf", "margin", "area", "state")
TIPS = (
    "The region's number, as in the layer 'regions'",
    "What the region shows: by your decision, else as predicted",
    "Confidence: the mean probability of that class in the region",
    "Highest minus second highest mean probability; small: two classes are close",
    "Pixels",
    "What you decided: assigned, accepted or ignored, which is left out of training",
)
MANY = 256
"""From so many rows on, all of them are read anew at once."""

Index = QModelIndex


class RegionsModel(QAbstractTableModel):
    """A row a region of ``session``; follows its edits.

    Args:
        session: what is shown.
        parent: owns it.

    Attributes:
        ids: of the shown regions, from the top.
    """

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.session = session
        self.ids: list[int] = session.ids.tolist()
        self._places: dict[int, int] | None = None
        self._keep: Keep = lambda _: True
        self._order: tuple[int, bool] = (0, False)
        session.changed.connect(self._changed)

    def close(self) -> None:
        """Follow the session no more."""
        self.session.changed.disconnect(self._changed)

    def place(self, region: int) -> int | None:
        """Return the row of a region, ``None`` where it is not shown."""
        if self._places is None:
            self._places = {id_: at for at, id_ in enumerate(self.ids)}
        return self._places.get(region)

    def filter(self, keep: Keep) -> None:
        """Show the regions that ``keep`` keeps, in the order of the header."""
        self._keep = keep
        self.refresh()

    def refresh(self) -> None:
        """Filter and sort anew, by what the regions are now."""
        column, descending = self._order
        read = reader_of(COLUMNS[column], self.session.vocabulary)
        rows = [row for row in self.session.rows() if self._keep(row)]
        rows.sort(key=read, reverse=descending)
        self._put([row.id for row in rows])

    def _put(self, ids: list[int]) -> None:
        """Show other rows."""
        self.beginResetModel()
        self.ids, self._places = ids, None
        self.endResetModel()

    def _changed(self, changed: Changed) -> None:
        """Write anew what an edit touched, where it stands."""
        gone = [place for region in changed.removed if (place := self.place(region)) is not None]
        new = [
            region
            for region in changed.updated
            if self.place(region) is None
            and (row := self.session.find(region)) is not None
            and self._keep(row)
        ]
        if len(gone) + len(new) > MANY:
            dropped = set(changed.removed)
            self._put([*(region for region in self.ids if region not in dropped), *new])
        else:
            for place in sorted(gone, reverse=True):
                self.beginRemoveRows(QModelIndex(), place, place)
                del self.ids[place]
                self._places = None
                self.endRemoveRows()
            if new:
                last = len(self.ids)
                self.beginInsertRows(QModelIndex(), last, last + len(new) - 1)
                self.ids += new
                self._places = None
                self.endInsertRows()
        if changed.vocabulary or len(changed.updated) > MANY:
            self._say_changed(0, len(self.ids) - 1)
        else:
            for region in changed.updated:
                place = self.place(region)
                if place is not None:
                    self._say_changed(place, place)

    def _say_changed(self, first: int, last: int) -> None:
        self.dataChanged.emit(self.index(first, 0), self.index(last, len(COLUMNS) - 1))

    # -- what Qt asks

    def rowCount(self, parent: Index | None = None) -> int:
        """Return how many regions are shown."""
        return 0 if parent is not None and parent.isValid() else len(self.ids)

    def columnCount(self, parent: Index | None = None) -> int:
        """Return how many columns there are."""
        return 0 if parent is not None and parent.isValid() else len(COLUMNS)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return what a cell says."""
        column = COLUMNS[index.column()]
        if role == Qt.ItemDataRole.TextAlignmentRole and column not in ("class", "state"):
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        if role not in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole):
            return None  # a tooltip says in full what does not fit
        row = self.session.find(self.ids[index.row()])
        if row is None:  # between an edit and its signal
            return None
        said = self._said(row, column)
        return plain(said) if role == Qt.ItemDataRole.ToolTipRole else said

    def _said(self, row: Region, column: str) -> str:
        match column:
            case "id":
                return str(row.id)
            case "class":
                known = row.value in self.session.vocabulary.values
                return self.session.vocabulary.by_value(row.value).name if known else "unlabelled"
            case "conf":
                return f"{row.confidence:.2f}"
            case "margin":
                return f"{row.margin:.2f}"
            case "area":
                return f"{row.area:,}"
            case _:
                return "" if row.verdict is None else row.verdict.kind

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """Return a column's name, and what it means."""
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return COLUMNS[section]
        return TIPS[section] if role == Qt.ItemDataRole.ToolTipRole else None

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Put the rows in the order of a column; ties by id."""
        self._order = (column, order == Qt.SortOrder.DescendingOrder)
        self.refresh()


def spans(places: Iterable[int]) -> list[tuple[int, int]]:
    """Return the runs of following numbers in ``places``, first and last."""
    ordered = np.unique(np.fromiter(places, np.int64))
    if not len(ordered):
        return []
    cuts = np.flatnonzero(np.diff(ordered) > 1)
    firsts = ordered[np.r_[0, cuts + 1]].tolist()
    lasts = ordered[np.r_[cuts, len(ordered) - 1]].tolist()
    return list(zip(firsts, lasts, strict=True))
