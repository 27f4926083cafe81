"""Images that are looked for elsewhere from now on, and the words that tell where they are looked for."""

from __future__ import annotations

import contextlib
import glob
import itertools
import os
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from napari_corrclip.errors import InputError
from napari_corrclip.project.finding import is_pattern, seen_from
from napari_corrclip.project.folder import Outcome, image_in, item_folder, relative
from napari_corrclip.project.index import Index
from napari_corrclip.project.intake import write_choices
from napari_corrclip.project.records import ItemRecord
from napari_corrclip.wording.amounts import count

_COMMAND = "napari-corrclip project relink"
_ESCAPED = re.compile(r"\[([*?[])\]")
"""A letter of a name as a pattern has it."""


def relink(index: Index, old: str | os.PathLike[str], new: str | os.PathLike[str]) -> int:
    """Look for images elsewhere; see :meth:`~napari_corrclip.project.project.Project.relink`."""
    # Links are followed where images are, and not here: nothing need be there.
    before, after = (image_in(Path.cwd(), os.path.expanduser(each)) for each in (old, new))  # noqa: PTH111
    moved: list[tuple[ItemRecord, Path]] = []
    for record in index.items():
        path = image_in(index.folder, record.path)
        if _is_moved(index.folder, path, before):
            moved.append((record, after / path.relative_to(before)))
    if not moved:
        raise InputError(
            f"No image of the project is looked for in {os.fspath(old)!r}{_where(index, after)}"
        )
    gone = [(record, path) for record, path in moved if not path.exists()]
    # One that is in neither place stays missing, and holds the others up no longer.
    left = [path for record, path in gone if image_in(index.folder, record.path).exists()]
    if len(gone) == len(moved):
        left = [path for _, path in gone]
    if left:
        command = _command(index, after)
        or_type = command and f", or type: {command}"
        raise InputError(
            f"{len(left)} of {len(moved)} images are not in {os.fspath(new)!r}, such as "
            f"{str(left[0])!r}; copy them there first{or_type}."
        )
    others = {record.path for record in index.items()} - {record.path for record, _ in moved}
    there = [path for _, path in moved if relative(path, index.folder) in others]
    if there:
        raise InputError(
            f"{str(there[0])!r} is an item of the project already; take another folder, or make the project "
            "anew without it."
        )
    for record, path in moved:
        # First what lies in the items. The images do lie there, whatever becomes of the rest, and a relink
        # that was cut short can be said again as long as the index has the former paths.
        folder = item_folder(index.folder, record.name)
        try:
            outcome = Outcome.read(folder)
        except InputError:  # there is none yet, or it is damaged
            continue
        replace(outcome, path=relative(path, index.folder)).write(folder)
    stacks = {record.stack: path for record, path in moved if record.stack is not None}
    places = {place: _place_now(index.folder, place, before, after) for place in index.places}
    with index.transaction():
        index.move(
            {record.id: relative(path, index.folder) for record, path in moved},
            {stack: relative(path, index.folder) for stack, path in stacks.items()},
        )
        for place, now_in in places.items():
            if now_in != place:
                index.forget_place(place)
        index.look_in(places.values())
    write_choices(index)
    return len(moved)


def _where(index: Index, new: Path) -> str:
    """Say where the images are looked for that are not found, and what to type.

    Args:
        index: of the project.
        new: where they may lie, with a folder more or less.
    """
    missing = _missing(index)
    if not missing:
        return ", and none is missing; leave it as it is."
    folder = _common_folder(index, missing)
    told = (
        f"; {count(len(missing), 'image')} not found {'is' if len(missing) == 1 else 'are'} looked for in "
        f"{str(folder)!r}, so type:"
    )
    command = _command(index, new)
    if command:
        return f"{told} {command}."
    return f"{told} {_COMMAND} {str(index.folder)!r} {str(folder)!r} FOLDER, in which they lie now."


def _command(index: Index, new: Path) -> str:
    """Return what is to be typed where missing images lie in a folder; empty: they do not."""
    missing = _missing(index)
    if not missing:
        return ""
    first = missing[0]
    old = next((each for each in first.parents if (new / first.relative_to(each)).exists()), None)
    if old is None:
        return ""
    # As far up as the project looks for images, so that what comes there later is found, too.
    folder = _common_folder(index, missing)
    while old != folder and old.is_relative_to(folder) and old.name == new.name:
        old, new = old.parent, new.parent
    return f"{_COMMAND} {str(index.folder)!r} {str(old)!r} {str(new)!r}"


def _missing(index: Index) -> list[Path]:
    """Return where images are looked for that are not found."""
    every = dict.fromkeys(image_in(index.folder, record.path) for record in index.items())
    return [path for path in every if not path.exists()]


def _common_folder(index: Index, missing: Sequence[Path]) -> Path:
    """Return the folder in which all missing images are looked for; of the first one, where it is a disk."""
    inside = [path.parent for path in missing]
    places = {_fixed(index.folder, place) for place in index.places}.difference(missing)
    inside += [place for place in places if any(path.is_relative_to(place) for path in missing)]
    with contextlib.suppress(ValueError):  # they are on several disks
        folder = Path(os.path.commonpath(inside))
        if folder != Path(folder.anchor):
            return folder
    return inside[0]


def _fixed(folder: Path, place: str) -> Path:
    """Return a place as a path; of a pattern the folder in which all lies that fits it."""
    path = image_in(folder, place)
    if not is_pattern(path, place):
        return path
    plain = [(part, _ESCAPED.sub(r"\1", part)) for part in Path(place).parts]
    fixed = itertools.takewhile(lambda pair: glob.escape(pair[1]) == pair[0], plain)
    return image_in(folder, str(Path(*(name for _, name in fixed))))


def _is_moved(folder: Path, path: Path, before: Path) -> bool:
    """Whether what lies in a place has moved with it; copies in a project's folder stay with that."""
    ours = path.is_relative_to(folder) and not before.is_relative_to(folder)
    return path.is_relative_to(before) and not ours


def _place_now(folder: Path, place: str, before: Path, after: Path) -> str:
    """Return a place as seen from a project's folder, when what was in ``before`` is in ``after``."""
    path = image_in(folder, place)
    if _is_moved(folder, path, before):
        return seen_from(after / path.relative_to(before), folder)
    if is_pattern(path, place):  # in which the names of folders are written as patterns are
        here, old, new = (Path(glob.escape(str(each))) for each in (folder, before, after))
        path = image_in(here, place)
        if _is_moved(here, path, old):
            return seen_from(new / path.relative_to(old), here)
    return place
