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


@dataclass
class Image:
    """An image of the set.

    Attributes:
        regions: (H, W), ids.
        found: label value that the networks found, by region.
        said: what people said, by region.
        told: the same as the index has it, which hears of a session when it is left.
        done: title of each step of the history, and what was said before it.
        undone: title, and what was said after it, of each that was undone, the last one last.
    """

    regions: NDArray[np.int32]
    found: dict[int, int]
    said: Verdicts = field(default_factory=dict)
    told: Verdicts = field(default_factory=dict)
    done: list[tuple[str, Verdicts]] = field(default_factory=list)
    undone: list[tuple[str, Verdicts]] = field(default_factory=list)

    def area(self, region: int) -> int:
        return int(np.count_nonzero(self.regions == region))

    def settle(self) -> None:
        """Let the way back lead through what was undone, as it does once another step is made."""
        now, way = self.said, [("", self.said)]
        for undone, after in reversed(self.undone):
            self.done.append((undone, now))
            now = after
            way.append((undone, now))
        for (undone, now), (_, _) in zip(way[:0:-1], way[-2::-1], strict=True):
            back = undone.removeprefix("Undo: ")
            self.done.append((back if back != undone else f"Undo: {undone}", now))
        self.undone.clear()

    def push(self, title: str, said: Verdicts) -> None:
        """Do a step."""
        self.settle()
        self.done.append((title, self.said))
        self.said = said

    def undo(self) -> None:
        title, before = self.done.pop()
        self.undone.append((title, self.said))
        self.said = before

    def redo(self) -> None:
        title, after = self.undone.pop()
        self.done.append((title, self.said))
        self.said = after


@dataclass
class Sheet:
    """A sheet that was decided: what was said there, and what was said before, by image and region."""

    said: dict[str, Verdicts]
    former: dict[str, Verdicts]
    made: int | None = None


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
        said = (image.told if told else image.said).get(region)
        return self.now(said.value if said else image.found[region])

    def labels(self, name: str) -> NDArray[np.uint16]:
        """(H, W), the label map of an image."""
        regions = self.images[name].regions
        found = np.zeros(regions.shape, np.uint16)
        for region in np.unique(regions).tolist():
            found[regions == region] = self.shown(name, region)
        return found

    def rows(self) -> set[tuple[str, int, int, str]]:
        """Item, region, label value and decision, of all regions, as the index is to have them."""
        found = set()
        for name, image in self.images.items():
            for region in image.found:
                said = image.told.get(region)
                value = self.shown(name, region, told=True)
                found.add((name, region, value, said.kind if said else ""))
        return found

    def figures(self) -> dict[int, tuple[int, int, int, int]]:
        """Pixels, images, regions and decided regions of each class that has any."""
        area, regions, decided = Counter[int](), Counter[int](), Counter[int]()
        images: dict[int, set[str]] = {}
        for name, region, value, state in self.rows():
            area[value] += self.images[name].area(region)
            regions[value] += 1
            decided[value] += bool(state)
            images.setdefault(value, set()).add(name)
        return {
            value: (area[value], len(images[value]), regions[value], decided[value])
            for value in area
        }

    def says(self, name: str, region: int, said: Verdicts) -> str:
        """Name of the class that a region shows by some decisions on its image; that it is left out."""
        each = said.get(region)
        if each is not None and each.kind == "ignored":
            return "left out"
        value = self.now(each.value if each else self.images[name].found[region])
        return self.names.get(value, "")

    def joined(
        self, others: Mapping[str, Verdicts], prefer: str
    ) -> tuple[set[tuple[str, int, str, str]], set[tuple[str, int]]]:
        """What a set is that is joined of this one and a copy in which other things were decided.

        Args:
            others: the decisions of the copy, by image.
            prefer: whose decision comes through: ``A`` this one's, ``B`` the copy's, ``none`` nobody's.

        Returns:
            Item, region, name of the class and decision, of all regions; and item and region of what was
            decided otherwise in both.
        """
        rows, conflicts = set(), set()
        for name, image in self.images.items():
            theirs = others[name]
            for region in image.found:
                mine, other = image.told.get(region), theirs.get(region)
                said = [self.says(name, region, each) for each in (image.told, theirs)]
                kinds = [each.kind if each else "" for each in (mine, other)]
                won = 0
                if mine is None:
                    won = 1
                elif other is not None and said[0] != said[1]:
                    conflicts.add((name, region))
                    won = {"A": 0, "B": 1, "none": 2}[prefer]
                if won == 2:
                    said.append(self.says(name, region, {}))
                    kinds.append("")
                rows.add((name, region, said[won], kinds[won]))
        return rows, conflicts

    def take(self, name: str, by: str) -> None:
        """Let the index hear of an image's session; who made no difference has decided nothing."""
        image = self.images[name]
        told = dict[int, Said]()
        for region, said in image.said.items():
            former = image.told.get(region)
            same = former is not None and (former.kind, self.now(former.value)) == (
                said.kind,
                self.now(said.value),
            )
            told[region] = replace(said, by=former.by if same and former else by)
        image.told = told

    def take_back(self, name: str, number: int, said: Verdicts, former: Verdicts) -> None:
        """Take a sheet back in an image: by an undo where nothing was done since, else by one more step."""
        image = self.images[name]
        title, _before = image.done[-1]
        back = {region: each for region, each in image.said.items() if region not in said} | former
        if title.startswith(f"Sheet {number}:"):
            image.undo()
        else:
            step = next(
                title for title, _ in reversed(image.done) if title.startswith(f"Sheet {number}:")
            )
            image.push(f"Undo: {step}", back)
        assert image.said.keys() == back.keys()
        image.told = {
            region: former.get(region, image.told.get(region, each))
            for region, each in image.said.items()
        }
