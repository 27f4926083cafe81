"""A format: what it can hold, what it chooses, and who writes and reads it.

Each format is a file of its own beside this one, with its writer and its reader side by side;
:mod:`napari_corrclip.project.export.formats` lists them.
"""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.project.export.checks import MOST_PIXELS
from napari_corrclip.project.export.image import LabelledImage, RegionNote
from napari_corrclip.project.export.numbering import Choices, Numbering
from napari_corrclip.project.export.pictures import How
from napari_corrclip.storage.untrusted import guarded
from napari_corrclip.vocabulary import RolledUp, Vocabulary, VocabularyClass
from napari_corrclip.vocabulary.palette import Color, default_color

Wanted = Literal["regions", "classes", "both"]
"""Whether masks are of regions (instances), of classes (semantic), or there are both."""


@dataclass(frozen=True, slots=True)
class Head:
    """The head of an export: what holds for all of its images.

    Attributes:
        vocabulary: all classes of the set, or those that are left where some stand for others.
        numbering: those that are written, and their numbers.
        masks: of what masks are.
        pictures: what becomes of the images themselves.
        subsets: of a split, in their order; empty: there is none.
        rolled_up: which class stands for which; ``None``: each for itself.
    """

    vocabulary: Vocabulary
    numbering: Numbering
    masks: Wanted
    pictures: How = "none"
    subsets: tuple[str, ...] = ()
    rolled_up: RolledUp | None = None


class Writer(ABC):
    """A writer of one export, as a context: what comes before, an image after another, and the end.

    Whoever makes it gives it an empty folder, which takes its place when all is written.

    Args:
        folder: empty.
        head: of the export.

    Attributes:
        puts_pixels: whether it writes the pixels of pictures, and never copies a file.
    """

    puts_pixels = False

    def __init__(self, folder: Path, head: Head) -> None:
        self.folder, self.head = folder, head
        self.held = contextlib.ExitStack()
        """Files that are open until the end."""
        self.notes: list[str] = []
        """What of the labels these files do not have as one may think, a sentence each; all at the end."""

    def begin(self) -> None:  # noqa: B027 - not each format has anything there
        """Write what comes before the images."""

    @property
    def most_pixels(self) -> int | None:
        """Of an image that its files are read again for; ``None``: as many as they hold."""
        return MOST_PIXELS

    @abstractmethod
    def item(self, image: LabelledImage) -> None:
        """Write an image's labels.

        Raises:
            InputError: the format cannot hold them.
        """

    def close(self) -> None:  # noqa: B027
        """Write what is known when all images are there."""

    def __enter__(self) -> Self:
        """Begin."""
        self.begin()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Write the end, unless something went wrong."""
        with self.held:
            if kind is None:
                self.close()


@dataclass(frozen=True, slots=True)
class Entry:
    """An image of an export that is read.

    Attributes:
        name: what its files are called there.
        file_name: what the export calls the image; with a manifest it is known better.
        subset: of a split; empty: there is none.
        picture: the image itself, where the export has it.
    """

    name: str
    file_name: str = ""
    subset: str = ""
    picture: Path | None = None


@dataclass(frozen=True, eq=False, slots=True)
class Taken:
    """The labels of one image, as a format has them.

    Attributes:
        labels: (H, W) uint16 label values of the reader's vocabulary, 0 = unlabelled.
        regions: (H, W) ids, int32 or, where they fit, uint16; ``None``: the format has none.
        ignored: (H, W), what was to be left out of training; ``None``: the format does not tell.
        notes: on regions, as far as the format tells.
        proposed: ids of regions that a run proposed and nobody decided, as far as the format tells.
    """

    labels: NDArray[np.uint16]
    regions: NDArray[np.integer] | None = None
    ignored: NDArray[np.bool_] | None = None
    notes: Sequence[RegionNote] = ()
    proposed: frozenset[int] = frozenset()


class Reader(ABC):
    """A reader of one export; its files are taken as untrusted.

    Args:
        folder: of the export.

    Attributes:
        vocabulary: the classes as the format tells them; their values are those of the label maps that are
            read, and a manifest knows them by their names.
        entries: the images.
        sizes: rows and columns of images whose files do not say them, as whoever opened the export knows
            them; ``None``: nobody knows more than the files.

    Raises:
        InputError: it is none, or damaged.
    """

    vocabulary: Vocabulary
    entries: Sequence[Entry]
    sizes: Callable[[Entry], tuple[int, int] | None] | None = None

    @cached_property
    def notes(self) -> list[str]:
        """What was taken in a way that one may not think, or passed over, a sentence each.

        Some is known when the export is open, some when its images were read.
        """
        return []

    def size_elsewhere(self, entry: Entry) -> tuple[int, int] | None:
        """Return the size of an image whose files do not say it, as whoever opened the export knows it."""
        return None if self.sizes is None else self.sizes(entry)

    def tell(self, note: str) -> None:
        """Add a sentence to the notes, once."""
        if note not in self.notes:
            self.notes.append(note)

    @abstractmethod
    def read(self, entry: Entry) -> Taken:
        """Return the labels of an image.

        Raises:
            InputError: they cannot be read.
        """


def files_in(folder: Path, endings: Collection[str]) -> dict[str, Path]:
    """Return the files of a folder by their names without an ending; one that is not there has none.

    Args:
        folder: is looked through once.
        endings: that count, in lower case; files may have them in whatever case.

    Raises:
        InputError: it cannot be looked into.
    """
    if not folder.is_dir():
        return {}
    with guarded(f"The folder {str(folder)!r}", "check its permissions"):
        return {
            path.stem: path for path in sorted(folder.iterdir()) if path.suffix.lower() in endings
        }


def vocabulary_of(classes: Sequence[VocabularyClass]) -> Vocabulary:
    """Return the vocabulary of classes that a format names with their values.

    Raises:
        InputError: there is none, or two are alike.
    """
    highest = max((class_.value for class_ in classes), default=0)
    return Vocabulary(tuple(classes), highest + 1)


def vocabulary_in_order(classes: Iterable[tuple[str, Color | None]]) -> Vocabulary:
    """Return the vocabulary of classes that a format names, with values from 1 on.

    Args:
        classes: their names, and their colours where it tells them.

    Raises:
        InputError: there is none, or two are alike.
    """
    return vocabulary_of(
        [
            VocabularyClass(name, (name,), value, color or default_color(value))
            for value, (name, color) in enumerate(classes, start=1)
        ]
    )


Choice = Literal["first", "unlabelled", "ignored", "background"]


@dataclass(frozen=True, slots=True)
class Format:
    """A format of training data.

    Attributes:
        name: short, as on the command line.
        title: for people.
        tip: what it is for, a sentence.
        exact: whether label maps, values and names come back as they were.
        masks: what its masks may be of, the usual first.
        choices: what it chooses where nobody says another thing.
        free: which of the choices may be another one.
        pictures: what becomes of the images where nobody says another thing.
        writer: makes its writer; ``None``: it is read and never written.
        is_one: whether a folder is an export of it, by a glance.
        reader: opens one.
        most: how many classes it can hold; ``None``: as many as there may be.
    """

    name: str
    title: str
    tip: str
    exact: bool
    masks: tuple[Wanted, ...]
    choices: Choices
    free: frozenset[Choice]
    pictures: How
    writer: Callable[[Path, Head], Writer] | None
    is_one: Callable[[Path], bool]
    reader: Callable[[Path], Reader]
    most: int | None = field(default=None)
