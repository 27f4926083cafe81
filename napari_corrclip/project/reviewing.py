"""The review of a project's items: sessions, and the states that people bring items into."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.annotation import Session, Source, restore
from napari_corrclip.annotation.files.log import glance, has_session, is_open, went_on
from napari_corrclip.annotation.journal import Journal
from napari_corrclip.errors import InputError, NotWrittenError
from napari_corrclip.images import ImageOptions
from napari_corrclip.images.stack import Where
from napari_corrclip.images.stacks import read_plane
from napari_corrclip.project.comparing import way_anew
from napari_corrclip.project.content import Content, Runs, take_content
from napari_corrclip.project.database import ClosedError
from napari_corrclip.project.folder import (
    ITEM,
    RESULT,
    SESSION,
    Outcome,
    UnreadableError,
    decides,
    file_now,
    image_in,
    is_corrected,
    is_large,
    item_folder,
    now,
)
from napari_corrclip.project.following import follow_merges
from napari_corrclip.project.index import Index, NotedFile
from napari_corrclip.project.intake import write_choices
from napari_corrclip.project.reading import is_as_it_was
from napari_corrclip.project.records import (
    BY_HAND,
    DECIDED,
    MARKED,
    ItemRecord,
    ItemState,
    plane_text,
)
from napari_corrclip.project.vectors import keep_means
from napari_corrclip.project.words import Names, adopt
from napari_corrclip.results.folder import read_provenance
from napari_corrclip.results.provenance import Provenance, Stretch
from napari_corrclip.results.segmentation import Segmentation
from napari_corrclip.storage.disk import cannot_write
from napari_corrclip.storage.files import write_bytes

_MARKED = "item.marked"
"""Where what is said of an item is written before it takes its place."""
_LAG = 0.1
"""Seconds by which the time of a file may lag behind the clock."""


@contextlib.contextmanager
def reviewed(
    index: Index, record: ItemRecord, by: str, *, pixels: bool = True
) -> Iterator[Session]:
    """Give the session of an item; see :meth:`~napari_corrclip.project.project.Project.session`.

    Args:
        index: of the project.
        record: the item.
        by: who corrects.
        pixels: whether the image is read; decisions on regions need none.
    """
    with index.transaction():
        record = _collected(index, record)
    folder, image = item_folder(index.folder, record.name), image_in(index.folder, record.path)
    if not (folder / RESULT).exists() and not has_session(folder / SESSION):
        raise InputError(f"{record.title!r} has no result; run it first.")
    rgb = None
    if pixels and not is_large(folder):
        rgb = read_plane(image, record.plane, as_it_was_read(folder)).rgb
    file = check_unchanged(record, image)
    before = written(folder)
    session = read_session(folder, rgb, Source.of(image, slice=record.plane))
    with contextlib.ExitStack() as held:
        # It is let go of when the index was told: who has it next may decide otherwise.
        journal = held.enter_context(_journal(record, session, folder))
        # Now, since the process may be killed in between.
        with index.transaction():  # in which no run takes the item
            check_not_run_again(record, folder, before)
            former = index.item(record.name)  # somebody may have left it since it was looked up
            index.mark(record.id, ItemState.IN_REVIEW, by=by)
            if not record.plane:  # of a stack it would be noted that there are no new planes
                index.note_times([NotedFile(record.id, (), *file, record.digest)])
            begun = index.item(record.name)
        moved = follow_merges(session, index.vocabulary, Names(index))
        if moved:
            take(index, record, session, by, decided=False, moved=moved)
        edits = session.timeline.edits
        try:
            yield session
        finally:
            # What was followed at the beginning may have been undone by hand: nobody decides by that either.
            moved = dict(moved)
            with contextlib.suppress(ClosedError):  # the set's classes may be others by now
                moved |= follow_merges(session, index.vocabulary, Names(index))
            journal.wait()
            edited = session.timeline.edits != edits
            try:
                _end(index, begun, former, journal, by, edited=edited, moved=moved)
            except ClosedError:
                if journal.problem is None:
                    raise ClosedError(_not_told(index.folder, record, edited=edited)) from None
        if journal.problem is not None:
            raise NotWrittenError(journal.problem)


def _journal(record: ItemRecord, session: Session, folder: Path) -> Journal:
    """Return the journal of an item's session that was read.

    Raises:
        InputError: somebody else has it open, or had it since.
    """
    place = folder / SESSION
    try:
        return Journal(session, place)
    except InputError:
        end = session.on_disk if session.journal_folder == place.absolute() else None
        if not (has_session(place) if end is None else went_on(place, end)):
            raise
        raise InputError(
            f"{record.title!r} was opened by somebody else just before; open it again."
        ) from None


def _not_told(folder: Path, record: ItemRecord, *, edited: bool) -> str:
    """Say what became of a session whose project was closed before it ended."""
    told = (
        f"The project in {str(folder)!r} was closed before the session of {record.title!r} was left"
    )
    if edited:
        return (
            f"{told}; what was decided is on the disk, and the index has not heard of it, which the next run "
            "or Project.catch_up tells it: open the project again."
        )
    return f"{told}, so that it counts as in review; open the project again and mark it."


def _end(
    index: Index,
    begun: ItemRecord,
    former: ItemRecord,
    journal: Journal,
    by: str,
    *,
    edited: bool,
    moved: Mapping[int, int],
) -> None:
    """Take note of a session that has ended.

    Args:
        index: of the project.
        begun: the item when it began.
        former: the item before.
        journal: of the session; what it could not write is not taken.
        by: who corrected.
        edited: whether anything was.
        moved: label values that became others', or their own again, while it was open.
    """
    folder, session = item_folder(index.folder, begun.name), journal.session
    takes = edited and journal.whole
    said = takes and (former.state in BY_HAND or decides(session))
    adopted = False
    with index.transaction():
        now = index.item(begun.name)
        # What was said of the item meanwhile, as that it is verified, stays.
        untouched = (now.state, now.at) == (begun.state, begun.at)
        # Other words, or what a lesson says, are no decision.
        if untouched and not said and (takes or not (edited and is_corrected(folder))):
            index.restore(former)
        if takes:
            adopted = _take(index, begun, session, by, decided=untouched and said, moved=moved)
    if adopted:
        write_choices(index)
    if takes:
        keep_means(folder, session)


def written(folder: Path) -> tuple[int, int] | None:
    """Return what tells whether a run, or anybody else, has written an item's outcome since."""
    try:
        found = (folder / ITEM).stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns


