"""Records of a project: its items, runs and counts, as its index has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from napari_corrclip.errors import InputError
from napari_corrclip.images.stack import Stack, Where
from napari_corrclip.wording.amounts import count


class ItemState(StrEnum):
    """The state of an item, from the day it is added to the day somebody has verified it."""

    NEW = "new"
    RUNNING = "running"
    PRELABELLED = "pre-labelled"
    IN_REVIEW = "in review"
    VERIFIED = "verified"
    FAILED = "failed"
    SKIPPED = "skipped"


DECIDED = (ItemState.IN_REVIEW, ItemState.VERIFIED)
"""The states in which a person has decided something about regions."""
BY_HAND = (*DECIDED, ItemState.SKIPPED)
"""The states that a person alone brings an item into, and that no run changes."""
MARKED = (ItemState.NEW, ItemState.PRELABELLED, *BY_HAND)
"""The states that a person may bring an item into; the others are a run's to say."""
LABELLED = (ItemState.PRELABELLED, *BY_HAND)
"""The states in which a result is shown, if there is one."""


@dataclass(frozen=True, slots=True)
class ItemRecord:
    """An item of a project: an image, or a plane of a stack, and what became of it.

    Attributes:
        id: its number in the index.
        name: of its folder inside ``items``; it stays when the image moves.
        path: where the image lies as seen from the project's folder, with ``/``; absolute on another drive.
        size: bytes of the file when it was seen last.
        mtime: when it was last changed, in nanoseconds since 1970.
        digest: checksum of its content when it was run, of a plane that of its pixels; empty before.
        state: what became of it.
        reason: why it failed; else empty.
        by: who brought it into this state: a person's name, or empty for a run.
        at: when, in seconds since 1970.
        run: number of the run whose result it has; ``None``: none.
        regions: how many it has; ``None`` before its first result.
        undecided: how many of them nobody has decided.
        least: the least probability of an undecided region's class; ``None`` where none is left.
        plane: of a stack, an index along each axis of its :class:`StackRecord`; empty of one image.
        stack: number of the stack's record; ``None``: it is one image.
    """

    id: int
    name: str
    path: str
    size: int
    mtime: int
    digest: str
    state: ItemState
    reason: str
    by: str
    at: float
    run: int | None
    regions: int | None
    undecided: int | None
    least: float | None
    plane: Where = ()
    stack: int | None = None

    @property
    def title(self) -> str:
        """The path, and which plane it is: ``cells.tif[3]``."""
        return f"{self.path}{plane_text(self.plane)}"


@dataclass(frozen=True, slots=True)
class StackRecord:
    """A stack of a project, whose planes are items.

    Attributes:
        id: its number in the index.
        path: where the file lies, as an :class:`ItemRecord` has it.
        planes: its axes, the order of the planes along them, and how far they are apart.
    """

    id: int
    path: str
    planes: Stack


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A run over a project's items.

    Attributes:
        id: its number in the index.
        begun: when, in seconds since 1970.
        ended: when it ended; ``None``: it runs, or was killed.
        version: of this package.
        recipe: as JSON.
        vocabulary: the classes, as plain JSON.
        networks: name and checksum of each network.
        done: items that have a result of it.
        failed: items that have none.
    """

    id: int
    begun: float
    ended: float | None
    version: str
    recipe: str
    vocabulary: str
    networks: str
    done: int
    failed: int


def plane_text(plane: Where) -> str:
    """Return what is written behind the path of a plane's file; empty of one image."""
    return f"[{', '.join(map(str, plane))}]" if plane else ""


_TOLD = 20
"""So many things that were passed over are told one by one."""


def passed_over_lines(told: Sequence[str]) -> list[str]:
    """Return what is to be read of things that were passed over: a line each, of many the first ones."""
    more = [f"{len(told) - _TOLD:,} more were passed over"] if len(told) > _TOLD else []
    return [*told[:_TOLD], *more]


@dataclass(frozen=True, slots=True)
class Status:
    """The counts of a project.

    Attributes:
        states: how many items are in each state; a state without any is left out.
        stale: of those with a result, how many have it by other settings or words than today's.
        missing: images that are not where they were.
        changed: images that are other ones than those that were run.
        kept: of those, how many have a state that a person gave them, so that no run makes them anew.
        touched: images whose files were written since, and were not read to tell whether they are other ones.
        dead: images that are links and lead nowhere; they are not missing.
        gone: where the first image that is missing was looked for.
        other: where the first image lies that was changed and that a run makes anew.
        kept_other: where the first one lies that is kept.
        way: what has to be done to have that one run again.
        link: where the first link lies that leads nowhere.
        passed_over: what was looked for and could not be used since the project was opened, a sentence each.
    """

    states: Mapping[ItemState, int] = field(default_factory=dict)
    stale: Mapping[ItemState, int] = field(default_factory=dict)
    missing: int = 0
    changed: int = 0
    kept: int = 0
    touched: int = 0
    dead: int = 0
    gone: str = ""
    other: str = ""
    kept_other: str = ""
    way: str = ""
    link: str = ""
    passed_over: tuple[str, ...] = ()

    @property
    def items(self) -> int:
        """How many items there are."""
        return sum(self.states.values())

    def lines(self) -> list[str]:
        """Return what is to be read: a line a state, and one each on what else is to be known."""
        told = []
        for state, number in self.states.items():
            older = self.stale.get(state, 0)
            told.append(
                f"{number:,} {state}" + (f", {older:,} of them by older settings" if older else "")
            )
        if self.missing:
            told.append(
                f"{count(self.missing, 'image')} not found, such as {self.gone!r}; "
                "relink tells where they are now"
            )
        if self.dead:
            are, lead = ("is a link", "leads") if self.dead == 1 else ("are links", "lead")
            told.append(
                f"{count(self.dead, 'image')} {are} and {lead} nowhere, such as {self.link!r}; "
                "bring back what is linked"
            )
        if self.changed > self.kept:
            told.append(
                f"{count(self.changed - self.kept, 'image')} changed since they were run, such as "
                f"{self.other!r}; run --stale makes them anew"
            )
        if self.kept:
            told.append(
                f"{count(self.kept, 'image')} changed since they were run and then decided by somebody, such "
                f"as {self.kept_other!r}; put the former one back, or {self.way}"
            )
        if self.touched:
            told.append(
                f"{count(self.touched, 'image')} written since they were run, perhaps with the same content; "
                "opening one tells"
            )
        return told + passed_over_lines(self.passed_over)


def check_by(by: object) -> None:
    """Refuse who decides where that is no name.

    Raises:
        InputError: it is not.
    """
    if not isinstance(by, str):
        raise InputError(f"Who decides is {by!r}; give a name, or '' for nobody's.")
