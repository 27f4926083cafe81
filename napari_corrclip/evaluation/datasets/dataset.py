"""A data set: images with truth, what the stored values mean, and the protocol of its measuring."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.errors import InputError
from napari_corrclip.images import read_image, to_rgb
from napari_corrclip.maps.reading import read_map
from napari_corrclip.settings import Settings
from napari_corrclip.storage.frozen import FrozenMapping
from napari_corrclip.vocabulary import Vocabulary
from napari_corrclip.wording.amounts import count as amount


class Incomplete(InputError):
    """The error of a data set that lacks files.

    Attributes:
        each: a sentence for each file without its counterpart.
    """

    def __init__(self, text: str, each: Sequence[str]) -> None:
        super().__init__(text)
        self.each = tuple(each)


@dataclass(frozen=True, slots=True)
class LabelledImage:
    """An image with its truth, as files.

    Attributes:
        name: that tells it apart in its data set.
        image: the file of the picture.
        truth: the file of the map.
    """

    name: str
    image: Path
    truth: Path


@dataclass(frozen=True, slots=True)
class TruthValues:
    """The meaning of a truth's stored values.

    Attributes:
        first: value of the first class; the others follow it one by one.
        ignored: values of pixels that are not counted.
        things: how many of the values are classes of their own, of a truth with more: these become the second
            class and so on, and all others the first one, the background; ``None``: values are classes.
    """

    first: int = 0
    ignored: frozenset[int] = frozenset({255})
    things: int | None = None

    def numbers(
        self, stored: NDArray[np.integer], classes: int, said: str, advice: str
    ) -> NDArray[np.uint16]:
        """Return class numbers from 1, 0 = not counted.

        Args:
            stored: (H, W) values.
            classes: K.
            said: what the map is called in a sentence.
            advice: what to do about a value of no class; ``{value}`` is that.

        Raises:
            InputError: there is a value of no class.
        """
        values = stored.astype(np.int64) if stored.dtype != np.uint64 else _clipped(stored)
        counted = ~np.isin(values, list(self.ignored))
        if self.things is not None:
            found = np.where((values >= 0) & (values < self.things), values + 2, 1)
        else:
            found = values - self.first + 1
            wrong = values[counted & ((found < 1) | (found > classes))]
            if wrong.size:
                value = int(wrong[0])
                last = self.first + classes - 1
                raise InputError(
                    f"{said} holds the value {value}, and there are names for {self.first} to {last}; "
                    f"{advice.format(value=value)}."
                )
        return np.where(counted, found, 0).astype(np.uint16)


@dataclass(frozen=True, eq=False)
class Dataset:
    """Images with truth, and how they are measured.

    Attributes:
        name: by which it is asked for: a benchmark's, or ``folder``.
        title: what people call it.
        vocabulary: the classes; number i of a truth is the i-th of them, from 1.
        images: in the order of the list, or of the names.
        values: what the truths hold.
        protocol: settings that the data set sets, by name: inference size and windows.
        expected: how many images there are by those who made it; 0: nobody says.
        published: the paper's figures of it by preset, mIoU in percent.
        found: how many images there were before :meth:`take` left some out; 0: all are here.
        note: what else is to be known of how it was read; empty: nothing.
        advice: what to do about a value of no class; ``{value}`` is that.
    """

    name: str
    title: str
    vocabulary: Vocabulary
    images: tuple[LabelledImage, ...]
    values: TruthValues = TruthValues()
    protocol: Mapping[str, Any] = field(default_factory=lambda: FrozenMapping({}))
    expected: int = 0
    published: Mapping[str, float] = field(default_factory=lambda: FrozenMapping({}))
    found: int = 0
    note: str = ""
    advice: str = "give the truths of this data set, prepared as its layout asks"

    @property
    def remark(self) -> str:
        """The note as a sentence; empty: nothing is to be known."""
        return f"{self.note[0].upper()}{self.note[1:]}." if self.note else ""

    @property
    def whole(self) -> int:
        """How many images it has when it is whole: by those who made it, else as many as were found."""
        return self.expected or self.found or len(self.images)

    def take(self, count: int | None) -> Dataset:
        """Return it with so many of its images, spread evenly over all; ``None``: all of them.

        Raises:
            InputError: fewer than one, or more than there are.
        """
        if count is None:
            return self
        there = len(self.images)
        if count < 1:
            raise InputError(f"{count} images cannot be measured; ask for at least one.")
        if count > there:
            raise InputError(
                f"{self.title} has {amount(there, 'image')} here and {count:,} were asked for; ask for at "
                "most so many."
            )
        chosen = tuple(self.images[number * there // count] for number in range(count))
        return replace(self, images=chosen, found=self.found or there)

    def settings(self, base: Settings) -> Settings:
        """Return a preset's settings with what the data set sets."""
        return base.replace(**self.protocol)

    def check_apart(self, folder: Path) -> None:
        """Raise InputError where ``folder`` lies among the images or truths, with which it would be mixed.

        Args:
            folder: that gets results; need not exist.
        """
        target = folder.resolve()
        for home in dict.fromkeys(
            path.parent for each in self.images for path in (each.image, each.truth)
        ):
            if target.is_relative_to(home.resolve()):
                raise InputError(
                    f"{str(folder)!r} lies in {str(home)!r}, whose files are the data set's, and results "
                    "would be taken for some of them; give an -o outside of it."
                )

    def read(self, which: LabelledImage) -> tuple[NDArray[np.uint8], NDArray[np.uint16]]:
        """Return an image's pixels and its truth.

        Args:
            which: one of :attr:`images`.

        Returns:
            (H, W, 3) uint8, and (H, W) uint16: class numbers from 1, 0 = not counted.

        Raises:
            InputError: a file cannot be read, the truth has another size, or a value of no class.
        """
        rgb = to_rgb(read_image(which.image))
        return rgb, self.read_truth(which, rgb.shape[:2])

    def read_truth(
        self, which: LabelledImage, size: tuple[int, ...] | None = None
    ) -> NDArray[np.uint16]:
        """Return (H, W) class numbers from 1, 0 = not counted.

        Args:
            which: one of :attr:`images`.
            size: rows and columns that it must have, those of the image; ``None``: any.

        Raises:
            InputError: it cannot be read, has another size, or a value of no class.
        """
        stored = read_map(which.truth, "truth")
        if size is not None and stored.shape != tuple(size):
            raise InputError(
                f"The image {str(which.image)!r} is {size[0]} × {size[1]} pixels and its truth "
                f"{str(which.truth)!r} {stored.shape[0]} × {stored.shape[1]}; give maps of the images' size."
            )
        said = f"The truth {str(which.truth)!r}"
        return self.values.numbers(stored, len(self.vocabulary), said, self.advice)


def _clipped(stored: NDArray[np.integer]) -> NDArray[np.int64]:
    """Return values of 64 bits without sign; no number of a class is so large that it would be cut."""
    limit = np.uint64(np.iinfo(np.int64).max)
    clipped: NDArray[np.int64] = np.minimum(stored, limit).astype(np.int64)
    return clipped
