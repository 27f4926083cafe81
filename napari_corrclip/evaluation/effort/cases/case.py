"""The case that a simulated person is given: an image, its truth and its pre-labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.results.segmentation import Segmentation, build_segmentation, class_indices
from napari_corrclip.results.vectors import RegionVectors
from napari_corrclip.wording.amounts import count


@dataclass(frozen=True, eq=False)
class Case:
    """One image to correct.

    Attributes:
        name: of the image.
        image: (H, W, 3) uint8, what the person sees.
        truth: (H, W) uint16 label values of the result's vocabulary; 0 = not counted.
        result: the pre-labels and the regions.
        vectors: of the regions, for a lesson; ``None``: nobody is taught.
    """

    name: str
    image: NDArray[np.uint8]
    truth: NDArray[np.uint16]
    result: Segmentation
    vectors: RegionVectors | None = None

    def __post_init__(self) -> None:
        """Look whether the parts belong together."""
        if not self.image.shape[:2] == self.truth.shape == self.result.shape:
            raise ValueError(
                f"image {self.image.shape}, truth {self.truth.shape} and result "
                f"{self.result.shape} are not of one size"
            )
        class_indices(self.truth, self.result.vocabulary)

    @property
    def accuracy(self) -> float:
        """Share of the counted pixels that the pre-labels have right."""
        right, counted = right_pixels(self.truth, self.result.labels)
        return right / max(1, counted)

    def without_labels(self) -> Case:
        """Return the same image and regions, with every pixel and region without a class."""
        return replace(self, result=without_labels(self.result))


@dataclass(frozen=True)
class CaseSet:
    """Images of one data set with regions of one source and pre-labels of one kind.

    Attributes:
        name: such as ``streets-350``.
        title: such as "streets, 337 superpixels".
        cases: the images.
        how: what the pre-labels are, in a sentence.
        held: whether they are right on 80 ± 1 % of the pixels, as the goal wants.
    """

    name: str
    title: str
    cases: tuple[Case, ...]
    how: str
    held: bool

    @property
    def accuracy(self) -> float:
        """Share of all counted pixels that the pre-labels have right."""
        return mean_accuracy([(case.truth, case.result.labels) for case in self.cases])

    @property
    def summary(self) -> str:
        """What it is, how much, and how far right, in a line."""
        return (
            f"{self.title}: {count(len(self.cases), 'image')}, {self.how}, right on "
            f"{100 * self.accuracy:.1f} % of the pixels"
        )


@dataclass(frozen=True, eq=False)
class _Nothing:
    """Pixels and regions of which nothing is known (a :class:`PixelResults`)."""

    pixel_labels: NDArray[np.int64]
    labels: NDArray[np.int64]
    confidence: NDArray[np.float32]
    region_ids: NDArray[np.int64]
    region_probabilities: NDArray[np.float32]
    votes: NDArray[np.int64]


def without_labels(result: Segmentation) -> Segmentation:
    """Return ``result`` with its regions and vocabulary alone, as before anything was predicted."""
    ids = result.table["id"].to_numpy(np.int64)
    classes = len(result.vocabulary)
    nowhere = np.full(result.shape, -1, np.int64)
    votes = np.zeros((len(ids), 1 + classes), np.int64)
    votes[:, 0] = result.table["area"].to_numpy(np.int64)
    return build_segmentation(
        _Nothing(
            pixel_labels=nowhere,
            labels=nowhere,
            confidence=np.zeros(result.shape, np.float32),
            region_ids=ids,
            region_probabilities=np.zeros((len(ids), classes), np.float32),
            votes=votes,
        ),
        result.regions,
        result.vocabulary,
        result.provenance,
    )


def right_pixels(truth: NDArray[np.integer], labels: NDArray[np.integer]) -> tuple[int, int]:
    """Return how many pixels have their true label, and how many are counted (truth not 0)."""
    counted = truth > 0
    return int(np.count_nonzero((truth == labels) & counted)), int(np.count_nonzero(counted))


def mean_accuracy(maps: Sequence[tuple[NDArray[np.integer], NDArray[np.integer]]]) -> float:
    """Return the share of right pixels over all (truth, labels) together."""
    right, counted = np.sum([right_pixels(*pair) for pair in maps], axis=0)
    return float(right / max(1, counted))
