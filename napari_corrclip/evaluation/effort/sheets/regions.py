"""The regions of all images of a set as arrays, with their truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.evaluation.effort.cases.case import Case, right_pixels
from napari_corrclip.evaluation.effort.simulation.region_truth import case_counts, majority
from napari_corrclip.results.segmentation import class_indices


@dataclass(frozen=True, eq=False)
class SetRegions:
    """The regions of a set, image after image.

    Attributes:
        values: (1 + K,) label values by class number; 0 is none.
        images: (R,) in which image each is.
        ids: (R,) what it is called there.
        counts: (R, 1 + K) its pixels by true class number; column 0: not counted.
        best: (R,) class number that most of its counted pixels have; 0: none is counted.
        shown: (R,) class number that the pre-labels show; 0: none.
        areas: (R,) pixels.
        totals: (images,) counted pixels.
        outside: (images,) pixels in no region that the pre-labels have right.
    """

    values: NDArray[np.int64]
    images: NDArray[np.int64]
    ids: NDArray[np.int64]
    counts: NDArray[np.int64]
    best: NDArray[np.int64]
    shown: NDArray[np.int64]
    areas: NDArray[np.int64]
    totals: NDArray[np.int64]
    outside: NDArray[np.int64]

    @classmethod
    def of(cls, cases: Sequence[Case]) -> SetRegions:
        """Return the regions of some images of the same classes."""
        words = cases[0].result.vocabulary
        counted = [case_counts(case) for case in cases]
        counts = np.concatenate([found for found, _ in counted])
        shown = [
            class_indices(case.result.table["value"].to_numpy().astype(np.uint16), words) + 1
            for case in cases
        ]
        pixels = [right_pixels(case.truth, case.result.labels) for case in cases]
        outside = [
            right_pixels(
                np.where(case.result.regions == 0, case.truth, 0).astype(np.uint16),
                case.result.labels,
            )[0]
            for case in cases
        ]
        return cls(
            values=np.array([0, *words.values], np.int64),
            images=np.repeat(np.arange(len(cases)), [len(ids) for _, ids in counted]),
            ids=np.concatenate([ids for _, ids in counted]).astype(np.int64),
            counts=counts,
            best=majority(counts),
            shown=np.concatenate(shown).astype(np.int64),
            areas=counts.sum(axis=1),
            totals=np.array([total for _, total in pixels], np.int64),
            outside=np.array(outside, np.int64),
        )

    @property
    def total(self) -> int:
        """Counted pixels of the set."""
        return int(self.totals.sum())

    @property
    def wrong(self) -> NDArray[np.bool_]:
        """(R,) whether the pre-labels show another class than the region's."""
        found: NDArray[np.bool_] = (self.best > 0) & (self.shown != self.best)
        return found

    def right(self, shown: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return (R,) pixels of each region that are right where it shows a class number."""
        found: NDArray[np.int64] = self.counts[np.arange(len(shown)), shown]
        return np.where(shown > 0, found, 0)

    @property
    def reach(self) -> NDArray[np.int64]:
        """(images,) pixels that are right where every region has its class."""
        return np.bincount(self.images, self.right(self.best), minlength=len(self.totals)).astype(
            np.int64
        )

    @property
    def ceiling(self) -> float:
        """Share of the pixels that regions can reach; those in no region are wrong."""
        return float(self.reach.sum() / max(1, self.total))

    @property
    def start(self) -> float:
        """Share of the pixels that the pre-labels have right."""
        return float((self.right(self.shown).sum() + self.outside.sum()) / max(1, self.total))
