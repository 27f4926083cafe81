"""Which layers still hold what was read from their file.

napari goes on naming the file of a layer whose data somebody replaced. So its data are remembered as they
were when the layer was first seen, which the dock does as soon as there is one.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari.layers import Layer

_FIRST: weakref.WeakKeyDictionary[Layer, Callable[[], Any]] = weakref.WeakKeyDictionary()


def note(layers: Iterable[Layer | None]) -> None:
    """Remember the data of layers that are seen for the first time."""
    for layer in layers:
        if layer is not None and layer not in _FIRST:
            _FIRST[layer] = weakly(layer.data)


def file_of(layer: Layer) -> str | None:
    """Return the path of what a layer holds; ``None`` where it holds something else, or never had one."""
    note([layer])
    path: str | None = layer.source.path
    return path if _FIRST[layer]() is layer.data else None


def weakly(thing: Any) -> Callable[[], Any]:
    """Return what returns ``thing`` as long as somebody else holds it, or always where it must be held."""
    if thing is None:
        return lambda: None
    try:
        return weakref.ref(thing)
    except TypeError:  # a list of levels, and what others made
        return lambda: thing