def check_not_run_again(record: ItemRecord, folder: Path, before: tuple[int, int] | None) -> None:
    """Refuse a session of a result in whose place there is another one by now.

    To be called when the session's journal is open: from then on a run leaves the item as it is.

    Args:
        record: the item.
        folder: of the item.
        before: what :func:`written` returned before the session was read.

    Raises:
        InputError: there is another result.
    """
    if written(folder) != before:
        raise InputError(f"{record.title!r} was run while it was opened; open it again.")


def catch_up(index: Index) -> int:
    """Take decisions into an index that never heard of them; return of how many items they are.

    A process that was killed may have left edits that are in an item's journal alone.

    Raises:
        InputError: the index cannot be written.
    """
    caught = 0
    for record in index.items():
        folder = item_folder(index.folder, record.name)
        if not has_session(folder / SESSION) or is_open(folder / SESSION):
            continue
        found = glance(folder / SESSION)
        if found is None or not found.steps or found.changed + _LAG <= (record.at or 0):
            continue
        try:
            session = restore(folder / SESSION)
        except InputError:  # it is told when it is opened
            continue
        if not _decides_more(index, record, session):
            continue
        adopted = False
        with index.transaction():
            now = index.item(record.name)
            # Who has opened it since, or left it, tells the index himself.
            if (now.state, now.at) == (record.state, record.at):
                adopted = _take(index, record, session, record.by)
                caught += 1
        if adopted:
            write_choices(index)
    return caught


def _collected(index: Index, record: ItemRecord) -> ItemRecord:
    """Return an item with what a part of a run has left in its folder, taken; inside a transaction.

    Who reviews before all parts are collected has its result before them, and its run is to be known.
    """
    folder = item_folder(index.folder, record.name)
    if record.state in BY_HAND:
        return record
    try:
        outcome = Outcome.read(folder)
    except InputError:  # there is none, or it is damaged, which is told when it is opened
        return record
    if outcome.state is not ItemState.PRELABELLED or outcome.at <= (record.at or 0):
        return record
    take_content(index, record.name, Content.read(folder, outcome), Runs(index))
    return index.item(record.name)


def _decides_more(index: Index, record: ItemRecord, session: Session) -> bool:
    """Whether a session says other than the index; a look that brought the set's classes alone does not."""
    if record.state not in BY_HAND:
        return decides(session)
    table = session.table
    said = zip(table["state"], table["label"].tolist(), strict=True)
    now = dict(zip(table["id"].tolist(), said, strict=True))
    query = "SELECT id, state, value FROM regions WHERE item = ?"
    known = {region: (state, value) for region, state, value in index.rows(query, (record.id,))}
    return now != known


