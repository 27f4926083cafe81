"""The survey of a data set before anything is run: what is there, and whether it belongs together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.errors import InputError
from napari_corrclip.evaluation.datasets.dataset import Dataset
from napari_corrclip.images.planes import opened
from napari_corrclip.progress import Progress, Steps
from napari_corrclip.wording.amounts import count


@dataclass(frozen=True, eq=False)
class Survey:
    """The contents of a data set.

    Attributes:
        dataset: that was looked at.
        pixels: (1 + K,) int64 pixels of each class in all truths; first those that are not counted.
        images: (K,) int64 images in which each class occurs.
        smallest: rows and columns of the image with the fewest pixels.
        largest: of that with the most.
        broken: a sentence for each image that cannot be used, which nothing above counts.
    """

    dataset: Dataset
    pixels: NDArray[np.int64]
    images: NDArray[np.int64]
    smallest: tuple[int, int]
    largest: tuple[int, int]
    broken: tuple[str, ...] = ()

    def check(self, *, listed: bool = False) -> None:
        """Raise InputError where an image cannot be used: figures of a part of a set look like the set's.

        Args:
            listed: whether :meth:`lines` were told, which have the sentences.
        """
        if self.broken and listed:
            raise InputError(
                f"{len(self.broken):,} of {count(len(self.dataset.images), 'image')} of {self.dataset.title} "
                "cannot be used, as said above; repair them, or take them out of the data set."
            )
        if len(self.broken) == 1:
            raise InputError(self.broken[0])
        if self.broken:
            raise InputError(
                f"{len(self.broken):,} of {count(len(self.dataset.images), 'image')} of {self.dataset.title} "
                f"cannot be used, the first: {self.broken[0]} (--check lists them all)"
            )

    def lines(self) -> Iterator[str]:
        """Yield what is to be read of it, line by line."""
        dataset = self.dataset
        yield f"{dataset.title}: {count(len(dataset.images), 'image')} with truth"
        if dataset.expected and len(dataset.images) != dataset.expected:
            yield (
                f"Note: the benchmark has {dataset.expected:,} images; figures of others are not comparable"
            )
        if dataset.note:
            yield f"Note: {dataset.note}"
        sizes = dict.fromkeys(
            f"{rows} × {columns}" for rows, columns in (self.smallest, self.largest)
        )
        yield f"Pixels: {' to '.join(sizes)}"
        absent = [
            name
            for name, images in zip(dataset.vocabulary.names, self.images, strict=True)
            if not images
        ]
        there = len(dataset.vocabulary) - len(absent)
        yield f"Classes: {there} of {len(dataset.vocabulary)} occur" + (
            f"; not {_some(absent)}" if absent else ""
        )
        yield f"Not counted: {self.pixels[0] / max(1, int(self.pixels.sum())):.1%} of the pixels"
        for sentence in self.broken:
            yield f"Broken: {sentence}"


def _some(names: list[str], shown: int = 8) -> str:
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(names[:shown]) + more


def survey_steps(dataset: Dataset) -> Steps[Survey]:
    """Look at every truth, and at the size of every image.

    What cannot be read, a truth of another size than its image, and a value of no class are told in
    ``broken``, so that all of them can be repaired at once.

    Raises:
        InputError: no image can be used; the sentence of the first.
    """
    classes = len(dataset.vocabulary)
    pixels: NDArray[np.int64] = np.zeros(classes + 1, np.int64)
    images: NDArray[np.int64] = np.zeros(classes, np.int64)
    sizes: set[tuple[int, int]] = set()
    broken = []
    for done, each in enumerate(dataset.images):
        yield Progress("look at the truth", done, len(dataset.images))
        try:
            with opened(each.image, "image") as plane:
                size = plane.size
            truth = dataset.read_truth(each, size)
        except InputError as error:
            broken.append(str(error))
            continue
        sizes.add(size)
        here = np.bincount(truth.ravel(), minlength=classes + 1)
        pixels += here
        images += here[1:] > 0
    yield Progress("look at the truth", len(dataset.images), len(dataset.images))
    if not sizes:
        raise InputError(broken[0])
    ordered = sorted(sizes, key=lambda size: (size[0] * size[1], size))
    return Survey(dataset, pixels, images, ordered[0], ordered[-1], tuple(broken))
