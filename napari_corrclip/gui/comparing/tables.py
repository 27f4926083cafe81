"""The tables of a comparison: IoU of each class, and what the second says of each class of the first."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem

from napari_corrclip.gui.widgets import set_tip
from napari_corrclip.project.joining.agreement import Comparison
from napari_corrclip.project.joining.figures import DIGITS, class_rows

SAME, OTHER = QColor("#0072b2"), QColor("#d55e00")
"""What is shaded where both say the same, and where they do not."""


class FiguresTable(QTableWidget):
    """A table that is only read.

    Args:
        name: what it is, for who hears it.
        description: what its rows and columns are.
    """

    def __init__(self, name: str, description: str) -> None:
        super().__init__()
        self.setAccessibleName(name)
        self.setAccessibleDescription(description)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.setTabKeyNavigation(False)  # Tab leaves the table, as in any form
        self.setWordWrap(False)

    def fill(
        self,
        rows: Sequence[str],
        columns: Sequence[str],
        cells: Sequence[Sequence[QTableWidgetItem]],
    ) -> None:
        """Show rows; an empty name of all of them hides their header."""
        self.clear()
        self.setRowCount(len(rows))
        self.setColumnCount(len(columns))
        self.setHorizontalHeaderLabels(list(columns))
        self.setVerticalHeaderLabels(list(rows))
        for row, line in enumerate(cells):
            for column, cell in enumerate(line):
                self.setItem(row, column, cell)
        header = self.verticalHeader()
        if header is not None:
            header.setVisible(any(rows))
        for bar in (self.horizontalHeader(), header):
            if bar is not None:
                bar.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.resizeColumnsToContents()
        self.resizeRowsToContents()


def _cell(text: str, tip: str, *, number: bool = True) -> QTableWidgetItem:
    cell = QTableWidgetItem(text)
    side = Qt.AlignmentFlag.AlignRight if number else Qt.AlignmentFlag.AlignLeft
    cell.setTextAlignment(side | Qt.AlignmentFlag.AlignVCenter)
    set_tip(cell, tip)
    return cell


def fill_classes(table: FiguresTable, found: Comparison, names: tuple[str, str]) -> None:
    """Show the IoU of each class that one of both has somewhere, the least agreed first.

    Args:
        table: that shows it.
        found: the comparison.
        names: of both projects.
    """
    rows = [row for row in class_rows(found) if row["first_pixels"] or row["second_pixels"]]
    rows.sort(key=lambda row: (row["iou"], row["name"]))
    cells = []
    for row in rows:
        both = row["in_first"] and row["in_second"]
        alone = "" if both else f" ({names[0] if row['in_first'] else names[1]} alone)"
        iou = "–" if math.isnan(row["iou"]) else f"{row['iou']:.{DIGITS}f}"
        tip = (
            f"{row['name']}: {row['first_pixels']:,} pixels in {names[0]}, {row['second_pixels']:,} in "
            f"{names[1]}"
        )
        cells.append(
            [
                _cell(iou, tip),
                _cell(row["name"] + alone, tip, number=False),
                _cell(row["mixed_up_with"], tip, number=False),
            ]
        )
    table.fill([""] * len(rows), ("IoU", "class", "mixed up most with"), cells)


def fill_confusion(table: FiguresTable, found: Comparison, names: tuple[str, str]) -> None:
    """Show what the second says of the pixels of each class of the first, in per cent of these.

    Args:
        table: that shows it.
        found: the comparison.
        names: of both projects.
    """
    counts = found.pixels.counts
    rows = np.flatnonzero(counts.any(axis=1)).tolist()
    columns = np.flatnonzero(counts.any(axis=0)).tolist()
    cells = []
    for row in rows:
        total, line = int(counts[row].sum()), []
        for column in columns:
            number = int(counts[row, column])
            share = number / total
            tip = (
                f"{found.names[row]} by {names[0]}, {found.names[column]} by {names[1]}: {number:,} of "
                f"{total:,} pixels"
            )
            cell = _cell(f"{100 * share:.1f}" if number else "", tip)
            color = QColor(SAME if row == column else OTHER)
            color.setAlphaF(0.75 * share if number else 0.0)
            cell.setBackground(color)
            line.append(cell)
        cells.append(line)
    table.fill(
        [found.names[row] for row in rows], [found.names[column] for column in columns], cells
    )
