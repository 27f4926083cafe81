"""Which layers still hold what was read from their file, and which of several layers of one file they are.

napari goes on naming the file of a layer whose data somebody replaced. So its data are remembered as they
were when the layer was first seen, which the dock does as soon as there is one. Nor does it say that a file
gave several layers, a channel each; those that were seen side by side are told apart by their first names.
"""

from __future__ import annotations

import weakref
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari.layers import Layer


@dataclass
class _Seen:
    """What a layer was when it was first seen; ``names`` are those of the same file's layers."""

    data: Callable[[], Any]
    name: str
    names: set[str] = field(default_factory=set)


_SEEN: weakref.WeakKeyDictionary[Layer, _Seen] = weakref.WeakKeyDictionary()


def note(layers: Iterable[Layer | None]) -> None:
    """Remember the layers that are seen for the first time, and which of them are of one file."""
    files: dict[str, list[_Seen]] = defaultdict(list)
    for layer in layers:
        if layer is None:
            continue
        if layer not in _SEEN:
            _SEEN[layer] = _Seen(weakly(layer.data), layer.name)
        if layer.source.path:
            files[layer.source.path].append(_SEEN[layer])
    for seen in files.values():
        names = {one.name for one in seen}
        for one in seen:
            one.names |= names


def part_of(layer: Layer) -> str:
    """Return which of several layers of one file a layer is; empty for the first by name, and for one."""
    note([layer])
    seen = _SEEN[layer]
    return "" if seen.name == min(seen.names, default=seen.name) else seen.name


def file_of(layer: Layer) -> str | None:
    """Return the path of what a layer holds; ``None`` where it holds something else, or never had one."""
    note([layer])
    path: str | None = layer.source.path
    return path if _SEEN[layer].data() is layer.data else None


def weakly(thing: Any) -> Callable[[], Any]:
    """Return what returns ``thing`` as long as somebody else holds it, or always where it must be held."""
    if thing is None:
        return lambda: None
    try:
        return weakref.ref(thing)
    except TypeError:  # a list of levels, and what others made
        return lambda: thing
