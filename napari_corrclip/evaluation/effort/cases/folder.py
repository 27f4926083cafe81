"""A folder of images and truth: ``images/`` and ``labels/`` with files of the same names."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.errors import InputError
from napari_corrclip.images import read_image, to_rgb
from napari_corrclip.maps.reading import read_map
from napari_corrclip.storage.text_files import read_text
from napari_corrclip.vocabulary import Vocabulary
from napari_corrclip.vocabulary.classes import MAX_VALUE
from napari_corrclip.vocabulary.files import names_of_lines

IMAGES, LABELS, CLASSES = "images", "labels", "classes.txt"


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
    pairs = _pairs(folder)
    images = [to_rgb(read_image(image)) for image, _ in pairs]
    truths = [_read_truth(path) for _, path in pairs]
    for (path, other), image, truth in zip(pairs, images, truths, strict=True):
        if image.shape[:2] != truth.shape:
            raise InputError(
                f"The image {str(path)!r} is {image.shape[0]} × {image.shape[1]} pixels and its "
                f"truth {str(other)!r} {truth.shape[0]} × {truth.shape[1]}; give maps of the "
                "images' size."
            )
    names = _names(folder, classes)
    if names is None:
        highest = max(int(truth[~np.isin(truth, list(ignore))].max(initial=0)) for truth in truths)
        if highest >= MAX_VALUE:
            raise InputError(
                f"The truth of {str(folder)!r} holds the value {highest}, and class numbers end at "
                f"{MAX_VALUE - 1}; give maps of classes, or leave it out by --ignore {highest}."
            )
        names = [f"class {value}" for value in range(highest + 1)]
    numbers = [
        _numbers(path, truth, len(names), ignore)
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


def _pairs(folder: Path) -> list[tuple[Path, Path]]:
    """Return every image's path with that of its truth, by name."""
    images, labels = (_by_stem(folder / part) for part in (IMAGES, LABELS))
    for here, there, part in ((images, labels, LABELS), (labels, images, IMAGES)):
        alone = sorted(here.keys() - there.keys())
        if alone:
            raise InputError(
                f"{str(here[alone[0]])!r} has no counterpart in {str(folder / part)!r}"
                f"{f' (nor have {len(alone) - 1} others)' if len(alone) > 1 else ''}; the names "
                "of images and truth must be the same but for the suffix."
            )
    return [(images[stem], labels[stem]) for stem in sorted(images)]


def _by_stem(folder: Path) -> dict[str, Path]:
    """Return the files of ``folder`` by name without suffix."""
    try:
        files = sorted(p for p in folder.iterdir() if p.is_file() and not p.name.startswith("."))
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(
            f"The folder {str(folder)!r} cannot be read ({reason}); give a folder that holds "
            f"'{IMAGES}' and '{LABELS}'."
        ) from None
    if not files:
        raise InputError(f"The folder {str(folder)!r} is empty; put files in it.")
    found: dict[str, Path] = {}
    for path in files:
        if path.stem in found:
            raise InputError(
                f"{str(found[path.stem])!r} and {str(path)!r} have the same name; keep one of them."
            )
        found[path.stem] = path
    return found


def _read_truth(path: Path) -> NDArray[np.int64]:
    array = read_map(path, "truth")
    if array.dtype == np.uint64:  # no number of a class is so large that it would be cut here
        array = np.minimum(array, np.uint64(np.iinfo(np.int64).max))
    return array.astype(np.int64)


def _names(folder: Path, classes: Sequence[str] | None) -> list[str] | None:
    if classes is not None:
        return list(classes)
    path = folder / CLASSES
    if not path.exists():
        return None
    return list(names_of_lines(read_text(path, "class names")))


def _numbers(
    path: Path, truth: NDArray[np.int64], classes: int, ignore: Collection[int]
) -> NDArray[np.uint16]:
    """Return class numbers from 1, 0 for what is ignored."""
    counted = ~np.isin(truth, list(ignore))
    wrong = truth[counted & ((truth < 0) | (truth >= classes))]
    if wrong.size:
        raise InputError(
            f"The truth {str(path)!r} holds the value {int(wrong[0])}, and there are names for 0 to "
            f"{classes - 1}; name it by --classes or leave it out by --ignore {int(wrong[0])}."
        )
    return np.where(counted, truth + 1, 0).astype(np.uint16)
