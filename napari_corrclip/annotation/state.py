"""The state of a session: evidence, decisions, and what follows from them.

Primary are the maps, the verdicts and the vocabulary; only a :class:`Change` alters them. The labels
and the rows of regions are derived, and recomputed where a change touched them: in boxes, never for
regions times pixels.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from copy import copy
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from napari_corrclip.annotation.change import Change, Map, Swap
from napari_corrclip.annotation.counting import Ballots, Counts, count_all
from napari_corrclip.annotation.evidence import NOT_TAUGHT, Evidence, Taught
from napari_corrclip.annotation.region import Region, Verdict, Voting, elect
from napari_corrclip.annotation.runs import Patch
from napari_corrclip.errors import InputError
from napari_corrclip.images.boxes import Box, area, union, window
from napari_corrclip.maps.adjacency import Adjacency
from napari_corrclip.maps.regions import boxes_of_runs, number_regions
from napari_corrclip.maps.votes import apply_votes
from napari_corrclip.results.provenance import Provenance
from napari_corrclip.results.segmentation import Segmentation
from napari_corrclip.vocabulary import Vocabulary

V = TypeVar("V")

NOT_PINNED = -1
_LOCAL = 4
_PREDICTED: tuple[Map, ...] = ("prediction", "numbers")
MAX_ID = int(np.iinfo(np.int32).max)


@dataclass(frozen=True, slots=True)
class Changed:
    """The parts that a change touched, so that a screen redraws and re-reads only these.

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


def folded(told: Iterable[Changed]) -> Changed:
    """Return what several changes in a row touched, as one: a listener sees the state after the last."""
    labels: list[Box] = []
    regions: list[Box] = []
    updated: set[int] = set()
    removed: set[int] = set()
    vocabulary = False
    for event in told:
        labels += event.labels
        regions += event.regions
        updated = (updated - {*event.removed}) | {*event.updated}
        removed = (removed - {*event.updated}) | {*event.removed}
        vocabulary = vocabulary or event.vocabulary
    return Changed(
        tuple(labels), tuple(regions), tuple(sorted(updated)), tuple(sorted(removed)), vocabulary
    )


