"""The pre-labels of a whole set as its lesson would have them: images that nobody has begun to correct."""

from __future__ import annotations

from dataclasses import dataclass

from napari_corrclip.annotation.files.log import is_open
from napari_corrclip.annotation.journal import Journal
from napari_corrclip.errors import InputError
from napari_corrclip.progress import Progress, Steps
from napari_corrclip.project.folder import SESSION, is_corrected, item_folder
from napari_corrclip.project.index import Index
from napari_corrclip.project.learning import ProjectLesson
from napari_corrclip.project.records import ItemRecord, ItemState
from napari_corrclip.project.reviewing import catch_up, read_session
from napari_corrclip.project.running import only_runner


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
    if journal.problem is not None:
        raise InputError(journal.problem)
    with index.transaction():
        index.take_regions(record.id, session.table, None)
    return None if found.taught is None else found.learnt
