"""The merge of two projects into a new one: images joined by content, classes by name, decisions of both.

The new one begins as a copy of the first, so that runs, histories and who decided when stay as they are. What
the second has is laid over it: images that the first has not are added, decisions on those that both have
become a step in the session of the image, which can be undone there. Neither project is written into. All is
made in a hidden folder beside the new one's place, which takes that place when it is whole.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.annotation import Journal, Session
from napari_corrclip.annotation.files.log import is_open
from napari_corrclip.errors import InputError
from napari_corrclip.images.stack import Stack
from napari_corrclip.progress import Progress, Steps
from napari_corrclip.project import importing, intake, words
from napari_corrclip.project.content import Content, Runs, take_content
from napari_corrclip.project.database import NAME
from napari_corrclip.project.export.image import LabelledImage
from napari_corrclip.project.export.taken import take_into, verdicts_of
from napari_corrclip.project.exporting import read_item
from napari_corrclip.project.finding import seen_from
from napari_corrclip.project.folder import (
    ITEMS,
    RESULT,
    SESSION,
    SHEETS,
    Outcome,
    image_in,
    is_corrected,
    is_large,
    item_folder,
    item_name,
    now,
    place_of_new,
    read_result,
    relative,
)
from napari_corrclip.project.following import follow_merges
from napari_corrclip.project.index import Found, Index
from napari_corrclip.project.joining.classes import parents_apart
from napari_corrclip.project.joining.conflicts import (
    PREFERENCES,
    Conflict,
    Decision,
    Prefer,
    read_conflicts,
    write_conflicts,
)
from napari_corrclip.project.joining.laying import Clash, Laid, lay
from napari_corrclip.project.joining.making import appearing
from napari_corrclip.project.joining.pairs import Pair, join_steps
from napari_corrclip.project.joining.revalued import revalued
from napari_corrclip.project.learning import FOLDER as LESSON
from napari_corrclip.project.learning import ProjectLesson
from napari_corrclip.project.one_runner import is_running
from napari_corrclip.project.own_classes import OwnClasses, bring_classes
from napari_corrclip.project.records import DECIDED, LABELLED, ItemRecord, ItemState
from napari_corrclip.project.reviewing import catch_up, read_session, take, write_outcome
from napari_corrclip.project.teaching import teaching
from napari_corrclip.project.words import Names
from napari_corrclip.results.large import LargeSegmentation
from napari_corrclip.storage.disk import copy_tree


@dataclass(frozen=True, slots=True)
class Merged:
    """The outcome of a merge.

    Attributes:
        folder: of the new project.
        images: how many it has.
        both: how many of them both have.
        added: how many the second alone has.
        classes: names of those that the second alone has.
        parents: classes that are below others in the second, a sentence each; the first's tree stays.
        conflicts: what both decided otherwise; those that nobody won are to be decided.
        left_out: what of the second could not be taken, a sentence each; it is in that project as before.
    """

    folder: Path
    images: int
    both: int
    added: int
    classes: tuple[str, ...] = ()
    parents: tuple[str, ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    left_out: tuple[str, ...] = ()

    @property
    def open(self) -> int:
        """How many conflicts somebody has to decide."""
        return sum(not conflict.won for conflict in self.conflicts)


def merge_steps(
    first: Index, second: Index, folder: str | os.PathLike[str], *, prefer: Prefer = "none"
) -> Steps[Merged]:
    """Merge two projects; see :meth:`~napari_corrclip.project.project.Project.merge`."""
    if prefer not in PREFERENCES:
        raise InputError(f"The preference is {prefer!r}; choose {', '.join(PREFERENCES)}.")
    place = place_of_new(folder)
    with appearing(place) as stage:
        for index in (first, second):
            _check_idle(index)
        (stage / ITEMS).mkdir()
        merged = yield from _merge(first, second, stage, prefer)
    return replace(merged, folder=place)


def _check_idle(index: Index) -> None:
    """Refuse a project at which somebody is at work, so that half of what they do would come.

    Raises:
        InputError: somebody is.
    """
    if is_running(index.folder):
        raise InputError(
            f"A run is at work on {str(index.folder)!r}; wait until it has ended, and merge then."
        )
    for record in index.items():
        if is_open(item_folder(index.folder, record.name) / SESSION):
            raise InputError(
                f"Somebody has {record.title!r} of {str(index.folder)!r} open; close it, and merge then."
            )


def _merge(first: Index, second: Index, stage: Path, prefer: Prefer) -> Steps[Merged]:
    """Make the new project in a folder of its own."""
    joined = yield from join_steps(first, second)
    yield from _copy_steps(first, stage)
    with contextlib.closing(Index(stage / NAME)) as index:
        _move(index, first.folder)
        catch_up(index)
        theirs, table, added = importing.classes_with(index, second.vocabulary)
        if theirs is not None:
            with index.transaction():
                index.choose(theirs, index.recipe)
        intake.write_choices(index)
        join = _Join(index, second, Names(second), table, Runs(index), prefer)
        total = len(joined.second) + len(joined.pairs)
        for number, record in enumerate(joined.second):
            yield Progress("merge", number, total)
            join.add(record)
        for number, pair in enumerate(joined.pairs, len(joined.second)):
            yield Progress("merge", number, total)
            join.lay(pair)
        former = read_conflicts(first.folder)
        write_conflicts(stage, [*former, *join.conflicts])
        intake.write_choices(index)
        return Merged(
            stage,
            len(index),
            len(joined.pairs),
            len(joined.second) - join.refused,
            added,
            parents_apart(first.vocabulary, second.vocabulary),
            tuple(join.conflicts),
            tuple(join.left_out),
        )


def _copy_steps(first: Index, stage: Path) -> Steps[None]:
    """Copy what a project has of its items, and its index; images stay where they are."""
    first.copy_to(stage / NAME)
    records = first.items()
    for number, record in enumerate(records):
        yield Progress("copy", number, len(records))
        _copy_item(item_folder(first.folder, record.name), item_folder(stage, record.name))
    _copy_item(first.folder / LESSON, stage / LESSON)
    if (
        first.folder / SHEETS
    ).exists():  # whose steps are in the histories, so that they are taken back there
        shutil.copy2(first.folder / SHEETS, stage)


def _copy_item(folder: Path, target: Path) -> None:
    if folder.is_dir():
        copy_tree(folder, target, ignore=("lock", ".*"))


def _move(index: Index, former: Path) -> None:
    """Look for images and places where they lie as seen from the new project."""
    with index.transaction():
        index.free_running()
        moved = {}
        for record in index.items():
            path = relative(image_in(former, record.path), index.folder)
            if path != record.path:
                moved[record.id] = path
        stacks = {
            stack.id: relative(image_in(former, stack.path), index.folder)
            for stack in index.stacks()
        }
        index.move(moved, stacks)
        places = index.places
        for place in places:
            index.forget_place(place)
        index.look_in(seen_from(image_in(former, place), index.folder) for place in places)
    for record in index.items():
        folder = item_folder(index.folder, record.name)
        if record.id in moved and folder.is_dir():
            with contextlib.suppress(InputError):  # it is damaged, which is told when it is opened
                replace(Outcome.read(folder), path=record.path).write(folder)


class _Join:
    """The second project's items, laid into the new one.

    Args:
        index: of the new project.
        second: of the second one.
        names: that the second's label values ever had.
        table: (65536,) the new project's value of each of the second's.
        runs: that the new one knows.
        prefer: whose decision comes through.

    Attributes:
        conflicts: what both decided otherwise.
        left_out: what could not be taken, a sentence each.
        refused: how many images could not be added.
    """

    def __init__(
        self,
        index: Index,
        second: Index,
        names: Names,
        table: NDArray[np.uint16],
        runs: Runs,
        prefer: Prefer,
    ) -> None:
        self._index, self._second, self._names = index, second, names
        self._table, self._runs, self._prefer = table, runs, prefer
        self._title = f"Merge of {second.folder.name}"
        self._theirs = second.vocabulary
        ours = Names(index)
        # Then their files mean here what they mean there.
        theirs = words.former(second)
        self._alike = all(ours.are_of(each) for each in theirs) and all(
            ours.survivors.get(value, value) == table[names.survivors.get(value, value)]
            for value in {class_.value for each in theirs for class_ in each}
        )
        self._given = _merged_alike(ours, names, table)
        self._lesson = ProjectLesson(
            index.folder,
            lambda item: index.item(item if isinstance(item, str) else item.name),
            index.check_writable,
            lambda words: OwnClasses.of(words, index.vocabulary, Names(index)),
        )
        self._stacks: dict[int, Stack] = {stack.id: stack.planes for stack in second.stacks()}
        self.conflicts: list[Conflict] = []
        self.left_out: list[str] = []
        self.refused = 0

    def add(self, record: ItemRecord) -> None:
        """Add an image that the second alone has."""
        path = relative(image_in(self._second.folder, record.path), self._index.folder)
        stack = None if record.stack is None else self._stacks[record.stack]
        name = item_name(path, record.plane, () if stack is None else stack.shape)
        found = Found(name, path, record.size, record.mtime, record.plane, stack)
        with self._index.transaction():
            new = self._index.add([found])
        if not new:
            self.refused += 1
            self.left_out.append(
                f"{record.title}: The first project has another image of this path; put the former one back, "
                "or give this one another name."
            )
            return
        with self._told(record):
            self._fill(self._index.item(new[0]), record)

    def lay(self, pair: Pair) -> None:
        """Lay what the second has decided on an image over what the first has."""
        with self._told(pair.second):
            record = self._index.item(pair.first.name)
            if record.regions is None:
                self._fill(record, pair.second)
            else:
                self._lay(record, pair.second)

    @contextlib.contextmanager
    def _told(self, record: ItemRecord) -> Iterator[None]:
        try:
            yield
        except InputError as error:
            self.left_out.append(f"{record.title}: {error}")

    def _image(self, record: ItemRecord) -> LabelledImage:
        """Return the second's labels of an image, in the new project's values."""
        image = read_item(self._second, record, self._theirs, self._names)
        if record.undecided != record.regions and not any(note.state for note in image.notes):
            raise InputError(
                "Its session is gone, and with it what was decided on its regions; put the session back, and "
                "merge once more."
            )
        return _told_by_item(importing.in_values(image, self._table, self._given), record)

    # -- images of which the new project has no labels

    def _fill(self, record: ItemRecord, theirs: ItemRecord) -> None:
        """Let an item without labels have the second's."""
        if theirs.regions is None or theirs.state not in LABELLED:
            self._mark(record, theirs, is_open=False)
            return
        source = item_folder(self._second.folder, theirs.name)
        target = item_folder(self._index.folder, record.name)
        outcome = replace(
            Outcome.read(source),
            path=record.path,
            state=theirs.state,
            reason=theirs.reason,
            by=theirs.by,
            at=theirs.at,
        )
        if self._alike:
            if target.is_dir():
                shutil.rmtree(target)
            _copy_item(source, target)
            outcome.write(target)
            with self._index.transaction():
                content = Content.read(target, outcome)
                take_content(self._index, record.name, content, self._runs)
            if theirs.undecided != theirs.regions and is_corrected(target):
                with self._session(record):  # which teaches
                    pass
            with self._index.transaction():
                self._index.tell_decisions(record.id, self._decisions(theirs))
            return
        result = read_result(source)
        if isinstance(result, LargeSegmentation):
            raise InputError(
                "It was run as a large image by classes of other label values, which are not written anew; "
                "run it in the new project."
            )
        image = self._image(theirs)
        revalued(result, self._index.vocabulary).save(target / RESULT)
        with contextlib.suppress(OSError):
            shutil.copyfile(source / "vectors.safetensors", target / "vectors.safetensors")
        bare = replace(outcome, state=ItemState.PRELABELLED, by="")
        bare.write(target)
        with self._index.transaction():
            take_content(self._index, record.name, Content.read(target, bare), self._runs)
        if image.is_decided:
            with self._session(record) as session:
                take_into(session, replace(image, verified=False), self._title)
            self._tell(record, image)
        self._say(record, theirs.state, theirs.by, theirs.at)

    def _decisions(self, record: ItemRecord) -> list[tuple[int, str, int, str, float]]:
        query = "SELECT id, state, value, by, at FROM shown_regions WHERE item = ? AND state != ''"
        return list(self._second.rows(query, (record.id,)))

    # -- images that both have

    def _lay(self, record: ItemRecord, theirs: ItemRecord) -> None:
        folder = item_folder(self._second.folder, theirs.name)
        if theirs.state not in DECIDED and not is_corrected(folder):
            self._mark(record, theirs, is_open=False)
            return
        if is_large(item_folder(self._index.folder, record.name)):
            self._lay_large(record, theirs)
            return
        ours = read_item(self._index, record, self._index.vocabulary, Names(self._index))
        other = self._image(theirs)
        if ours.shape != other.shape:
            raise InputError(
                f"It has {ours.shape} pixels in the first project and {other.shape} in the second, so that "
                "nothing was laid over the first's."
            )
        laid = lay(_told_by_item(ours, record), other, self._prefer)
        if laid.changed:
            with self._session(record) as session:
                _take(session, laid, self._title)
            self._tell(record, laid.image)
        names = {class_.value: class_.name for class_ in self._index.vocabulary}
        self.conflicts += [_conflict(record, clash, names) for clash in laid.clashes]
        self._mark(record, theirs, is_open=any(not clash.won for clash in laid.clashes))

    def _lay_large(self, record: ItemRecord, theirs: ItemRecord) -> None:
        """Take that the second has verified a large image, if its labels are the first's."""
        ours = read_item(self._index, record, self._index.vocabulary, Names(self._index))
        other = read_item(self._second, theirs, self._theirs, self._names)
        same = ours.shape == other.shape and all(
            np.array_equal(labels, self._table[np.asarray(other.labels[top : top + len(labels)])])
            for top, labels, _ in ours.bands()
        )
        if not same:
            raise InputError(
                "It was run as a large image, and its labels are others in the second project; the first's "
                "stay."
            )
        self._mark(record, theirs, is_open=False)

    # -- writing

    @contextlib.contextmanager
    def _session(self, record: ItemRecord) -> Iterator[Session]:
        """Give the session of an item with the set's classes, kept as it is edited; no image is read."""
        folder = item_folder(self._index.folder, record.name)
        session = read_session(folder)
        with contextlib.closing(Journal(session, folder / SESSION)) as journal:
            names = Names(self._index)
            moved = follow_merges(session, self._index.vocabulary, names)
            bring_classes(session, self._index.vocabulary, names)
            with teaching(self._lesson, session, record, shows=False):
                yield session
        if journal.problem is not None:
            raise InputError(journal.problem)
        take(self._index, record, session, "", decided=False, moved=moved)

    def _tell(self, record: ItemRecord, image: LabelledImage) -> None:
        with self._index.transaction():
            self._index.tell_decisions(
                record.id,
                [
                    (note.id, note.state, note.value, note.by, note.at or None)
                    for note in image.notes
                    if note.state
                ],
            )

    def _mark(self, record: ItemRecord, theirs: ItemRecord, *, is_open: bool) -> None:
        """Bring an item into the state that follows from both."""
        record = self._index.item(record.name)
        if is_open:
            self._say(record, ItemState.IN_REVIEW, "", now())
            return
        for state in (ItemState.VERIFIED, ItemState.IN_REVIEW, ItemState.SKIPPED):
            if record.state is state:
                return
            if theirs.state is state:
                self._say(record, state, theirs.by, theirs.at)
                return

    def _say(self, record: ItemRecord, state: ItemState, by: str, at: float) -> None:
        with self._index.transaction():
            self._index.mark(record.id, state, by=by, at=at)
            if record.regions is not None or item_folder(self._index.folder, record.name).is_dir():
                write_outcome(self._index, record.name)


