"""The files of layers: which layers still are as they were read, and which of a file's several layers.

napari goes on naming the file of a layer whose data somebody replaced. So its data are remembered as they
were when the layer was first seen, which the dock does as soon as there is one. Nor does it say that a file
gave several layers, a channel each. Those that were seen side by side are told apart by a sample of their
pixels, since names and order change; data that are read late by their first names.
"""

from __future__ import annotations

import hashlib
import os
import weakref
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from dask.core import get_dependencies
from numpy.typing import NDArray

if TYPE_CHECKING:
    from napari.layers import Image, Layer


SAMPLE = 65_536
"""Values of an array, about, by which it is told from others."""


@dataclass
class _Seen:
    """A layer as it was when it was first seen; ``parts`` are those of the same file's layers."""

    data: Callable[[], Any]
    part: str
    contrast: tuple[float, ...]
    stacked: tuple[str, ...]
    parts: set[str] = field(default_factory=set)


_SEEN: weakref.WeakKeyDictionary[Layer, _Seen] = weakref.WeakKeyDictionary()
_FILLED: weakref.WeakKeyDictionary[Layer, tuple[str, tuple[int, ...]]] = weakref.WeakKeyDictionary()
"""The file, and the plane of it, of a layer into which we have read one; napari names the first one still."""


def fill(layer: Image, data: NDArray[np.uint8], path: str, plane: tuple[int, ...] = ()) -> None:
    """Let a layer hold what was read of a file, in place of what it held.

    Args:
        layer: which one.
        data: what it shows.
        path: of the file.
        plane: which one of a stack.
    """
    layer.data = data
    _FILLED[layer] = path, plane
    _SEEN.pop(layer, None)
    note([layer])


def _path(layer: Layer) -> str | None:
    return _FILLED[layer][0] if layer in _FILLED else layer.source.path


def note(layers: Iterable[Layer | None]) -> None:
    """Remember the layers that are seen for the first time, and which of them are of one file."""
    files: dict[str, list[_Seen]] = defaultdict(list)
    for layer in layers:
        if layer is None:
            continue
        if layer not in _SEEN:
            _SEEN[layer] = _Seen(
                weakly(layer.data), _sample(layer), _contrast(layer), _stacked(layer)
            )
        path = _path(layer)
        if path:
            files[path].append(_SEEN[layer])
    for seen in files.values():
        parts = {entry.part for entry in seen}
        for entry in seen:
            entry.parts |= parts


def part_of(layer: Layer) -> tuple[str, bool]:
    """Return which of several layers of one file a layer would be, and whether there are several."""
    note([layer])
    seen = _SEEN[layer]
    return seen.part, len(seen.parts) > 1


def _sample(layer: Layer) -> str:
    """Return a checksum of some of a layer's values; its name where they are not in memory."""
    data = layer.data
    if not _path(layer) or not isinstance(data, np.ndarray) or isinstance(data, np.memmap):
        return str(layer.name)
    side = max(1, int(SAMPLE ** (1 / max(data.ndim, 1))))
    some = data[tuple(slice(None, None, -(-size // side) or 1) for size in data.shape)]
    found = hashlib.sha256(f"{data.shape} {data.dtype.str}".encode())
    found.update(np.ascontiguousarray(some).data)
    return found.hexdigest()[:16]


def file_of(layer: Layer) -> str | None:
    """Return the path of what a layer holds; ``None`` where it holds something else, or never had one."""
    note([layer])
    path = _path(layer)
    return path if _SEEN[layer].data() is layer.data else None


def own_file_of(layer: Layer, where: tuple[int, ...]) -> tuple[str, tuple[int, ...]] | None:
    """Return the file of a plane where a layer shows several, one after another, and its place in there.

    ``None`` where the layer is of one file, or it is not known which.
    """
    if file_of(layer) is None:
        return None
    if layer in _FILLED:
        path, plane = _FILLED[layer]
        return path, (*plane, *where)
    files = _SEEN[layer].stacked
    if where and len(files) == layer.data.shape[0]:
        return files[where[0]], where[1:]
    return (files[0], where) if len(files) == 1 else None


def _stacked(layer: Layer) -> tuple[str, ...]:
    """Return the files of a folder, or of several files, in the order in which napari has stacked them."""
    path, data = _path(layer), layer.data
    if not path:
        return ()
    blocks: tuple[int, ...] = getattr(data, "numblocks", ())
    if len(blocks) > 2 and blocks == (data.shape[0], *(1,) * (len(blocks) - 1)):
        # napari reads each file when it is looked at: what is to be read says of which it is. A listing
        # would say what is there now.
        tasks = dict(data.__dask_graph__())
        found = [_file_read_for(tasks, keys) for keys in data.__dask_keys__()]
        return tuple(found) if all(found) else ()
    if Path(path).is_dir() and isinstance(data, np.ndarray):
        files = [name for name in Path(path).glob("*.*") if name.is_file()]
        return (str(files[0]),) if len(files) == 1 else ()
    return ()


def _file_read_for(tasks: Mapping[Any, Any], keys: Any) -> str:
    """Return the one file that is read for a part of a dask array; empty: none, or several."""
    while isinstance(keys, list):
        if len(keys) != 1:
            return ""
        keys = keys[0]
    found, left, seen = set[str](), [keys], set()
    while left:
        key = left.pop()
        if key in seen:
            continue
        seen.add(key)
        left += get_dependencies(tasks, key)
        found |= set(_absolute_paths(tasks[key]))
    return found.pop() if len(found) == 1 else ""


def _absolute_paths(task: Any) -> Iterator[str]:
    """Yield the paths of files among what a task of dask is given."""
    if isinstance(task, str):
        if os.path.isabs(task) and os.path.isfile(task):  # noqa: PTH113, PTH117
            yield task
        return
    if isinstance(task, tuple | list):
        parts: Iterable[Any] = task
    else:
        parts = getattr(task, "args", ())
    for part in parts:
        yield from _absolute_paths(part)


def has_own_contrast(layer: Image) -> bool:
    """Whether somebody chose how a grayscale layer is shown; else napari did, by its values.

    napari does not say. But its choice is all of the range that it offers, without a gamma, and nobody has
    changed it since the layer was first seen.
    """
    note([layer])
    every = (*(float(limit) for limit in layer.contrast_limits_range), 1.0)
    return not _contrast(layer) == _SEEN[layer].contrast == every


def _contrast(layer: Layer) -> tuple[float, ...]:
    """Return black, white and gamma of a grayscale layer."""
    if getattr(layer, "rgb", True):
        return ()
    return (*(float(limit) for limit in layer.contrast_limits), float(layer.gamma))


def weakly(thing: Any) -> Callable[[], Any]:
    """Return what returns ``thing`` as long as somebody else holds it, or always where it must be held."""
    if thing is None:
        return lambda: None
    try:
        return weakref.ref(thing)
    except TypeError:  # a list of levels, and what others made
        return lambda: thing
