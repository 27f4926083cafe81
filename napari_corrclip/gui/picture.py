"""What the networks see of an image layer: the shown slice, as RGB, and where it lies in the world."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.annotation import Source
from napari_corrclip.errors import InputError
from napari_corrclip.images import to_rgb

if TYPE_CHECKING:
    from napari.layers import Image


@dataclass(frozen=True, eq=False)
class Picture:
    """One 2-D image to segment.

    Attributes:
        name: of the layer.
        rgb: (H, W, 3) uint8.
        spatial: ``scale``, ``translate`` and the like of its two axes, for layers over it.
        source: the file and slice it came from; ``None`` where it came from none.
    """

    name: str
    rgb: NDArray[np.uint8]
    spatial: Mapping[str, Any] = field(default_factory=dict)
    source: Source | None = None


def picture_of(layer: Image, step: tuple[int, ...] = ()) -> Picture:
    """Return what is shown of an image layer.

    RGB is the layer's own word for it. Anything else is grayscale, stretched between the contrast
    limits with which the viewer shows it.

    Args:
        layer: 2-D, or n-D of which one slice is taken; of a multiscale image the finest level.
        step: the viewer's index along each axis, the last two aside.

    Raises:
        InputError: it has fewer than two axes, or pixels that are no numbers.
    """
    level = layer.data[0] if layer.multiscale else layer.data
    axes = layer.ndim
    if axes < 2:
        raise InputError(f"The layer {layer.name!r} has {axes} axis; choose an image of two.")
    where = tuple(
        min(max(int(index), 0), size - 1)
        for index, size in zip(_own(step, axes), level.shape[: axes - 2], strict=True)
    )
    plane = np.asarray(level[where])
    limits = None if layer.rgb else tuple(float(limit) for limit in layer.contrast_limits)
    # RGB of 8 bits is what it is; contrast limits are of one channel.
    rgb = to_rgb(plane) if limits is None else to_rgb(plane, limits=(limits[0], limits[1]))
    return Picture(layer.name, rgb, spatial_of(layer), _source(layer, where))


def spatial_of(layer: Image) -> dict[str, Any]:
    """Return the layer's transforms of its last two axes."""
    affine = np.asarray(layer.affine.affine_matrix)
    axes = layer.ndim
    last = [axes - 2, axes - 1]
    found: dict[str, Any] = {
        "scale": tuple(layer.scale[-2:]),
        "translate": tuple(layer.translate[-2:]),
        "rotate": np.asarray(layer.rotate)[np.ix_([-2, -1], [-2, -1])],
        "shear": np.asarray(layer.shear)[-1:],
        "affine": affine[np.ix_([*last, axes], [*last, axes])],
    }
    for name in ("units", "axis_labels"):
        values = getattr(layer, name, None)
        if values is not None:
            found[name] = tuple(values[-2:])
    return found


def _own(step: tuple[int, ...], axes: int) -> tuple[int, ...]:
    """Return the viewer's indices along a layer's own leading axes: the viewer may have more."""
    wanted = axes - 2
    leading = step[-axes:-2] if len(step) >= axes else ()
    return leading if len(leading) == wanted else (0,) * wanted


def _source(layer: Image, where: tuple[int, ...]) -> Source | None:
    path = layer.source.path
    if not path or not Path(path).is_file():
        return None
    return Source.of(path, slice=where)
