"""The folder of a large image's result: written whole or not at all.

``maps.zarr``
    a zarr group of the maps, in chunks of 1024 × 1024 pixels: ``labels`` (uint16, label values after
    map correction), ``regions`` (int32), ``confidence`` (float16), ``pixel_labels`` (uint16, before
    map correction); and, a row a region, ``region_ids``, ``region_boxes``, ``votes`` and
    ``region_probabilities``.
``regions.csv``, ``vocabulary.yaml``, ``provenance.json``
    as of any result, see :mod:`napari_corrclip.results.folder`.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.errors import InputError
from napari_corrclip.results.folder import ALL_OWNED, LARGE_MAPS, read_provenance
from napari_corrclip.storage.disk import remove
from napari_corrclip.storage.folders import staged
from napari_corrclip.storage.zarr_folders import (
    StoredArray,
    child,
    open_array,
    read_node,
    read_rows,
)
from napari_corrclip.storage.zarr_folders import check_zarr as check_zarr

CHUNK = 1024
MAPS = {
    "labels": np.uint16,
    "regions": np.int32,
    "confidence": np.float16,
    "pixel_labels": np.uint16,
}
"""Of the image's size."""
ROWS = {
    "region_ids": np.int64,
    "region_boxes": np.int32,
    "votes": np.int64,
    "region_probabilities": np.float32,
}
"""A row a region."""


def check_target(folder: Path) -> None:
    """Raise an ``InputError`` where ``folder`` has something that a new result may not replace.

    Beside a former result everybody's files stay; a folder that has none must have nothing else, so that a
    result does not end up among somebody's pictures. What is hidden, such as ``.DS_Store``, does not count.
    """
    if not os.path.lexists(folder):
        return
    if not folder.is_dir():
        raise InputError(f"{str(folder)!r} is there and no folder; choose another one.")
    if read_provenance(folder) is not None:
        return
    foreign = sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
    if foreign:
        raise InputError(
            f"{str(folder / foreign[0])!r} is there and no part of a result; choose another folder or "
            "move the file away."
        )


@contextlib.contextmanager
def new_result(folder: Path) -> Iterator[Path]:
    """Give a temporary folder; what was written there takes its place in ``folder`` on success.

    Whatever stops the work, an interrupt or a closed generator included, leaves what was there.

    Raises:
        InputError: it cannot be written, or ``folder`` has something that is no result.
    """
    check_target(folder)
    with staged(folder, owned=ALL_OWNED) as temporary:
        yield temporary
        check_target(folder)


def move_result(source: Path, folder: Path) -> None:
    """Let the result in one folder take its place in another one beside it, which may have a former one.

    Raises:
        InputError: it cannot be written, or ``folder`` has something that is no result.
    """
    with new_result(folder) as temporary:
        for path in source.iterdir():
            if not path.name.startswith("."):  # what the system, and the way of writing, left there
                path.rename(temporary / path.name)
    remove(source)


@contextlib.contextmanager
def create_maps(folder: Path, size: tuple[int, int]) -> Iterator[Any]:
    """Give a new group in ``folder`` with the arrays of :data:`MAPS`; nothing is written after the block."""
    import zarr

    from napari_corrclip.storage.zarr_store import EndedWrites

    store = EndedWrites(folder / LARGE_MAPS)
    try:
        group = zarr.open_group(store, mode="w")
        for name, dtype in MAPS.items():
            chunks = (min(CHUNK, size[0]), min(CHUNK, size[1]))
            group.create_array(name, shape=size, chunks=chunks, dtype=dtype)
        yield group
    finally:
        store.end()


def write_rows(group: Any, rows: Mapping[str, NDArray[Any]]) -> None:
    """Write the arrays of :data:`ROWS` into a group."""
    for name, dtype in ROWS.items():
        values = np.asarray(rows[name], dtype)
        chunks = tuple(max(1, min(1 << 16, side)) for side in values.shape)
        array = group.create_array(
            name,
            shape=values.shape,
            chunks=chunks,
            dtype=dtype,
            config={"write_empty_chunks": True},  # a chunk that is not there is damage
        )
        if values.size:
            array[...] = values


def read_maps(place: Path, store: Callable[[Path], Any] | None = None) -> dict[str, Any]:
    """Return the arrays of a result by name: those of the image's size as zarr, the others read.

    Args:
        place: the folder ``maps.zarr``.
        store: makes the zarr store in which an array of the image's size lies.

    Raises:
        InputError: they are not there, damaged, or do not belong together.
    """
    remedy = "segment the image again"
    if not place.is_dir():
        raise InputError(f"{str(place.parent)!r} holds no result of a large image; {remedy}.")
    what = f"The result {str(place)!r}"
    group = read_node(place, what, remedy)
    found: dict[str, Any] = {}
    for name in MAPS:
        node = child(group, name, what, remedy)
        array = open_array(node, f"{what}, {name!r},", remedy, store=store)
        found[name] = StoredArray(array, f"{what}, {name!r},", remedy)
    for name in ROWS:
        found[name] = read_rows(child(group, name, what, remedy), f"{what}, {name!r},", remedy)
    for name, dtype in {**MAPS, **ROWS}.items():
        if found[name].dtype != dtype or found[name].ndim != (1 if name == "region_ids" else 2):
            raise InputError(
                f"{str(place)!r} holds {name} as {found[name].dtype} of shape "
                f"{found[name].shape}; {remedy}."
            )
    if len({found[name].shape for name in MAPS}) != 1 or len({len(found[n]) for n in ROWS}) != 1:
        raise InputError(f"The arrays in {str(place)!r} do not belong together; {remedy}.")
    return found
