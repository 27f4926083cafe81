"""Edits as values: what becomes what, with an inverse."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Generic, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.annotation.encoded import EncodedImage
from napari_corrclip.annotation.evidence import Taught
from napari_corrclip.annotation.region import Verdict, Voting
from napari_corrclip.annotation.runs import Patch
from napari_corrclip.results.provenance import Provenance
from napari_corrclip.vocabulary import Vocabulary
from napari_corrclip.wording.visible import visible

T = TypeVar("T")

Map = Literal["regions", "pins", "prediction", "numbers"]
"""The maps of a session; see :class:`~napari_corrclip.annotation.state.State`."""

EncodedRef = Callable[[], EncodedImage | None]
"""A weak reference: undo leads back to an engine as long as somebody keeps it, and no longer."""


@dataclass(frozen=True, slots=True)
class Swap(Generic[T]):
    """One value that takes the place of another."""

    old: T
    new: T

    def inverse(self) -> Swap[T]:
        """Return the swap that takes this one back."""
        return Swap(self.new, self.old)


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """The image as a run saw it, which another contrast makes another picture.

    Attributes:
        digest: checksum of the pixels; empty where they are not known.
        pixels: (H, W, 3) uint8; ``None`` where they are not at hand, as after loading.
    """

    digest: str
    pixels: NDArray[np.uint8] | None


@dataclass(frozen=True, eq=False)
class Change:
    """The change from one state of a session to another; applied as it is, taken back by its inverse.

    Attributes:
        patches: the changed pixels of each map.
        verdicts: the changed verdicts by region id; ``None`` = undecided.
        votings: the changed ways of voting by region id; ``None`` = the session's own.
        voting: another way that is the session's own; goes with another run.
        vocabulary: another vocabulary, with the probabilities of its classes in the run's regions.
        probabilities: (R, K) of the run's regions; goes with the vocabulary or another run.
        provenance: how the run came about that it brings; goes with another run.
        engine: another encoded image, with another run; not written to files.
        image: other pixels, with another run; of these files have the checksum alone.
        taught: what a lesson says of the run's regions; goes where it takes other classes or another run.
    """

    patches: Mapping[Map, Patch] = field(default_factory=dict)
    verdicts: Mapping[int, Swap[Verdict | None]] = field(default_factory=dict)
    votings: Mapping[int, Swap[Voting | None]] = field(default_factory=dict)
    voting: Swap[Voting] | None = None
    vocabulary: Swap[Vocabulary] | None = None
    probabilities: Swap[NDArray[np.float32]] | None = None
    provenance: Swap[Provenance] | None = None
    engine: Swap[EncodedRef] | None = None
    image: Swap[Seen] | None = None
    taught: Swap[Taught | None] | None = None

    def inverse(self) -> Change:
        """Return the change that takes this one back; it shares the arrays."""
        return Change(
            {name: patch.inverse() for name, patch in self.patches.items()},
            {number: swap.inverse() for number, swap in self.verdicts.items()},
            {number: swap.inverse() for number, swap in self.votings.items()},
            None if self.voting is None else self.voting.inverse(),
            None if self.vocabulary is None else self.vocabulary.inverse(),
            None if self.probabilities is None else self.probabilities.inverse(),
            None if self.provenance is None else self.provenance.inverse(),
            None if self.engine is None else self.engine.inverse(),
            None if self.image is None else self.image.inverse(),
            None if self.taught is None else self.taught.inverse(),
        )

    @property
    def empty(self) -> bool:
        """Whether nothing would change; a run that found the same brings its provenance for nothing."""
        return not (self.shows or self.engine is not None or self.image is not None)

    @property
    def shows(self) -> bool:
        """Whether maps, decisions or words change, and not what they were computed from alone."""
        return bool(
            self.patches
            or self.verdicts
            or self.votings
            or self.voting
            or self.vocabulary
            or self.probabilities is not None
            or self.taught is not None
        )

    @property
    def predicts(self) -> bool:
        """Whether it brings another prediction or vocabulary, and not decisions alone."""
        return (
            self.vocabulary is not None
            or self.voting is not None
            or self.probabilities is not None
            or not {"prediction", "numbers"}.isdisjoint(self.patches)
        )

    @property
    def unsought(self) -> bool:
        """Whether it adds classes that no network was asked for, so that nothing is any of them.

        Of a class without words no network can be asked.
        """
        words, found = self.vocabulary, self.probabilities
        if words is None or found is None:
            return False
        former = set(words.old.values)
        added = [
            at
            for at, class_ in enumerate(words.new)
            if class_.prompts and class_.value not in former
        ]
        return bool(added) and not found.new[:, added].any()

    @property
    def nbytes(self) -> int:
        """Memory held, in bytes, about."""
        held = sum(patch.nbytes for patch in self.patches.values())
        if self.probabilities is not None:
            held += self.probabilities.old.nbytes + self.probabilities.new.nbytes
        if self.image is not None and self.image.old.pixels is not None:
            held += self.image.old.pixels.nbytes
        if self.taught is not None:
            held += sum(taught.nbytes for taught in (self.taught.old, self.taught.new) if taught)
        return held + 300 * (len(self.verdicts) + len(self.votings)) + 500


_UNDO = "Undo: "


@dataclass(frozen=True, eq=False)
class Step:
    """The step that one undo takes back: an edit, or several that belong together.

    Attributes:
        title: what was done, in words for a person: "Assign 3 regions to cat". One line of visible text,
            whoever wrote the file that it comes from.
        changes: in the order in which they were made.
        provisional: whether its prediction is a first look that a better one is to follow; not written
            to files.
        of_set: whether it takes what became of the classes of a whole set, by whose change nobody
            decides anything here.
        act: key of what was done at once on many images, of which this is the part of this one; empty: it is
            of this image alone.
        back: whether it takes an earlier step back.
    """

    title: str
    changes: tuple[Change, ...]
    provisional: bool = False
    of_set: bool = False
    act: str = ""
    back: bool = False

    def __post_init__(self) -> None:
        """Make a title of others one that can be shown, and written to a file."""
        object.__setattr__(self, "title", visible(self.title))

    def inverse(self) -> Step:
        """Return the step that takes this one back."""
        changes = tuple(change.inverse() for change in reversed(self.changes))
        title = self.title.removeprefix(_UNDO) if self.back else f"{_UNDO}{self.title}"
        return replace(self, title=title, changes=changes, provisional=False, back=not self.back)

    def takes_back(self, other: Step) -> bool:
        """Whether it is the inverse of another step of the same history, as its title says."""
        return self.back and self.title == f"{_UNDO}{other.title}"

    @property
    def predicts(self) -> bool:
        """Whether it brings another prediction or vocabulary, and not decisions alone."""
        return any(change.predicts for change in self.changes)

    @property
    def teaches(self) -> bool:
        """Whether it is what a lesson says, and nothing else."""
        return not self.predicts and all(change.taught is not None for change in self.changes)

    @property
    def awaits_look(self) -> bool:
        """Whether a look by its classes was to follow: it was a first one, or there was none."""
        looked = [change.unsought for change in self.changes if change.predicts]
        return self.provisional or looked[-1:] == [True]

    @property
    def nbytes(self) -> int:
        """Memory held, in bytes, about."""
        return sum(change.nbytes for change in self.changes)


@dataclass(frozen=True, eq=False)
class Plan:
    """An edit that was looked at and found possible; nothing has changed yet.

    Attributes:
        title: as in :class:`Step`.
        change: what it does.
        notes: what the person is to be told about it, a sentence each.
        conflicts: ids of regions in which decisions disagree.
        of_set: as in :class:`Step`.
    """

    title: str
    change: Change
    notes: tuple[str, ...] = ()
    conflicts: tuple[int, ...] = ()
    of_set: bool = False


@dataclass(frozen=True, slots=True)
class Edited:
    """The outcome of an edit, an undo or a redo.

    Attributes:
        title: what was done: "Assign 3 regions to 'cat'"; empty where there was nothing to undo.
        updated: ids of regions whose row is new or differs.
        removed: ids of regions that exist no more.
        notes: what the person is to be told, a sentence each.
        conflicts: ids of regions in which decisions disagree.
        made: whether anything that shows was changed.
    """

    title: str
    updated: tuple[int, ...] = ()
    removed: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()
    conflicts: tuple[int, ...] = ()
    made: bool = False

    def __bool__(self) -> bool:
        """Return whether there was something to do: ``while session.undo(): …`` ends."""
        return bool(self.title)
