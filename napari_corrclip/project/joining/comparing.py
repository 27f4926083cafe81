"""The comparison of two projects, image by image, as each shows its labels now; nothing is written."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.errors import InputError
from napari_corrclip.progress import Progress, Steps
from napari_corrclip.project.export.image import LabelledImage
from napari_corrclip.project.exporting import LABELLED, read_item
from napari_corrclip.project.index import Index
from napari_corrclip.project.joining.agreement import (
    ComparedImage,
    Comparison,
    LabelsBeside,
    added,
)
from napari_corrclip.project.joining.classes import (
    JointClass,
    Numbers,
    joint_classes,
    numbers_of,
)
from napari_corrclip.project.joining.counting import Counts, count_pair, pieces
from napari_corrclip.project.joining.drawn import read_drawn
from napari_corrclip.project.joining.pairs import Pair, join_steps
from napari_corrclip.project.records import ItemRecord, ItemState
from napari_corrclip.project.words import Names
from napari_corrclip.vocabulary import Vocabulary


@dataclass(frozen=True, eq=False, slots=True)
class Side:
    """One of two projects, with what is needed to read its items.

    Attributes:
        index: of the project.
        vocabulary: its classes.
        names: that its label values ever had.
        numbers: of its label values.
        called: how it is called in a sentence.
    """

    index: Index
    vocabulary: Vocabulary
    names: Names
    numbers: Numbers
    called: str

    def labels_of(self, record: ItemRecord) -> LabelledImage:
        """Return an item with its labels, in the values of this project.

        Raises:
            InputError: it has none, or they cannot be read.
        """
        if record.state is ItemState.SKIPPED:
            raise InputError(
                f"It is skipped in {self.called}; mark it verified to have it counted."
            )
        if record.state not in LABELLED or record.regions is None:
            raise InputError(f"It has no labels in {self.called}; run that project first.")
        try:
            return read_item(self.index, record, self.vocabulary, self.names)
        except InputError as error:
            raise InputError(f"In {self.called}: {error}") from None


@dataclass(frozen=True, eq=False, slots=True)
class Sides:
    """Two projects that are read side by side.

    Attributes:
        first: the one.
        second: the other one.
        classes: of both.
    """

    first: Side
    second: Side
    classes: tuple[JointClass, ...]

    @classmethod
    def of(cls, first: Index, second: Index) -> Sides:
        """Return two projects side by side."""
        words = first.vocabulary, second.vocabulary
        classes = joint_classes(*words)
        called = _called(first, second)
        numbers = numbers_of(classes)
        one, other = (
            Side(index, words[at], Names(index), numbers[at], called[at])
            for at, index in enumerate((first, second))
        )
        return cls(one, other, classes)

    @property
    def numbers(self) -> tuple[Numbers, Numbers]:
        """Those of the first, and of the second."""
        return self.first.numbers, self.second.numbers

    def read(self, pair: Pair) -> tuple[LabelledImage, LabelledImage]:
        """Return the labels of an image in both projects, each in its own values.

        Raises:
            InputError: one has none, they cannot be read, or are of different size.
        """
        one, other = self.first.labels_of(pair.first), self.second.labels_of(pair.second)
        if one.shape != other.shape:
            sizes = [" × ".join(map(str, image.shape)) for image in (one, other)]
            raise InputError(
                f"It has {sizes[0]} pixels in {self.first.called} and {sizes[1]} in {self.second.called}; "
                "run both in the same way."
            )
        return one, other


def _called(first: Index, second: Index) -> tuple[str, str]:
    names = first.folder.name, second.folder.name
    return names if names[0] != names[1] else (str(first.folder), str(second.folder))


def compare_steps(
    first: Index, second: Index, *, verified: bool = False, decided: bool = False
) -> Steps[Comparison]:
    """Compare two projects; see :meth:`~napari_corrclip.project.project.Project.compare`."""
    if first.folder.samefile(second.folder):
        raise InputError(
            f"{str(first.folder)!r} is both of the projects that are to be compared; give another one."
        )
    sides, drawn = Sides.of(first, second), read_drawn(second.folder)
    if drawn is None and read_drawn(first.folder) is not None:
        raise InputError(
            f"{first.folder.name} is a sample for a second look; name what it is compared with first, and "
            "the sample second."
        )
    joined = yield from join_steps(first, second)
    pixels: list[NDArray[np.int64]] = []
    regions: list[NDArray[np.int64]] = []
    images: list[ComparedImage] = []
    passed_over: list[str] = []
    not_verified = 0
    for number, pair in enumerate(joined.pairs):
        yield Progress("compare", number, len(joined.pairs))
        if verified and {pair.first.state, pair.second.state} != {ItemState.VERIFIED}:
            not_verified += 1
            continue
        try:
            chosen = None if drawn is None else drawn.regions_of(pair.second.name)
            both = sides.read(pair)
            found = count_pair(
                *both, sides.numbers, decided=decided or drawn is not None, drawn=chosen
            )
        except InputError as error:
            passed_over.append(f"{pair.first.title}: {error}")
            continue
        pixels.append(found.pixels)
        regions.append(found.regions)
        images.append(_record(pair, found))
    yield Progress("compare", len(joined.pairs), len(joined.pairs))
    return Comparison(
        sides.classes,
        added(pixels, len(sides.classes)),
        added(regions, len(sides.classes)),
        tuple(images),
        tuple(record.title for record in joined.first),
        tuple(record.title for record in joined.second),
        tuple(passed_over),
        not_verified,
        drawn,
        first.folder.name if drawn is not None and drawn.source != first.folder.name else "",
    )


def _record(pair: Pair, found: Counts) -> ComparedImage:
    pixels, regions = (int(counts.sum()) for counts in (found.pixels, found.regions))
    return ComparedImage(
        pair.first.title,
        pair.second.title,
        pair.first.name,
        pair.second.name,
        pixels,
        pixels - int(np.trace(found.pixels)),
        regions,
        regions - int(np.trace(found.regions)),
        *found.decided,
    )


def labels_beside(
    first: Index, second: Index, image: ComparedImage, *, decided: bool = False, side: int = 0
) -> LabelsBeside:
    """Return the labels of an image; see :meth:`~napari_corrclip.project.project.Project.labels_beside`."""
    sides, drawn = Sides.of(first, second), read_drawn(second.folder)
    chosen = None if drawn is None else drawn.regions_of(image.other_name)
    decided = decided or drawn is not None
    pair = Pair(first.item(image.name), second.item(image.other_name))
    one, other = sides.read(pair)
    height, width = one.shape
    step = max(1, -(-max(height, width) // side)) if side else 1
    size = -(-height // step), -(-width // step)
    shown = [np.zeros(size, np.uint16) for _ in range(2)]
    differs = np.zeros(size, np.bool_)
    columns = np.arange(0, width, step)
    for piece in pieces(one, other, sides.numbers, decided=decided, drawn=chosen):
        begin = -piece.top % step  # the first of its rows that is shown
        at = slice(-(-piece.top // step), -(-(piece.top + len(piece.first)) // step))
        for small, categories_ in zip(shown, (piece.first, piece.second), strict=True):
            found = categories_[begin::step, ::step]
            small[at] = np.where(found <= len(sides.classes), found, 0)
        apart = np.logical_or.reduceat(
            (piece.first != piece.second) & piece.counted, columns, axis=1
        )
        np.logical_or.at(differs, (piece.top + np.arange(len(apart))) // step, apart)
    return LabelsBeside(shown[0], shown[1], differs, step)