def _merged_alike(ours: Names, theirs: Names, table: NDArray[np.uint16]) -> dict[int, int]:
    """Return our values of their classes that became others, if ours of the names became the same ones."""
    found = {}
    for value, heir in theirs.survivors.items():
        own = ours.values.get(theirs.last(value), 0)
        if own and ours.survivors.get(own) == table[heir]:
            found[value] = own
    return found


def _told_by_item(image: LabelledImage, record: ItemRecord) -> LabelledImage:
    """Return an image whose undecided regions were decided by who has verified it, and then."""
    if not image.verified:
        return image
    notes = tuple(
        note if note.state else replace(note, by=record.by, at=record.at) for note in image.notes
    )
    return replace(image, notes=notes)


def _take(session: Session, laid: Laid, title: str) -> None:
    """Let a session show what was laid together, as a step that can be undone.

    What somebody has painted stays painted where it is what is predicted, too: another run may predict
    otherwise.
    """
    labels, regions = np.asarray(laid.image.labels), np.asarray(laid.image.regions)
    verdicts = verdicts_of(laid.image)
    pinned = session.pins.copy()
    painted = laid.where & ~np.isin(regions, list(verdicts))
    painted |= (pinned >= 0) & (pinned == labels) & laid.where
    with session.step(title):
        session.take_labels(labels, regions, verdicts, where=laid.where, title=title)
        painted &= session.pins < 0
        for value in np.unique(labels[painted]).tolist():
            session.paint(painted & (labels == value), value)


def _conflict(record: ItemRecord, clash: Clash, names: dict[int, str]) -> Conflict:
    first, second = (
        Decision(note.id, names.get(note.value, ""), note.by, note.at)
        for note in (clash.first, clash.second)
    )
    return Conflict(
        record.title, record.name, clash.region, clash.pixels, clash.box, first, second, clash.won
    )
