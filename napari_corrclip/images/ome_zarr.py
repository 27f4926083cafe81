"""The plane in a zarr folder: of one array, of OME-Zarr 0.1 to 0.5, or in bioformats2raw's layout.

The versions differ in where things are said. 0.1 and 0.2 name no axes, which are t, c, z, y and x; 0.3
names them; from 0.4 on each is an object with a type; 0.5 puts all of it under "ome". What
bioformats2raw writes is a folder of numbered images, one for each that the microscope's file had.
https://ngff.openmicroscopy.org/specifications/
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_corrclip.errors import InputError
from napari_corrclip.images.stack import Stack, check_place, planes_of, spacing_of, unit_of
from napari_corrclip.storage.zarr_folders import ZarrNode, child, children, open_array, read_node

_ADVICE = "give a folder of one zarr array, or OME-Zarr"
_DEFAULT_AXES = "tczyx"
"""Of versions that say nothing of axes."""


@dataclass(frozen=True)
class _Level:
    """One array of a pyramid, the axes a name each."""

    node: ZarrNode
    axes: tuple[str, ...]
    spacing: tuple[float | None, ...] = ()
    units: tuple[str, ...] = ()

    @property
    def pixels(self) -> int:
        return math.prod(_shape(self.node))


def zarr_stack(path: Path, what: str) -> Stack:
    """Return the planes of a zarr folder's image, of which there may be one; reads no chunk.

    Args:
        path: of the folder.
        what: as for :func:`open_zarr_plane`.

    Raises:
        InputError: it is no zarr, holds several images, a plate, or cannot be read.
    """
    level = _image_in(path, what)
    if not level.axes:
        return Stack.unnamed(planes_of(_shape(level.node)))
    lead = [axis for axis, kind in enumerate(_kinds(level)) if kind == "?"]
    return Stack(
        tuple(level.axes[axis] for axis in lead),
        tuple(_shape(level.node)[axis] for axis in lead),
        tuple(level.spacing[axis] for axis in lead),
        tuple(level.units[axis] for axis in lead),
    )


def _kinds(level: _Level) -> str:
    """Return a letter an axis: "Y", "X", "C" channels, and "?" for each that leads to planes."""
    sizes = dict(zip(level.axes, _shape(level.node), strict=False))
    # As in a TIFF: channels that are no colours are measurements, and each a plane of its own.
    planes = "yxc" if sizes.get("c") in (3, 4) else "yx"
    return "".join(name.upper() if name in planes else "?" for name in level.axes)


def open_zarr_plane(path: Path, what: str, where: tuple[int, ...] = ()) -> tuple[Any, str]:
    """Return the plane of a zarr folder as an array that is read where it is cut, and its axes.

    Of a pyramid it is the largest level, of several images in bioformats2raw's layout the one with most
    pixels, of a folder of labels the one that there is. The folder is taken as untrusted, see
    :mod:`napari_corrclip.storage.zarr_folders`.

    Args:
        path: of the folder.
        what: the subject of the sentence, such as ``"The image 'a.zarr'"``.
        where: which one of several planes, as :func:`zarr_stack` counts them.

    Returns:
        The array, and a letter an axis: "Y", "X", "C" channels, "1" of length 1, and with ``where`` "?" for
        those that it is an index along. The letters are empty where the folder does not say them.

    Raises:
        InputError: it is no zarr, holds several images, a stack, a plate, or cannot be read.
    """
    level = _image_in(path, what)
    names, shape = level.axes, _shape(level.node)
    if not names:
        return open_array(level.node, what, _ADVICE), ""
    if where:
        kinds = _kinds(level)
        sizes = [size for size, kind in zip(shape, kinds, strict=True) if kind == "?"]
        check_place(tuple(sizes), where, what)
        return open_array(level.node, what, _ADVICE), kinds
    axes = "".join(
        name.upper() if name in "yx" or (name == "c" and size > 1) else "1" if size == 1 else "?"
        for name, size in zip(names, shape, strict=True)
    )
    if sorted(axes.replace("1", "")) not in (["X", "Y"], ["C", "X", "Y"]):
        raise InputError(
            f"{what} has the shape {shape} (axes {', '.join(names)}) and is not one plane; cut out "
            "the plane to segment and give it as an array."
        )
    return open_array(level.node, what, _ADVICE), axes


def _image_in(path: Path, what: str) -> _Level:
    """Return the largest level of the image in a zarr folder; of one array, without names of axes."""
    node = read_node(path, what, _ADVICE)
    if node.kind == "array":
        return _Level(node, ())
    said = _said(node)
    if not any(key in said for key in ("multiscales", "plate", "well", "labels")) and (
        "bioformats2raw.layout" not in said
    ):
        return _Level(_only_array(node, what), ())
    return _largest(node, what)


def _said(node: ZarrNode) -> Mapping[str, Any]:
    """What a group says of itself in OME-Zarr's words, of whatever version."""
    ome = node.attributes.get("ome")
    return ome if isinstance(ome, dict) else node.attributes


def _only_array(node: ZarrNode, what: str) -> ZarrNode:
    arrays = [child(node, name, what, _ADVICE) for name in children(node)]
    arrays = [array for array in arrays if array.kind == "array"]
    if len(arrays) != 1:
        raise InputError(f"{what} holds {len(arrays)} arrays; {_ADVICE}.")
    return arrays[0]


