"""The evidence of the last run for every pixel; regions are counted from it, however they were edited."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.errors import InputError
from napari_corrclip.maps.regions import number_regions
from napari_corrclip.results.segmentation import Segmentation, class_indices
from napari_corrclip.vocabulary import Vocabulary

NOT_TAUGHT = -1
"""The value of a region of which no lesson says anything."""
ROUNDING = 1e-3
"""A mean of probabilities may be above 1 by so much, in half precision."""


@dataclass(frozen=True, eq=False)
class Taught:
    """The opinion of a lesson on the run's regions, in the place of the networks'.

    Attributes:
        values: (R,) int32, the label value of all pixels of each of the run's regions; -1: the networks' own
            opinion stays.
        probabilities: (R, K) float32, of each region's classes; of one that nothing is said of zeros.
        weight: of the lesson beside the networks, 0 to 1.
        verdicts: that it had learnt from.
        images: that these were given in.
    """

    values: NDArray[np.int32]
    probabilities: NDArray[np.float32]
    weight: float = 0.0
    verdicts: int = 0
    images: int = 0

    def same(self, other: Taught | None) -> bool:
        """Whether another one says the same."""
        return (
            other is not None
            and self.told == other.told
            and np.array_equal(self.values, other.values)
            and np.array_equal(self.probabilities, other.probabilities)
        )

    @property
    def told(self) -> dict[str, float]:
        """What a provenance says of it."""
        return {"weight": self.weight, "verdicts": self.verdicts, "images": self.images}

    @property
    def nbytes(self) -> int:
        """Memory held, in bytes."""
        return self.values.nbytes + self.probabilities.nbytes


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
        taught: what a lesson says instead; ``None``: nothing.
    """

    prediction: NDArray[np.uint16]
    numbers: NDArray[np.int32]
    probabilities: NDArray[np.float32]
    taught: Taught | None = None

    @cached_property
    def shown(self) -> NDArray[np.uint16]:
        """(H, W) uint16 label values that count: the prediction, or what is taught of the pixel's region."""
        if self.taught is None:
            return self.prediction
        values = np.concatenate([[NOT_TAUGHT], self.taught.values])[self.numbers]
        return np.where(values == NOT_TAUGHT, self.prediction, values).astype(np.uint16)

    @cached_property
    def opinions(self) -> NDArray[np.float32]:
        """(R, K) float32 probabilities that count: those of the run, or what is taught of the region."""
        if self.taught is None:
            return self.probabilities
        said = self.taught.values != NOT_TAUGHT
        return np.where(said[:, None], self.taught.probabilities, self.probabilities)

    @classmethod
    def of(cls, result: Segmentation) -> Evidence:
        """Return the evidence in a result; the arrays are copies.

        Raises:
            InputError: it has labels of no class, or probabilities that are none. What follows
                from such ones could be saved and not be loaded again.
        """
        class_indices(result.pixel_labels, result.vocabulary)
        numbers, ids = number_regions(result.regions)
        probabilities = result.region_probabilities
        if not are_probabilities(probabilities):
            right = [are_probabilities(row) for row in probabilities]
            raise InputError(
                f"The probabilities of region {ids[right.index(False)]} are not numbers from 0 to 1; "
                "segment the image again, on the CPU or in float32 where it was done otherwise."
            )
        return cls(result.pixel_labels.copy(), numbers, probabilities.copy())


def columns_of(
    probabilities: NDArray[np.float32], old: Vocabulary, vocabulary: Vocabulary
) -> NDArray[np.float32]:
    """Return (R, K) probabilities by other classes; 0 of new ones.

    Args:
        probabilities: (R, k) by the old classes.
        old: the classes that they are of.
        vocabulary: those that they are to be of.
    """
    found = np.zeros((len(probabilities), len(vocabulary)), np.float32)
    for index, value in enumerate(vocabulary.values):
        if value in old.values:
            found[:, index] = probabilities[:, old.values.index(value)]
    return found


def are_probabilities(values: NDArray[np.floating]) -> bool:
    """Whether all are finite and from 0 to 1, but for what rounding adds."""
    if not values.size:
        return True
    return bool(values.min() >= -ROUNDING and values.max() <= 1 + ROUNDING)  # NaN is neither
