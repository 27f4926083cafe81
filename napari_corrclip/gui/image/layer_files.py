"""The files of layers: which layers still are as they were read, and which of a file's several layers.

napari goes on naming the file of a layer whose data somebody replaced. So its data are remembered as they
were when the layer was first seen, which the dock does as soon as there is one. Nor does it say that a file
gave several layers, a channel each. Those that were seen side by side are told apart by a sample of their
pixels, since names and order change; data that are read late by their first names.
"""

from __future__ import annotations

import hashlib
import weakref
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

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
    parts: set[str] = field(default_factory=set)


_SEEN: weakref.WeakKeyDictionary[Layer, _Seen] = weakref.WeakKeyDictionary()


def note(layers: Iterable[Layer | None]) -> None:
    """Remember the layers that are seen for the first time, and which of them are of one file."""
    files: dict[str, list[_Seen]] = defaultdict(list)
    for layer in layers:
        if layer is None:
            continue
        if layer not in _SEEN:
            _SEEN[layer] = _Seen(weakly(layer.data), _sample(layer), _contrast(layer))
        if layer.source.path:
            files[layer.source.path].append(_SEEN[layer])
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
    if not layer.source.path or not isinstance(data, np.ndarray) or isinstance(data, np.memmap):
        return str(layer.name)
    side = max(1, int(SAMPLE ** (1 / max(data.ndim, 1))))
    some = data[tuple(slice(None, None, -(-size // side) or 1) for size in data.shape)]
    found = hashlib.sha256(f"{data.shape} {data.dtype.str}".encode())
    found.update(np.ascontiguousarray(some).data)
    return found.hexdigest()[:16]


def file_of(layer: Layer) -> str | None:
    """Return the path of what a layer holds; ``None`` where it holds something else, or never had one."""
    note([layer])
    path: str | None = layer.source.path
    return path if _SEEN[layer].data() is layer.data else None


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
