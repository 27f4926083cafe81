"""The state of a session: evidence, decisions, and what follows from them.

Primary are the maps, the verdicts and the vocabulary; only a :class:`Change` alters them. The labels
and the rows of regions are derived, and recomputed where a change touched them: in boxes, never for
regions times pixels.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from napari_corrclip import table as tables
from napari_corrclip.annotation.adjacency import Adjacency
from napari_corrclip.annotation.boxes import Box, area, union, window
from napari_corrclip.annotation.change import Change, Map
from napari_corrclip.annotation.evidence import Evidence, column_of
from napari_corrclip.annotation.regions import Region, Verdict, Voting, elect
from napari_corrclip.errors import InputError
from napari_corrclip.region_map import number_regions
from napari_corrclip.segmentation import Segmentation
from napari_corrclip.vocabulary import Vocabulary

V = TypeVar("V")

NOT_PINNED = -1
MAX_ID = int(np.iinfo(np.int32).max)


@dataclass(frozen=True, slots=True)
class Changed:
    """What a change touched, so that a screen redraws and re-reads only that.

    Attributes:
        labels: boxes in which ``labels`` may differ.
        regions: boxes in which ``regions`` may differ.
        updated: ids of regions whose row is new or differs.
        removed: ids of regions that exist no more.
        vocabulary: whether the classes differ.
    """

    labels: tuple[Box, ...] = ()
    regions: tuple[Box, ...] = ()
    updated: tuple[int, ...] = ()
    removed: tuple[int, ...] = ()
    vocabulary: bool = False


class State:
    """Maps, decisions and vocabulary of one image.

    Args:
        regions: (H, W) int32 ids, 0 = unsegmented; kept and changed in place.
        evidence: what was predicted.
        vocabulary: the classes.
        voting: how regions vote that nobody re-voted.
        pins: (H, W) int32 painted label values, -1 = not painted; ``None``: none are.
        verdicts: by region id.
        votings: of regions that were re-voted, by id.

    Attributes:
        labels: (H, W) uint16, prediction + decisions; derived.
        rows: each region by id; derived.
    """

    def __init__(
        self,
        regions: NDArray[np.int32],
        evidence: Evidence,
        vocabulary: Vocabulary,
        *,
        voting: Voting = "majority",
        pins: NDArray[np.int32] | None = None,
        verdicts: dict[int, Verdict] | None = None,
        votings: dict[int, Voting] | None = None,
    ) -> None:
        self.regions = regions
        self.evidence = evidence
        self.vocabulary = vocabulary
        self.voting: Voting = voting
        self.pins = np.full(regions.shape, NOT_PINNED, np.int32) if pins is None else pins
        self.verdicts = verdicts or {}
        self.votings = votings or {}
        self.labels = np.zeros(regions.shape, np.uint16)
        self.rows: dict[int, Region] = {}
        self._adjacency: Adjacency | None = None
        self._count(self.full)
        self._draw(self.full)

    @classmethod
    def of(cls, result: Segmentation) -> State:
        """Return the state of a result that nobody has corrected.

        Raises:
            InputError: its labels are not those that its pixels elect.
        """
        # A map that was not corrected shows every pixel's own class; a vote would change it.
        for voting in ("majority", "pixels"):
            state = cls(
                np.array(result.regions), Evidence.of(result), result.vocabulary, voting=voting
            )
            if np.array_equal(state.labels, result.labels):
                return state
        raise InputError(
            "The result's labels are not those that its pixels elect; open the result as it was "
            "saved, and correct it here."
        )

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the image."""
        return self.regions.shape[0], self.regions.shape[1]

    @property
    def full(self) -> Box:
        """The box of the whole image."""
        return 0, 0, *self.shape

    @property
    def adjacency(self) -> Adjacency:
        """Which regions touch; counted when it is first asked for, kept up to date from then on."""
        if self._adjacency is None:
            self._adjacency = Adjacency(self.regions)
        return self._adjacency

    @property
    def next_id(self) -> int:
        """An id above all that exist.

        Raises:
            InputError: there is none.
        """
        highest = max(self.rows, default=0)
        if highest >= MAX_ID:
            raise InputError(
                f"There is no id above {highest} for a new region; renumber the regions, for example "
                "with skimage.segmentation.relabel_sequential, and start again."
            )
        return highest + 1

    def apply(self, change: Change) -> Changed:
        """Make ``change`` and return what it touched.

        Raises:
            InputError: it was made of another state; this one is unchanged then.
        """
        stale = [one for one, swap in change.verdicts.items() if swap.old != self.verdicts.get(one)]
        if stale:
            raise InputError(
                f"The change was made when region {stale[0]} had another verdict; load the session it "
                "belongs to."
            )
        done: list[Map] = []
        adjacency = self._adjacency
        moved = change.patches.get("regions")
        if adjacency is not None and moved is not None:
            adjacency.leave(self.regions, moved.box)
        try:
            for name, patch in change.patches.items():
                patch.apply(self._map(name))
                done.append(name)
        except InputError:
            for name in done:
                change.patches[name].inverse().apply(self._map(name))
            raise
        finally:
            if adjacency is not None and moved is not None:
                adjacency.enter(self.regions, moved.box)
        for region, verdict in change.verdicts.items():
            _put(self.verdicts, region, verdict.new)
        for region, voting in change.votings.items():
            _put(self.votings, region, voting.new)
        if change.vocabulary is not None:
            self.vocabulary = change.vocabulary.new
        if change.probabilities is not None:
            old = self.evidence
            self.evidence = Evidence(old.prediction, old.numbers, change.probabilities.new)
        return self._derive(change)

    def _map(self, name: Map) -> NDArray[np.integer]:
        if name == "regions":
            return self.regions
        if name == "pins":
            return self.pins
        return self.evidence.prediction if name == "prediction" else self.evidence.numbers

    # -- what follows from it

    def _derive(self, change: Change) -> Changed:
        """Recount the regions and redraw the labels that ``change`` touched."""
        recounted = change.vocabulary is not None or change.probabilities is not None
        if recounted or not {"prediction", "numbers"}.isdisjoint(change.patches):
            before = set(self.rows)
            self.rows = {}
            self._count(self.full)
            self._draw(self.full)
            return Changed(
                (self.full,),
                (self.full,) if "regions" in change.patches else (),
                tuple(sorted(self.rows)),
                tuple(sorted(before - set(self.rows))),
                change.vocabulary is not None,
            )
        touched: set[int] = set(change.verdicts) | set(change.votings)
        boxes: list[Box] = []
        moved = change.patches.get("regions")
        if moved is not None:
            reshaped = {*moved.old.tolist(), *moved.new.tolist()} - {0}
            known = [self.rows[one].box for one in reshaped if one in self.rows]
            self._count(union([moved.box, *known]) or moved.box, reshaped)
            # Whoever won or lost pixels may elect another class, everywhere in it.
            touched |= reshaped
            boxes.append(moved.box)
        for one in set(change.verdicts) | set(change.votings):
            if one in self.rows:
                self.rows[one] = self._row(self.rows[one])
        pinned = change.patches.get("pins")
        if pinned is not None:
            boxes.append(pinned.box)
        for box in boxes:
            self._draw(box)
        shown = [one for one in touched if one in self.rows]
        boxes += self._draw_regions(shown)
        return Changed(
            tuple(boxes),
            () if moved is None else (moved.box,),
            tuple(sorted(shown)),
            tuple(sorted(one for one in touched if one not in self.rows)),
        )

    def _count(self, box: Box, wanted: set[int] | None = None) -> None:
        """Count the regions that lie in ``box``, all or the ``wanted`` ones, in one pass over it."""
        numbers, ids = number_regions(self.regions[window(box)])
        if wanted is not None:
            for one in wanted:
                self.rows.pop(one, None)
            kept = np.isin(ids, list(wanted))
            # The others reach out of the box, perhaps; they stay as they are.
            renumbered = np.concatenate([[0], np.cumsum(kept) * kept]).astype(np.int32)
            numbers, ids = renumbered[numbers], ids[kept]
        count = len(ids)
        if not count:
            return
        columns = column_of(self.vocabulary)
        classes = columns[self.evidence.prediction[window(box)]] - 1
        votes = tables.count_votes(classes, numbers, count, len(self.vocabulary))
        areas = votes.sum(axis=1)
        sums = self.evidence.sums(numbers, count, box, self.vocabulary)
        means = (sums / areas[:, None]).astype(np.float32)
        offset = np.array([box[0], box[1], box[0], box[1]])
        boxes = tables.bounding_boxes(numbers, count) + offset
        votings = [self.votings.get(one, self.voting) for one in ids.tolist()]
        elected = elect(votes, means, np.array([v == "mean" for v in votings]), self._values)
        for array in (votes, means):
            array.flags.writeable = False
        for index, one in enumerate(ids.tolist()):
            self.rows[one] = Region(
                one,
                tuple(boxes[index].tolist()),
                int(areas[index]),
                votes[index],
                means[index],
                votings[index],
                int(elected[index]),
                self.verdicts.get(one),
            )

    def _row(self, row: Region) -> Region:
        """Return ``row`` with the verdict and the voting of today."""
        voting = self.votings.get(row.id, self.voting)
        mean = np.array([voting == "mean"])
        elected = elect(row.votes[None], row.probabilities[None], mean, self._values)
        verdict = self.verdicts.get(row.id)
        return replace(row, voting=voting, predicted=int(elected[0]), verdict=verdict)

    @property
    def _values(self) -> NDArray[np.int64]:
        return np.array([0, *self.vocabulary.values], np.int64)

    def _draw(self, box: Box) -> None:
        """Compute the labels in ``box`` from the rows, the prediction and the pins."""
        where = window(box)
        numbers, ids = number_regions(self.regions[where])
        rows = [self.rows[one] for one in ids.tolist()]
        values = np.array([0, *(row.value for row in rows)], np.uint16)
        free = np.array([True, *(_by_pixels(row) for row in rows)])
        shown = np.where(free[numbers], self.evidence.prediction[where], values[numbers])
        pins = self.pins[where]
        self.labels[where] = np.where(pins == NOT_PINNED, shown, pins).astype(np.uint16)

    def _draw_regions(self, ids: Iterable[int]) -> list[Box]:
        """Draw each of the regions ``ids`` in its box; return the boxes.

        Many regions are drawn in one pass, where that touches fewer pixels than their boxes have.
        """
        rows = [self.rows[one] for one in ids]
        around = union(row.box for row in rows)
        if around is None:
            return []
        if area(around) <= sum(area(row.box) for row in rows):
            self._draw(around)
            return [row.box for row in rows]
        for row in rows:
            where = window(row.box)
            inside = (self.regions[where] == row.id) & (self.pins[where] == NOT_PINNED)
            if _by_pixels(row):
                self.labels[where][inside] = self.evidence.prediction[where][inside]
            else:
                self.labels[where][inside] = row.value
        return [row.box for row in rows]


def _by_pixels(row: Region) -> bool:
    return row.voting == "pixels" and row.verdict is None


def _put(mapping: dict[int, V], key: int, value: V | None) -> None:
    if value is None:
        mapping.pop(key, None)
    else:
        mapping[key] = value
