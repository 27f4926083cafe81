"""A sitting as a value: all that one opening of one image taught, from which a lesson can be rebuilt.

Rows keep what a region looked like as the vectors of the result have it, not yet normalised, so that they can
be read under another normalisation or vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_corrclip.results.vectors import RegionVectors
from napari_corrclip.storage.frozen import Closed

R = TypeVar("R", bound="Rows")
MOST_UNDECIDED = 64
"""Undecided regions that a finished sitting keeps, evenly chosen; each then counts for several."""


@dataclass(frozen=True, eq=False)
class Rows(Closed):
    """Some regions of one result, a row each; the arrays cannot be written to.

    Attributes:
        ids: (n,) int32, of the regions.
        elected: (n,) int32, the label value that the networks elected; 0 = none.
        probabilities: (n, K) float16, the networks' own, rows of sum 1; float64 where they were brought
            to other classes.
        clip: (n, C) float16, as of :class:`~napari_corrclip.results.vectors.RegionVectors`.
        similarity: (n, c) float16, as there; ``None`` where the run asked nothing of that tower.
        colours: (n, 8) float32, as there.
        places: (n, 2) float32, as there.
    """

    ids: NDArray[np.int32]
    elected: NDArray[np.int32]
    probabilities: NDArray[np.floating]
    clip: NDArray[np.float16]
    similarity: NDArray[np.float16] | None
    colours: NDArray[np.float32]
    places: NDArray[np.float32]

    def __len__(self) -> int:
        """Number of regions."""
        return len(self.ids)

    @property
    def nbytes(self) -> int:
        """Memory held, in bytes."""
        return sum(value.nbytes for value in vars(self).values() if isinstance(value, np.ndarray))

    def chosen(self: R, where: ArrayLike) -> R:
        """Return some of the rows.

        Args:
            where: indices, or a bool a row.
        """
        arrays = {
            column.name: value[np.asarray(where)]
            for column in fields(self)
            if isinstance(value := getattr(self, column.name), np.ndarray)
        }
        return replace(self, **arrays)


@dataclass(frozen=True, eq=False)
class Looks(Rows):
    """Verdicts that a person gave after looking, in the order in which they were given.

    Attributes:
        values: (n,) int32, the label value that the person said.
        accepted: (n,) bool, whether the person accepted what was shown, and did not assign.
        times: (n,) int64, milliseconds since 1970 in UTC.
        foretold: (n,) bool, whether the class in force was the one that the person said.
        p: (n,) float64, the networks' probability of the value said.
        q: (n,) float64, the lesson's, of the prediction that was in force and knew nothing of the verdict.
        q_opening: (n,) float64, the lesson's when the image was opened; equal to ``p`` where the image had
            been looked at in a former sitting, for then it was no prediction.
    """

    values: NDArray[np.int32]
    accepted: NDArray[np.bool_]
    times: NDArray[np.int64]
    foretold: NDArray[np.bool_]
    p: NDArray[np.float64]
    q: NDArray[np.float64]
    q_opening: NDArray[np.float64]

    @property
    def right(self) -> NDArray[np.bool_]:
        """(n,) whether the networks elected the class that the person said."""
        same: NDArray[np.bool_] = self.values == self.elected
        return same


@dataclass(frozen=True, eq=False)
class Undecided(Rows):
    """Regions that were left undecided with the image: weak acceptances of what they showed.

    Attributes:
        shown: (n,) int32, the label value that was shown when the image was left.
        each: how many undecided regions each row counts for.
    """

    shown: NDArray[np.int32]
    each: float


@dataclass(frozen=True, eq=False)
class Sitting:
    """One opening of one image until it was left.

    Attributes:
        number: place in the sequence of a set's sittings, ascending.
        image: key of the image, the same whenever it is opened.
        run: digest of the run whose result it was.
        opened: when, ISO 8601.
        left: when, ISO 8601.
        classes: (K,) label values of the columns of the probabilities.
        looks: what was learnt.
        undecided: what was left; a sitting without looks keeps it, and teaches nothing.
    """

    number: int
    image: str
    run: str
    opened: str
    left: str
    classes: tuple[int, ...]
    looks: Looks
    undecided: Undecided

    @property
    def nbytes(self) -> int:
        """Memory held by the rows, in bytes."""
        return self.looks.nbytes + self.undecided.nbytes

    def without(self, regions: ArrayLike) -> Sitting:
        """Return it without the looks at some regions, as though they had never been looked at."""
        kept = ~np.isin(self.looks.ids, np.asarray(regions, np.int64))
        return self if kept.all() else replace(self, looks=self.looks.chosen(kept))


def joined(parts: Sequence[R]) -> R:
    """Return the rows of several, of which there is one at least, as those of one.

    All of them have vectors of the similarity tower, or none has. What is said of all rows at once is that of
    the first.
    """
    arrays = {
        column.name: np.concatenate([getattr(part, column.name) for part in parts])
        for column in fields(parts[0])
        if isinstance(getattr(parts[0], column.name), np.ndarray)
    }
    return replace(parts[0], **arrays)


def evenly(count: int, most: int) -> NDArray[np.int64]:
    """Return at most ``most`` of ``count`` indices, ascending and as far apart as they can be."""
    if count <= most:
        return np.arange(count)
    return np.arange(most) * count // most


def columns_of(
    vectors: RegionVectors,
    rows: NDArray[np.int64],
    probabilities: NDArray[np.floating],
    elected: NDArray[np.int32],
) -> dict[str, Any]:
    """Return what :class:`Rows` keeps of some rows of a result, by name.

    Args:
        vectors: of the result's regions.
        rows: which of them.
        probabilities: (R, K) of all of them.
        elected: (R,) likewise.
    """
    return {
        "ids": vectors.ids[rows],
        "elected": elected[rows],
        "probabilities": probabilities[rows],
        "clip": vectors.clip[rows],
        "similarity": None if vectors.similarity is None else vectors.similarity[rows],
        "colours": vectors.colours[rows],
        "places": vectors.places[rows],
    }
