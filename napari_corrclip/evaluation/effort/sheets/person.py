"""The simulated person at the sheets of a set: looks at a page, marks what is wrong, and goes on.

They see of each region whether it is what it shows, as region by region; a region is what most of its
counted pixels are. The pages are the real sheet's, listed by a real project. Where it teaches, what is
decided goes into the project page by page; untaught no page depends on what was decided before, and it is
told at the end (:attr:`SheetRun.decided`).
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.evaluation.effort.sheets.regions import SetRegions
from napari_corrclip.evaluation.effort.sheets.ways import KINDS, PRICES, SheetWay
from napari_corrclip.progress import Progress, Steps
from napari_corrclip.project.project import Project
from napari_corrclip.project.sheet.deciding import Answer as SheetAnswer
from napari_corrclip.project.sheet.deciding import Key as SheetKey
from napari_corrclip.project.sheet.listing import Sheet, SheetFilter
from napari_corrclip.project.sheet.regions import Place, SheetRegion

ROUNDING = 1e-6
"""Of a number of pixels."""


@dataclass(frozen=True, eq=False)
class SheetRun:
    """The course of a set that was corrected page by page.

    Attributes:
        way: its name.
        kinds: (pages, len(KINDS)) how many actions of each kind a page took.
        right: (pages + 1,) pixels of the set that are right before the first page and after each.
        wrongly: (pages + 1,) pixels in regions that were decided to be what they are not, and that are not of
            the class that they show.
        beside: (pages + 1,) pixels in regions that were decided rightly, and that are of another class.
        whole: whether the person went through all pages.
        decided: what was decided, by an item's number and a region's id: a label value; ``None``: as it was.
    """

    way: str
    kinds: NDArray[np.int64]
    right: NDArray[np.int64]
    wrongly: NDArray[np.int64]
    beside: NDArray[np.int64]
    whole: bool
    decided: Mapping[Place, int | None]

    def spent(self, prices: str) -> NDArray[np.float64]:
        """Return (pages + 1,) what was spent before the first page and after each."""
        price = np.array([PRICES[prices][kind] for kind in KINDS])
        return np.concatenate([[0.0], np.cumsum(self.kinds @ price)])

    def page_at(self, right: float) -> int | None:
        """Return after how many pages so many pixels were right; ``None``: never."""
        there = self.right >= right - ROUNDING
        return int(there.argmax()) if there.any() else None

    def actions_to(self, right: float, prices: str) -> float:
        """Return what was spent until so many pixels were right; NaN: they never were."""
        page = self.page_at(right)
        return float("nan") if page is None else float(self.spent(prices)[page])


@dataclass(frozen=True)
class Given:
    """The decision about some regions of a page, and what it took.

    Attributes:
        rows: that get a class; all others are accepted.
        numbers: the class number of each.
        actions: how many of each kind.
    """

    rows: tuple[int, ...]
    numbers: tuple[int, ...]
    actions: Counter[str]


def look_over(
    shown: NDArray[np.int64],
    best: NDArray[np.int64],
    missed: NDArray[np.bool_],
    *,
    marks_all: bool = False,
) -> Given:
    """Return what a person does on a page.

    Class by class, of which most are wrong first: these are marked, or all that are left is marked and the
    others' marks are taken away, whichever takes less; then one key gives them their class.

    Args:
        shown: (n,) class numbers that the regions show; 0: none.
        best: (n,) those that they have; 0: it makes no difference.
        missed: (n,) whether a click that the region needs is overlooked.
        marks_all: whether all may be marked at once.
    """
    actions: Counter[str] = Counter(look=1)
    left = np.ones(len(shown), np.bool_)
    wrong = (best > 0) & (shown != best)
    rows, numbers = list[int](), list[int]()
    for number, count in Counter(best[wrong].tolist()).most_common():
        these = left & wrong & (best == number)
        others = left & ~these
        if marks_all and 1 + int(others.sum()) < count:
            given = these | (others & missed)
            actions["all"] += 1
            actions["mark"] += int((others & ~missed).sum())
        else:
            given = these & ~missed
            if not given.any():
                continue
            # The keyboard is at the first one, which needs no mark where it alone is meant.
            actions["mark"] += int(given.sum()) if given[1:].any() else 0
        actions["give"] += 1
        left &= ~given
        rows += np.flatnonzero(given).tolist()
        numbers += [int(number)] * int(given.sum())
    if (left & (shown > 0)).any():
        actions["accept"] += 1
    return Given(tuple(rows), tuple(numbers), actions)


class SheetPerson:
    """The person at work on a project, in one way.

    Args:
        project: as :func:`~napari_corrclip.evaluation.effort.sheets.made.made_steps` makes it; nothing is
            decided in it.
        regions: of the same images in the same order.
        way: of working.
        names: of the images, by which chance tells what is overlooked; the same in every run.
    """

    def __init__(
        self, project: Project, regions: SetRegions, way: SheetWay, names: Sequence[str]
    ) -> None:
        self.project, self.regions, self.way = project, regions, way
        self.items = [record.id for record in project.items()]
        keys = zip(regions.images.tolist(), regions.ids.tolist(), strict=True)
        self._at = {(self.items[image], region): row for row, (image, region) in enumerate(keys)}
        self._numbers = {value: number for number, value in enumerate(regions.values.tolist())}
        self.shown = regions.shown.copy()
        self.decided = np.zeros(len(self.shown), np.bool_)
        self.answers: dict[Place, int | None] = {}
        self._kinds = list[list[int]]()
        self._course = [self._figures()]
        self._pending: Counter[str] = Counter()
        self._found = 0
        self._missed = self._overlooked(names)

    def _overlooked(self, names: Sequence[str]) -> NDArray[np.bool_]:
        """Return (R,) whether a click that a region needs is overlooked."""
        regions, share = self.regions, self.way.overlooks
        if not share:
            return np.zeros(len(self.shown), np.bool_)
        chance = np.array(
            [
                zlib.crc32(f"{names[image]}/{region}".encode()) / 2**32
                for image, region in zip(regions.images.tolist(), regions.ids.tolist(), strict=True)
            ]
        )
        small = regions.areas < np.median(regions.areas)
        found: NDArray[np.bool_] = chance < np.where(small, 2 * share, share)
        return found

    def review_steps(self, until: float | None = None) -> Steps[SheetRun]:
        """Go through the sheets; yields after every page.

        Args:
            until: pixels that are right, at which the person stops; ``None``: when all is decided.
        """
        pages = self._by_class() if self.way.by_class else self._one_sheet()
        total, whole = -(-len(self.shown) // self.way.page), True
        for page in pages:
            self._decide(page)
            yield Progress("page by page", len(self._kinds), max(total, len(self._kinds)))
            if until is not None and self._course[-1][0] >= until - ROUNDING:
                whole = False
                break
        right, wrongly, beside = np.array(self._course, np.int64).T
        kinds = np.array(self._kinds, np.int64).reshape(-1, len(KINDS))
        return SheetRun(self.way.name, kinds, right, wrongly, beside, whole, self.answers)

    # -- which page

    def _sheet(self, value: int | None = None) -> Sheet:
        wanted = SheetFilter(value=value, order=self.way.order, page=self.way.page)
        return self.project.sheet(wanted, progress=False)

    def _one_sheet(self) -> Iterator[list[Place]]:
        """Yield the pages of one sheet, listed anew with a lesson; of the bound, the best first."""
        if self.way.best_first:
            sheet = self._sheet()
            yield from sorted(map(sheet.page, range(sheet.pages)), key=self._gained, reverse=True)
            return
        while True:
            sheet = self._sheet()
            for number in range(sheet.pages):
                if self.way.taught and number == self.way.list_every:
                    break
                yield sheet.page(number)
            else:
                return
            self.project.teach(progress=False)
            self._read(set(self.items))
            self._pending.update(("teach", "list"))

    def _gained(self, page: Sequence[Place]) -> int:
        rows = [self._at[place] for place in page]
        regions = self.regions
        better = regions.right(np.where(regions.wrong, regions.best, regions.shown))
        return int((better - regions.right(regions.shown))[rows].sum())

    def _by_class(self) -> Iterator[list[Place]]:
        """Yield a page of each class, then always one of the class whose last page had the most wrong."""
        sheets = {value: self._sheet(value) for value in self.regions.values.tolist()}
        ahead = {value: 0 for value, sheet in sheets.items() if len(sheet)}
        hopes = dict.fromkeys(ahead, self.way.page + 1)
        former: int | None = None
        while ahead:
            value = max(ahead, key=lambda each: hopes[each])
            if value != former:
                self._pending["class"] += 1
            former = value
            yield sheets[value].page(ahead[value])
            hopes[value] = self._found
            ahead[value] += 1
            if ahead[value] == sheets[value].pages:
                del ahead[value]

    # -- one page

    def _decide(self, page: Sequence[Place]) -> None:
        """Look at a page, and give what is wrong its class."""
        cells = self.project.read_regions(page)
        rows = np.array([self._at[cell.place] for cell in cells], np.int64)
        shown = np.array([self._numbers[cell.value] for cell in cells], np.int64)
        found = look_over(
            shown, self.regions.best[rows], self._missed[rows], marks_all=self.way.marks_all
        )
        self._found = len(found.rows)
        given = dict(zip(found.rows, found.numbers, strict=True))
        answers: dict[SheetRegion, int | None] = {}
        for at, cell in enumerate(cells):
            if at in given:
                answers[cell] = int(self.regions.values[given[at]])
            elif cell.value:
                answers[cell] = None
        self.decided[rows] = [cell in answers for cell in cells]
        self.answers |= {cell.place: answer for cell, answer in answers.items()}
        if self.way.taught:
            self._make(answers)
        else:
            self.shown[rows[list(found.rows)]] = found.numbers
        actions = found.actions + self._pending
        self._pending = Counter()
        self._kinds.append([actions[kind] for kind in KINDS])
        self._course.append(self._figures())

    def _make(self, answers: Mapping[SheetRegion, int | None]) -> None:
        """Decide in the project, and see what its images show by then."""
        if not answers:
            return
        decisions: dict[SheetKey, SheetAnswer] = dict(answers.items())
        done = self.project.decide(decisions, progress=False)
        if done.left:
            raise RuntimeError(f"a simulated person's decision was refused: {done.left[0]}")
        self._read({cell.item.id for cell in answers})

    def _read(self, items: Set[int]) -> None:
        """See what the regions of some images show by now."""
        for cell in self.project.read_regions(place for place in self._at if place[0] in items):
            self.shown[self._at[cell.place]] = self._numbers[cell.value]

    def _figures(self) -> tuple[int, int, int]:
        """Return pixels that are right, that were decided wrongly, and that are beside."""
        regions, shown = self.regions, self.shown
        right = regions.right(shown)
        other = regions.counts[:, 1:].sum(axis=1) - right
        said = self.decided & (shown > 0)
        wrongly = said & (regions.best > 0) & (shown != regions.best)
        return (
            int(right.sum() + regions.outside.sum()),
            int(other[wrongly].sum()),
            int(other[said & ~wrongly].sum()),
        )
