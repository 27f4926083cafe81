"""The measuring of rows: every row on every image of a set, regions and towers computed once an image."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from napari_corrclip.engine.segmenter import Segmenter
from napari_corrclip.evaluation.ablation.kept import Kept, OfImage
from napari_corrclip.evaluation.ablation.rows import Row, label_steps
from napari_corrclip.evaluation.ablation.sets import Group, ImageSet, TrueImage
from napari_corrclip.evaluation.ablation.shared import SharedTowers
from napari_corrclip.evaluation.resampling import (
    Interval,
    class_counts,
    difference_interval,
    mean_iou,
    miou_interval,
)
from napari_corrclip.maps.regions import check_regions
from napari_corrclip.progress import Progress, Steps, retold
from napari_corrclip.regions.protocol import Partition, RegionSource, partition
from napari_corrclip.vocabulary import Vocabulary

SECONDS: Final = ("regions", "encode", "classify")

Told = Callable[[int, RegionSource, Partition], object]
"""Is told the number of an image, a source, and the regions that it found there."""


@dataclass(frozen=True, eq=False)
class Measured:
    """The figures of rows on a set.

    Attributes:
        name: of the set, for files.
        title: of the set, for people.
        groups: of classes, as the set has them.
        rows: names of the rows, in order, each with the name of the row that it is compared with.
        titles: of the rows, for people, by name.
        found: by source of regions and row, the images' figures in order.
    """

    name: str
    title: str
    groups: tuple[Group, ...]
    rows: Mapping[str, str]
    titles: Mapping[str, str]
    found: Mapping[tuple[str, str], Sequence[OfImage]]

    @property
    def sources(self) -> tuple[str, ...]:
        """The sources of regions, in order."""
        return tuple(dict.fromkeys(source for source, _ in self.found))

    @property
    def images(self) -> int:
        """How many images were measured."""
        return len(next(iter(self.found.values())))

    def group(self, name: str) -> Group:
        """Return a group of classes by its name."""
        return next(group for group in self.groups if group.name == name)

    def occurs(self, group: str) -> bool:
        """Whether the truth of any image has a class of a group."""
        chosen = self.group(group)
        total = self.counts(*next(iter(self.found)), chosen.vocabulary).sum(0)
        return bool(total[1, list(chosen.classes)].any())

    def counts(self, source: str, row: str, vocabulary: str) -> NDArray[np.int64]:
        """Return (N, 3, K) of each image."""
        return np.stack([image.counts[vocabulary] for image in self.found[source, row]])

    def score(self, source: str, row: str, group: str) -> float:
        """Return the mean IoU of a group of classes, from 0 to 1."""
        chosen = self.group(group)
        total = self.counts(source, row, chosen.vocabulary).sum(0)
        return float(mean_iou(total, chosen.classes))

    def interval(self, source: str, row: str, group: str) -> Interval:
        """Return :meth:`score` with its interval over images."""
        chosen = self.group(group)
        return miou_interval(self.counts(source, row, chosen.vocabulary), chosen.classes)

    def difference(self, source: str, row: str, against: str, group: str) -> Interval:
        """Return how much a row is above another, paired over images."""
        chosen = self.group(group)
        counts = self.counts(source, row, chosen.vocabulary)
        other = self.counts(source, against, chosen.vocabulary)
        return difference_interval(counts, other, chosen.classes)

    def seconds(self, source: str, row: str) -> dict[str, float]:
        """Return the mean seconds an image, by part of the work."""
        means = np.mean([image.seconds for image in self.found[source, row]], axis=0)
        return dict(zip(SECONDS, means.tolist(), strict=True))

    def changes(self, source: str, row: str) -> tuple[float, float, float]:
        """Return shares of the counted pixels that are labelled otherwise than by the row before.

        All of them, those that became right, and those that became wrong.
        """
        total = np.sum([image.changes for image in self.found[source, row]], axis=0)
        changed, repaired, broken = (total[1:] / max(1, total[0])).tolist()
        return changed, repaired, broken

    def regions(self, source: str, row: str) -> float:
        """Return the mean number of regions an image."""
        return float(np.mean([image.regions for image in self.found[source, row]]))


def measure_steps(
    images: ImageSet,
    rows: Sequence[Row],
    sources: Mapping[str, RegionSource],
    segmenter: Segmenter,
    *,
    kept: Kept | None = None,
    told: Told | None = None,
) -> Steps[Measured]:
    """Measure rows on a set; yields after every row of every image, and inside, so that it can be cancelled.

    Args:
        images: with truth.
        rows: ways of working.
        sources: of regions, by the names that they have in tables.
        segmenter: whose towers and texts are used.
        kept: the figures of images that were measured before, and the place of new ones; ``None``: nowhere.
        told: is told of every partition; ``None``: nobody is.

    Raises:
        InputError: an image cannot be read, or cannot be divided by a source.
    """
    stage, total = images.name, len(images) * len(sources) * len(rows)
    done = 0
    yield Progress(stage, done, total)
    texts: dict[str, tuple[Vocabulary, Tensor]] = {}
    for name, words in images.vocabularies.items():
        templates = words.templates or segmenter.templates
        features = segmenter.text_cache.features(segmenter.clip, words.queries, templates)
        texts[name] = words, (yield from retold(features, lambda _: Progress(stage, 0, total)))
    names = [row.name for row in rows]
    classes = {name: len(words) for name, (words, _) in texts.items()}
    # Those with mask class tokens first, since what they compute serves the others, too.
    order = sorted(rows, key=lambda row: not row.settings.semantic)
    towers = SharedTowers(segmenter.clip, segmenter.similarity)
    found: dict[tuple[str, str], list[OfImage]] = {
        (source, row.name): [] for source in sources for row in rows
    }
    for number in range(len(images)):
        image: TrueImage | None = None
        towers.memory.forget()
        for name, source in sources.items():
            known = {} if kept is None else kept.read(number, name, names, classes)
            wanted = {row.name for row in rows if row.name not in known}
            if wanted:
                # What changes is told against these.
                wanted |= {row.against for row in rows if row.name in wanted}
                image = images.read(number) if image is None else image
                parts = _Parts(image.rgb, number, told, towers.memory.clock)
                given: dict[str, _Given] = {}
                done_rows: list[Row] = []
                for row in [row for row in order if row.name in wanted]:

                    def muted(_: object, at: int = done + len(given)) -> Progress:
                        return Progress(stage, at, total)

                    alike = next(
                        (other for other in done_rows if same_work(row, other, source)), None
                    )
                    if alike is not None:
                        given[row.name] = given[alike.name]
                        continue
                    given[row.name] = yield from retold(
                        _row_steps(row, source, towers, image, parts, texts), muted
                    )
                    done_rows.append(row)
                known |= {
                    row.name: _figures(row, given, image, classes)
                    for row in rows
                    if row.name in given and row.name not in known
                }
                if kept is not None:
                    kept.write(number, name, known)
            for row in rows:
                found[name, row.name].append(known[row.name])
            done += len(rows)
            yield Progress(stage, done, total)
    return Measured(
        images.name,
        images.title,
        tuple(images.groups),
        {row.name: row.against for row in rows},
        {row.name: row.title for row in rows},
        found,
    )


class _Parts:
    """The regions of an image by each source, found once.

    Args:
        rgb: (H, W, 3) uint8.
        number: of the image.
        told: as of :func:`measure_steps`.
        clock: that tells seconds.
    """

    def __init__(
        self, rgb: NDArray[np.uint8], number: int, told: Told | None, clock: Callable[[], float]
    ) -> None:
        self.rgb, self.number, self.told, self.clock = rgb, number, told, clock
        self._found: dict[int, tuple[NDArray[np.int32], float, RegionSource]] = {}

    def of(self, source: RegionSource) -> Steps[tuple[NDArray[np.int32], float]]:
        """Return (H, W) int32 regions, and the seconds that they took."""
        if id(source) not in self._found:
            began = self.clock()
            parted = yield from partition(source, self.rgb)
            seconds = self.clock() - began
            # With the source, so that its id stays its own.
            self._found[id(source)] = check_regions(parted.regions), seconds, source
            if self.told is not None:
                self.told(self.number, source, parted)
        return self._found[id(source)][:2]


def same_work(row: Row, other: Row, source: RegionSource) -> bool:
    """Whether two rows do the very same with the regions of a source."""
    sources = [way.source(source) if way.source else source for way in (row, other)]
    parts = [(way.settings, way.steps, way.clip, way.similarity, way.weigh) for way in (row, other)]
    return parts[0] == parts[1] and sources[0] is sources[1]


@dataclass(frozen=True, eq=False)
class _Given:
    """The labels of a row by vocabulary, with its seconds and its number of regions."""

    labels: Mapping[str, NDArray[np.int64]]
    seconds: tuple[float, float, float]
    regions: int


def _row_steps(
    row: Row,
    source: RegionSource,
    towers: SharedTowers,
    image: TrueImage,
    parts: _Parts,
    texts: dict[str, tuple[Vocabulary, Tensor]],
) -> Steps[_Given]:
    chosen = source if row.source is None else row.source(source)
    regions, seconds = yield from parts.of(chosen)
    given = yield from label_steps(row, towers, image.rgb, regions, texts)
    spent = (seconds, given.encode, given.classify)
    return _Given(given.labels, spent, len(np.unique(regions[regions > 0])))


def _figures(
    row: Row, given: Mapping[str, _Given], image: TrueImage, classes: Mapping[str, int]
) -> OfImage:
    own = given[row.name]
    counts = {
        name: class_counts(image.truths[name], labels, classes[name])
        for name, labels in own.labels.items()
    }
    first = next(iter(classes))
    truth, labels = image.truths[first], own.labels[first]
    before = labels if row.against not in given else given[row.against].labels[first]
    counted = truth > 0
    changed = counted & (labels != before)
    masks = (counted, changed, changed & (labels == truth), changed & (before == truth))
    total, otherwise, repaired, broken = (int(np.count_nonzero(mask)) for mask in masks)
    return OfImage(counts, own.seconds, own.regions, (total, otherwise, repaired, broken))


def neighbours(measured: Measured) -> Iterator[tuple[str, str]]:
    """Yield the rows that are compared with another, each with that one."""
    for row, against in measured.rows.items():
        if against:
            yield row, against
