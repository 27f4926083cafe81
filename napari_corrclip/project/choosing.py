"""The choice of the items that a run takes, and what is told of their size before it."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from napari_corrclip.engine.recipe import Recipe
from napari_corrclip.errors import InputError
from napari_corrclip.images.planes import opened
from napari_corrclip.images.stack import Where
from napari_corrclip.project.comparing import Comparison
from napari_corrclip.project.features import bytes_of_features, size_of_features
from napari_corrclip.project.folder import Outcome, image_in, item_folder
from napari_corrclip.project.index import Index
from napari_corrclip.project.records import ItemRecord, ItemState, RunRecord
from napari_corrclip.project.vectors import bytes_of_vectors
from napari_corrclip.storage.text_files import load_json
from napari_corrclip.vocabulary import Vocabulary

_TO_RUN = (ItemState.NEW, ItemState.RUNNING, ItemState.FAILED)
_LOOKED_AT = 20
"""Images whose size is looked at, to tell that of features; evenly spread over all."""
_SPARE = 1.1
"""So many times as large as they were told beforehand features may be."""

Part = tuple[int, int]
"""Which one, from 1 on, of how many parts of a run."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The items that a run takes, in their order.

    Attributes:
        due: have no result, or are stale.
        again: have a result by today's settings and no features, and are run again for these alone.
    """

    due: list[ItemRecord]
    again: list[ItemRecord]

    @property
    def items(self) -> list[ItemRecord]:
        """All of them; what is due comes first."""
        return [*self.due, *self.again]


def choose(
    index: Index,
    *,
    stale: bool = False,
    part: Part | None = None,
    features: int = 0,
    only: Collection[str] | None = None,
) -> Choice:
    """Return the items that a run would take; see :meth:`~napari_corrclip.project.project.Project.run`.

    Args:
        index: of the project.
        stale: those that are stale, too.
        part: of them the items of a part alone.
        features: how many bytes the features of the project may take, of a part its share of them; as far
            as they leave room, items that lack theirs are run again.
        only: names of items, of which alone some are taken; ``None``: of all.

    Raises:
        InputError: there is no such part.
    """
    if part is not None:
        check_part(part)
        features //= part[1]
    due, fresh, comparison = index.items(_TO_RUN), list[ItemRecord](), Comparison(index)
    if stale or features:
        runs = set(fresh_runs(index))
        imports = {run.id for run in index.runs() if is_import(run)}
        for record in index.items([ItemState.PRELABELLED]):
            if record.run not in runs:
                due += [record] if stale else []
            elif stale and comparison.was_changed(record, image_in(index.folder, record.path)):
                due.append(record)
            elif (
                record.run not in imports
            ):  # no run gives these labels again, with features or without
                fresh.append(record)
    if only is not None:
        due, fresh = ([each for each in some if each.name in only] for some in (due, fresh))
    if part is not None:
        fresh = [record for record in fresh if is_in(record, part)]
        due, mine = [], [record for record in due if is_in(record, part)]
        for record in mine:
            (fresh if is_done(index, record) else due).append(record)
    again = list[ItemRecord]()
    if features and index.recipe.scale is None:  # large images keep none
        room = _room(index, due, part, features)
        again += _without_features(index, fresh, room, comparison)
    comparison.keep()
    return Choice(due, again)


def _room(index: Index, due: Sequence[ItemRecord], part: Part | None, limit: int) -> float:
    """Return how many bytes of features there is room for beside those that are there and those of a run."""
    replaced = {record.name for record in due}
    kept = sum(
        size_of_features(item_folder(index.folder, record.name))
        for record in index.items()
        if record.name not in replaced and (part is None or is_in(record, part))
    )
    return limit - kept - len(due) * _mean_size(index, due)


def _without_features(
    index: Index, fresh: Sequence[ItemRecord], room: float, comparison: Comparison
) -> Iterator[ItemRecord]:
    """Yield items that have a result and no features, as long as there is room for these.

    An image that is gone, or another one now, has no other result to give.
    """
    lacking = [
        record for record in fresh if not size_of_features(item_folder(index.folder, record.name))
    ]
    mean = _mean_size(index, lacking) * _SPARE
    if not mean or room < mean:
        return
    misses = 0
    for record in lacking:
        # The last ones by their own size: who finds no room in the end would be run in vain, each time.
        size = mean if room >= _LOOKED_AT * mean else _size(index, record) * _SPARE
        image = image_in(index.folder, record.path)
        if 0 < size <= room and image.exists() and not comparison.was_changed(record, image):
            room -= size
            yield record
        elif size > room:
            misses += 1
        if room < mean or misses > _LOOKED_AT:
            return


def bytes_of_all_features(index: Index, choice: Choice) -> int:
    """Return about how many bytes the features of items take on the disk, whatever their limit."""
    every = (choice.due, choice.again)
    return round(sum(len(each) * _mean_size(index, each) for each in every))


def _mean_size(index: Index, records: Sequence[ItemRecord]) -> float:
    """Return about how many bytes the features of an image take, by some of them; 0: none can be read."""
    some = records[:: max(1, len(records) // _LOOKED_AT)]
    sizes = [size for size in (_size(index, record) for record in some) if size]
    return sum(sizes) / len(sizes) if sizes else 0.0


def _size(index: Index, record: ItemRecord) -> int:
    """Return about how many bytes the features of an item take; 0: its image cannot be read."""
    image = image_in(index.folder, record.path)
    try:
        shape = _shape(image, record.plane, record.size, record.mtime)
    except InputError:  # the run tells it
        return 0
    return bytes_of_features(index.recipe, shape)


@lru_cache(maxsize=1024)
def _shape(image: Path, plane: Where, size: int, mtime: int) -> tuple[int, int]:
    """Return the rows and columns of an image, which some formats tell when all of it is read.

    Args:
        image: its file.
        plane: of a stack, which one.
        size: of the file, as it was seen last, like the next one; another one is looked at again.
        mtime: of the file.

    Raises:
        InputError: it cannot be read.
    """
    with opened(image, "image", where=plane) as found:
        return found.size


def bytes_of_all_vectors(index: Index, choice: Choice) -> int:
    """Return up to about how many bytes the region vectors of items take on the disk."""
    known = [record.regions for record in index.items() if record.regions is not None]
    mean = sum(known) / len(known) if known else None
    return bytes_of_vectors(index.recipe, len(index.vocabulary), len(choice.items), mean)


def fresh_runs(index: Index) -> list[int]:
    """Return the runs whose results today's vocabulary and recipe would give again, and those of imports."""
    words, key = index.vocabulary, index.recipe.key()
    return [
        run.id
        for run in index.runs()
        if is_import(run) or (_key(run) == key and _found_the_same(run, words))
    ]


