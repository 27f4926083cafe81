"""The labels of one image, as they are handed on or were taken back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.annotation import Session
from napari_corrclip.annotation.region import Region
from napari_corrclip.annotation.state import NOT_PINNED
from napari_corrclip.images.stack import Where
from napari_corrclip.results.large import LargeSegmentation
from napari_corrclip.results.provenance import Provenance
from napari_corrclip.results.segmentation import Segmentation
from napari_corrclip.vocabulary import MAX_VALUE

_BAND = 1 << 18
"""Pixels that are looked at together, about: little beside the label map of an ordinary image."""
IGNORED: Final = "ignored"
"""The state of a region that is left out of training."""
State = Literal["", "assigned", "accepted", "ignored"]
"""A person's decision on a region; empty: there is none."""
Who = Mapping[int, tuple[str, float]]
"""Who decided about a region, and when in seconds since 1970, by its id."""


@dataclass(frozen=True, slots=True)
class RegionNote:
    """A note on a region: what is known of it beside its pixels.

    Attributes:
        id: as in the region map.
        value: the label value that it has; 0: none.
        predicted: the label value that a run gave it; 0: none.
        state: what a person decided.
        p: mean probability of the class that a run gave it, 0 to 1; 0 where it gave none.
        margin: highest minus second highest mean probability of all classes.
        looked: whether the person saw this very region, and not a group of them at once.
        by: who decided; empty where nobody knows.
        at: when, in seconds since 1970; 0 where nobody knows.
        given: the label value that was decided, where that class became another one of the set; 0: it is
            ``value``.
    """

    id: int
    value: int
    predicted: int
    state: State = ""
    p: float = 0.0
    margin: float = 0.0
    looked: bool = True
    by: str = ""
    at: float = 0.0
    given: int = 0

    @property
    def origin(self) -> Literal["run", "person"]:
        """What its class comes from."""
        return "person" if self.state else "run"


