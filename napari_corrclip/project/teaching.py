"""The way of a project's decisions into its lesson, and of that into the pre-labels of the whole set."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from napari_corrclip.annotation import Session
from napari_corrclip.annotation.files.log import is_open
from napari_corrclip.annotation.journal import Journal
from napari_corrclip.errors import InputError
from napari_corrclip.progress import Progress, Steps
from napari_corrclip.project.folder import SESSION, is_corrected, item_folder
from napari_corrclip.project.index import Index
from napari_corrclip.project.learning import ProjectLesson
from napari_corrclip.project.one_runner import only_runner
from napari_corrclip.project.records import ItemRecord, ItemState
from napari_corrclip.project.reviewing import catch_up, read_session


@dataclass(frozen=True, slots=True)
class TaughtSet:
    """The images of a set that a lesson was asked about.

    Attributes:
        images: that show what was learnt.
        regions: in them that show another class by it than the networks say.
        left_out: of which nothing could be said, a sentence each.
    """

    images: int = 0
    regions: int = 0
    left_out: tuple[str, ...] = ()


def teach_steps(index: Index, lesson: ProjectLesson) -> Steps[TaughtSet]:
    """Show what was learnt; see :meth:`~napari_corrclip.project.project.Project.teach`."""
    images = regions = 0
    left_out: list[str] = []
    with only_runner(index.folder):
        catch_up(index)
        records = index.items([ItemState.PRELABELLED])
        for done, record in enumerate(records):
            yield Progress("teach the images", done, len(records))
            folder = item_folder(index.folder, record.name)
            if is_corrected(folder) or is_open(folder / SESSION):
                continue  # somebody is faster
            try:
                found = _teach(index, lesson, record)
            except InputError as error:
                left_out.append(f"{record.title}: {error}")
                continue
            images += found is not None
            regions += found or 0
    return TaughtSet(images, regions, tuple(left_out))


def _teach(index: Index, lesson: ProjectLesson, record: ItemRecord) -> int | None:
    """Let an item show what was learnt, and the index its regions.

    Returns:
        How many show another class by it; ``None``: nothing was learnt.
    """
    folder = item_folder(index.folder, record.name)
    session = read_session(folder)
    learning = lesson.learn(session, record)
    found = learning.opening()
    if found.taught is None and session.state.evidence.taught is None:
        return None
    with Journal(session, folder / SESSION) as journal:
        learning.apply(found)
        journal.wait()
        if journal.problem is not None:
            raise InputError(journal.problem)
        with index.transaction():  # before somebody else decides
            index.take_regions(record.id, session.table, None)
    return None if found.taught is None else found.learnt


@contextlib.contextmanager
def teaching(
    lesson: ProjectLesson, session: Session, record: ItemRecord, *, shows: bool = True
) -> Iterator[None]:
    """Let what is decided inside teach the lesson, or what is taken back inside be forgotten by it.

    What has no vectors, as a result that was taken up, teaches nothing.

    Args:
        lesson: of the project.
        session: of the item.
        record: the item.
        shows: whether what was learnt is shown of its other regions, if the switch says so.
    """
    try:
        learning = lesson.learn(session, record)
    except InputError:  # it is decided all the same, and says so when the image is opened
        yield
        return
    yield
    if not learning.fits:  # a class went or came
        learning = lesson.learn(session, record, learning)
    if shows and lesson.switch == "on" and record.state is not ItemState.VERIFIED:
        found = learning.look_out()
        if found.learnt or session.state.evidence.taught is not None:
            learning.apply(found)
    lesson.finish(learning)
