"""The motions of a set's classes: merged, and parted again, over all images.

What was decided is never written over: a merging is one row of the index, see
:mod:`napari_corrclip.project.merged_classes`.
"""

from __future__ import annotations

from napari_corrclip.annotation.files.log import glance, has_session
from napari_corrclip.errors import InputError
from napari_corrclip.progress import Progress, Steps
from napari_corrclip.project.folder import SESSION, item_folder
from napari_corrclip.project.following import has_parted
from napari_corrclip.project.index import Index, MergedClass
from napari_corrclip.project.intake import write_choices
from napari_corrclip.project.learning import ProjectLesson
from napari_corrclip.project.merged_classes import Parted, class_of, part_classes
from napari_corrclip.project.reviewing import reviewed
from napari_corrclip.project.teaching import teaching
from napari_corrclip.vocabulary import ClassLike

_LAG = 0.1
"""Seconds by which the time of a file may lag behind the clock."""


def part_steps(index: Index, lesson: ProjectLesson, which: ClassLike) -> Steps[Parted]:
    """Take a merging back, in the sessions that have taken it and in what they taught, too.

    See :meth:`~napari_corrclip.project.project.Project.part_classes`.
    """
    with index.transaction():
        merged = part_classes(index, which)
    write_choices(index)
    lesson.merge(index.vocabulary.values, {})
    records = index.items()
    sessions, left = 0, list[str]()
    for number, record in enumerate(records):
        yield Progress("take the merging back", number, len(records))
        if not _may_have_taken(index, record.name, merged):
            continue
        try:
            with reviewed(index, record, record.by) as session:
                if has_parted(session, merged.value):
                    sessions += 1
                    with teaching(lesson, session, record, shows=False):
                        pass  # of verdicts that are of the class again
        except InputError as error:
            left.append(f"{record.title}: {error}")
    return Parted(class_of(merged).name, sessions, tuple(left))


def _may_have_taken(index: Index, name: str, merged: MergedClass) -> bool:
    """Whether an item's session was written since."""
    folder = item_folder(index.folder, name) / SESSION
    if not has_session(folder):
        return False
    found = glance(folder)
    return found is None or found.changed + _LAG >= merged.at
