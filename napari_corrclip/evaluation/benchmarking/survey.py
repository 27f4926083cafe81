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
        smallest: rows and columns of the image with the fewest pixels; ``None``: no image can be used.
        largest: of that with the most.
        broken: a sentence for each image that cannot be used, which nothing above counts.
    """

    dataset: Dataset
    pixels: NDArray[np.int64]
    images: NDArray[np.int64]
    smallest: tuple[int, int] | None
    largest: tuple[int, int] | None
    broken: tuple[str, ...] = ()

    def check(self, *, listed: bool = False) -> None:
        """Raise InputError where an image cannot be used: figures of a part of a set look like the set's.

        So it does where nothing of the truth is counted.

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
        if not self.pixels[1:].any():
            raise nothing_counted(len(self.dataset.images))

    def lines(self) -> Iterator[str]:
        """Yield what is to be read of it, line by line."""
        dataset = self.dataset
        of = f", of {dataset.found:,} that are here" if dataset.found > len(dataset.images) else ""
        yield f"{dataset.title}: {count(len(dataset.images), 'image')} with truth{of}"
        if dataset.expected and len(dataset.images) != dataset.expected:
            yield (
                f"Note: the benchmark has {dataset.expected:,} images; figures of others are not comparable"
            )
        if dataset.note:
            yield f"Note: {dataset.note}"
        if self.smallest is not None and self.largest is not None:
            yield from self._contents(self.smallest, self.largest)
        for sentence in self.broken:
            yield f"Broken: {sentence}"

    def _contents(self, smallest: tuple[int, int], largest: tuple[int, int]) -> Iterator[str]:
        """Yield what there is of the images that can be used."""
        dataset = self.dataset
        sizes = dict.fromkeys(f"{rows} × {columns}" for rows, columns in (smallest, largest))
        yield f"Pixels: {' to '.join(sizes)}"
        if dataset.values.things is None:
            names, first = dataset.vocabulary.names, dataset.values.first
            yield f"Values: {first} is {names[0]}" + (
                f", {first + len(names) - 1} is {names[-1]}" if len(names) > 1 else ""
            )
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


def nothing_counted(images: int) -> InputError:
    """Return the error of a truth of which no pixel is counted."""
    return InputError(
        f"No pixel of the truth of {count(images, 'image')} is counted; take other images, or ignore fewer "
        "values."
    )


def _some(names: list[str], shown: int = 8) -> str:
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(names[:shown]) + more


def survey_steps(dataset: Dataset) -> Steps[Survey]:
    """Look at every truth, and at the size of every image.

    What cannot be read, a truth of another size than its image, and a value of no class are told in
    ``broken``, so that all of them can be repaired at once.
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
    ordered = sorted(sizes, key=lambda size: (size[0] * size[1], size))
    smallest, largest = (ordered[0], ordered[-1]) if ordered else (None, None)
    return Survey(dataset, pixels, images, smallest, largest, tuple(broken))
