"""The intake of a project: images that are found, added, and looked for elsewhere."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from napari_corrclip.errors import InputError
from napari_corrclip.images.stacks import read_stack
from napari_corrclip.project.finding import find_images
from napari_corrclip.project.folder import (
    Choices,
    Outcome,
    file_now,
    image_in,
    item_folder,
    item_name,
    relative,
)
from napari_corrclip.project.index import Found, Index
from napari_corrclip.project.records import ItemRecord
from napari_corrclip.storage.disk import remove


def found_in(
    images: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    folder: Path,
    known: Collection[tuple[str, int, int]] = (),
) -> dict[str, list[Found]]:
    """Return the images of each place, as seen from a project's folder; of a stack each plane.

    Args:
        images: a place as :func:`~napari_corrclip.project.finding.find_images` takes it, or several.
        folder: of the project.
        known: path, size and time of files that were looked at before, and are left out.

    Raises:
        InputError: nothing is there.
    """
    places = [images] if isinstance(images, str | os.PathLike) else list(images)
    found: dict[str, list[Found]] = {}
    for place in places:
        here = found.setdefault(os.path.relpath(Path(place).expanduser(), folder), [])
        for image in find_images(place):
            path = relative(image, folder)
            try:
                size, mtime = file_now(image)
            except OSError:
                size = mtime = 0  # told when its turn comes
            if (path, size, mtime) not in known:
                here += _items_in(image, path, size, mtime)
    return found


def _items_in(image: Path, path: str, size: int, mtime: int) -> Iterator[Found]:
    stack = None
    with contextlib.suppress(InputError):  # told when its turn comes
        stack = read_stack(image)
    if stack is None:
        yield Found(item_name(path), path, size, mtime)
        return
    for plane in stack:
        yield Found(item_name(path, plane, stack.shape), path, size, mtime, plane, stack)


def take(index: Index, found: Mapping[str, Sequence[Found]]) -> int:
    """Add the images of places to an index; return how many of them were new. Inside a transaction."""
    index.look_in(found)
    new = 0
    for images in found.values():
        # A file that could not be read, or that an earlier version took for one image, may be a stack now.
        for path in {image.path for image in images if image.stack is not None}:
            for name in index.forget_unread(path):
                remove(item_folder(index.folder, name))
        new += index.add(images)
    return new


def write_choices(index: Index) -> None:
    """Let ``project.json`` say what the index has; after the transaction that changed it.

    Raises:
        InputError: it cannot be written.
    """
    if _choices(index).is_in(index.folder):
        return
    # In a transaction of its own: of two who choose at once, the last one to write reads what both did.
    with index.transaction():
        _choices(index).write(index.folder)


def _choices(index: Index) -> Choices:
    return Choices(index.vocabulary, index.recipe, tuple(index.places))


def look_again(index: Index) -> int:
    """Add what has come to an index's places; return how many images it is.

    Raises:
        InputError: the index cannot be written.
    """
    found: dict[str, list[Found]] = {}
    known = index.files()
    for place in index.places:
        # One that is gone, or empty now: status tells what is missing.
        with contextlib.suppress(InputError):
            found |= found_in([index.folder / place], index.folder, known)
    with index.transaction():
        return take(index, found)


def relink(index: Index, old: str | os.PathLike[str], new: str | os.PathLike[str]) -> int:
    """Look for images elsewhere; see :meth:`~napari_corrclip.project.project.Project.relink`."""
    before, after = Path(old).expanduser().absolute(), Path(new).expanduser().absolute()
    moved: list[tuple[ItemRecord, Path]] = []
    for record in index.items():
        path = image_in(index.folder, record.path)
        if path == before or before in path.parents:
            moved.append((record, after / path.relative_to(before)))
    if not moved:
        raise InputError(f"No image of the project lies in {os.fspath(old)!r}; look at its paths.")
    gone = [path for _, path in moved if not path.exists()]
    if gone:
        raise InputError(
            f"{len(gone)} of {len(moved)} images are not in {os.fspath(new)!r}, such as "
            f"{str(gone[0])!r}; copy them there first."
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
    with index.transaction():
        for record, path in moved:
            index.move(record.id, relative(path, index.folder))
        for stack, path in {record.stack: path for record, path in moved}.items():
            if stack is not None:
                index.move_stack(stack, relative(path, index.folder))
        for place in index.places:
            path = image_in(index.folder, place)
            if path == before or before in path.parents:
                index.forget_place(place)
                now_in = after / path.relative_to(before)
                index.look_in([os.path.relpath(now_in, index.folder)])
    write_choices(index)
    return len(moved)
