"""The agreement of two people: on the pixels of their images, and on the regions that both have decided."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.maps.agreement import (
    Estimate,
    iou,
    kappa,
    kappa_of_pairs,
    kappa_of_units,
    margins,
)
from napari_corrclip.project.joining.classes import JointClass
from napari_corrclip.project.joining.drawn import Drawn

LEFT_OUT, UNLABELLED = "(left out)", "(unlabelled)"
"""Rows and columns that are of no class: what somebody has said to leave out, and what has no label."""


@dataclass(frozen=True, eq=False, slots=True)
class Agreement:
    """The counts of how often each label of the first meets each label of the second.

    Attributes:
        counts: (K + 2, K + 2) int64, rows of the first, columns of the second: 0 is unlabelled, 1 to K are
            the joint classes in their order, K + 1 is left out of training.
        units: (N, 3, K + 2) int64, of each image as of :func:`~napari_corrclip.maps.agreement.margins`.
    """

    counts: NDArray[np.int64]
    units: NDArray[np.int64]

    @property
    def total(self) -> int:
        """How many pixels, or regions, were compared."""
        return int(self.counts.sum())

    @property
    def agreed(self) -> int:
        """On how many of them both say the same."""
        return int(np.trace(self.counts))

    @property
    def share(self) -> float:
        """Share on which both say the same, 0 to 1; NaN where nothing was compared."""
        return self.agreed / self.total if self.total else float("nan")

    @property
    def kappa(self) -> float:
        """Cohen's κ, see :func:`napari_corrclip.maps.agreement.kappa`."""
        return kappa(self.counts)

    @property
    def iou(self) -> NDArray[np.float64]:
        """(K,) IoU of each joint class; NaN of one that neither has anywhere."""
        return iou(self.counts)[1:-1]

    def estimate(self, *, by_regions: bool = False) -> Estimate:
        """Return κ with its 95 % interval, of images as if they had been drawn from many.

        Args:
            by_regions: what was drawn are single regions, and no images.
        """
        return kappa_of_pairs(self.counts) if by_regions else kappa_of_units(self.units)


@dataclass(frozen=True, eq=False, slots=True)
class ComparedImage:
    """An image that was compared.

    Attributes:
        title: its path, and which plane, in the first project.
        other: in the second one.
        name: of its item in the first.
        other_name: in the second.
        pixels: how many were compared.
        differing: on how many of them both differ.
        regions: how many regions were compared, which both have decided.
        differing_regions: on how many of those both differ.
        first_decided: how many regions somebody has decided in the first, with those that the second has in
            another shape, or not decided.
        second_decided: likewise.
    """

    title: str
    other: str
    name: str
    other_name: str
    pixels: int
    differing: int
    regions: int
    differing_regions: int
    first_decided: int
    second_decided: int

    @property
    def share(self) -> float:
        """Share of the compared pixels on which both differ, 0 to 1; 0 where none was compared."""
        return self.differing / self.pixels if self.pixels else 0.0


@dataclass(frozen=True, eq=False, slots=True)
class Comparison:
    """The comparison of two projects: what each says of the images that both have.

    Attributes:
        classes: of both, matched by name.
        pixels: what each pixel shows.
        regions: what was decided of regions that are the same pixels in both; where somebody has verified
            an image, that is all of its regions.
        images: that were compared, in the order of the first.
        first_alone: titles of those that the first alone has.
        second_alone: likewise.
        passed_over: those that both have and that could not be compared, a sentence each.
        not_verified: how many were not counted, as not both have verified them, where that was asked for.
        drawn: what the second is a sample of, of which what both have decided is counted; ``None``: it is
            none.
        elsewhere: what the first is called, where the sample was drawn from another one by its name, so that
            nothing is estimated for all of it; empty: it was drawn from that.
    """

    classes: tuple[JointClass, ...]
    pixels: Agreement
    regions: Agreement
    images: tuple[ComparedImage, ...]
    first_alone: tuple[str, ...] = ()
    second_alone: tuple[str, ...] = ()
    passed_over: tuple[str, ...] = ()
    not_verified: int = 0
    drawn: Drawn | None = None
    elsewhere: str = ""

    @property
    def looked(self) -> int:
        """How many of a sample's images, or regions, somebody has decided in both."""
        if self.drawn is None:
            return 0
        if self.drawn.kind == "regions":
            return self.regions.total
        return sum(bool(image.pixels) for image in self.images)

    @property
    def estimate(self) -> Estimate:
        """Cohen's κ on pixels of what was compared, of a sample of regions on these, for all of the first."""
        if self.drawn is not None and self.drawn.kind == "regions":
            return self.regions.estimate(by_regions=True)
        return self.pixels.estimate()

    @property
    def names(self) -> tuple[str, ...]:
        """What rows and columns of the counts are: unlabelled, the classes, left out."""
        return (UNLABELLED, *(class_.name for class_ in self.classes), LEFT_OUT)

    @property
    def first_decided(self) -> int:
        """How many regions somebody has decided in the first, on the images that were compared."""
        return sum(image.first_decided for image in self.images)

    @property
    def second_decided(self) -> int:
        """Likewise in the second."""
        return sum(image.second_decided for image in self.images)

    def worst_first(self) -> list[ComparedImage]:
        """Return the images on which both differ, those that differ on the largest share first."""
        differing = [image for image in self.images if image.differing or image.differing_regions]
        return sorted(differing, key=lambda image: (-image.share, image.title))


@dataclass(frozen=True, eq=False, slots=True)
class LabelsBeside:
    """The labels of one image in two projects, made small where it is large.

    Attributes:
        first: (h, w) uint16, in the first: 0 is unlabelled or left out, 1 to K the joint classes.
        second: (h, w) uint16, in the second.
        differs: (h, w), where the comparison counted that they differ, anywhere in what a pixel stands for.
        step: how many rows, and columns, of the image one of these stands for.
    """

    first: NDArray[np.uint16]
    second: NDArray[np.uint16]
    differs: NDArray[np.bool_]
    step: int


def added(counts: list[NDArray[np.int64]], classes: int) -> Agreement:
    """Return the agreement on several images.

    Args:
        counts: (K + 2, K + 2) of each.
        classes: how many joint classes K there are.
    """
    size = classes + 2
    total = np.zeros((size, size), np.int64)
    units = np.zeros((len(counts), 3, size), np.int64)
    for number, each in enumerate(counts):
        total += each
        units[number] = margins(each)
    return Agreement(total, units)
