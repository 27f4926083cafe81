"""The folder of a large image's result: written whole or not at all.

``maps.zarr``
    a zarr group of the maps, in chunks of 1024 × 1024 pixels: ``labels`` (uint16, label values after
    map correction), ``regions`` (int32), ``confidence`` (float16), ``pixel_labels`` (uint16, before
    map correction); and, a row a region, ``region_ids``, ``region_boxes``, ``votes`` and
    ``region_probabilities``.
``regions.csv``, ``vocabulary.yaml``, ``provenance.json``
    as of any result, see :mod:`napari_corrclip.export.folder`.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.errors import InputError
from napari_corrclip.export.folder import LARGE_MAPS, OWNED, read_provenance
from napari_corrclip.storage.files import cannot_write
from napari_corrclip.storage.names import beside
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
    """Raise an ``InputError`` where ``folder`` has something that a new result may not replace."""
    if not os.path.lexists(folder):
        return
    if not folder.is_dir():
        raise InputError(f"{str(folder)!r} is there and no folder; choose another one.")
    foreign = sorted(
        path.name for path in folder.iterdir() if path.name not in {*OWNED, LARGE_MAPS}
    )
    if not foreign and read_provenance(folder) is None:
        foreign = sorted(path.name for path in folder.iterdir())
    if foreign:
        raise InputError(
            f"{str(folder / foreign[0])!r} is there and no part of a result, which takes the place "
            "of the whole folder; choose another folder or move the file away."
        )


@contextlib.contextmanager
def new_result(folder: Path) -> Iterator[Path]:
    """Give a temporary folder beside ``folder``; what was written there takes its place on success.

    Whatever stops the work, an interrupt or a closed generator included, leaves what was there.

    Raises:
        InputError: it cannot be written, or ``folder`` has something that is no result.
    """
    check_target(folder)
    target = folder.resolve()
    temporary = target.with_name(beside(target.name, ".", f".{secrets.token_hex(4)}.tmp"))
    former = temporary.with_suffix(".old")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary.mkdir()
        try:
            yield temporary
            _sync(temporary)
            check_target(folder)
            if target.exists():
                target.rename(former)
            temporary.rename(target)
        finally:
            if former.exists() and not target.exists():
                former.rename(target)
            shutil.rmtree(former, ignore_errors=True)
            shutil.rmtree(temporary, ignore_errors=True)
    except OSError as error:
        raise cannot_write(folder, error) from None


def _sync(folder: Path) -> None:
    """Flush all files to the disk, so that no rename comes before what it names."""
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb+") as file:
                os.fsync(file.fileno())


def create_maps(folder: Path, size: tuple[int, int]) -> Any:
    """Return a new group in ``folder`` with the arrays of :data:`MAPS`."""
    import zarr

    group = zarr.open_group(folder / LARGE_MAPS, mode="w")
    for name, dtype in MAPS.items():
        chunks = (min(CHUNK, size[0]), min(CHUNK, size[1]))
        group.create_array(name, shape=size, chunks=chunks, dtype=dtype)
    return group


def write_rows(group: Any, rows: Mapping[str, NDArray[Any]]) -> None:
    """Write the arrays of :data:`ROWS` into a group."""
    for name, dtype in ROWS.items():
        values = np.asarray(rows[name], dtype)
        chunks = tuple(max(1, min(1 << 16, side)) for side in values.shape)
        array = group.create_array(name, shape=values.shape, chunks=chunks, dtype=dtype)
        if values.size:
            array[...] = values


def read_maps(folder: Path) -> dict[str, Any]:
    """Return the arrays of a result by name: those of the image's size as zarr, the others read.

    Raises:
        InputError: they are not there, damaged, or do not belong together.
    """
    place = folder / LARGE_MAPS
    remedy = "segment the image again"
    if not place.is_dir():
        raise InputError(f"{str(folder)!r} holds no result of a large image; {remedy}.")
    what = f"The result {str(place)!r}"
    group = read_node(place, what, remedy)
    found: dict[str, Any] = {}
    for name in MAPS:
        array = open_array(child(group, name, what, remedy), f"{what}, {name!r},", remedy)
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
