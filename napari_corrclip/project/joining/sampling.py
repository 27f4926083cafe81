"""A random sample of what somebody has decided, as a project for a second look that shows no decision.

It has the images, linked, and what the networks proposed for them, and nothing that a person has said.
Compared with the project that it was drawn from it tells how far a second look agrees, and estimates that
for all.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from napari_corrclip.annotation import restore
from napari_corrclip.annotation.files.log import has_session
from napari_corrclip.errors import InputError
from napari_corrclip.progress import Progress, Steps
from napari_corrclip.project import intake, words
from napari_corrclip.project.content import Content, Runs, take_content
from napari_corrclip.project.database import NAME
from napari_corrclip.project.folder import (
    ITEMS,
    RESULT,
    SESSION,
    SUFFIX,
    Outcome,
    image_in,
    item_folder,
    item_name,
    now,
    place_of_new,
    read_result,
    relative,
)
from napari_corrclip.project.index import Found, Index
from napari_corrclip.project.joining.counting import Meetings
from napari_corrclip.project.joining.drawn import KINDS, Drawn, Kind
from napari_corrclip.project.joining.making import appearing
from napari_corrclip.project.records import DECIDED, ItemRecord, ItemState
from napari_corrclip.results.folder import copy_result
from napari_corrclip.whole_numbers import whole


@dataclass(frozen=True, slots=True)
class Sample:
    """The outcome of a draw.

    Attributes:
        folder: of the new project.
        drawn: what was drawn, as it stands there.
    """

    folder: Path
    drawn: Drawn


@dataclass(frozen=True, slots=True)
class _Choice:
    """Items that were drawn, by their names the regions among them, and of how many."""

    items: Sequence[ItemRecord]
    regions: dict[str, list[int]]
    population: int


def sample_steps(
    index: Index,
    number: int,
    folder: str | os.PathLike[str] | None = None,
    *,
    kind: Kind = "images",
    seed: int = 0,
    verified: bool = False,
) -> Steps[Sample]:
    """Draw a sample; see :meth:`~napari_corrclip.project.project.Project.sample`."""
    wanted, chosen_seed = whole(number), whole(seed)
    if wanted is None or wanted < 1:
        raise InputError(f"A sample of {number!r} has nothing in it; ask for 1 or more.")
    if chosen_seed is None:
        raise InputError(f"The seed of a sample is {seed!r}; give a whole number.")
    if kind not in KINDS:
        raise InputError(f"A sample is of images or regions, and not of {kind!r}; choose one.")
    place = place_of_new(folder or _beside(index.folder))
    states = (ItemState.VERIFIED,) if verified else DECIDED
    decided = [
        record
        for record in index.items(states)
        if (item_folder(index.folder, record.name) / RESULT).is_dir()
    ]
    if not decided:
        raise InputError(
            f"No image of {str(index.folder)!r} is {' or '.join(states)}; decide some first, and draw then."
        )
    with appearing(place) as stage:
        if kind == "images":
            chosen = random.Random(chosen_seed).sample(decided, min(wanted, len(decided)))
            choice = _Choice(chosen, {}, len(decided))
        else:
            choice = yield from _draw_regions(index, decided, wanted, chosen_seed)
        drawn = Drawn(kind, index.folder.name, chosen_seed, wanted, choice.population, ())
        drawn = yield from _make(index, stage, choice, drawn)
    return Sample(place, drawn)


def _beside(folder: Path) -> Path:
    return folder.with_name(f"{folder.name.removesuffix(SUFFIX)}-second-look")


def _draw_regions(
    index: Index, decided: Sequence[ItemRecord], number: int, seed: int
) -> Steps[_Choice]:
    """Draw regions that somebody has decided, and that the networks have proposed as they are.

    All that were decided are shuffled, and the first that can be drawn are taken: each is as likely.
    """
    pairs = [
        (record.id, region)
        for record in decided
        for (region,) in index.rows(
            "SELECT id FROM regions WHERE item = ? AND (state != '' OR ?) ORDER BY id",
            (record.id, record.state is ItemState.VERIFIED),
        )
    ]
    random.Random(seed).shuffle(pairs)
    records = {record.id: record for record in decided}
    proposed: dict[int, dict[int, int]] = {}
    regions: dict[str, list[int]] = {}
    taken = 0
    for item, region in pairs:
        if taken == number:
            break
        yield Progress("draw", taken, min(number, len(pairs)))
        if item not in proposed:
            proposed[item] = _as_proposed(item_folder(index.folder, records[item].name))
        if region in proposed[item]:
            regions.setdefault(records[item].name, []).append(proposed[item][region])
            taken += 1
    if not taken:
        raise InputError(
            f"No region that is decided in {str(index.folder)!r} is as it was proposed; draw images."
        )
    items = [record for record in decided if record.name in regions]
    return _Choice(items, regions, len(pairs))


def _as_proposed(folder: Path) -> dict[int, int]:
    """Return the regions of an item that are as its run found them: the id there by that of today."""
    result = read_result(folder)
    if not has_session(folder / SESSION):
        return {int(region): int(region) for region in result.table["id"].tolist()}
    meetings = Meetings()
    meetings.add(restore(folder / SESSION).regions, np.asarray(result.regions))
    return dict(meetings.same())


def _make(index: Index, stage: Path, choice: _Choice, drawn: Drawn) -> Steps[Drawn]:
    """Make the sample's project in a folder of its own."""
    (stage / ITEMS).mkdir()
    names: dict[str, str] = {}
    stacks = {stack.id: stack.planes for stack in index.stacks()}
    with contextlib.closing(Index(stage / NAME, create=True)) as sample:
        with sample.transaction():
            for vocabulary in words.former(index):  # so that results mean what they mean there
                sample.choose(vocabulary, index.recipe)
            for merged in index.merged_classes():  # no word on any region, and not who said so
                sample.note_merge(merged._replace(by=""))
            sample.keep_tree(index.class_tree())
        runs = Runs(sample)
        for number, record in enumerate(_shuffled(choice.items, drawn.seed)):
            yield Progress("copy", number, len(choice.items))
            source = item_folder(index.folder, record.name)
            path = relative(image_in(index.folder, record.path), stage)
            stack = None if record.stack is None else stacks[record.stack]
            name = item_name(path, record.plane, () if stack is None else stack.shape)
            found = Found(name, path, record.size, record.mtime, record.plane, stack)
            with sample.transaction():
                (name,) = sample.add([found])
            outcome = _undecided(Outcome.read(source), record, path)
            target = item_folder(stage, name)
            copy_result(source / RESULT, target / RESULT)
            with contextlib.suppress(OSError):
                shutil.copyfile(source / "vectors.safetensors", target / "vectors.safetensors")
            outcome.write(target)
            with sample.transaction():
                take_content(sample, name, Content.read(target, outcome), runs)
            names[record.name] = name
        intake.write_choices(sample)
    drawn = replace(
        drawn,
        images=tuple(names.values()),
        regions=tuple(
            (name, tuple(sorted(choice.regions[record])))
            for record, name in names.items()
            if record in choice.regions
        ),
    )
    drawn.write(stage)
    return drawn


def _shuffled(items: Iterable[ItemRecord], seed: int) -> list[ItemRecord]:
    """Return items in an order that tells nothing of that in which they were decided."""
    found = list(items)
    random.Random(seed).shuffle(found)
    return found


def _undecided(outcome: Outcome, record: ItemRecord, path: str) -> Outcome:
    """Return an item's outcome as it was before anybody has said anything."""
    return replace(
        outcome,
        path=path,
        size=record.size,
        mtime=record.mtime,
        digest=record.digest,
        state=ItemState.PRELABELLED,
        reason="",
        by="",
        at=now(),
    )
