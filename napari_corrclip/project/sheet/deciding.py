"""The decisions on a sheet, each made in the session of its image: one step of its history, and a lesson.

An image that cannot be decided now, because somebody has it open, its file is gone or was changed, or a
region is another one than that which was looked at, is told and left; the others are decided all the same.
Killed at any moment, an image is decided or not: its step is one record of its journal.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, replace

from napari_corrclip.annotation import Session
from napari_corrclip.annotation.region import Region
from napari_corrclip.errors import InputError
from napari_corrclip.progress import Progress, Steps
from napari_corrclip.project.index import Index
from napari_corrclip.project.joining.conflicts import read_conflicts
from napari_corrclip.project.joining.waiting import open_conflicts
from napari_corrclip.project.learning import ProjectLesson
from napari_corrclip.project.own_classes import OwnClasses, bring_classes
from napari_corrclip.project.records import ItemRecord, check_by
from napari_corrclip.project.reviewing import reviewed
from napari_corrclip.project.sheet.acts import (
    DecidedItem,
    DecidedRegion,
    DecidedSheet,
    begin,
    note_item,
    title_of,
)
from napari_corrclip.project.sheet.regions import SheetRegion, read_regions
from napari_corrclip.project.teaching import teaching
from napari_corrclip.project.words import Names
from napari_corrclip.vocabulary import ClassLike, Vocabulary, VocabularyClass
from napari_corrclip.whole_numbers import whole

Key = SheetRegion | tuple[ItemRecord | str | int, int]
"""A region as it was looked at; or its item, or the name or number of that, and its id."""
Answer = ClassLike | None
"""A class, its name or its label value; 0: the region is left out; ``None``: it is as it is shown."""
LEFT_OUT = 0


@dataclass(frozen=True, slots=True)
class _Wanted:
    """The decision about a region.

    Attributes:
        region: its id.
        value: label value of its class; ``None``: as it is shown.
        seen: the region as it was looked at; ``None``: it is not known.
        conflict: whether two people have said otherwise of it, and nobody has decided that yet.
    """

    region: int
    value: int | None
    seen: SheetRegion | None
    conflict: bool = False


def decide_steps(
    index: Index,
    lesson: ProjectLesson,
    decisions: Mapping[Key, Answer],
    by: str,
    *,
    opened: Mapping[str, Session] | None = None,
    to: DecidedSheet | None = None,
    made: int | None = None,
) -> Steps[DecidedSheet]:
    """Decide; see :meth:`~napari_corrclip.project.project.Project.decide`."""
    check_by(by)
    if not isinstance(decisions, Mapping):
        raise InputError(f"{decisions!r} says not what is decided; give a class by region.")
    accepts = None in decisions.values()
    waiting = open_conflicts(index, read_conflicts(index.folder)) if accepts else ()
    conflicts = {each.place for each in waiting}
    by_item: dict[str, list[_Wanted]] = {}
    for key, answer in decisions.items():
        seen = key if isinstance(key, SheetRegion) else None
        record, region = (seen.item, seen.region) if seen else _pair(index, key)
        region = _whole(region, "region")
        wanted = _Wanted(region, _value(index, answer), seen, (record.id, region) in conflicts)
        by_item.setdefault(record.name, []).append(wanted)
    if not by_item:
        raise InputError("No region is decided; decide about at least one.")
    sheet = begin(index.folder, by, made) if to is None else to
    items, left = list(sheet.items), list(sheet.left)
    for done, (name, regions) in enumerate(by_item.items()):
        yield Progress("decide", done, len(by_item))
        title = name
        try:
            record = index.item(name)
            title = record.title
            session = (opened or {}).get(name)
            item, said = _decide(index, lesson, record, regions, sheet, by, session)
        except InputError as error:
            left.append(f"{title}: {error}")
            continue
        left += [f"{title}: {why}" for why in said]
        if item is not None:
            items.append(item)
    return replace(sheet, items=tuple(items), left=tuple(left))


def _pair(index: Index, key: Key) -> tuple[ItemRecord, int]:
    """Return the item and the id that are meant.

    Raises:
        InputError: there is no such item.
    """
    assert not isinstance(key, SheetRegion)  # that is asked first
    try:
        item, region = key
    except (TypeError, ValueError):
        raise InputError(
            f"{key!r} is no region; give one of read_regions, or its item and its id."
        ) from None
    if not isinstance(item, ItemRecord | str):
        item = _whole(item, "item")
        found = index.items_of([item])
        if not found:
            raise InputError(
                f"The project has no item of number {item}; look at what status lists."
            )
        return found[0], region
    return (item if isinstance(item, ItemRecord) else index.item(item)), region


def _value(index: Index, answer: Answer) -> int | None:
    """Return the label value that is meant; ``None``: as it is.

    Raises:
        InputError: the set has no such class.
    """
    if answer is None:
        return None
    value = answer.value if isinstance(answer, VocabularyClass) else whole(answer)
    if value == LEFT_OUT:
        return LEFT_OUT
    words, names = index.vocabulary, Names(index)
    if value is not None and value not in words.values and names.knows(value):
        raise InputError(
            f"{names.last(value)!r} is no class of the set any more; give another class."
        )
    return words.value_of(answer)


def _whole(value: object, what: str) -> int:
    """Return a whole number as Python's own, such as one of NumPy.

    Raises:
        InputError: it is none.
    """
    found = whole(value)
    if found is not None:
        return found
    raise InputError(f"{value!r} is the number of no {what}; give a whole number.")


def _decide(
    index: Index,
    lesson: ProjectLesson,
    record: ItemRecord,
    wanted: list[_Wanted],
    sheet: DecidedSheet,
    by: str,
    session: Session | None,
) -> tuple[DecidedItem | None, list[str]]:
    """Decide about regions of an item; return what was, if anything, and why not about others.

    Raises:
        InputError: its session cannot be opened, or written.
    """
    with contextlib.ExitStack() as held:
        is_open = session is not None
        if session is None:
            session = held.enter_context(reviewed(index, record, by, pixels=False))
        _bring_classes(index, session)
        fit, why = _fitting(session, wanted, index.vocabulary)
        if not fit:
            return None, why
        said = {
            each.region: (
                ("accepted", session.region(each.region).predicted)
                if each.value is None
                else _verdict(each.value)
            )
            for each in fit
        }
        item = described(index, record, session, said)
        taught = contextlib.nullcontext() if is_open else teaching(lesson, session, record)
        with taught:
            note_item(index.folder, sheet.number, item)
            with session.step(title_of(sheet.number, len(fit)), act=sheet.key):
                _make(session, fit)
    return item, why


def _bring_classes(index: Index, session: Session) -> None:
    """Let a session have the classes of the set.

    Raises:
        InputError: one of its own is another class in the set.
    """
    ours, names = index.vocabulary, Names(index)
    clash = OwnClasses.of(session.vocabulary, ours, names).clash
    if clash:
        raise InputError(f"{clash}; open it, give its regions another class there, then remove it.")
    bring_classes(session, ours, names)


def _fitting(
    session: Session, wanted: list[_Wanted], ours: Vocabulary
) -> tuple[list[_Wanted], list[str]]:
    """Return what can be decided, and why the rest cannot; what is as it is wanted needs no decision.

    Args:
        session: of an image.
        wanted: decisions about its regions.
        ours: the set's classes, in which alone anything is decided on a sheet.
    """
    fit, why = [], []
    for each in wanted:
        row = session.find(each.region)
        if row is None:
            why.append(f"region {each.region} is not there any more.")
        elif each.seen is not None and not _is_as_seen(row, each.seen, each.value):
            why.append(f"region {each.region} is not as it was looked at; look again.")
        elif each.value is None and each.conflict:
            why.append(
                f"region {each.region} is a conflict, and what it shows is nobody's word; give it a class."
            )
        elif each.value is None and row.verdict is None and not row.predicted:
            why.append(f"region {each.region} shows no class that could be accepted; give it one.")
        elif each.value is None and row.verdict is None and row.predicted not in ours.values:
            name = session.vocabulary.by_value(row.predicted).name
            why.append(
                f"region {each.region} shows {name!r}, which is no class of the set any more; give it one."
            )
        elif not _is_said(row, each.value):
            fit.append(each)
    return fit, why


def _is_as_seen(row: Region, seen: SheetRegion, value: int | None) -> bool:
    """Whether a region is what was looked at.

    What the networks and the lesson show of it is no matter to who gives it a class.

    Args:
        row: as it is now.
        seen: as it was looked at.
        value: label value of the class that it is to have; ``None``: that which it shows.
    """
    now = row.area, row.box, row.verdict.kind if row.verdict else ""
    if now != (seen.area, seen.box, seen.state):
        return False
    return row.value == seen.value or (value is not None and row.verdict is None)


def _is_said(row: Region, value: int | None) -> bool:
    """Whether a person has said of a region what is to be said."""
    if row.verdict is None:
        return False
    return value is None or (row.verdict.kind, row.verdict.value) == _verdict(value)


def _verdict(value: int) -> tuple[str, int]:
    return ("ignored" if value == LEFT_OUT else "assigned", value)


def described(
    index: Index, record: ItemRecord, session: Session, said: Mapping[int, tuple[str, int]]
) -> DecidedItem:
    """Return what is about to be decided, and what was before.

    Args:
        index: of the project.
        record: the item.
        session: of it.
        said: what is decided of regions, and the label value that they show by it.
    """
    known = {
        each.region: each for each in read_regions(index, [(record.id, region) for region in said])
    }
    regions = []
    for region, (state, value) in said.items():
        row, before = session.region(region), known.get(region)
        former = "" if row.verdict is None else row.verdict.kind
        # Else the index has not heard of it yet.
        same = before is not None and before.state == former
        regions.append(
            DecidedRegion(
                region,
                state,
                value,
                former,
                row.value,
                before.by if before is not None and same else "",
                before.at if before is not None and same else None,
            )
        )
    return DecidedItem(record.name, tuple(regions), record.state, record.by, record.at)


def _make(session: Session, fit: list[_Wanted]) -> None:
    """Make the decisions; inside a step."""
    by_value: dict[int | None, list[int]] = {}
    for each in fit:
        by_value.setdefault(each.value, []).append(each.region)
    for value, regions in by_value.items():
        if value is None:
            session.accept(regions)
        elif value == LEFT_OUT:
            session.ignore(regions)
        else:
            session.assign(regions, value)