def read_session(
    folder: Path, rgb: NDArray[np.uint8] | None = None, source: Source | None = None
) -> Session:
    """Return the session of an item's folder, or one of what the networks proposed.

    Args:
        folder: of the item.
        rgb: (H, W, 3), its image; ``None``: without it.
        source: the image, wherever it lies now; ``None``: where it lay then.

    Raises:
        InputError: it has neither, what it has is damaged, or of a large image; or ``source`` is another
            plane of the stack.
    """
    if is_large(folder):
        raise InputError(
            f"The item {folder.name!r} was run as a large image, whose maps stay on the disk, and a session "
            "keeps its maps in memory; look at it by Project.result and mark it, or take parts of it."
        )
    plane = plane_in(folder)
    if source is not None and plane and source.slice != plane:
        raise InputError(
            f"The plane {list(source.slice)} of {source.path!r} is shown, and the item is the plane "
            f"{list(plane)}; move the slider there."
        )
    if not has_session(folder / SESSION):
        return Session(Segmentation.load(folder / RESULT), rgb, source=source)
    session = restore(folder / SESSION, rgb)
    if source is not None:
        session.source = source  # its folder says whose it is
    return session


def plane_in(folder: Path) -> Where:
    """Return which plane of a stack an item is, by its folder; () of an image, and before its first run."""
    with contextlib.suppress(InputError):
        return Outcome.read(folder).plane
    return ()


def take(
    index: Index,
    record: ItemRecord,
    session: Session,
    by: str,
    *,
    decided: bool = True,
    moved: Mapping[int, int] | None = None,
) -> None:
    """Take note of a session; see :meth:`~napari_corrclip.project.project.Project.take`."""
    with index.transaction():
        adopted = _take(index, record, session, by, decided=decided, moved=moved)
    if adopted:
        write_choices(index)


def _take(
    index: Index,
    record: ItemRecord,
    session: Session,
    by: str,
    *,
    decided: bool = True,
    moved: Mapping[int, int] | None = None,
) -> bool:
    """Take note of a session inside a transaction; return whether the set has other classes by it."""
    _collected(index, record)
    adopted = adopt(index, session.vocabulary)
    index.take_regions(record.id, session.table, None, by=by, moved=moved)
    if decided:
        index.mark(record.id, ItemState.IN_REVIEW, by=by)
    write_outcome(index, record.name)
    return adopted


def mark(index: Index, records: Iterable[ItemRecord], state: ItemState, by: str) -> None:
    """Bring items into a state, all or none; see :meth:`~napari_corrclip.project.project.Project.mark`."""
    at, names = now(), [record.name for record in records]
    with index.transaction():
        found = _to_be_marked(index, names, state)
    with contextlib.ExitStack() as left, contextlib.ExitStack() as undone:
        # In the transaction, for which others wait, files take their places alone: thousands take long.
        before = []
        for record in found:
            folder = item_folder(index.folder, record.name)
            before.append(_read_before(folder))
            left.callback(_remove, folder / _MARKED)
            marked = replace(record, state=state, reason="", by=by, at=at)
            _outcome(index, marked).write_new(folder, _MARKED)
        with index.transaction():  # in which no run takes the items
            same = [index.item(name) for name in names] == found
            if not same:  # one was run meanwhile, or somebody has said something
                found = _to_be_marked(index, names, state)
                before = [_read_before(item_folder(index.folder, name)) for name in names]
            for record, former in zip(found, before, strict=True):
                undone.callback(_write_back, *former)
                index.mark(record.id, state, by=by, at=at)
                if same:
                    _take_place(item_folder(index.folder, record.name))
                else:
                    write_outcome(index, record.name)
        undone.pop_all()


def _to_be_marked(index: Index, names: Iterable[str], state: ItemState) -> list[ItemRecord]:
    """Return items as they are now; inside a transaction.

    Raises:
        InputError: one cannot be in the state.
    """
    found = [_collected(index, index.item(name)) for name in names]
    for record in found:
        _check_can_be(index, record, state)
    return found


def _take_place(folder: Path) -> None:
    try:
        (folder / _MARKED).replace(folder / ITEM)
    except OSError as error:
        raise cannot_write(folder, error) from None


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)


