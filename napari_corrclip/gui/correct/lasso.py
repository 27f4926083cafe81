"""The lasso: a free outline that selects the regions inside it, and the line that is seen of it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QPointF, Qt
from qtpy.QtGui import QColor, QPainter, QPaintEvent, QPen, QPolygonF
from qtpy.QtWidgets import QWidget

from napari_corrclip.annotation import Session
from napari_corrclip.maps.strokes import enclosed


class DrawnLine(QWidget):
    """The outline that is being drawn over a canvas, filled as if it were closed; takes no events.

    Args:
        canvas: is drawn over, whole.
    """

    def __init__(self, canvas: QWidget) -> None:
        super().__init__(canvas)
        self.setObjectName("lasso")
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAttribute(Qt.WidgetAttribute.WA_NoSystemBackground)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setGeometry(canvas.rect())
        self.places: list[QPointF] = []
        self.show()

    def add(self, position: Any) -> None:
        """Go on to a place on the canvas, (x, y)."""
        self.places.append(QPointF(float(position[0]), float(position[1])))
        self.update()

    def paintEvent(self, _event: QPaintEvent | None) -> None:  # noqa: D102
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        outline = QPolygonF(self.places)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(255, 255, 255, 40))
        painter.drawPolygon(outline, Qt.FillRule.WindingFill)
        for color, width in ((QColor(0, 0, 0, 160), 3.0), (QColor(255, 255, 255), 1.2)):
            painter.setPen(QPen(color, width))
            painter.drawPolyline(outline)
        painter.end()


def inside(session: Session, outline: NDArray[np.float64]) -> list[int]:
    """Return the ids of the regions that lie whole inside an outline, as a box takes them, ascending.

    A region that is merely touched is not inside. A pixel is inside where its middle is. What the outline
    goes around is inside, also where it crosses itself; from its end it goes straight back to its beginning.
    """
    box, mask = enclosed(outline, session.shape)
    top, left, bottom, right = box
    found, pixels = np.unique(session.regions[top:bottom, left:right][mask], return_counts=True)
    return [
        region
        for region, count in zip(found.tolist(), pixels.tolist(), strict=True)
        if region and session.region(region).area == count
    ]