@dataclass(frozen=True, eq=False, slots=True)
class LabelledImage:
    """An image's labels.

    Attributes:
        name: what its files are called, without an ending; no two of a set are alike, whatever the case.
        labels: (H, W) uint16 label values, 0 = unlabelled; an array, or one on the disk that is read where
            it is cut.
        regions: (H, W) ids, likewise, int32 or, where all of them fit, uint16; 0 = in no region.
        notes: on its regions, by ascending id.
        file: the image itself; ``None``: nobody knows where it is.
        path: of the image as the person knows it, with ``/``.
        plane: of a stack, which plane of the file; empty of one image.
        subset: of a split, such as ``train``; empty: there is none.
        verified: whether a person has said that it is done, so that all its pixels are a person's word.
        changed: whether it was verified, and has labels that somebody changed in another program since.
        painted: whether a person has painted pixels, which then need not be of their region's class.
        outside: whether a person has said what all pixels of no region have, and so where they have nothing.
        pixels: (H, W, 3) uint8, the picture, where it is not in a file as it is: a part of one, a layer.
        provenance: of the run that proposed; ``None``: nobody knows.
    """

    name: str
    labels: Any
    regions: Any
    notes: Sequence[RegionNote] = ()
    file: Path | None = None
    path: str = ""
    plane: Where = ()
    subset: str = ""
    verified: bool = False
    changed: bool = False
    painted: bool = False
    outside: bool = False
    pixels: NDArray[np.uint8] | None = None
    provenance: Provenance | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        height, width = self.labels.shape
        return int(height), int(width)

    def bands(self) -> Iterator[tuple[int, NDArray[np.uint16], NDArray[np.int32]]]:
        """Yield pieces of whole rows from the top to the bottom: the first row, labels and regions."""
        yield from _bands(self.labels, self.regions)

    def column_bands(self) -> Iterator[tuple[int, NDArray[np.uint16], NDArray[np.int32]]]:
        """Yield pieces of whole columns from the left to the right, transposed: a row is a column."""
        labels, regions = (_Transposed(array) for array in (self.labels, self.regions))
        yield from _bands(labels, regions)

    def ignored(
        self, labels: NDArray[np.integer], regions: NDArray[np.integer]
    ) -> NDArray[np.bool_]:
        """Return which pixels of a piece a person has said to leave out of training.

        Args:
            labels: a piece, as of :meth:`bands`.
            regions: the same piece.
        """
        ids = np.array([note.id for note in self.notes if note.state == IGNORED], np.int64)
        if not len(ids):
            return np.zeros(labels.shape, np.bool_)
        nearest = ids[np.minimum(np.searchsorted(ids, regions), len(ids) - 1)]
        found: NDArray[np.bool_] = (nearest == regions) & (labels == 0)
        return found

    @classmethod
    def of_result(
        cls, result: Segmentation | LargeSegmentation, name: str, **more: Any
    ) -> LabelledImage:
        """Return that of a result that nobody has corrected.

        Args:
            result: of a run.
            name: as of the attribute.
            **more: further attributes.
        """
        columns = (result.table[column].tolist() for column in ("id", "value", "p", "margin"))
        notes = tuple(
            RegionNote(region, value, value, p=p, margin=margin)
            for region, value, p, margin in zip(*columns, strict=True)
        )
        made = result.provenance
        return cls(name, result.labels, result.regions, notes, provenance=made, **more)

    @classmethod
    def of_session(
        cls, session: Session, name: str, who: Who | None = None, **more: Any
    ) -> LabelledImage:
        """Return that of a session as it is now, which may be edited meanwhile.

        Args:
            session: of one image.
            name: as of the attribute.
            who: who decided, and when.
            **more: further attributes.
        """
        known = who or {}
        with session.locked():
            labels, regions = session.labels.copy(), session.regions.copy()
            rows, made = session.rows(), session.provenance
            painted = bool((session.pins != NOT_PINNED).any())
        notes = tuple(
            RegionNote(
                row.id,
                row.value,
                row.predicted,
                "" if row.verdict is None else row.verdict.kind,
                _probability(row),
                row.margin,
                row.verdict is None or row.verdict.looked,
                *(known.get(row.id, ("", 0.0)) if row.verdict is not None else ("", 0.0)),
                given=0 if row.verdict is None else row.verdict.given,
            )
            for row in rows
        )
        return cls(name, labels, regions, notes, painted=painted, provenance=made, **more)

    def relabelled(self, values: Mapping[int, int]) -> LabelledImage:
        """Return it with other label values, which a map on the disk gets where it is read.

        Args:
            values: the new one of each value that there may be; 0 stays.
        """
        table = np.zeros(MAX_VALUE + 1, np.uint16)
        table[[*values]] = [*values.values()]
        notes = tuple(
            replace(note, value=int(table[note.value]), predicted=int(table[note.predicted]))
            for note in self.notes
        )
        labels = self.labels
        on_disk = not isinstance(labels, np.ndarray)
        return replace(
            self, labels=_Relabelled(labels, table) if on_disk else table[labels], notes=notes
        )

    @property
    def is_decided(self) -> bool:
        """Whether a person has said anything of it, but that it is verified."""
        return self.painted or self.outside or any(note.state for note in self.notes)

    def decided(self) -> NDArray[np.bool_]:
        """Return which pixels show what a person has said: (H, W), of labels that are in memory."""
        return self.decided_in(np.asarray(self.labels), np.asarray(self.regions))

    def decided_in(
        self, labels: NDArray[np.integer], regions: NDArray[np.integer]
    ) -> NDArray[np.bool_]:
        """Return which pixels of a piece show what a person has said.

        Args:
            labels: a piece, as of :meth:`bands`.
            regions: the same piece.
        """
        ids = np.array([0, *(note.id for note in self.notes)], np.int64)
        by_hand = np.array([self.outside, *(bool(note.state) for note in self.notes)])
        at = np.minimum(np.searchsorted(ids, regions), len(ids) - 1)
        known = ids[at] == regions
        found: NDArray[np.bool_] = by_hand[at] & known
        if self.painted:
            values = np.array([0, *(note.value for note in self.notes)], np.uint16)
            found |= labels != np.where(known, values[at], 0)
        return found


def _probability(row: Region) -> float:
    """Return the mean probability of the class that a run gave a region; 0 where it gave none."""
    return (
        float(row.probabilities[row.values.index(row.predicted)])
        if row.predicted in row.values
        else 0.0
    )


def _bands(
    labels: Any, regions: Any
) -> Iterator[tuple[int, NDArray[np.uint16], NDArray[np.int32]]]:
    height, width = labels.shape
    rows = max(1, _BAND // max(width, 1))
    chunks = getattr(labels, "chunks", None)
    if chunks is not None:  # on the disk, where no chunk is to be read twice
        rows = max(1, rows // chunks[0]) * chunks[0]
    for top in range(0, height, rows):
        cut = slice(top, top + rows)
        yield top, np.asarray(labels[cut]), np.asarray(regions[cut], np.int32)


class _Relabelled:
    """A view of an array on the disk with other values in it."""

    def __init__(self, array: Any, table: NDArray[np.uint16]) -> None:
        self._array, self._table = array, table
        self.shape = array.shape
        if hasattr(array, "chunks"):
            self.chunks = array.chunks

    def __getitem__(self, window: Any) -> NDArray[np.uint16]:
        found: NDArray[np.uint16] = self._table[np.asarray(self._array[window])]
        return found

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.asarray(self[:], dtype)


class _Transposed:
    """A view of an array whose rows are its columns; of one on the disk, too."""

    def __init__(self, array: Any) -> None:
        self._array = array
        self.shape = array.shape[::-1]
        chunks = getattr(array, "chunks", None)
        if chunks is not None:
            self.chunks = chunks[::-1]

    def __getitem__(self, columns: slice) -> NDArray[Any]:
        return np.ascontiguousarray(np.asarray(self._array[:, columns]).T)
