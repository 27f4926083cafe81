"""A slow, obvious model of a session, written from what it promises and not from how it is made.

Whole arrays, everything recomputed, one pixel after the other. An edit that the session must refuse raises
:class:`Refused` and changes nothing that counts, since the caller works on a copy.
"""

from __future__ import annotations

import copy
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.annotation.evidence import Taught
from napari_corrclip.results.segmentation import Segmentation
from napari_corrclip.vocabulary import Vocabulary

HIGHEST = 2**31 - 1


class Refused(Exception):
    """What a session must answer with an InputError."""


@dataclass(frozen=True)
class Row:
    """What a region's row must say."""

    id: int
    area: int
    box: tuple[int, int, int, int]
    votes: tuple[int, ...]
    probabilities: tuple[float, ...]
    voting: str
    predicted: int
    verdict: tuple[str, int, bool] | None
    value: int


class Model:
    """Prediction, regions and decisions of one image."""

    def __init__(self, result: Segmentation) -> None:
        self.regions = np.array(result.regions, np.int64)
        self.pins = np.full(self.regions.shape, -1, np.int64)
        self.verdicts: dict[int, tuple[str, int, bool]] = {}
        self.votings: dict[int, str] = {}
        self.vocabulary: Vocabulary = result.vocabulary
        self._take(result)
        self.default = self._voting_of(result)

    def _take(self, result: Segmentation) -> None:
        self.taught: dict[int, tuple[int, list[float]]] = {}  # by run region: what a lesson says
        self.prediction = np.array(result.pixel_labels, np.int64)
        self.run = np.array(result.regions, np.int64)
        ids = sorted(set(self.run.ravel().tolist()) - {0})
        self.chances_of_run = {
            one: np.array(row, np.float64)
            for one, row in zip(ids, result.region_probabilities, strict=True)
        }

    def _voting_of(self, result: Segmentation) -> str:
        """Tell whether the regions of a result voted."""
        for mask, one in self._masks(np.array(result.regions, np.int64)):
            votes = self._votes(mask)
            values = [0, *self.vocabulary.values]
            if (result.labels[mask] != values[votes.index(max(votes))]).any():
                return "pixels"
            assert one
        return "majority"

    def copy(self) -> Model:
        return copy.deepcopy(self)

    def same(self, other: Model) -> bool:
        """Tell whether nobody could tell the two apart."""
        return (
            np.array_equal(self.regions, other.regions)
            and np.array_equal(self.pins, other.pins)
            and self.verdicts == other.verdicts
            and self._every_voting() == other._every_voting()
            and self.vocabulary == other.vocabulary
            and self.taught == other.taught
        )

    def _every_voting(self) -> dict[int, str]:
        return {one: self.votings.get(one, self.default) for one in self.ids}

    # -- what follows from it

    @property
    def ids(self) -> list[int]:
        return sorted(set(self.regions.ravel().tolist()) - {0})

    @staticmethod
    def _masks(regions: NDArray[np.int64]) -> list[tuple[NDArray[np.bool_], int]]:
        return [(regions == one, one) for one in sorted(set(regions.ravel().tolist()) - {0})]

    def shown(self) -> NDArray[np.int64]:
        """(H, W) what each pixel votes for: its own class, or what is taught of its region of the run."""
        found = self.prediction.copy()
        for at in np.ndindex(*found.shape):
            if int(self.run[at]) in self.taught:
                found[at] = self.taught[int(self.run[at])][0]
        return found

    def _votes(self, mask: NDArray[np.bool_]) -> list[int]:
        counts = Counter(self.shown()[mask].tolist())
        return [counts[value] for value in (0, *self.vocabulary.values)]

    def chances(self) -> NDArray[np.float64]:
        """(H, W, K): of the run's region; outside, half for the own class and the rest evenly."""
        values = self.vocabulary.values
        count = len(values)
        found = np.zeros((*self.regions.shape, count))
        for at in np.ndindex(*self.regions.shape):
            run, own = int(self.run[at]), int(self.prediction[at])
            if run in self.taught:
                found[at] = self.taught[run][1]
            elif run:
                found[at] = self.chances_of_run[run]
            elif own == 0:
                found[at] = 1 / count
            else:
                found[at] = 0.5 / count
                found[at][values.index(own)] += 0.5
        return found

    def rows(self) -> dict[int, Row]:
        chances = self.chances()
        values = [0, *self.vocabulary.values]
        rows = {}
        for mask, one in self._masks(self.regions):
            votes = self._votes(mask)
            means = chances[mask].mean(axis=0).astype(np.float32).tolist()
            voting = self.votings.get(one, self.default)
            if voting == "mean":
                predicted = values[1 + means.index(max(means))]
            else:
                predicted = values[votes.index(max(votes))]
            r, c = np.nonzero(mask)
            verdict = self.verdicts.get(one)
            rows[one] = Row(
                one,
                int(mask.sum()),
                (int(r.min()), int(c.min()), int(r.max()) + 1, int(c.max()) + 1),
                tuple(votes),
                tuple(means),
                voting,
                predicted,
                verdict,
                predicted if verdict is None else verdict[1],
            )
        return rows

    def labels(self, rows: dict[int, Row] | None = None) -> NDArray[np.int64]:
        rows = self.rows() if rows is None else rows
        found = self.shown()
        for mask, one in self._masks(self.regions):
            if rows[one].voting != "pixels" or rows[one].verdict is not None:
                found[mask] = rows[one].value
        return np.where(self.pins >= 0, self.pins, found)

    def decided(self) -> NDArray[np.bool_]:
        """(H, W) the pixels that a person said something about."""
        return (self.pins >= 0) | np.isin(self.regions, list(self.verdicts))

    def neighbours(self) -> dict[int, Counter[int]]:
        """Count the pixel sides between regions, one after the other."""
        found: dict[int, Counter[int]] = {one: Counter() for one in self.ids}
        height, width = self.regions.shape
        for r in range(height):
            for c in range(width):
                for r2, c2 in ((r + 1, c), (r, c + 1)):
                    if r2 == height or c2 == width:
                        continue
                    a, b = int(self.regions[r, c]), int(self.regions[r2, c2])
                    if a != b and a and b:
                        found[a][b] += 1
                        found[b][a] += 1
        return found

    # -- what is meant

    def _regions(self, regions: Any) -> list[int]:
        ids = [regions] if isinstance(regions, int) else list(regions)
        if not ids or any(one not in self.ids for one in ids):
            raise Refused
        return list(dict.fromkeys(ids))

    def _region(self, region: int) -> int:
        return self._regions(region)[0]

    def _value(self, which: str | int) -> int:
        for one in self.vocabulary:
            if which in (one.name, one.value):
                return one.value
        raise Refused

    def _pixels(self, pixels: Any) -> NDArray[np.bool_]:
        mask = np.zeros(self.regions.shape, bool)
        if isinstance(pixels, tuple):
            for r, c in zip(*pixels, strict=True):
                if not (0 <= r < mask.shape[0] and 0 <= c < mask.shape[1]):
                    raise Refused
                mask[r, c] = True
        else:
            mask = pixels
        if not mask.any():
            raise Refused
        return mask

    def _new(self, count: int) -> list[int]:
        first = max(self.ids, default=0) + 1
        if first + count - 1 > HIGHEST:
            raise Refused
        return list(range(first, first + count))

    def _forget_the_gone(self) -> None:
        for decisions in (self.verdicts, self.votings):
            for one in set(decisions) - set(self.ids):
                del decisions[one]

    # -- verdicts

    def assign(self, regions: Any, which: str | int) -> None:
        ids, value = self._regions(regions), self._value(which)
        for one in ids:
            self.verdicts[one] = ("assigned", value, True)

    def accept(self, regions: Any) -> None:
        rows = self.rows()
        for one in self._regions(regions):
            verdict = self.verdicts.get(one)
            if verdict is None or verdict[0] == "ignored":
                if not rows[one].predicted:
                    raise Refused
                self._keep_pixels(one, rows[one])
                self.verdicts[one] = ("accepted", rows[one].predicted, True)

    def _keep_pixels(self, region: int, row: Any) -> None:
        if row.voting == "pixels":
            shown = self.shown()
            own = (self.regions == region) & (self.pins < 0) & (shown != row.predicted)
            self.pins[own] = shown[own]

    def accept_above(self, confidence: float) -> None:
        if not 0 <= confidence <= 1:
            raise Refused
        for one, row in self.rows().items():
            if row.verdict is None and row.predicted:
                p = row.probabilities[self.vocabulary.values.index(row.predicted)]
                if p > confidence:
                    self._keep_pixels(one, row)
                    self.verdicts[one] = ("accepted", row.predicted, False)

    def ignore(self, regions: Any) -> None:
        for one in self._regions(regions):
            self.verdicts[one] = ("ignored", 0, True)

    def clear(self, regions: Any) -> None:
        for one in self._regions(regions):
            self.verdicts.pop(one, None)

    def patch_of(self, region: int) -> list[int]:
        start = self._region(region)
        rows, near = self.rows(), self.neighbours()
        found = {start}
        while True:
            more = {
                other
                for one in found
                for other in near[one]
                if rows[other].verdict is None and rows[other].predicted == rows[start].predicted
            }
            if more <= found:
                return sorted(found)
            found |= more

    def spread(self, region: int, which: str | int) -> None:
        value = self._value(which)
        for one in self.patch_of(region):
            self.verdicts[one] = ("assigned", value, one == region)

    def revote(self, which: Any, by: str = "majority", *, overrule: bool = False) -> None:
        if by not in ("majority", "mean", "pixels"):
            raise Refused
        if which == "undecided":
            ids = [one for one in self.ids if one not in self.verdicts]
        elif which == "all":
            ids = self.ids
        else:
            ids = self._regions(which)
        if not overrule and any(one in self.verdicts for one in ids):
            raise Refused
        for one in ids:
            self.votings[one] = by
            self.verdicts.pop(one, None)

    # -- shapes

    def merge(self, regions: Any) -> None:
        ids = self._regions(regions)
        if len(ids) < 2:
            raise Refused
        rows = self.rows()
        by_size = sorted(ids, key=lambda one: (-rows[one].area, one))
        decided = [self.verdicts[one] for one in by_size if one in self.verdicts]
        voting = self.votings.get(by_size[0], self.default)
        kept = min(ids)
        self.regions[np.isin(self.regions, ids)] = kept
        self.votings[kept] = voting
        if decided:
            self.verdicts[kept] = decided[0]
        self._forget_the_gone()

    def absorb(self, regions: Any) -> None:
        ids = self._regions(regions)
        if any(one in self.verdicts for one in ids):
            raise Refused
        rows = self.rows()  # predictions and sizes as they were before
        for one in sorted(ids, key=lambda one: (rows[one].area, one)):
            borders = self.neighbours()[one]
            if not borders:
                continue
            target = max(
                borders,
                key=lambda other: (
                    borders[other],
                    rows[other].predicted == rows[one].predicted,
                    -other,
                ),
            )
            self.regions[self.regions == one] = target
        self._forget_the_gone()

    def _divide(self, region: int, parts: list[NDArray[np.bool_]]) -> None:
        """Give each part but the first a new id."""
        if len(parts) < 2 or not all(part.any() for part in parts):
            raise Refused
        for number, part in zip(self._new(len(parts) - 1), parts[1:], strict=True):
            self.regions[part] = number
            if region in self.votings:
                self.votings[number] = self.votings[region]
            if self.verdicts.get(region, ("",))[0] == "assigned":
                self.verdicts[number] = self.verdicts[region]
        if self.verdicts.get(region, ("assigned",))[0] != "assigned":
            del self.verdicts[region]

    def _divisible(self, region: int) -> NDArray[np.bool_]:
        mask: NDArray[np.bool_] = self.regions == self._region(region)
        if mask.sum() < 2:
            raise Refused
        return mask

    def split(self, region: int) -> None:
        mask = self._divisible(region)
        parts = []
        left = list(zip(*(axis.tolist() for axis in np.nonzero(mask)), strict=True))
        while left:
            part, frontier = np.zeros(mask.shape, bool), [left[0]]
            while frontier:
                r, c = frontier.pop()
                if (r, c) in left:
                    left.remove((r, c))
                    part[r, c] = True
                    frontier += [(r + 1, c), (r - 1, c), (r, c + 1), (r, c - 1)]
            parts.append(part)
        parts.sort(key=lambda part: -int(part.sum()))  # stable: the upper left one of equals
        self._divide(region, parts)

    def split_mask(self, region: int, mask: NDArray[np.bool_]) -> None:
        whole = self._divisible(region)
        if mask.shape != whole.shape:
            raise Refused
        self._divide(region, [whole & ~mask, whole & mask])

    def split_points(
        self, region: int, keep: Any, cut: Any, *, as_it_was_cut: NDArray[np.int64] | None = None
    ) -> None:
        """Where the cut goes is the image's; that it is a cut between the points is checked here."""
        whole = self._divisible(region)
        for points in (keep, cut):
            if not points or any(self._outside(point) or not whole[point] for point in points):
                raise Refused
        if set(keep) & set(cut):
            raise Refused
        (new,) = self._new(1)
        if as_it_was_cut is None:
            return
        part = whole & (as_it_was_cut == new)
        assert all(part[point] for point in cut)
        assert not any(part[point] for point in keep)
        self._divide(region, [whole & ~part, part])

    def _outside(self, point: tuple[int, int]) -> bool:
        return not all(0 <= at < size for at, size in zip(point, self.regions.shape, strict=True))

    def paint_regions(self, pixels: Any, region: int | None) -> None:
        mask = self._pixels(pixels)
        if region is None:
            (region,) = self._new(1)
        elif region != 0:
            region = self._region(region)
        self.regions[mask] = region
        self._forget_the_gone()

    def paint(self, pixels: Any, which: str | int | None) -> None:
        mask = self._pixels(pixels)
        unlabelled = {None: -1, 0: 0}
        self.pins[mask] = unlabelled[which] if which in unlabelled else self._value(which)

    # -- another prediction

    def _numbers(self) -> NDArray[np.int64]:
        return np.unique(np.concatenate([[0], self.run.ravel()]), return_inverse=True)[1][1:]

    def teach(self, taught: Taught | None) -> None:
        """Whatever is said of a region of the run holds where nobody has decided on any of its pixels."""
        if taught is None:
            self.taught = {}
            return
        ids = sorted(self.chances_of_run)
        values = taught.values.tolist()
        right = taught.probabilities.shape == (len(ids), len(self.vocabulary))
        if not right or not set(values) <= {-1, *self.vocabulary.values}:
            raise Refused
        decided = np.isin(self.regions, list(self.verdicts))
        self.taught = {
            run: (value, np.array(row, np.float64).tolist())
            for run, value, row in zip(ids, values, taught.probabilities, strict=True)
            if value >= 0 and not decided[self.run == run].any()
        }

    def _by_classes(
        self, said: tuple[int, list[float]], old: Vocabulary
    ) -> tuple[int, list[float]]:
        by = dict(zip(old.values, said[1], strict=True))
        return said[0], [by.get(value, 0.0) for value in self.vocabulary.values]

    def set_vocabulary(
        self,
        vocabulary: Vocabulary,
        *,
        result: Segmentation | None = None,
        reassign: dict[str | int, str | int | None] | None = None,
    ) -> None:
        old, gone = self.vocabulary, set(self.vocabulary.values) - set(vocabulary.values)
        asked: dict[int, int | None] = {}
        for which, target in (reassign or {}).items():
            value = self._value(which)
            if value not in gone:
                raise Refused
            if target is not None:
                named = {one.name: one.value for one in vocabulary}
                target = named.get(target) if isinstance(target, str) else target
                if target not in vocabulary.values:
                    raise Refused
            asked[value] = target
        used = {verdict[1] for verdict in self.verdicts.values()} | set(self.pins.ravel().tolist())
        if used & gone - set(asked):
            raise Refused
        if result is not None and (
            result.shape != self.regions.shape
            or (result.vocabulary.values, result.vocabulary.names)
            != (vocabulary.values, vocabulary.names)
        ):
            raise Refused
        for one, (_, value, looked) in list(self.verdicts.items()):
            if value in gone:
                target = asked[value]
                if target is None:
                    del self.verdicts[one]
                else:
                    self.verdicts[one] = ("assigned", target, looked)
        for value in gone:
            target = asked.get(value)
            self.pins[self.pins == value] = -1 if target is None else target
        self.vocabulary = vocabulary
        if result is not None:
            taught, numbers, was = self.taught, self._numbers(), self.run
            chances = self.chances_of_run
            self._take(result)
            if np.array_equal(numbers, self._numbers()):
                before, now = (sorted(set(ids.ravel().tolist()) - {0}) for ids in (was, self.run))
                self.taught = {
                    new: self._by_classes(taught[id_], old)
                    for id_, new in zip(before, now, strict=True)
                    if id_ in taught
                    and taught[id_][0] not in gone
                    and likeliest(chances[id_], old)
                    == likeliest(self.chances_of_run[new], vocabulary)
                }
            return
        self.taught = {
            run: self._by_classes(said, old)
            for run, said in self.taught.items()
            if said[0] not in gone
        }
        self.prediction[np.isin(self.prediction, list(gone))] = 0
        self.chances_of_run = {
            one: np.array(
                [
                    row[old.values.index(value)] if value in old.values else 0.0
                    for value in vocabulary.values
                ]
            )
            for one, row in self.chances_of_run.items()
        }

    def rerun(self, result: Segmentation) -> None:
        if result.shape != self.regions.shape or (
            (result.vocabulary.values, result.vocabulary.names)
            != (self.vocabulary.values, self.vocabulary.names)
        ):
            raise Refused
        before, decided = self.labels(), self.decided()
        said = {
            mask_at: self.verdicts[int(self.regions[mask_at])]
            for mask_at in np.ndindex(*self.regions.shape)
            if int(self.regions[mask_at]) in self.verdicts
        }
        # Of equally frequent verdicts, the one that the lowest id carried.
        ranks = list(dict.fromkeys(self.verdicts[one][:2] for one in sorted(self.verdicts)))
        self.regions = np.array(result.regions, np.int64)
        self.verdicts, self.votings = {}, {}
        self._take(result)
        for mask, one in self._masks(self.regions):
            inside = list(zip(*(axis.tolist() for axis in np.nonzero(mask)), strict=True))
            verdicts = Counter(said[at][:2] for at in inside if at in said)
            if verdicts and 2 * sum(verdicts.values()) >= len(inside):
                kind, value = max(verdicts, key=lambda two: (verdicts[two], -ranks.index(two)))
                looks = Counter(
                    said[at][2] for at in inside if at in said and said[at][:2] == (kind, value)
                )
                self.verdicts[one] = (kind, value, looks[True] >= looks[False])
        self.default = self._voting_of(result)  # of regions that are made later, too
        # No decision is lost: what shows otherwise, or could from now on, is painted.
        shown = np.full(self.regions.shape, -1, np.int64)
        for one, (_, value, _) in self.verdicts.items():
            shown[self.regions == one] = value
        lost = decided & (self.pins < 0) & (shown != before)
        self.pins[lost] = before[lost]


def likeliest(chances: NDArray[np.float64], words: Vocabulary) -> int:
    return words.values[int(np.argmax(chances))]