def _check_can_be(index: Index, record: ItemRecord, state: ItemState) -> None:
    """Refuse a state that an item cannot be in.

    Raises:
        InputError: it cannot.
    """
    if state in (*DECIDED, ItemState.PRELABELLED) and record.regions is None:
        raise InputError(f"{record.title!r} has no result, so it cannot be {state}; run it first.")
    if state is ItemState.NEW and is_corrected(item_folder(index.folder, record.name)):
        raise InputError(f"{record.title!r} was corrected, so it is not new any more.")


def _read_before(folder: Path) -> tuple[Path, bytes | None]:
    """Return the file that says what became of an item, and what is in it; ``None``: there is none."""
    path = folder / ITEM
    try:
        return path, path.read_bytes()
    except OSError:
        return path, None


def _write_back(path: Path, content: bytes | None) -> None:
    """Let a file have what it had, as the index has what it had; as far as the disk lets us."""
    with contextlib.suppress(InputError, OSError):
        if content is None:
            path.unlink(missing_ok=True)
        elif path.read_bytes() != content:
            write_bytes(path, content)


def write_outcome(index: Index, name: str) -> None:
    """Write what became of an item into its folder, as the index has it.

    Raises:
        InputError: it cannot be written.
    """
    _outcome(index, index.item(name)).write_new(item_folder(index.folder, name))


def _outcome(index: Index, record: ItemRecord) -> Outcome:
    """Return what an item's folder is to say of it, as a record has it."""
    folder = item_folder(index.folder, record.name)
    former = Outcome.read(folder) if (folder / ITEM).exists() else Outcome(record.path)
    stack = next((stack.planes for stack in index.stacks() if stack.id == record.stack), None)
    return replace(
        former,
        path=record.path,
        size=record.size,
        mtime=record.mtime,
        digest=record.digest,
        state=record.state,
        reason=record.reason,
        by=record.by,
        at=record.at or now(),
        plane=record.plane,
        stack=former.stack or stack,
    )


def state_of(state: ItemState | str, among: Iterable[ItemState] = ItemState) -> ItemState:
    """Return a state by its name.

    Args:
        state: or its name.
        among: those that are told to choose from.

    Raises:
        InputError: there is none.
    """
    try:
        return ItemState(state)
    except ValueError:
        raise InputError(
            f"There is no state {state!r}; choose one of {', '.join(among)}."
        ) from None


def marked_state(state: ItemState | str) -> ItemState:
    """Return a state that a person may bring an item into, by its name.

    Raises:
        InputError: there is none, or a run alone says so.
    """
    found = state_of(state, MARKED)
    if found not in MARKED:
        raise InputError(
            f"Nobody but a run says that an item is {found}; choose one of {', '.join(MARKED)}."
        )
    return found


def as_it_was_read(folder: Path) -> ImageOptions | None:
    """Return the limits by which an item's image became 8 bits when it was run; those of others may be given.

    Results that were taken up may come from limits or percentiles that somebody chose.
    """
    stretch = _stretch(folder)
    if len(stretch) != 1 or stretch[0] is None:
        return None
    return ImageOptions((stretch[0].low, stretch[0].high))


def can_be_read_again(folder: Path) -> bool:
    """Whether these limits are all that made 8 bits of an item's image; a window may bend each channel."""
    try:
        stretch = _stretch(folder)
    except InputError:  # it is damaged
        return False
    return not stretch or (len(stretch) == 1 and stretch[0] is not None and stretch[0].gamma == 1)


def _stretch(folder: Path) -> tuple[Stretch | None, ...]:
    document = read_provenance(folder / RESULT)
    return () if document is None else Provenance.from_document(document).stretch


def check_unchanged(record: ItemRecord, image: Path) -> tuple[int, int]:
    """Refuse an image that is another one than that which was run; return size and time of its file now.

    Raises:
        UnreadableError: nobody may read it.
        InputError: it is, or it is gone.
    """
    if not record.digest:
        return record.size, record.mtime
    try:
        now = file_now(image)
    except PermissionError as error:  # of a folder
        raise UnreadableError(image, error) from None
    except OSError:
        raise InputError(
            f"The image {str(image)!r} is gone; put it back, or say where it is now: napari-corrclip project "
            "relink."
        ) from None
    if now == (record.size, record.mtime) or is_as_it_was(image, record.plane, record.digest):
        return now
    way = way_anew(record, corrected=record.state in DECIDED)
    raise InputError(
        f"The image {str(image)!r}{plane_text(record.plane)} was changed after it was run; put the "
        f"former one back, or {way}."
    )
