"""The way back from a sheet: exactly what was decided there, in each of its images."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from napari_corrclip.annotation import Session
from napari_corrclip.annotation.change import Step, Swap
from napari_corrclip.annotation.region import Verdict
from napari_corrclip.errors import InputError
from napari_corrclip.progress import Progress, Steps
from napari_corrclip.project.following import is_motion
from napari_corrclip.project.index import Index
from napari_corrclip.project.learning import ProjectLesson
from napari_corrclip.project.records import ItemRecord, ItemState
from napari_corrclip.project.reviewing import reviewed, write_outcome
from napari_corrclip.project.sheet.acts import (
    DecidedItem,
    DecidedSheet,
    is_of,
    note_undone,
    read,
)
from napari_corrclip.project.sheet.deciding import teaching
from napari_corrclip.project.words import Names


@dataclass(frozen=True, slots=True)
class UndoneSheet:
    """The outcome of taking a sheet back.

    Attributes:
        items: names of the images in which it was taken back.
        regions: how many regions are as they were before.
        left: images in which it was not, a sentence each.
    """

    items: tuple[str, ...]
    regions: int
    left: tuple[str, ...] = ()


def undo_steps(
    index: Index,
    lesson: ProjectLesson,
    sheet: DecidedSheet,
    by: str,
    opened: Mapping[str, Session] | None = None,
    only: Collection[str] | None = None,
) -> Steps[UndoneSheet]:
    """Take a sheet back; see :meth:`~napari_corrclip.project.project.Project.undo_sheet`."""
    kept = next((each for each in read(index.folder) if each.number == sheet.number), None)
    if kept is None or kept.undone:
        what = "is none of this project" if kept is None else "was taken back already"
        raise InputError(f"Sheet {sheet.number} {what}; look at what decided_sheets lists.")
    done: list[DecidedItem] = []
    left: list[str] = []
    items = [item for item in kept.items if only is None or item.name in only]
    for number, item in enumerate(items):
        yield Progress("take back", number, len(items))
        try:
            record = index.item(item.name)
            session = (opened or {}).get(item.name)
            _undo(index, lesson, record, item, kept.number, by, session)
        except InputError as error:
            left.append(f"{item.name}: {error}")
            continue
        done.append(item)
    if done or not kept.items:
        note_undone(index.folder, kept.number, [item.name for item in done])
    regions = sum(len(item.regions) for item in done)
    return UndoneSheet(tuple(item.name for item in done), regions, tuple(left))


def _undo(
    index: Index,
    lesson: ProjectLesson,
    record: ItemRecord,
    item: DecidedItem,
    number: int,
    by: str,
    session: Session | None,
) -> None:
    """Take back what was decided in an item.

    Raises:
        InputError: it is not there any more, or the image was edited since.
    """
    with contextlib.ExitStack() as held:
        is_open = session is not None
        if session is None:
            session = held.enter_context(reviewed(index, record, by, pixels=False))
        step = _step(session, item, number)
        taught = teaching(lesson, session, record, shows=False)
        with contextlib.nullcontext() if is_open else taught:
            alone = _take_back(session, step, Names(index).survivors)
        undecided = not session.state.verdicts and not (session.pins >= 0).any()
    if is_open:  # whoever has it open tells the index
        return
    told = [
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
    ]
    with index.transaction():
        index.tell_decisions(record.id, told)
        if alone or (undecided and item.state is ItemState.PRELABELLED):
            index.mark(record.id, item.state, by=item.by, at=item.at)
            write_outcome(index, record.name)


def _take_back(session: Session, step: Step, survivors: Mapping[int, int]) -> bool:
    """Take back a step, and what a lesson said after it, by an undo; or that step alone, by one more step.

    Args:
        session: that has made the step.
        step: of its history.
        survivors: of classes of the set that became others, the label values of these.

    Returns:
        Whether nothing else was done since.
    """
    done = session.history.done
    at = next(at for at in reversed(range(len(done))) if done[at] is step)
    alone = all(later.teaches for later in done[at + 1 :])
    if alone:
        for _ in range(len(done) - at):
            session.undo()
    else:
        session.repeat(_inverse(session, at, survivors))
    return alone


def _inverse(session: Session, at: int, survivors: Mapping[int, int]) -> Step:
    """Return the step that takes one back after which classes were merged, or merged classes parted.

    What was said before it is said of the class that it is now.
    """
    inverse, values = session.history.done[at].inverse(), session.vocabulary.values

    def now(verdict: Verdict | None) -> Verdict | None:
        if verdict is None or not verdict.value:
            return verdict
        said = verdict.said
        return verdict.become(said if said in values else survivors.get(said, said))

    changes = tuple(
        replace(
            change,
            verdicts={
                region: Swap(session.state.verdicts.get(region), now(swap.new))
                for region, swap in change.verdicts.items()
            },
        )
        for change in inverse.changes
    )
    return replace(inverse, changes=changes)


def _step(session: Session, item: DecidedItem, number: int) -> Step:
    """Return the step of a sheet in a session's history, if nothing that was edited since hangs on it.

    Raises:
        InputError: it is not there, or something does.
    """
    done = session.history.done
    at = next((at for at in reversed(range(len(done))) if is_of(done[at].title, number)), None)
    if at is None:
        raise InputError(
            f"what was decided on sheet {number} is not there any more: it was undone in the image."
        )
    regions = {each.region for each in item.regions}
    for later in _standing(done[at + 1 :]):
        if (
            is_motion(later)
            or later.teaches
            or all(change.vocabulary is not None and not change.patches for change in later.changes)
        ):
            continue
        if any(
            change.patches or change.votings or change.predicts or regions & change.verdicts.keys()
            for change in later.changes
        ):
            raise InputError(
                f"it was edited since ({later.title!r}); open it, and undo what is to be undone there."
            )
    return done[at]


def _standing(steps: Sequence[Step]) -> list[Step]:
    """Return the steps that no later one takes back."""
    left = list[Step]()
    for step in steps:
        undone = step.title.removeprefix("Undo: ")
        at = next((at for at in reversed(range(len(left))) if left[at].title == undone), None)
        if undone != step.title and at is not None:
            del left[at]
        else:
            left.append(step)
    return left
