"""The change of a map, kept small: the changed pixels of a box as runs.

A region is a few runs a row, however many pixels it has, so a history of a thousand edits of a large map
stays in memory, and what a journal appends is short.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.errors import InputError
from napari_corrclip.images.boxes import Box


@dataclass(frozen=True, slots=True, eq=False)
class Patch:
    """The change of one map inside a box.

    Attributes:
        box: the smallest box around the changed pixels.
        start: (n,) int64, where each run begins, counted row by row inside the box.
        length: (n,) int64 pixels; a run ends with its row.
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
        changed = before != after
        flat = np.flatnonzero(changed)
        if not len(flat):
            return None
        width = before.shape[1]
        columns = np.flatnonzero(changed.any(axis=0))
        top, bottom = int(flat[0]) // width, int(flat[-1]) // width + 1
        left, right = int(columns[0]), int(columns[-1]) + 1
        old = before.reshape(-1)[flat].astype(np.int32, copy=False)
        new = after.reshape(-1)[flat].astype(np.int32, copy=False)
        begins = np.empty(len(flat), bool)
        begins[0] = True
        begins[1:] = (flat[1:] - flat[:-1] != 1) | (old[1:] != old[:-1]) | (new[1:] != new[:-1])
        if left == 0 and right == width:  # elsewhere the last pixel of a row and the next are apart
            begins |= flat % width == 0
        first = np.flatnonzero(begins)
        row, column = np.divmod(flat[first], width)
        return cls(
            (box[0] + top, box[1] + left, box[0] + bottom, box[1] + right),
            ((row - top) * (right - left) + column - left).astype(np.int64),
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

    def at(self, width: int) -> NDArray[np.int64]:
        """Return where the changed pixels lie in a flat map of ``width`` columns, run by run."""
        ends = np.cumsum(self.length)
        row, column = np.divmod(self.start, self.box[3] - self.box[1])
        first = (row + self.box[0]) * width + column + self.box[1]
        at: NDArray[np.int64] = np.arange(ends[-1]) + np.repeat(
            first - (ends - self.length), self.length
        )
        return at

    def apply(self, array: NDArray[np.integer]) -> None:
        """Write the new values into the map ``array``, which is contiguous.

        Raises:
            InputError: the map is not the one that the patch was made of; it is unchanged then.
        """
        height, width = array.shape
        if min(self.box) < 0 or self.box[2] > height or self.box[3] > width:
            raise InputError(
                f"The change lies at {self.box}, outside the map of {array.shape}; it belongs to "
                "another image."
            )
        flat, at = array.reshape(-1), self.at(width)
        if (flat[at] != np.repeat(self.old, self.length)).any():
            raise InputError(
                "The change was made of another map than this one; load the session it belongs to."
            )
        flat[at] = np.repeat(self.new, self.length)