class State:
    """Maps, decisions and vocabulary of one image.

    Args:
        regions: (H, W) int32 ids, 0 = unsegmented; kept and changed in place.
        evidence: what was predicted.
        vocabulary: the classes.
        voting: how regions vote that nobody re-voted, as of the last run.
        pins: (H, W) int32 painted label values, -1 = not painted; ``None``: none are.
        verdicts: by region id.
        votings: of regions that were re-voted, by id.
        provenance: how the last run came about; empty where that is not known.

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
        provenance: Provenance | None = None,
    ) -> None:
        # Changes are written by the pixels' places in the flat maps.
        self.regions = np.ascontiguousarray(regions)
        self.evidence = Evidence(
            np.ascontiguousarray(evidence.prediction),
            np.ascontiguousarray(evidence.numbers),
            evidence.probabilities,
            evidence.taught,
        )
        self.vocabulary = vocabulary
        self.voting: Voting = voting
        bare = np.full(regions.shape, NOT_PINNED, np.int32)
        self.pins = bare if pins is None else np.ascontiguousarray(pins)
        self.verdicts = verdicts or {}
        self.votings = votings or {}
        self.provenance = Provenance() if provenance is None else provenance
        self.labels = np.zeros(regions.shape, np.uint16)
        self.rows: dict[int, Region] = {}
        self._adjacency: Adjacency | None = None
        self._count()
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
                np.array(result.regions),
                Evidence.of(result),
                result.vocabulary,
                voting=voting,
                provenance=result.provenance,
            )
            if np.array_equal(state.labels, result.labels):
                return state
        raise InputError(
            "The result's labels are not those that its pixels elect; open the result as it was "
            "saved, and correct it here."
        )

    def copy(self, *, derived: bool = True) -> State:
        """Return one of its own, which the changes of this one do not touch.

        Args:
            derived: labels and rows, too; without them it is good for being written to a file alone.
        """
        other = copy(self)  # the evidence is theirs in common: it is never written to
        other._adjacency = None
        for name in ("regions", "pins", "verdicts", "votings"):
            setattr(other, name, getattr(self, name).copy())
        other.labels = self.labels.copy() if derived else np.zeros((0, 0), np.uint16)
        other.rows = self.rows.copy() if derived else {}
        return other

    def adopt(self, other: State) -> None:
        """Become as ``other``, a changed :meth:`copy` of this one, which stays as it is.

        The maps stay the arrays that they are, so that views of them follow.
        """
        if not np.array_equal(self.regions, other.regions):
            self._adjacency = other._adjacency
        for name in ("regions", "pins", "labels"):
            np.copyto(getattr(self, name), getattr(other, name))
        for name in ("verdicts", "votings", "rows"):
            setattr(self, name, getattr(other, name).copy())
        for name in ("evidence", "vocabulary", "voting", "provenance", "_ballots"):
            setattr(self, name, getattr(other, name))

    def forget_adjacency(self) -> None:
        """Count it anew when it is asked for."""
        self._adjacency = None

    def share_adjacency(self, other: State) -> None:
        """Take what ``other``, which has the same regions and is about to get others, has counted."""
        self._adjacency = other._adjacency

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
    def has_adjacency(self) -> bool:
        """Whether somebody has asked for :attr:`adjacency`."""
        return self._adjacency is not None

    def new_ids(self, count: int) -> list[int]:
        """Return ``count`` ids above all that exist.

        Raises:
            InputError: there are not so many.
        """
        highest = max(self.rows, default=0)
        if highest + count > MAX_ID:
            raise InputError(
                f"The highest region id is {highest} and {MAX_ID} the last there can be, too few for "
                f"{count} more; renumber the regions, for example with "
                "skimage.segmentation.relabel_sequential, and start again."
            )
        return list(range(highest + 1, highest + 1 + count))

    def apply(self, change: Change) -> Changed:
        """Make ``change`` and return what it touched.

        Raises:
            InputError: it was made of another state; this one is unchanged then.
        """
        stale = [
            region_id
            for region_id, swap in change.verdicts.items()
            if swap.old != self.verdicts.get(region_id)
        ]
        if stale:
            raise InputError(
                f"The change was made when region {stale[0]} had another verdict; load the session it "
                "belongs to."
            )
        self._exchange(change)
        try:
            return self._derive(change)
        except BaseException:
            # As when memory runs out, or a person interrupts: the state is never half of another one.
            self._exchange(change.inverse())
            self._adjacency = None
            self._count()
            self._draw(self.full)
            raise

    def _exchange(self, change: Change) -> None:
        """Put the new maps, decisions and classes in the place of the old ones; nothing is counted.

        Raises:
            InputError: the maps are others; nothing has changed then.
        """
        done: list[Map] = []
        evidence: dict[Map, NDArray[np.integer]] = {}
        adjacency = self._adjacency
        moved = change.patches.get("regions")
        if moved is not None and _LOCAL * area(moved.box) > self.regions.size:
            self._adjacency = adjacency = None  # counting all of it later costs less than twice now
        if adjacency is not None and moved is not None:
            adjacency.leave(self.regions, moved.box)
        try:
            for name, patch in change.patches.items():
                if name in _PREDICTED:  # others may share it
                    evidence[name] = self._map(name).copy()
                    patch.apply(evidence[name])
                else:
                    patch.apply(self._map(name))
                    done.append(name)
        except BaseException:
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
        if change.voting is not None:
            self.voting = change.voting.new
        if change.vocabulary is not None:
            self.vocabulary = change.vocabulary.new
        if change.provenance is not None:
            self.provenance = change.provenance.new
        if change.probabilities is not None:
            self.evidence = replace(self.evidence, probabilities=change.probabilities.new)
        if change.taught is not None:
            self.evidence = replace(self.evidence, taught=change.taught.new)
        if evidence:
            self.evidence = replace(self.evidence, **evidence)  # type: ignore[arg-type]

    def _map(self, name: Map) -> NDArray[np.integer]:
        if name == "regions":
            return self.regions
        if name == "pins":
            return self.pins
        return self.evidence.prediction if name == "prediction" else self.evidence.numbers

    # -- what follows from it

    def _derive(self, change: Change) -> Changed:
        """Recount the regions and redraw the labels that ``change`` touched."""
        words = change.vocabulary
        # Other names and colours alone leave every count as it was.
        others = words is not None and words.old.values != words.new.values
        predicted = not set(_PREDICTED).isdisjoint(change.patches)
        if others or predicted or change.voting or change.probabilities is not None:
            gone = set(self.rows)
            self._count()
            self._draw(self.full)
            return Changed(
                (self.full,),
                (self.full,) if "regions" in change.patches else (),
                tuple(sorted(self.rows)),
                tuple(sorted(gone - set(self.rows))),
                change.vocabulary is not None,
            )
        before = dict(self.rows)
        boxes: list[Box] = []
        told: set[int] = set()
        if change.taught is not None:
            told, around = self._learn(change.taught)
            boxes += around
        decided = {*change.verdicts, *change.votings}
        moved = change.patches.get("regions")
        reshaped: set[int] = set()
        if moved is not None:
            reshaped = self._move(moved)
            boxes.append(moved.box)
        self._decide_rows([self.rows[region_id] for region_id in decided & set(self.rows)])
        pinned = change.patches.get("pins")
        if pinned is not None:
            self._draw(pinned.box)
            boxes.append(pinned.box)
        touched = reshaped | decided | told
        kept = sorted(touched & set(self.rows))
        # Where only pixels came or went, what was drawn above is all that differs.
        boxes += self._draw_regions(
            region_id
            for region_id in kept
            if region_id not in before or _shows(before[region_id]) != _shows(self.rows[region_id])
        )
        return Changed(
            tuple(boxes),
            () if moved is None else (moved.box,),
            tuple(kept),
            tuple(sorted(touched - set(self.rows))),
            change.vocabulary is not None,
        )

    def _count(self) -> None:
        """Count all regions."""
        self._ballots = Ballots.of(self.evidence, self.vocabulary)
        ids, boxes, counts = count_all(self.regions, self._ballots)
        self.rows = {}
        self._put_rows(ids.tolist(), [tuple(box) for box in boxes.tolist()], counts)

    def _learn(self, taught: Swap[Taught | None]) -> tuple[set[int], list[Box]]:
        """Count and draw the regions of which something else is taught now; return their ids and where.

        Costs a look at each pixel's region; pixels are counted where a lesson says nothing of some of them.
        """
        self._ballots = Ballots.of(self.evidence, self.vocabulary)
        sources = np.zeros(len(self._ballots.probabilities), np.bool_)
        sources[np.flatnonzero(_differ(taught, len(self.evidence.probabilities)))] = True
        rows = [row for row in self.rows.values() if sources[row.sources[0]].any()]
        whole, mixed = _split(rows, self._ballots)
        if whole:
            counts = self._ballots.recount([row.sources for row in whole])
            self._put_rows([row.id for row in whole], [row.box for row in whole], counts)
        ids = np.array(sorted(row.id for row in mixed), np.int64)
        if len(ids):
            numbers, every = number_regions(self.regions)
            owner = np.zeros(len(every) + 1, np.int64)
            owner[1 + np.searchsorted(every, ids)] = np.arange(1, len(ids) + 1)
            owners = owner[numbers.reshape(-1)]
            at = np.flatnonzero(owners)
            counts = self._ballots.count(owners[at] - 1, at, len(ids))
            self._put_rows(ids.tolist(), [self.rows[region].box for region in ids.tolist()], counts)
        # A pixel that shows its own class may be in none of them.
        touched = np.concatenate([[False], sources[: len(self.evidence.probabilities)]])
        told = touched[self.evidence.numbers]
        down, across = (np.flatnonzero(told.any(axis=axis)) for axis in (1, 0))
        if not len(down):
            return {row.id for row in rows}, []
        box = int(down[0]), int(across[0]), int(down[-1]) + 1, int(across[-1]) + 1
        self._draw(box)
        return {row.id for row in rows}, [box]

    def foretell(self, taught: Swap[Taught | None]) -> dict[int, int]:
        """Return the label values that undecided regions would show if something else were taught, by id.

        Args:
            taught: what is taught now, and what else; regions that it says the same of are left out.
        """
        ballots = Ballots.of(replace(self.evidence, taught=taught.new), self.vocabulary)
        sources = np.zeros(len(ballots.probabilities), np.bool_)
        sources[np.flatnonzero(_differ(taught, len(self.evidence.probabilities)))] = True
        rows = [
            row
            for row in self.rows.values()
            if row.verdict is None and sources[row.sources[0]].any()
        ]
        whole, mixed = _split(rows, ballots)
        found = dict[int, int]()
        if whole:
            counts = ballots.recount([row.sources for row in whole])
            by_mean = np.array([row.voting == "mean" for row in whole])
            elected = elect(counts.votes, ballots.means(counts), by_mean, self._values).tolist()
            found.update(zip((row.id for row in whole), elected, strict=True))
        if mixed:
            after = self.copy()
            after.apply(Change(taught=taught))
            found.update((row.id, after.rows[row.id].value) for row in mixed)
        return found

    def _move(self, patch: Patch) -> set[int]:
        """Count the pixels that went from one region to another; return the ids of both.

        Costs the pixels that moved, and the boxes of regions that lost some at their border.
        """
        # Most patches have few pairs of old and new ids; the pixels are counted once for each pair.
        keys, pair = np.unique(patch.old.astype(np.int64) << 32 | patch.new, return_inverse=True)
        old, new = keys >> 32, keys & 0xFFFFFFFF
        ids = np.setdiff1d(np.concatenate([old, new]), [0])
        at = patch.at(self.shape[1])
        moved = self._ballots.count(np.repeat(pair, patch.length), at, len(keys))
        around = _boxes(pair, patch, len(keys))

        former = [self.rows.get(region_id) for region_id in ids.tolist()]
        boxes = [None if row is None else row.box for row in former]
        for box, lost, won in zip(around, old.tolist(), new.tolist(), strict=True):
            if lost:
                index = int(np.searchsorted(ids, lost))
                known = boxes[index]
                if known is not None and any(a == b for a, b in zip(box, known, strict=True)):
                    boxes[index] = self._tight(lost, known)
            if won:
                index = int(np.searchsorted(ids, won))
                known = boxes[index]
                boxes[index] = box if known is None else union([box, known])
        gains = _incidence(ids, new) - _incidence(ids, old)
        stacked = _stacked(former, self._ballots)
        sources = (stacked.sources + gains @ moved.sources).tocsr()
        sources.eliminate_zeros()
        for region_id in ids.tolist():
            self.rows.pop(region_id, None)
        self._put_rows(ids.tolist(), boxes, Counts(stacked.votes + gains @ moved.votes, sources))
        self._draw_runs(at, patch)
        return set(ids.tolist())

    def _tight(self, region: int, box: Box) -> Box | None:
        """Return the smallest box around ``region``, which lies in ``box``; ``None`` if it is gone."""
        inside = self.regions[window(box)] == region
        rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
        if not len(rows):
            return None
        top, left = box[:2]
        return (
            top + int(rows[0]), left + int(columns[0]),
            top + int(rows[-1]) + 1, left + int(columns[-1]) + 1,
        )  # fmt: skip

    def _put_rows(self, ids: list[int], boxes: Sequence[Box | None], counts: Counts) -> None:
        """Make the rows of counted regions; one without pixels is none."""
        means = self._ballots.means(counts)
        votings = [self.votings.get(region_id, self.voting) for region_id in ids]
        by_mean = np.array([voting == "mean" for voting in votings], bool)
        elected = elect(counts.votes, means, by_mean, self._values).tolist()
        areas = counts.votes.sum(axis=1).tolist()
        sources, values = counts.sources, self.vocabulary.values
        for array in (counts.votes, means):
            array.flags.writeable = False
        for index, (region_id, box) in enumerate(zip(ids, boxes, strict=True)):
            if not areas[index] or box is None:
                continue
            part = slice(sources.indptr[index], sources.indptr[index + 1])
            self.rows[region_id] = Region(
                region_id,
                box,
                areas[index],
                counts.votes[index],
                (sources.indices[part], sources.data[part]),
                means[index],
                values,
                votings[index],
                elected[index],
                self.verdicts.get(region_id),
            )

    def _decide_rows(self, rows: Sequence[Region]) -> None:
        """Give rows the verdicts and the votings of today."""
        if not rows:
            return
        votings = [self.votings.get(row.id, self.voting) for row in rows]
        elected = elect(
            np.array([row.votes for row in rows]),
            np.array([row.probabilities for row in rows]),
            np.array([voting == "mean" for voting in votings]),
            self._values,
        ).tolist()
        for row, voting, predicted in zip(rows, votings, elected, strict=True):
            verdict = self.verdicts.get(row.id)
            self.rows[row.id] = replace(row, voting=voting, predicted=predicted, verdict=verdict)

    @property
    def _values(self) -> NDArray[np.int64]:
        return np.array([0, *self.vocabulary.values], np.int64)

    def _draw(self, box: Box) -> None:
        """Compute the labels in ``box`` from the rows, the prediction and the pins."""
        where = window(box)
        numbers, ids = number_regions(self.regions[where])
        rows = [self.rows[region_id] for region_id in ids.tolist()]
        prediction = self.evidence.shown[where]
        shown = apply_votes(prediction, numbers, np.array([row.value for row in rows], np.uint16))
        free = np.array([False, *(_by_pixels(row) for row in rows)])
        if free.any():  # mostly no region shows its pixels' own classes
            np.copyto(shown, prediction, where=free[numbers])
        pins = self.pins[where]
        painted = pins != NOT_PINNED
        if painted.any():
            np.copyto(shown, pins, where=painted, casting="unsafe")
        self.labels[where] = shown

    def _draw_runs(self, at: NDArray[np.int64], patch: Patch) -> None:
        """Compute the labels of the pixels ``at``, which ``patch`` gave to other regions."""
        ids, owner = np.unique(patch.new, return_inverse=True)
        rows = [self.rows.get(region_id) for region_id in ids.tolist()]
        values = np.array([0 if row is None else row.value for row in rows], np.uint16)
        free = np.array([row is None or _by_pixels(row) for row in rows])
        shown = np.repeat(values[owner], patch.length)
        if free.any():
            by_pixels = np.repeat(free[owner], patch.length)
            shown = np.where(by_pixels, self.evidence.shown.reshape(-1)[at], shown)
        pins = self.pins.reshape(-1)[at]
        pinned = pins != NOT_PINNED
        if pinned.any():
            shown = np.where(pinned, pins, shown).astype(np.uint16)
        self.labels.reshape(-1)[at] = shown

    def _draw_regions(self, ids: Iterable[int]) -> list[Box]:
        """Draw each of the regions ``ids`` in its box; return the boxes.

        Many regions are drawn in one pass, where that touches fewer pixels than their boxes have.
        """
        rows = [self.rows[region_id] for region_id in ids]
        around = union(row.box for row in rows)
        if around is None:
            return []
        if area(around) < sum(area(row.box) for row in rows):
            self._draw(around)
            return [row.box for row in rows]
        for row in rows:
            where = window(row.box)
            inside = (self.regions[where] == row.id) & (self.pins[where] == NOT_PINNED)
            if _by_pixels(row):
                self.labels[where][inside] = self.evidence.shown[where][inside]
            else:
                self.labels[where][inside] = row.value
        return [row.box for row in rows]


def _split(rows: Sequence[Region], ballots: Ballots) -> tuple[list[Region], list[Region]]:
    """Return the rows of which a lesson tells what all their pixels vote for, and the others."""
    known = ballots.are_taught
    whole = [row for row in rows if known[row.sources[0]].all()]
    told = {row.id for row in whole}
    return whole, [row for row in rows if row.id not in told]


def _differ(taught: Swap[Taught | None], count: int) -> NDArray[np.bool_]:
    """Return (R,) of which of the run's regions a change of what is taught says something else."""
    values, tables = list[NDArray[Any]](), list[NDArray[Any]]()
    for said in (taught.old, taught.new):
        values.append(np.full(count, NOT_TAUGHT, np.int32) if said is None else said.values)
        tables.append(np.zeros((count, 1), np.float32) if said is None else said.probabilities)
    found: NDArray[np.bool_] = values[0] != values[1]
    found |= (tables[0] != tables[1]).any(axis=1)
    return found


