"""The removal of a class from a set: what was decided as it is taken back on all images, on record.

It is written down as what is decided on a sheet is (:mod:`napari_corrclip.project.sheet.acts`), so that it is
taken back likewise, and the class is there again.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from napari_corrclip.annotation import Session
from napari_corrclip.annotation.files.log import has_session
from napari_corrclip.errors import InputError
from napari_corrclip.progress import Progress, Steps
from napari_corrclip.project import words as classes
from napari_corrclip.project.folder import SESSION, item_folder
from napari_corrclip.project.following import follow_merges
from napari_corrclip.project.index import Index
from napari_corrclip.project.intake import write_choices
from napari_corrclip.project.learning import ProjectLesson
from napari_corrclip.project.merged_classes import GoneClass, document_of
from napari_corrclip.project.own_classes import OwnClasses, bring_classes
from napari_corrclip.project.records import ItemRecord
from napari_corrclip.project.reviewing import reviewed
from napari_corrclip.project.sheet.acts import (
    DecidedItem,
    DecidedSheet,
    begin,
    note_item,
    removal_title,
)
from napari_corrclip.project.sheet.deciding import described
from napari_corrclip.project.teaching import teaching
from napari_corrclip.project.words import Names
from napari_corrclip.vocabulary import ClassLike, VocabularyClass
from napari_corrclip.wording.amounts import count


@dataclass(frozen=True, slots=True)
class DecidedAs:
    """The count of what was decided as a class.

    Attributes:
        regions: how many.
        images: on how many.
    """

    regions: int
    images: int

    def sentence(self, name: str) -> str:
        """What is told of it: ``12 regions on 4 images were decided as 'cat'``, with no stop at its end."""
        was = "was" if self.regions == 1 else "were"
        on = f"on {count(self.images, 'image')}"
        return f"{count(self.regions, 'region')} {on} {was} decided as {name!r}"


def decided_as(index: Index, value: int) -> DecidedAs:
    """Count the regions of all images that were decided as a class, or as one that became it."""
    rows = index.rows(
        "SELECT count(*), count(DISTINCT item) FROM regions"
        " WHERE value IN (SELECT value FROM json_each(?)) AND state != ''",
        (json.dumps(index.became(value)),),
    )
    return DecidedAs(*rows[0])


def remove_steps(
    index: Index,
    lesson: ProjectLesson,
    which: ClassLike,
    by: str,
    *,
    opened: Mapping[str, Session] | None = None,
    only: Collection[str] | None = None,
    besides: Collection[str] = (),
    to: DecidedSheet | None = None,
) -> Steps[DecidedSheet]:
    """Take back what was decided as a class, and let it go.

    See :meth:`~napari_corrclip.project.project.Project.remove_class`.
    """
    words = index.vocabulary
    class_ = words.by_value(words.value_of(which))
    left_words = words.remove(class_.name)  # which refuses the last one
    if to is None:
        gone = GoneClass(words.values.index(class_.value), document_of(class_))
        to = begin(index.folder, by, removed=gone)
    items, left = list(to.items), list(to.left)
    done = {*besides, *(item.name for item in items)}
    records = [
        record
        for record in index.items()
        if (only is None or record.name in only)
        and record.name not in done
        and ((opened and record.name in opened) or has_session(_session_of(index, record)))
    ]
    for number, record in enumerate(records):
        yield Progress("take back", number, len(records))
        try:
            session = (opened or {}).get(record.name)
            item = _remove(index, lesson, record, class_, to, by, session)
        except InputError as error:
            left.append(f"{record.title}: {error}")
            continue
        if item is not None:
            items.append(item)
    sheet = replace(to, items=tuple(items), left=tuple(left))
    if only is None:
        with index.transaction():  # in which nobody decides
            stay = classes.change(index, words, left_words)
        write_choices(index)
        lesson.merge(index.vocabulary.values, {})
        if stay and not sheet.left:
            why = f"{class_.name!r} was given to regions meanwhile, and stays; remove it again."
            sheet = replace(sheet, left=(why,))
    return sheet


def _session_of(index: Index, record: ItemRecord) -> Path:
    return item_folder(index.folder, record.name) / SESSION


def _remove(
    index: Index,
    lesson: ProjectLesson,
    record: ItemRecord,
    class_: VocabularyClass,
    sheet: DecidedSheet,
    by: str,
    session: Session | None,
) -> DecidedItem | None:
    """Let a session lose a class; return what was decided as it; ``None``: it does not have it.

    Raises:
        InputError: the session cannot be opened, or written, or means another class by the value.
    """
    with contextlib.ExitStack() as held:
        is_open = session is not None
        if session is None:
            session = held.enter_context(reviewed(index, record, by, pixels=False))
        names = Names(index)
        follow_merges(session, index.vocabulary, names)
        if session.vocabulary.values == (class_.value,):
            bring_classes(session, index.vocabulary, names)
        clash = OwnClasses.of(session.vocabulary, index.vocabulary, names).clash
        if clash:
            raise InputError(f"{clash}; open it, give its regions another class there.")
        words, value = session.vocabulary, class_.value
        if value not in words.values:
            return None
        own = words.by_value(value)
        decided = [
            region for region, verdict in session.state.verdicts.items() if verdict.value == value
        ]
        item = described(index, record, session, dict.fromkeys(decided, ("", 0)))
        note_item(index.folder, sheet.number, item)
        title = removal_title(sheet.number, class_.name, len(decided))
        with session.step(title, act=sheet.key):
            # While the lesson knows the class it forgets what was said of it.
            with (
                contextlib.nullcontext()
                if is_open
                else teaching(lesson, session, record, shows=False)
            ):
                if decided:
                    session.clear(decided)
                if (session.pins == value).any():
                    session.paint(session.pins == value, None)
            left = words.remove(own.name)
            # Where it is seen, what is no class by that is looked for once more.
            session.set_vocabulary(left, classify=False, provisional=is_open)
    return item
