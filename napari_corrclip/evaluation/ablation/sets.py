"""The sets of images with truth that an ablation measures: the demo's scenes, or a data set."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.demo.scenes import TEST_SEED, generate_scene
from napari_corrclip.demo.world import COLORS, COMBINATIONS, GROUNDS, HELD_OUT
from napari_corrclip.evaluation.datasets.dataset import Dataset
from napari_corrclip.settings import Settings
from napari_corrclip.vocabulary import Vocabulary
from napari_corrclip.wording.amounts import count as amount

PAIRS: Final = tuple(f"{color} {shape}" for color, shape in COMBINATIONS)


@dataclass(frozen=True)
class Group:
    """Some classes of a vocabulary, whose IoU is averaged apart.

    Attributes:
        name: for files and tables.
        vocabulary: name of the one that the image is classified by.
        classes: indices of its classes, 0-based.
        title: for people.
        shown: whether tables for people have it.
    """

    name: str
    vocabulary: str
    classes: tuple[int, ...]
    title: str
    shown: bool = True


@dataclass(frozen=True, eq=False)
class TrueImage:
    """An image with its truth.

    Attributes:
        rgb: (H, W, 3) uint8.
        truths: by name of the vocabulary (H, W) uint16: number of the class from 1, 0 = not counted.
    """

    rgb: NDArray[np.uint8]
    truths: Mapping[str, NDArray[np.uint16]]


class ImageSet(Protocol):
    """A set of images with truth, in an order that stays."""

    @property
    def name(self) -> str:
        """The name in files."""

    @property
    def title(self) -> str:
        """The name for people."""

    @property
    def key(self) -> str:
        """A text that is another one where its images are others; how many there are is left out."""

    @property
    def vocabularies(self) -> Mapping[str, Vocabulary]:
        """The vocabularies that every image is classified by, by name."""

    @property
    def groups(self) -> Sequence[Group]:
        """The groups of classes that are told apart; the first is the one that costs are told for."""

    def __len__(self) -> int: ...

    def read(self, number: int) -> TrueImage:
        """Return an image, from 0 on.

        Raises:
            InputError: it cannot be read.
        """

    def settings(self, base: Settings) -> Settings:
        """Return the settings of the method on this set, of those of a preset."""


@dataclass(frozen=True)
class DemoScenes:
    """The demo's scenes of consecutive seeds; colours by themselves, and all pairs of colour and shape.

    Pairs are told apart by whether the networks saw them in training.

    Attributes:
        count: how many scenes.
        first_seed: of the first; a split's begin is one of those of :mod:`napari_corrclip.demo.scenes`.
        colours: whether colours are classified, too.
    """

    count: int
    first_seed: int = TEST_SEED
    colours: bool = True

    name = "demo"

    @property
    def title(self) -> str:
        """The name for people."""
        return f"{amount(self.count, 'scene')} of the demo, from seed {self.first_seed}"

    @property
    def key(self) -> str:
        """The first seed."""
        return f"{self.name} {self.first_seed}"

    @property
    def vocabularies(self) -> Mapping[str, Vocabulary]:
        """All pairs, and the colours, each with the grounds."""
        words = {"pairs": Vocabulary.from_names([*PAIRS, *GROUNDS])}
        if self.colours:
            words["colours"] = Vocabulary.from_names([*COLORS, *GROUNDS])
        return words

    @property
    def groups(self) -> tuple[Group, ...]:
        """Objects of seen pairs, of held-out ones, by colour; then the same with the grounds ("_all")."""
        seen = [index for index, pair in enumerate(COMBINATIONS) if pair not in HELD_OUT]
        held_out = [index for index, pair in enumerate(COMBINATIONS) if pair in HELD_OUT]
        objects = {"seen": ("pairs", seen), "held_out": ("pairs", held_out)}
        titles = {"seen": "seen pairs", "held_out": "held-out pairs", "colours": "colours"}
        first = {"pairs": len(PAIRS), "colours": len(COLORS)}
        if self.colours:
            objects["colours"] = ("colours", list(range(len(COLORS))))
        alone = [
            Group(name, words, tuple(classes), titles[name])
            for name, (words, classes) in objects.items()
        ]
        with_grounds = [
            Group(
                f"{group.name}_all",
                group.vocabulary,
                (*group.classes, *(first[group.vocabulary] + at for at in range(len(GROUNDS)))),
                f"{group.title} and grounds",
                shown=False,
            )
            for group in alone
        ]
        return (*alone, *with_grounds)

    def __len__(self) -> int:
        return self.count

    def read(self, number: int) -> TrueImage:
        """Draw a scene."""
        scene = generate_scene(self.first_seed + number)
        truths = {name: scene.truth(words.names) for name, words in self.vocabularies.items()}
        return TrueImage(scene.image, truths)

    def settings(self, base: Settings) -> Settings:
        """Return those of the preset."""
        return base


class DatasetImages:
    """Some images of a data set, spread evenly.

    Args:
        dataset: that was opened.
        count: how many; ``None``: all.

    Raises:
        InputError: fewer than one, or more than there are.
    """

    def __init__(self, dataset: Dataset, count: int | None = None) -> None:
        self.dataset = dataset.take(count)
        self.images = self.dataset.images

    @property
    def name(self) -> str:
        """The name in files."""
        return self.dataset.name

    @property
    def title(self) -> str:
        """The name for people."""
        return f"{self.dataset.title}, {amount(len(self.images), 'image')}"

    @property
    def key(self) -> str:
        """The classes, what the truth's values mean, and each file with its size and time."""
        dataset, files = self.dataset, []
        for each in self.images:
            for path in (each.image, each.truth):
                now = path.stat()
                files.append(f"{path.absolute()} {now.st_size} {now.st_mtime_ns}")
        parts = (self.name, dataset.vocabulary.fingerprint, repr(dataset.values), *files)
        return hashlib.sha256("\n".join(parts).encode(errors="surrogateescape")).hexdigest()

    @property
    def vocabularies(self) -> Mapping[str, Vocabulary]:
        """Its classes."""
        return {"classes": self.dataset.vocabulary}

    @property
    def groups(self) -> tuple[Group, ...]:
        """All of its classes together."""
        return (Group("all", "classes", tuple(range(len(self.dataset.vocabulary))), "all classes"),)

    def __len__(self) -> int:
        return len(self.images)

    def read(self, number: int) -> TrueImage:
        """Read an image and its truth."""
        rgb, truth = self.dataset.read(self.images[number])
        return TrueImage(rgb, {"classes": truth})

    def settings(self, base: Settings) -> Settings:
        """Return a preset's settings with what the data set sets."""
        return self.dataset.settings(base)