def _largest(node: ZarrNode, what: str) -> _Level:
    """Return the largest level of the image in a group of OME-Zarr."""
    said = _said(node)
    if "multiscales" in said:
        return _level(node, said, what)
    if "plate" in said or "well" in said:
        kind = "plate of wells" if "plate" in said else "well of fields"
        raise InputError(
            f"{what} is a {kind}; give the folder of one field, such as {_field(node, said)!r}."
        )
    if "labels" in said:
        names, kind = said["labels"], "label images"
    else:
        names, kind = _series(node, what), "images"
    if not isinstance(names, list) or not names:
        raise InputError(f"{what} holds no {kind}; {_ADVICE}.")
    found = {}
    for name in names:
        one = child(node, name, what, _ADVICE)
        inner = _said(one)
        if "multiscales" not in inner:
            raise _unknown(what, inner, f"{name!r} has no multiscales")
        found[str(name)] = _level(one, inner, f"{what}, {name!r},")
    by_size = sorted(found.values(), key=lambda level: level.pixels, reverse=True)
    # A slide's scan beside its label and its overview is told by its size, equals are not.
    if len(by_size) > 1 and (
        kind == "label images" or by_size[0].pixels < _CLEARLY * by_size[1].pixels
    ):
        raise InputError(
            f"{what} holds {len(found)} {kind}; give the folder of one, such as "
            f"{str(node.path / next(iter(found)))!r}."
        )
    return by_size[0]


_CLEARLY = 4
"""An image with so many times the pixels of all others is the picture, and they are its previews."""


def _series(node: ZarrNode, what: str) -> list[Any]:
    """Return the names of the images in bioformats2raw's layout, in their order."""
    inside = children(node)
    if "OME" in inside:
        series = _said(child(node, "OME", what, _ADVICE)).get("series")
        if isinstance(series, list) and series:
            return series
    return sorted((name for name in inside if name.isdecimal()), key=int)


def _field(node: ZarrNode, said: Mapping[str, Any]) -> str:
    """Return where the first field of a plate or a well lies, as far as it says so."""
    try:
        if "well" in said:
            return str(node.path / str(said["well"]["images"][0]["path"]))
        return str(node.path / str(said["plate"]["wells"][0]["path"]) / "0")
    except (KeyError, IndexError, TypeError):
        return str(node.path / "A/1/0")


def _level(node: ZarrNode, said: Mapping[str, Any], what: str) -> _Level:
    """Return the largest level of a pyramid."""
    try:
        first = said["multiscales"][0]
        paths = [dataset["path"] for dataset in first["datasets"]]
        axes = first.get("axes")
    except (KeyError, IndexError, TypeError, AttributeError):
        raise _unknown(what, said, "it names no datasets") from None
    levels = [child(node, path, what, _ADVICE) for path in paths]
    if not levels or any(level.kind != "array" for level in levels):
        raise _unknown(what, said, "its levels are no arrays")
    largest = max(levels, key=lambda level: math.prod(_shape(level)))  # the first of equals
    names = _axes(axes, len(_shape(largest)))
    if names is None:
        raise _unknown(what, said, f"its axes are {str(axes)[:60]}")
    spacing = _spacing(first["datasets"][levels.index(largest)], len(names))
    return _Level(largest, names, spacing, _units(axes, len(names)))


def _spacing(dataset: Mapping[str, Any], count: int) -> tuple[float | None, ...]:
    """Return what a level says of the distance along each axis."""
    said = dataset.get("coordinateTransformations")
    for change in said if isinstance(said, list) else ():
        scale = change.get("scale") if isinstance(change, dict) else None
        if isinstance(scale, list) and len(scale) == count:
            return tuple(map(spacing_of, scale))
    return (None,) * count


def _units(axes: object, count: int) -> tuple[str, ...]:
    """Return what the axes say of their units."""
    if not isinstance(axes, list):
        return ("",) * count
    return tuple(unit_of(axis.get("unit") if isinstance(axis, dict) else None) for axis in axes)


def _shape(node: ZarrNode) -> tuple[int, ...]:
    """Return the shape of an array, () where it is none; opening says what is wrong then."""
    shape = node.document.get("shape")
    whole = isinstance(shape, list) and all(type(side) is int for side in shape)
    return tuple(shape) if isinstance(shape, list) and whole else ()


def _axes(axes: object, count: int) -> tuple[str, ...] | None:
    """Return a name an axis, rows "y" and columns "x"; ``None``: they cannot be."""
    if axes is None:
        return tuple(_DEFAULT_AXES[-count:]) if 2 <= count <= 5 else None
    if not isinstance(axes, list) or len(axes) != count:
        return None
    names, spaces = [], []
    for number, axis in enumerate(axes):
        name = axis.get("name") if isinstance(axis, dict) else axis
        if not isinstance(name, str) or not name:
            return None
        names.append(name.lower())
        kind = axis.get("type") if isinstance(axis, dict) else None
        if kind == "space":
            spaces.append(number)
        elif kind == "channel":
            names[-1] = "c"
    # From 0.4 on, space may have other names; its last two are rows and columns.
    if not {"y", "x"} <= set(names) and len(spaces) >= 2:
        names[spaces[-2]], names[spaces[-1]] = "y", "x"
    return tuple(names) if names.count("y") == names.count("x") == 1 else None


def _unknown(what: str, said: Mapping[str, Any], reason: str) -> InputError:
    version = said.get("version")
    scales = said.get("multiscales")
    if version is None and isinstance(scales, Sequence) and scales and isinstance(scales[0], dict):
        version = scales[0].get("version")
    named = "" if version is None else f" of version {str(version)[:20]}"
    return InputError(
        f"{what} is no OME-Zarr that can be read ({reason}{named and f'; it is{named}'}): versions "
        f"0.1 to 0.5 are; {_ADVICE}."
    )
