"""What the last run said of every pixel; regions are counted from it, however they were edited."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from napari_corrclip.annotation.boxes import Box, window
from napari_corrclip.region_map import number_regions
from napari_corrclip.segmentation import Segmentation
from napari_corrclip.vocabulary import Vocabulary


@dataclass(frozen=True, eq=False)
class Evidence:
    """The prediction of a run, by pixel and by the regions *of that run*.

    A pixel's class probabilities are taken to be the mean ones of the region in which it was encoded;
    where it was in none, half is its class's and the rest is shared evenly. So the probabilities of
    any set of pixels follow from the maps alone, whatever was merged, split or painted before.

    Attributes:
        prediction: (H, W) uint16 label values before map correction, 0 = no class.
        numbers: (H, W) int32 region numbers of the run, 1 to R; 0 = unsegmented.
        probabilities: (R, K) float32 mean probabilities of the run's regions.
    """

    prediction: NDArray[np.uint16]
    numbers: NDArray[np.int32]
    probabilities: NDArray[np.float32]

    @classmethod
    def of(cls, result: Segmentation) -> Evidence:
        """Return the evidence in a result; the arrays are copies."""
        numbers, _ = number_regions(result.regions)
        return cls(result.pixel_labels.copy(), numbers, result.region_probabilities.copy())

    def sums(
        self, owners: NDArray[np.int32], count: int, box: Box, vocabulary: Vocabulary
    ) -> NDArray[np.float64]:
        """Return (count, K), the probabilities of each class added up over each owner's pixels.

        Args:
            owners: (h, w) inside ``box``: 1 to ``count`` where a pixel is counted, else 0.
            count: how many owners.
            box: where the pixels lie.
            vocabulary: the K classes, in the order of the probabilities.
        """
        rows = owners.ravel()
        numbers = self.numbers[window(box)].ravel()
        shape = (count + 1, len(self.probabilities) + 1)
        shared = sparse.coo_matrix((np.ones(len(rows)), (rows, numbers)), shape=shape).tocsr()
        found = shared[1:, 1:] @ self.probabilities.astype(np.float64)
        outside = (numbers == 0) & (rows > 0)
        if outside.any():
            classes = len(vocabulary)
            where = column_of(vocabulary)[self.prediction[window(box)].ravel()[outside]]
            keys = rows[outside].astype(np.int64) * (classes + 1) + where
            counts = np.bincount(keys, minlength=(count + 1) * (classes + 1))
            votes = counts.reshape(count + 1, classes + 1)[1:]
            named = votes[:, 1:]
            evenly = (votes[:, :1] + 0.5 * named.sum(axis=1, keepdims=True)) / classes
            found = found + 0.5 * named + evenly
        return np.asarray(found)


def column_of(vocabulary: Vocabulary) -> NDArray[np.int64]:
    """Return (65536,) the column of votes of each label value: 0 for none, else 1 + class index."""
    columns = np.zeros(1 << 16, np.int64)
    columns[list(vocabulary.values)] = np.arange(1, len(vocabulary) + 1)
    return columns