def is_import(run: RunRecord) -> bool:
    """Whether it was no run of networks, whose labels no other run can give again."""
    return not run.recipe


def recipe_of(run: RunRecord) -> Recipe | None:
    """Return a run's recipe; ``None``: a newer version wrote it, which nobody follows here."""
    try:
        return Recipe.from_json(run.recipe)
    except InputError:
        return None


def _key(run: RunRecord) -> str | None:
    recipe = recipe_of(run)
    return None if recipe is None else recipe.key()


def _found_the_same(run: RunRecord, words: Vocabulary) -> bool:
    """Whether a run's classes find what these do; those that a newer version wrote do not."""
    try:
        former = Vocabulary.from_document(load_json(run.vocabulary, f"The classes of run {run.id}"))
    except InputError:
        return False
    return former.finds_the_same(words)


def check_part(part: Part) -> None:
    """Refuse a part that there is not.

    Raises:
        InputError: there is no such part.
    """
    if not isinstance(part, tuple) or [type(each) for each in part] != [int, int]:
        raise InputError(
            f"The part is {part!r}; give two whole numbers, as (1, 3) for the first of three."
        )
    number, parts = part
    if not 1 <= number <= parts:
        raise InputError(f"There is no part {number}/{parts}; give 1/{max(parts, 1)} to the last.")


def is_in(record: ItemRecord, part: Part) -> bool:
    """Whether an item is of a part, by its name alone."""
    number, parts = part
    return int(hashlib.sha256(record.name.encode()).hexdigest()[:12], 16) % parts == number - 1


def is_done(index: Index, record: ItemRecord) -> bool:
    """Whether an item's folder has a result by today's settings, which is still to be collected."""
    try:
        outcome = Outcome.read(item_folder(index.folder, record.name))
    except InputError:  # there is none, or it is damaged
        return False
    today = index.recipe.key(), index.vocabulary.fingerprint
    if outcome.state is not ItemState.PRELABELLED or today != (outcome.recipe, outcome.vocabulary):
        return False
    made = replace(record, size=outcome.size, mtime=outcome.mtime, digest=outcome.digest)
    return not Comparison(index).was_changed(made, image_in(index.folder, record.path))
