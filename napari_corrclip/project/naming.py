"""The items that a person names: by paths, planes and patterns."""

from __future__ import annotations

import contextlib
import fnmatch
import glob
import os
from collections.abc import Iterable

from napari_corrclip.errors import InputError
from napari_corrclip.project.folder import relative
from napari_corrclip.project.index import PLANE, Index, NoItemError
from napari_corrclip.project.records import ItemRecord


def items_named(index: Index, images: Iterable[str | os.PathLike[str]]) -> list[ItemRecord]:
    """Return the items of names; see :meth:`~napari_corrclip.project.project.Project.items_named`."""
    found: dict[int, ItemRecord] = {}
    for image in images:
        found |= {record.id: record for record in _named(index, os.fspath(image))}
    return list(found.values())


def _named(index: Index, text: str) -> list[ItemRecord]:
    for name in (_from_here(index, text), text):
        with contextlib.suppress(NoItemError):
            return [index.item(name)]
    plane = PLANE.fullmatch(text)
    if glob.has_magic(text):
        fitting = [] if plane is None else _fitting(index, plane[1], plane[2])
        fitting = fitting or _fitting(index, text)
        if fitting:
            return fitting
    if glob.has_magic(text if plane is None else plane[1]):
        raise InputError(
            f"No image of the project fits the pattern {text!r}; it is compared with whole paths as the "
            "project has them, and * stands for anything, / too."
        )
    raise InputError(
        f"The project has no image {text!r}; give its path as seen from here or as the project has it, a "
        "plane such as 'cells.tif[3]', or a pattern such as '*/birds/*.jpg'."
    )


def _from_here(index: Index, text: str) -> str:
    """Return a path as the project has it, when it is seen from the current folder."""
    try:
        return relative(os.path.expanduser(text), index.folder)  # noqa: PTH111 - of nobody stays
    except InputError:  # it is no text
        return text


def _fitting(index: Index, pattern: str, plane: str | None = None) -> list[ItemRecord]:
    """Return the items whose paths fit a pattern, and that are a plane of these numbers."""
    where = None if plane is None else tuple(map(int, plane.split(",")))
    return [
        record
        for record in index.items()
        if (where is None or record.plane == where) and fnmatch.fnmatchcase(record.path, pattern)
    ]