def _by_pixels(row: Region) -> bool:
    return row.voting == "pixels" and row.verdict is None


def _shows(row: Region) -> tuple[int, bool]:
    """What a region's unpinned pixels are drawn by."""
    return row.value, _by_pixels(row)


def _stacked(rows: Sequence[Region | None], ballots: Ballots) -> Counts:
    """Return the counts of ``rows``; a region that does not exist yet has none."""
    width = 1 + ballots.probabilities.shape[1]
    none = np.zeros(0, np.int64)
    sources = [(none, none) if row is None else row.sources for row in rows]
    starts = np.cumsum([0, *(len(indices) for indices, _ in sources)])
    matrix = sparse.csr_array(
        (
            np.concatenate([pixels for _, pixels in sources]),
            np.concatenate([indices for indices, _ in sources]),
            starts,
        ),
        shape=(len(rows), len(ballots.probabilities)),
    )
    votes = [np.zeros(width, np.int64) if row is None else row.votes for row in rows]
    return Counts(np.array(votes), matrix)


def _incidence(ids: NDArray[np.int64], owners: NDArray[np.int64]) -> sparse.csr_array:
    """Return (R, n), 1 where an owner is that id; an owner 0 is nobody's."""
    at = np.flatnonzero(owners)
    ones = np.ones(len(at), np.int64)
    rows = np.searchsorted(ids, owners[at])
    return sparse.csr_array((ones, (rows, at)), shape=(len(ids), len(owners)))


def _boxes(owner: NDArray[np.integer], patch: Patch, count: int) -> list[Box]:
    """Return the box in the image around each owner's runs of ``patch``; every owner has some."""
    top, left, _, right = patch.box
    row, column = np.divmod(patch.start, right - left)
    edges = boxes_of_runs(owner, row, column, patch.length, count)
    edges += np.array([top, left, top, left])
    return [(a, b, c, d) for a, b, c, d in edges.tolist()]


def _put(mapping: dict[int, V], key: int, value: V | None) -> None:
    if value is None:
        mapping.pop(key, None)
    else:
        mapping[key] = value
