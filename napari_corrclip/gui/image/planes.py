"""An image layer as planes: which slice is shown, which level is taken, where a part of it lies.

Rows and columns are the layer's last two axes. All before them are leading axes: a plane is an index along
each of those. Nothing here reads a pixel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.utils.transforms import Affine
from numpy.typing import NDArray

from napari_corrclip.errors import InputError
from napari_corrclip.images.boxes import Box

if TYPE_CHECKING:
    from napari.components import Dims
    from napari.layers import Image

Where = tuple[int, ...]
"""An index along each leading axis."""
LONG_SIDE = 2000
"""Pixels that the long side of a level should have, if it can: more is not seen by the networks."""


def shape_at(layer: Image, level: int = 0) -> tuple[int, ...]:
    """Return the size of each axis at a level, without the axis of colours."""
    return tuple(int(size) for size in layer.level_shapes[level])


def factors_at(layer: Image, level: int) -> NDArray[np.float64]:
    """Return how many pixels of the finest level one pixel of a level spans along each axis."""
    return np.divide(shape_at(layer), shape_at(layer, level))


def data_at(layer: Image, level: int) -> Any:
    """Return the array of a level, of whatever kind."""
    return layer.data[level] if layer.multiscale else layer.data


def level_for(layer: Image, share: float = 1.0) -> int:
    """Return the smallest level at which enough is seen: whose long side has :data:`LONG_SIDE` pixels.

    Args:
        layer: the image.
        share: of the long side that is looked at.
    """
    if not layer.multiscale:
        return 0
    for level in reversed(range(len(layer.level_shapes))):
        if max(shape_at(layer, level)[-2:]) * share >= LONG_SIDE:
            return level
    return 0


def plane_of(layer: Image, dims: Dims) -> Where:
    """Return which plane of a layer the viewer shows.

    The viewer's sliders are in the world, where a layer may be moved and scaled along each axis.

    Raises:
        InputError: its rows and columns are not what is shown, or the sliders
            stand outside of it.
    """
    axes = layer.ndim
    if axes == 2:
        return ()
    if set(dims.order[-2:]) != {dims.ndim - 2, dims.ndim - 1}:
        raise InputError(
            f"The viewer does not show the rows and columns of {layer.name!r}; "
            "bring its last two axes to the front again."
        )
    at = np.round(layer.world_to_data(dims.point)[:-2]).astype(int).tolist()
    for axis, (index, size) in enumerate(zip(at, shape_at(layer), strict=False)):
        if not 0 <= index < size:
            raise InputError(
                f"The viewer shows no plane of {layer.name!r}: along {axis_name(layer, axis)} it stands "
                f"at {index}, and there are 0 to {size - 1}; move the slider."
            )
    return tuple(at)


def shown_plane(layer: Image, dims: Dims) -> Where | None:
    """Return which plane of a layer the viewer shows; ``None``: none of it."""
    try:
        return plane_of(layer, dims)
    except InputError:
        return None


def hidden_because(dims: Dims) -> str:
    """Say why layers of rows and columns cannot be shown now, and how they can; empty: they can be."""
    if dims.ndisplay != 2:
        return (
            "The viewer shows three dimensions, so labels and regions are hidden; the 2D/3D button below the "
            "list of layers (Ctrl+Y) brings them back."
        )
    if set(dims.order[-2:]) != {dims.ndim - 2, dims.ndim - 1}:
        return (
            "The viewer shows other axes than rows and columns, so labels and regions are hidden; the button "
            "that rolls dimensions, below the list of layers (Ctrl+E), brings them back."
        )
    return ""


def show_plane(layer: Image, dims: Dims, where: Where) -> None:
    """Move the viewer's sliders to a plane of a layer."""
    corner = (*where, *(0,) * (layer.ndim - len(where)))
    point = layer.data_to_world(corner)[: len(where)]
    offset = dims.ndim - layer.ndim
    dims.set_point([offset + axis for axis in range(len(where))], [float(at) for at in point])


def axis_name(layer: Image, axis: int) -> str:
    """Return what a leading axis is called: by its label, or by its number."""
    label = str(layer.axis_labels[axis]).removeprefix("axis ")
    # Without labels napari counts from the last axis.
    return f"axis {axis}" if label == str(axis - layer.ndim) else f"axis {label}"


def plane_name(layer: Image, where: Where) -> str:
    """Say which plane it is, as napari's slider counts: ``plane 11 of 0–39 along axis 0``; empty in 2-D."""
    named = [
        f"{index} of 0–{size - 1} along {axis_name(layer, axis)}"
        for axis, (index, size) in enumerate(zip(where, shape_at(layer), strict=False))
    ]
    return f"plane {', '.join(named)}" if named else ""


def index_at(layer: Image, where: Where, level: int) -> Where:
    """Return where a plane lies in a level, which may be coarser along leading axes too."""
    shape, factors = shape_at(layer, level), factors_at(layer, level)
    return tuple(
        min(round(index / factor), size - 1)
        for index, factor, size in zip(where, factors, shape, strict=False)
    )


def place(
    layer: Image,
    *,
    level: int = 0,
    box: Box | None = None,
    where: Where | None = None,
    step: int = 1,
) -> dict[str, Any]:
    """Return ``scale``, ``translate`` and the like for a layer that lies over a part of an image.

    Args:
        layer: the image.
        level: whose pixels the part is made of.
        box: the part of the level; ``None``: all of it.
        where: the plane, for a layer with the same axes as the image; ``None``: for one of the last two.
        step: how many rows, and columns, of the level a pixel of the part stands for.
    """
    axes = 2 if where is None else layer.ndim
    factors = np.array([*np.ones(layer.ndim - 2), *factors_at(layer, level)[-2:]])[-axes:]
    corner = np.array([*(where or ()), *((0, 0) if box is None else box[:2])], float) * factors
    factors[-2:] *= step
    # The middle of the first pixel, in pixels of the finest level.
    corner += (factors - 1) / 2
    matrix = np.asarray(layer.affine.affine_matrix)
    last = [*range(layer.ndim - axes, layer.ndim)]
    rotate = np.asarray(layer.rotate)[np.ix_(last, last)]
    shear = np.asarray(layer.shear)[-(axes * (axes - 1) // 2) :]
    scale = np.asarray(layer.scale)[last]
    linear = Affine(scale=scale, rotate=rotate, shear=shear, ndim=axes).linear_matrix
    found: dict[str, Any] = {
        "scale": tuple((scale * factors).tolist()),
        "translate": tuple((np.asarray(layer.translate)[last] + linear @ corner).tolist()),
        "rotate": rotate,
        "shear": shear,
        "affine": matrix[np.ix_([*last, layer.ndim], [*last, layer.ndim])],
    }
    for name in ("units", "axis_labels"):
        values = getattr(layer, name, None)
        if values is not None:
            found[name] = tuple(values[-axes:])
    return found
