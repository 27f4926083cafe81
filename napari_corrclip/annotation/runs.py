"""What changed in a map, kept small: the changed pixels of a box as runs.

A region is a few runs a row, however many pixels it has, so a history of a thousand edits of a large map
stays in memory, and what a journal appends is short.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.annotation.boxes import Box
from napari_corrclip.errors import InputError


@dataclass(frozen=True, slots=True, eq=False)
class Patch:
    """The change of one map inside a box.

    Attributes:
        box: the smallest box around the changed pixels.
        start: (n,) int64, where each run begins, counted row by row inside the box.
        length: (n,) int64 pixels; a run may go on in the next row of the box.
        old: (n,) int32, what a run's pixels were.
        new: (n,) int32, what they became.
    """

    box: Box
    start: NDArray[np.int64]
    length: NDArray[np.int64]
    old: NDArray[np.int32]
    new: NDArray[np.int32]

    @classmethod
    def between(
        cls, before: NDArray[np.integer], after: NDArray[np.integer], box: Box
    ) -> Patch | None:
        """Return how ``before`` became ``after``; ``None`` where nothing differs.

        Args:
            before: (h, w) the pixels of ``box`` as they were.
            after: (h, w) as they are to be.
            box: where in the map both lie.
        """
        rows, columns = np.nonzero(before != after)
        if not len(rows):
            return None
        top, left = int(rows.min()), int(columns.min())
        tight = (box[0] + top, box[1] + left, box[0] + int(rows.max()) + 1,
                 box[1] + int(columns.max()) + 1)  # fmt: skip
        old = before[rows, columns].astype(np.int32)
        new = after[rows, columns].astype(np.int32)
        flat = (rows - top) * (tight[3] - tight[1]) + (columns - left)
        begins = np.ones(len(flat), bool)
        begins[1:] = (np.diff(flat) != 1) | (np.diff(old) != 0) | (np.diff(new) != 0)
        first = np.flatnonzero(begins)
        return cls(
            tight,
            flat[first].astype(np.int64),
            np.diff(np.append(first, len(flat))).astype(np.int64),
            old[first],
            new[first],
        )

    @property
    def nbytes(self) -> int:
        """Memory held, in bytes."""
        return self.start.nbytes + self.length.nbytes + self.old.nbytes + self.new.nbytes

    @property
    def pixels(self) -> int:
        """How many pixels changed."""
        return int(self.length.sum())

    def inverse(self) -> Patch:
        """Return the patch that takes this one back; it shares the arrays."""
        return Patch(self.box, self.start, self.length, self.new, self.old)

    def at(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the rows and columns of the changed pixels in the map, in the order of the runs."""
        ends = np.cumsum(self.length)
        flat = np.arange(ends[-1]) + np.repeat(self.start - (ends - self.length), self.length)
        row, column = np.divmod(flat, self.box[3] - self.box[1])
        return row + self.box[0], column + self.box[1]

    def apply(self, array: NDArray[np.integer]) -> None:
        """Write the new values into the map ``array``.

        Raises:
            InputError: the map is not the one that the patch was made of; it is unchanged then.
        """
        height, width = array.shape
        if min(self.box) < 0 or self.box[2] > height or self.box[3] > width:
            raise InputError(
                f"The change lies at {self.box}, outside the map of {array.shape}; it belongs to "
                "another image."
            )
        at = self.at()
        if (array[at] != np.repeat(self.old, self.length)).any():
            raise InputError(
                "The change was made of another map than this one; load the session it belongs to."
            )
        array[at] = np.repeat(self.new, self.length)
