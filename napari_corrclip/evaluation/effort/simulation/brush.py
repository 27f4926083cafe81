"""The next disc of a person with a brush: at the deepest error."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt


@dataclass(frozen=True)
class Stroke:
    """One disc: its centre (row, column), its radius in pixels and the class number it paints."""

    center: tuple[int, int]
    radius: float
    number: int

    def pixels(self, shape: tuple[int, int]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return rows and columns of the disc's pixels inside an image of ``shape``."""
        (row, column), reach = self.center, int(self.radius)
        rows = np.arange(max(0, row - reach), min(shape[0], row + reach + 1))
        columns = np.arange(max(0, column - reach), min(shape[1], column + reach + 1))
        # Squared distances between pixels are whole numbers; the root's rounding must let none in.
        limit = round(self.radius**2)
        inside = (rows[:, None] - row) ** 2 + (columns - column) ** 2 < limit
        found = np.nonzero(inside)
        return rows[found[0]], columns[found[1]]


class ErrorDepth:
    """The depth of each wrong pixel inside an area that is wrong and of one true class.

    Kept up to date where labels change. The distance is that to the nearest pixel that is right, of
    another class or not counted, or to the image's border, as a brush would see it.

    Args:
        truth: (H, W) class numbers from 1, 0 = not counted.
        shown: (H, W) class numbers, 0 = none.
    """

    def __init__(self, truth: NDArray[np.integer], shown: NDArray[np.integer]) -> None:
        self.truth = truth.astype(np.int64)
        self.wrong = (truth > 0) & (truth != shown)
        self.depth = depth_inside(np.where(self.wrong, self.truth, 0))
        # How large a disc may be at a pixel: up to where another class begins. What is not counted
        # is nobody's loss.
        self.room = room_inside(self.truth)

    def deepest(self) -> Stroke | None:
        """Return the disc at the deepest error, as large as the true class allows; or None."""
        at = int(self.depth.argmax())
        row, column = divmod(at, self.depth.shape[1])
        if self.depth[row, column] <= 0:
            return None
        radius = max(float(self.room[row, column]), 1.0)
        return Stroke((row, column), radius, int(self.truth[row, column]))

    def update(self, box: tuple[slice, slice], shown: NDArray[np.integer]) -> None:
        """Take over that ``box`` now shows the class numbers ``shown`` (of the box's shape)."""
        wrong = (self.truth[box] > 0) & (self.truth[box] != shown)
        gone, new = self.wrong[box] & ~wrong, wrong & ~self.wrong[box]
        self.wrong[box] = wrong
        if gone.any():
            self._shrink(box, gone)
        # Errors that come may deepen all of their class; that is rare.
        for number in np.unique(self.truth[box][new]):
            errors = self.wrong & (self.truth == number)
            self.depth[errors] = depth_inside(errors)[errors]

    def _shrink(self, box: tuple[slice, slice], gone: NDArray[np.bool_]) -> None:
        """Errors went: near them, no error is deeper than its distance to where they were."""
        rows, columns = np.nonzero(gone)
        top, left = box[0].start + rows.min(), box[1].start + columns.min()
        bottom, right = box[0].start + rows.max() + 1, box[1].start + columns.max() + 1
        reach = int(np.ceil(self.depth.max()))
        window = (
            slice(max(0, top - reach), min(self.depth.shape[0], bottom + reach)),
            slice(max(0, left - reach), min(self.depth.shape[1], right + reach)),
        )
        near = np.ones(self.depth[window].shape, np.bool_)
        near[
            rows + box[0].start - window[0].start,
            columns + box[1].start - window[1].start,
        ] = False
        distance = distance_transform_edt(near).astype(np.float32)
        np.minimum(self.depth[window], distance, out=self.depth[window])


def depth_inside(classes: NDArray[np.integer]) -> NDArray[np.float32]:
    """Return each pixel's distance to the nearest one of another class or beyond the border.

    Args:
        classes: (H, W); pixels of class 0 have depth 0.
    """
    depth = np.zeros(classes.shape, np.float32)
    for number in np.unique(classes[classes > 0]):
        rows, columns = np.nonzero(classes == number)
        # One pixel around, for what lies beyond.
        mask = np.zeros((np.ptp(rows) + 3, np.ptp(columns) + 3), np.bool_)
        inside = rows - rows.min() + 1, columns - columns.min() + 1
        mask[inside] = True
        depth[rows, columns] = distance_transform_edt(mask)[inside]
    return depth


def room_inside(truth: NDArray[np.integer]) -> NDArray[np.float32]:
    """Return each counted pixel's distance to the nearest counted one of another class.

    Args:
        truth: (H, W) class numbers from 1; 0, not counted, takes room from nobody.
    """
    room = np.zeros(truth.shape, np.float32)
    for number in np.unique(truth[truth > 0]):
        others = (truth > 0) & (truth != number)
        mask = truth == number
        if others.any():
            room[mask] = distance_transform_edt(~others)[mask]
        else:
            room[mask] = float(np.hypot(*truth.shape))
    return room
