"""A slow model of a set: who said what of each region, by the classes that there were then.

Nothing is ever rewritten in it. What a class is now follows from the list of those that became others, each
time it is asked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

LEFT_OUT = 0


@dataclass(frozen=True)
class Said:
    """The decision of a person about a region.

    Attributes:
        kind: ``assigned``, ``accepted`` or ``ignored``.
        value: label value of the class as it was called then; 0: left out.
        by: who.
        number: of the decision among all, so that two alike are two.
    """

    kind: str
    value: int
    by: str
    number: int


Verdicts = dict[int, Said]
NOTHING: frozenset[int] = frozenset()


@dataclass(frozen=True)
class State:
    """What an image's session says.

    Attributes:
        said: what people said, by region.
        gone: label values, as the networks found them, that nothing shows any more: of removed classes.
    """

    said: Verdicts = field(default_factory=dict)
    gone: frozenset[int] = NOTHING


@dataclass
class Image:
    """An image of the set.

    Attributes:
        regions: (H, W), ids.
        found: label value that the networks found, by region.
        votes: how many pixels they gave to each label value, by region.
        state: what its session says.
        told: the same as the index has it, which hears of a session when it is left.
        taught: label value that the lesson has of a region; it learns nothing of one that shows no class.
        done: title of each step of the history, and the state before it.
        undone: title, and the state after it, of each that was undone, the last one last.
    """

    regions: NDArray[np.int32]
    found: dict[int, int]
    votes: dict[int, Counter[int]]
    state: State = State()
    told: State = State()
    taught: dict[int, int] = field(default_factory=dict)
    done: list[tuple[str, State]] = field(default_factory=list)
    undone: list[tuple[str, State]] = field(default_factory=list)

    @property
    def said(self) -> Verdicts:
        return self.state.said

    def area(self, region: int) -> int:
        return int(np.count_nonzero(self.regions == region))

    def settle(self) -> None:
        """Let the way back lead through what was undone, as it does once another step is made."""
        now, way = self.state, [("", self.state)]
        for undone, after in reversed(self.undone):
            self.done.append((undone, now))
            now = after
            way.append((undone, now))
        for (undone, now), (_, _) in zip(way[:0:-1], way[-2::-1], strict=True):
            back = undone.removeprefix("Undo: ")
            self.done.append((back if back != undone else f"Undo: {undone}", now))
        self.undone.clear()

    def push(self, title: str, said: Verdicts, gone: frozenset[int] | None = None) -> None:
        """Do a step."""
        self.settle()
        self.done.append((title, self.state))
        self.state = State(said, self.state.gone if gone is None else gone)

    def undo(self) -> None:
        title, before = self.done.pop()
        self.undone.append((title, self.state))
        self.state = before

    def redo(self) -> None:
        title, after = self.undone.pop()
        self.done.append((title, self.state))
        self.state = after


@dataclass
class Sheet:
    """A sheet that was decided, or a class that was removed.

    Attributes:
        said: what was said there, by image and region.
        former: what was said before.
        made: label value of the class that was made for it.
        removed: of the class that went.
        gone: label values that nothing shows in an image from then on.
    """

    said: dict[str, Verdicts]
    former: dict[str, Verdicts]
    made: int | None = None
    removed: int | None = None
    gone: dict[str, frozenset[int]] = field(default_factory=dict)


@dataclass
class Model:
    """The set.

    Attributes:
        images: by the names of their items.
        names: by label value, of all classes that ever were, as they are called now.
        merged: the class that each merged one became.
        sheets: by number.
    """

    images: dict[str, Image]
    names: dict[int, str]
    merged: dict[int, int] = field(default_factory=dict)
    sheets: dict[int, Sheet] = field(default_factory=dict)
    _said: int = 0

    def now(self, value: int) -> int:
        """What a class is now."""
        while value in self.merged:
            value = self.merged[value]
        return value

    def say(self, kind: str, value: int, by: str) -> Said:
        self._said += 1
        return Said(kind, value, by, self._said)

    def shown(self, name: str, region: int, *, told: bool = False) -> int:
        """Label value that a region shows now."""
        image = self.images[name]
        state = image.told if told else image.state
        said = state.said.get(region)
        return self.now(said.value) if said else self.found(name, region, state)

    def found(self, name: str, region: int, state: State) -> int:
        """Label value that a region shows of which nobody has said anything; 0: most of it has no class."""
        image = self.images[name]
        if image.found[region] not in state.gone:
            return self.now(image.found[region])
        left = Counter[int]()
        for value, pixels in image.votes[region].items():
            left[0 if value in state.gone else self.now(value)] += pixels
        return left.most_common(1)[0][0]

    def labels(self, name: str) -> NDArray[np.uint16]:
        """(H, W), the label map of an image."""
        regions = self.images[name].regions
        found = np.zeros(regions.shape, np.uint16)
        for region in np.unique(regions).tolist():
            found[regions == region] = self.shown(name, region)
        return found

    def rows(self) -> set[tuple[str, int, int, str, str]]:
        """Item, region, label value, decision, and by whom, of all regions, as the index is to have them."""
        found = set()
        for name, image in self.images.items():
            for region in image.found:
                said = image.told.said.get(region)
                value = self.shown(name, region, told=True)
                found.add((name, region, value, *((said.kind, said.by) if said else ("", ""))))
        return found

    def figures(self) -> dict[int, tuple[int, int, int, int]]:
        """Pixels, images, regions and decided regions of each class that has any."""
        area, regions, decided = Counter[int](), Counter[int](), Counter[int]()
        images: dict[int, set[str]] = {}
        for name, region, value, state, _ in self.rows():
            area[value] += self.images[name].area(region)
            regions[value] += 1
            decided[value] += bool(state)
            images.setdefault(value, set()).add(name)
        return {
            value: (area[value], len(images[value]), regions[value], decided[value])
            for value in area
        }

    def says(self, name: str, region: int, each: Said | None) -> str:
        """Name of the class that a region shows by a decision, or without one; that it is left out."""
        if each is not None and each.kind == "ignored":
            return "left out"
        value = self.now(each.value) if each else self.found(name, region, self.images[name].told)
        return self.names.get(value, "")

    def joined(
        self, others: Mapping[str, Verdicts], prefer: str
    ) -> tuple[dict[tuple[str, int], Said | None], dict[tuple[str, int], tuple[Said, Said]]]:
        """What a set is that is joined of this one and a copy in which other things were decided.

        Args:
            others: the decisions of the copy, by image.
            prefer: whose decision comes through: ``A`` this one's, ``B`` the copy's, ``none`` nobody's.

        Returns:
            By item and region the decision that stands; and, of what was decided otherwise, both.
        """
        stands, conflicts = dict[tuple[str, int], Said | None](), {}
        for name, image in self.images.items():
            for region in image.found:
                mine, other = image.told.said.get(region), others[name].get(region)
                won = other if mine is None else mine
                said = [self.says(name, region, each) for each in (mine, other)]
                if mine is not None and other is not None and said[0] != said[1]:
                    conflicts[name, region] = mine, other
                    won = {"A": mine, "B": other, "none": None}[prefer]
                stands[name, region] = won
        return stands, conflicts

    def rows_of(
        self, stands: Mapping[tuple[str, int], Said | None]
    ) -> set[tuple[str, int, str, str]]:
        """Item, region, name of the class and decision, of all regions, by the decisions that stand."""
        return {
            (name, region, self.says(name, region, said), said.kind if said else "")
            for (name, region), said in stands.items()
        }

    def take(self, name: str, by: str) -> None:
        """Let the index hear of an image's session; who made no difference has decided nothing."""
        image = self.images[name]
        told = dict[int, Said]()
        for region, said in image.said.items():
            former = image.told.said.get(region)
            same = former is not None and (former.kind, self.now(former.value)) == (
                said.kind,
                self.now(said.value),
            )
            told[region] = replace(said, by=former.by if same and former else by)
        image.told = State(told, image.state.gone)
        self.teach(name)

    def teach(self, name: str) -> None:
        """Let the lesson forget what was taken back in an image, and learn what is new."""
        image = self.images[name]
        said = {region: each for region, each in image.said.items() if each.kind != "ignored"}
        image.taught = {
            region: value
            for region, value in image.taught.items()
            if region in said and self.now(said[region].value) == self.now(value)
        } | {
            region: each.value
            for region, each in said.items()
            if self.found(name, region, image.state)
        }

    def remove(self, name: str, title: str, value: int, by: str) -> tuple[Verdicts, frozenset[int]]:
        """Take back in an image what was decided as a class, which nothing shows there any more.

        Returns:
            What had been said as it, and the label values that went.
        """
        image = self.images[name]
        of_it = {region for region, said in image.said.items() if self.now(said.value) == value}
        former = {region: image.told.said[region] for region in of_it}
        gone = frozenset(each for each in self.names if self.now(each) == value) - image.state.gone
        left = {region: said for region, said in image.said.items() if region not in of_it}
        image.push(title, left, image.state.gone | gone)
        self.take(name, by)
        return former, gone

    def take_back(
        self,
        name: str,
        number: int,
        said: Verdicts,
        former: Verdicts,
        gone: frozenset[int] = NOTHING,
    ) -> None:
        """Take a sheet back in an image: by an undo where nothing was done since, else by one more step."""
        image = self.images[name]
        title, _before = image.done[-1]
        back = {region: each for region, each in image.said.items() if region not in said} | former
        shown = image.state.gone - gone
        if title.startswith(f"Sheet {number}:"):
            image.undo()
        else:
            step = next(
                title for title, _ in reversed(image.done) if title.startswith(f"Sheet {number}:")
            )
            image.push(f"Undo: {step}", back, shown)
        assert image.said.keys() == back.keys()
        assert image.state.gone == shown
        told = {
            region: former.get(region, image.told.said.get(region, each))
            for region, each in image.said.items()
        }
        image.told = State(told, shown)
        self.teach(name)
