"""The scores of a data set's images: counts in whole numbers, and the figures that follow from them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.evaluation.boundary import BoundaryCounts
from napari_corrclip.evaluation.metrics import Confusion, true_miou
from napari_corrclip.maps.regions import number_regions
from napari_corrclip.maps.votes import count_votes, winners


@dataclass(frozen=True, slots=True)
class ImageScore:
    """The score of one image.

    Attributes:
        name: of the image.
        miou: mean IoU over the classes of its truth; NaN where nothing of it is counted.
        accuracy: share of the counted pixels that have their class.
        ceiling: the same share where every region has the class that most of its pixels have.
    """

    name: str
    miou: float
    accuracy: float
    ceiling: float


@dataclass(eq=False)
class Ceiling:
    """The best that a source's regions can reach: each with the class that most of its counted pixels have.

    Attributes:
        classes: number of classes K.
        confusion: truth x that best; pixels in no region are as the run predicted them.
        images: how many were counted.
        regions: of all of them.
        unsegmented: pixels in no region.
        pixels: of all of them.
    """

    classes: int
    confusion: Confusion = field(init=False)
    images: int = 0
    regions: int = 0
    unsegmented: int = 0
    pixels: int = 0

    def __post_init__(self) -> None:
        """Begin with nothing counted."""
        self.confusion = Confusion(self.classes)

    def add(
        self,
        truth: NDArray[np.integer],
        prediction: NDArray[np.integer],
        regions: NDArray[np.integer],
    ) -> float:
        """Count one image; return the share of its counted pixels that can be right.

        Args:
            truth: (H, W) class numbers from 1, 0 = not counted.
            prediction: (H, W) class numbers from 1, 0 = unlabelled.
            regions: (H, W) region ids, 0 = unsegmented.
        """
        best, count = best_labels(truth, regions, self.classes)
        best = np.where(regions == 0, prediction, best)
        own = Confusion(self.classes)
        own.add(truth, best)
        self.confusion.counts += own.counts
        self.images += 1
        self.regions += count
        self.unsegmented += int((regions == 0).sum())
        self.pixels += regions.size
        return own.accuracy


@dataclass(eq=False)
class Scores:
    """The sum over images.

    Attributes:
        classes: number of classes K.
        confusion: truth x prediction.
        boundary: of the prediction.
        ceiling: of the run's own regions.
        images: a score each, in the order in which they were added.
    """

    classes: int
    confusion: Confusion = field(init=False)
    boundary: BoundaryCounts = field(init=False)
    ceiling: Ceiling = field(init=False)
    images: list[ImageScore] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Begin with nothing counted."""
        self.confusion = Confusion(self.classes)
        self.boundary = BoundaryCounts(self.classes)
        self.ceiling = Ceiling(self.classes)

    def add(
        self,
        name: str,
        truth: NDArray[np.integer],
        prediction: NDArray[np.integer],
        regions: NDArray[np.integer],
    ) -> None:
        """Count one image.

        Args:
            name: of it.
            truth: (H, W) class numbers from 1, 0 = not counted.
            prediction: (H, W) class numbers from 1, 0 = unlabelled, which is wrong.
            regions: (H, W) region ids, 0 = unsegmented.
        """
        own = Confusion(self.classes)
        own.add(truth, prediction)
        self.confusion.counts += own.counts
        self.boundary.add(truth, prediction)
        reached = self.ceiling.add(truth, prediction, regions)
        self.images.append(ImageScore(name, true_miou(own), own.accuracy, reached))


def best_labels(
    truth: NDArray[np.integer], regions: NDArray[np.integer], classes: int
) -> tuple[NDArray[np.int64], int]:
    """Give every region the class that most of its counted pixels have.

    Args:
        truth: (H, W) class numbers from 1, 0 = not counted.
        regions: (H, W) region ids, 0 = unsegmented.
        classes: K.

    Returns:
        (H, W) class numbers, 0 where unsegmented or where nothing of a region is counted; and how many
        regions there are.
    """
    numbers, ids = number_regions(regions)
    votes = count_votes(truth.astype(np.int64) - 1, numbers, len(ids), classes)
    votes[:, 0] = 0  # what is not counted has no vote
    chosen = np.where(votes.any(axis=1), winners(votes) + 1, 0)
    best: NDArray[np.int64] = np.concatenate([[0], chosen])[numbers]
    return best, len(ids)
