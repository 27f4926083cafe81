"""A folder of images and truth: ``images/`` and ``labels/`` with files of the same names."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.errors import InputError
from napari_corrclip.evaluation.datasets.dataset import TruthValues
from napari_corrclip.evaluation.datasets.folder import NAME_IT, labelled_images, names_in
from napari_corrclip.images import read_image, to_rgb
from napari_corrclip.maps.reading import read_map
from napari_corrclip.vocabulary import Vocabulary
from napari_corrclip.vocabulary.classes import MAX_VALUE


@dataclass(frozen=True, eq=False)
class Photograph:
    """An image with its truth.

    Attributes:
        name: the file's, without its suffix.
        image: (H, W, 3) uint8.
        truth: (H, W) uint16, class number from 1; 0 = not counted.
    """

    name: str
    image: NDArray[np.uint8]
    truth: NDArray[np.uint16]


@dataclass(frozen=True, eq=False)
class Photographs:
    """The images of a folder with their truth, in the order of the files' names."""

    name: str
    classes: Vocabulary
    images: tuple[Photograph, ...]


def read_folder(
    folder: str | os.PathLike[str],
    *,
    classes: Sequence[str] | None = None,
    ignore: Collection[int] = (),
) -> Photographs:
    """Read all images of ``folder/images`` and their truth of ``folder/labels``.

    The truth of ``a.jpg`` is ``a.png`` (or another format), one whole number a pixel: the class's
    number in the list of names, from 0, as it is stored: a palette or bit depth makes no difference.

    Args:
        folder: has the two folders, and may have ``classes.txt``, a name a line.
        classes: the names; ``None``: those of ``classes.txt``, or else "class 0" and so on.
        ignore: values that are not counted.

    Raises:
        InputError: something is missing, cannot be read, or does not belong together.
    """
    folder = Path(folder)
    pairs = [(each.image, each.truth) for each in labelled_images(folder)]
    images = [to_rgb(read_image(image)) for image, _ in pairs]
    truths = [_read_truth(path) for _, path in pairs]
    for (path, other), image, truth in zip(pairs, images, truths, strict=True):
        if image.shape[:2] != truth.shape:
            raise InputError(
                f"The image {str(path)!r} is {image.shape[0]} × {image.shape[1]} pixels and its "
                f"truth {str(other)!r} {truth.shape[0]} × {truth.shape[1]}; give maps of the "
                "images' size."
            )
    names = names_in(folder) if classes is None else list(classes)
    if names is None:
        highest = max(int(truth[~np.isin(truth, list(ignore))].max(initial=0)) for truth in truths)
        if highest >= MAX_VALUE:
            raise InputError(
                f"The truth of {str(folder)!r} holds the value {highest}, and class numbers end at "
                f"{MAX_VALUE - 1}; give maps of classes, or leave it out by --ignore {highest}."
            )
        names = [f"class {value}" for value in range(highest + 1)]
    values = TruthValues(0, frozenset(ignore))
    numbers = [
        values.numbers(truth, len(names), f"The truth {str(path)!r}", NAME_IT)
        for (_, path), truth in zip(pairs, truths, strict=True)
    ]
    return Photographs(
        name=folder.resolve().name,
        classes=Vocabulary.from_names(names),
        images=tuple(
            Photograph(path.stem, image, truth)
            for (path, _), image, truth in zip(pairs, images, numbers, strict=True)
        ),
    )


def _read_truth(path: Path) -> NDArray[np.int64]:
    array = read_map(path, "truth")
    if array.dtype == np.uint64:  # no number of a class is so large that it would be cut here
        array = np.minimum(array, np.uint64(np.iinfo(np.int64).max))
    return array.astype(np.int64)
