"""A folder as a data set: ``images/`` and ``labels/`` with files of the same names, and a file of classes."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path
from typing import Final

from napari_corrclip.errors import InputError
from napari_corrclip.evaluation.datasets.dataset import (
    Dataset,
    Incomplete,
    LabelledImage,
    TruthValues,
)
from napari_corrclip.storage.text_files import read_text
from napari_corrclip.vocabulary import Vocabulary
from napari_corrclip.vocabulary.files import called, check_a_class_a_line, names_of_lines
from napari_corrclip.wording.amounts import count

IMAGES: Final = "images"
LABELS: Final = "labels"
CLASSES: Final = "classes.txt"
NAME_IT: Final = "name it among the classes, or leave it out by --ignore {value}"
"""What to do about a value of no class."""


def open_folder(
    folder: str | os.PathLike[str],
    *,
    classes: Vocabulary | None = None,
    first: int = 0,
    ignore: Collection[int] = (),
) -> Dataset:
    """Find the images and truths of a folder; reads no picture.

    The truth of ``images/a.jpg`` is ``labels/a.png`` (or another format), one whole number a pixel as it is
    stored: a palette or bit depth makes no difference.

    Args:
        folder: has the two folders, and may have ``classes.txt``, a class a line.
        classes: the classes; ``None``: those of ``classes.txt``.
        first: value of the first class in the truth.
        ignore: values that are not counted.

    Raises:
        InputError: something is missing, or does not belong together.
    """
    folder = Path(folder)
    images = labelled_images(folder)
    if classes is None:
        path = folder / CLASSES
        if not path.exists():
            raise InputError(
                f"{str(folder)!r} has no {CLASSES!r}, which names the classes in the order of their values; "
                "write it, a name a line, or give --classes."
            )
        classes = classes_in_order(path)
    return Dataset(
        name="folder",
        title=folder.resolve().name,
        vocabulary=classes,
        images=images,
        values=TruthValues(first, frozenset(ignore)),
        advice=NAME_IT,
    )


def classes_in_order(path: Path) -> Vocabulary:
    """Return the vocabulary of a file whose n-th line, or row, is the n-th class.

    Raises:
        InputError: it cannot be read, or a line is not one class.
    """
    if path.suffix.lower() == ".txt":
        try:
            check_a_class_a_line(read_text(path, "vocabulary file"))
        except InputError as error:
            raise InputError(f"{called(path)}: {error}") from None
    return Vocabulary.from_file(path)


def labelled_images(folder: Path) -> tuple[LabelledImage, ...]:
    """Return every image of ``folder`` with its truth, by name.

    Raises:
        Incomplete: a file has no counterpart.
        InputError: a folder cannot be read or is empty, or two files have the same name.
    """
    images, labels = (_by_stem(folder / part) for part in (IMAGES, LABELS))
    alone = [
        f"{str(here[stem])!r} has no counterpart in {str(folder / part)!r}"
        for here, there, part in ((images, labels, LABELS), (labels, images, IMAGES))
        for stem in sorted(here.keys() - there.keys())
    ]
    if alone:
        others = count(len(alone) - 1, "other file has", "other files have")
        raise Incomplete(
            f"{alone[0]}{f' ({others} none)' if len(alone) > 1 else ''}; the names of images and truth must "
            "be the same but for the suffix.",
            alone,
        )
    return tuple(LabelledImage(stem, images[stem], labels[stem]) for stem in sorted(images))


def names_in(folder: Path) -> list[str] | None:
    """Return the names of ``classes.txt``, ``None`` where there is none."""
    path = folder / CLASSES
    if not path.exists():
        return None
    return list(names_of_lines(read_text(path, "class names")))


_OF_WINDOWS = ("Thumbs.db", "desktop.ini")
"""What Windows puts into folders of pictures."""


def _by_stem(folder: Path) -> dict[str, Path]:
    """Return the files of ``folder`` by name without suffix."""
    try:
        files = sorted(
            path
            for path in folder.iterdir()
            if path.is_file() and not path.name.startswith(".") and path.name not in _OF_WINDOWS
        )
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
