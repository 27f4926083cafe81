"""The way back from a sheet: exactly what was decided there, in each of its images."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from napari_corrclip.annotation import Session
from napari_corrclip.annotation.change import Change, Step, Swap
from napari_corrclip.annotation.evidence import Taught
from napari_corrclip.annotation.history import standing
from napari_corrclip.annotation.region import Verdict
from napari_corrclip.errors import InputError
from napari_corrclip.progress import Progress, Steps
from napari_corrclip.project.following import with_classes
from napari_corrclip.project.index import Index
from napari_corrclip.project.intake import write_choices
from napari_corrclip.project.learning import ProjectLesson
from napari_corrclip.project.merged_classes import GoneClass, check_free, class_of, put_back
from napari_corrclip.project.records import ItemRecord, ItemState
from napari_corrclip.project.reviewing import reviewed, write_outcome
from napari_corrclip.project.sheet.acts import (
    DecidedItem,
    DecidedSheet,
    is_removal,
    note_undone,
    read,
)
from napari_corrclip.project.teaching import teaching
from napari_corrclip.project.words import Names, current
from napari_corrclip.vocabulary import Vocabulary


@dataclass(frozen=True, slots=True)
class Former:
    """The word of who had decided what in an image before a sheet that was taken back.

    Attributes:
        item: as it was before.
        regions: id, state, value now, who and when of its regions.
        again: whether it is in its former state, too.
    """

    item: DecidedItem
    regions: tuple[tuple[int, str, int, str, float | None], ...]
    again: bool


@dataclass(frozen=True, slots=True)
class UndoneSheet:
    """The outcome of taking a sheet back.

    Attributes:
        items: names of the images in which it was taken back.
        regions: how many regions are as they were before.
        left: images in which it was not, a sentence each.
        untold: what the index is still to be told of images that somebody has open; see
            :meth:`~napari_corrclip.project.project.Project.tell_undone`.
    """

    items: tuple[str, ...]
    regions: int
    left: tuple[str, ...] = ()
    untold: tuple[Former, ...] = ()


def undo_steps(
    index: Index,
    lesson: ProjectLesson,
    sheet: DecidedSheet,
    by: str,
    opened: Mapping[str, Session] | None = None,
    only: Collection[str] | None = None,
) -> Steps[UndoneSheet]:
    """Take a sheet back; see :meth:`~napari_corrclip.project.project.Project.undo_sheet`."""
    if not isinstance(sheet, DecidedSheet):
        raise InputError(
            f"{sheet!r} is no sheet; give what decide returned, or one of decided_sheets."
        )
    kept = next((each for each in read(index.folder) if each.number == sheet.number), None)
    if kept is None or kept.undone:
        what = "is none of this project" if kept is None else "was taken back already"
        raise InputError(f"Sheet {sheet.number} {what}; look at what decided_sheets lists.")
    if kept.removed is not None:
        _bring_back(index, lesson, kept.removed)
    done: list[DecidedItem] = []
    left: list[str] = []
    untold: list[Former] = []
    items = [item for item in kept.items if only is None or item.name in only]
    for number, item in enumerate(items):
        yield Progress("take back", number, len(items))
        try:
            record = index.item(item.name)
            session = (opened or {}).get(item.name)
            former = _undo(index, lesson, record, item, kept, by, session)
            if session is None:
                tell(index, [former])
            else:  # whoever has it open tells first what it is now
                untold.append(former)
        except InputError as error:
            left.append(f"{item.name}: {error}")
            continue
        done.append(item)
    if done or not kept.items:
        note_undone(index.folder, kept.number, [item.name for item in done])
    regions = sum(len(item.regions) for item in done)
    names = tuple(item.name for item in done)
    return UndoneSheet(names, regions, tuple(left), tuple(untold))


def tell(index: Index, formers: Sequence[Former]) -> None:
    """Let an index that has the regions as they are now have who had decided them, and when."""
    for former in formers:
        record, item = index.item(former.item.name), former.item
        with index.transaction():
            index.tell_decisions(record.id, former.regions)
            if former.again:
                index.mark(record.id, item.state, by=item.by, at=item.at)
                write_outcome(index, record.name)


def _bring_back(index: Index, lesson: ProjectLesson, gone: GoneClass) -> None:
    """Let a class that was removed be one of the set again, unless it is.

    Raises:
        InputError: it became another one since, or another one has its name.
    """
    class_ = class_of(gone)
    with index.transaction():
        words = current(index)
        if class_.value in words.values:
            return
        heir = index.survivors().get(class_.value)
        if heir is not None:
            raise InputError(
                f"{class_.name!r} came back and became {Names(index).last(heir)!r} since; part it first."
            )
        check_free(words, class_)
        index.choose(put_back(index, words, gone), index.recipe)
    write_choices(index)
    lesson.merge(index.vocabulary.values, {})


def _undo(
    index: Index,
    lesson: ProjectLesson,
    record: ItemRecord,
    item: DecidedItem,
    sheet: DecidedSheet,
    by: str,
    session: Session | None,
) -> Former:
    """Take back what was decided in an item; return what the index is to be told.

    Raises:
        InputError: it is not there any more, or the image was edited since.
    """
    with contextlib.ExitStack() as held:
        is_open = session is not None
        if session is None:
            session = held.enter_context(reviewed(index, record, by, pixels=False))
        step = _step(session, item, sheet)
        taught = teaching(lesson, session, record, shows=False)
        with contextlib.nullcontext() if is_open else taught:
            alone = _take_back(session, step, index.vocabulary, Names(index).survivors)
        undecided = not session.state.verdicts and not (session.pins >= 0).any()
    regions = tuple(
        # Of the class that it is now, wherever classes were merged since.
        (
            each.region,
            each.former,
            session.region(each.region).value,
            each.former_by,
            each.former_at,
        )
        for each in item.regions
        if each.former and each.former_at is not None
    )
    return Former(item, regions, alone or (undecided and item.state is ItemState.PRELABELLED))


def _take_back(
    session: Session, step: Step, ours: Vocabulary, survivors: Mapping[int, int]
) -> bool:
    """Take back a step, and what a lesson said after it, by an undo; or that step alone, by one more step.

    Args:
        session: that has made the step.
        step: of its history.
        ours: the set's classes.
        survivors: of classes of the set that became others, the label values of these.

    Returns:
        Whether nobody did anything else since.
    """
    done = session.history.done
    at = next(at for at in reversed(range(len(done))) if done[at] is step)
    alone = all(later.teaches or later.of_set for later in done[at + 1 :])
    if all(later.teaches for later in done[at + 1 :]):
        for _ in range(len(done) - at):
            session.undo()
    else:
        session.repeat(_inverse(session, at, ours, survivors))
    return alone


def _inverse(session: Session, at: int, ours: Vocabulary, survivors: Mapping[int, int]) -> Step:
    """Return the step that takes one back after which classes were merged, or merged classes parted.

    What was said before it is said of the class that it is now. A class that went by it is there again,
    beside those that came since.

    Raises:
        InputError: another class of the session has its name.
    """
    inverse = session.history.done[at].inverse()
    back = {
        value
        for change in inverse.changes
        if change.vocabulary is not None
        for value in change.vocabulary.new.values
        if value not in change.vocabulary.old.values
    }
    values = {*session.vocabulary.values, *back}

    def now(verdict: Verdict | None) -> Verdict | None:
        if verdict is None or not verdict.value:
            return verdict
        said = verdict.said
        return verdict.become(said if said in values else survivors.get(said, said))

    changes = tuple(
        replace(
            _with_classes_back(session, change, ours) if back else change,
            verdicts={
                region: Swap(session.state.verdicts.get(region), now(swap.new))
                for region, swap in change.verdicts.items()
            },
        )
        for change in inverse.changes
    )
    return replace(inverse, changes=changes)


def _with_classes_back(session: Session, change: Change, ours: Vocabulary) -> Change:
    """Return the change by which classes are there again, made of a session as it is now.

    Args:
        session: as it is.
        change: by which they would have come back at once.
        ours: the set's classes, of which they are.

    Raises:
        InputError: another class of the session has the name of one.
    """
    if change.vocabulary is None:  # of a better look by the classes that were left then
        return replace(change, probabilities=None, taught=None)
    former, evidence = change.vocabulary.new, session.state.evidence
    back = [value for value in former.values if value not in change.vocabulary.old.values]
    words = session.vocabulary
    missing = [value for value in back if value not in words.values]
    known = with_classes(words, ours, missing)
    if known is None:
        names = ", ".join(repr(former.by_value(value).name) for value in missing)
        raise InputError(f"another class is called {names} here; give it another name first.")
    now = evidence.probabilities
    found = np.zeros((len(now), len(known)), np.float32)
    for column, value in enumerate(known.values):
        if value in words.values:
            found[:, column] = now[:, words.values.index(value)]
        kept = change.probabilities
        if value in back and kept is not None and len(kept.new) == len(now):
            found[:, column] = kept.new[:, former.values.index(value)]
    taught = evidence.taught
    return replace(
        change,
        vocabulary=Swap(words, known) if missing else None,
        probabilities=Swap(now, found),
        taught=None if taught is None else Swap[Taught | None](taught, None),
    )


def _step(session: Session, item: DecidedItem, sheet: DecidedSheet) -> Step:
    """Return the step of a sheet in a session's history, if nothing that was edited since hangs on it.

    Raises:
        InputError: it is not there, or something does.
    """
    done = session.history.done
    regions = {each.region for each in item.regions}
    at = next(
        (
            at
            for at in reversed(range(len(done)))
            if sheet.made_step(done[at])
            and regions <= {region for change in done[at].changes for region in change.verdicts}
        ),
        None,
    )
    if at is None:
        raise InputError(
            f"what was decided on sheet {sheet.number} is not there any more: it was undone in the image."
        )
    for later in standing(done[at + 1 :]):
        if (
            later.of_set
            or later.teaches
            or all(change.vocabulary is not None and not change.patches for change in later.changes)
        ):
            continue
        # A class that went, or came back, touches nothing that another one shows.
        others = is_removal(later)
        if any(
            regions & change.verdicts.keys()
            or (not others and (change.patches or change.votings or change.predicts))
            for change in later.changes
        ):
            raise InputError(
                f"it was edited since ({later.title!r}); open it, and undo what is to be undone there."
            )
    return done[at]
