"""The pixels between napari's Labels layers and a session's maps: painted ones, and those to be drawn."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from napari.layers import Labels
from numpy.typing import NDArray

from napari_corrclip.images.boxes import Box, area, union, window

PIXELS = 50_000
"""Up to so many changed pixels are written one by one."""
BOXES = 16
"""Up to so many boxes are drawn one by one; napari tells all its widgets of each."""
STRIP = 1 << 19
"""Pixels of which the outlines are drawn at once, in about 25 ms."""

Places = tuple[NDArray[np.int64], ...]


def painted_pixels(
    history: Sequence[Any], painted: NDArray[np.integer], truth: NDArray[np.integer]
) -> tuple[Box, Places]:
    """Return the pixels that a stroke painted and that differ from ``truth``, and a box around it.

    Only what the stroke touched is looked at, so that it costs its own box and not the image, and what
    else differs is not taken for painted.

    Args:
        history: what napari's event ``paint`` carries: for each dab a box, a mask in it (``None``: all of
            it), old values and the new one; or (rows, columns), old values and new ones.
        painted: (H, W), the layer's data.
        truth: (H, W), the session's.
    """
    boxes = [_box(dab) for dab in history]
    box = union(part for part in boxes if part is not None)
    if box is None:
        nothing = np.zeros(0, np.int64)
        return (0, 0, 0, 0), (nothing, nothing)
    top, left = box[:2]
    touched = np.zeros((box[2] - top, box[3] - left), bool)
    for dab, around in zip(history, boxes, strict=True):
        if around is None:
            continue
        if hasattr(dab, "slice_key"):
            inside = touched[around[0] - top : around[2] - top, around[1] - left : around[3] - left]
            inside |= True if dab.mask is None else dab.mask
        else:
            touched[dab[0][0] - top, dab[0][1] - left] = True
    touched &= painted[window(box)] != truth[window(box)]
    rows, columns = np.nonzero(touched)
    return box, (rows + top, columns + left)


def is_written(dab: Any, painted: NDArray[np.integer]) -> bool:
    """Return whether a layer's data has what a dab of its history says that it gets."""
    if hasattr(dab, "slice_key"):
        inside = painted[dab.slice_key]
        return bool(np.all((inside if dab.mask is None else inside[dab.mask]) == dab.new_value))
    return bool(np.all(painted[dab[0]] == dab[2]))


def _box(dab: Any) -> Box | None:
    """Return the box around what one dab of the brush changed."""
    if hasattr(dab, "slice_key"):
        rows, columns = dab.slice_key
        return rows.start, columns.start, rows.stop, columns.stop
    rows, columns = dab[0]
    if not len(rows):
        return None
    return int(rows.min()), int(columns.min()), int(rows.max()) + 1, int(columns.max()) + 1


def is_seen(layer: Labels) -> bool:
    """Return whether a layer is drawn at all; of one that is not, only the data are kept up to date."""
    return bool(layer.visible and layer.opacity > 0)


def copy_boxes(truth: NDArray[np.integer], layer: Labels, boxes: Iterable[Box]) -> list[Box]:
    """Copy ``boxes`` of ``truth`` into a layer, and return the strips that are still to be drawn.

    Few pixels go by napari's own way of painting, which draws only around them: to outline all regions of
    a large image takes a fifth of a second. Of many, an outlined layer is to be drawn in strips, by
    :func:`draw_strip`. A layer that :func:`is_seen` by nobody is not drawn.
    """
    boxes = list(boxes)
    one_by_one = len(boxes) <= BOXES
    around: list[Box] = []
    for box in boxes:
        inside, shown = truth[window(box)], layer.data[window(box)]
        if not is_seen(layer):
            shown[...] = inside
            continue
        differ = shown != inside
        if one_by_one and int(np.count_nonzero(differ)) <= PIXELS:
            rows, columns = np.divmod(
                np.flatnonzero(differ), differ.shape[1]
            )  # faster than nonzero
            layer.data_setitem((rows + box[0], columns + box[1]), inside[rows, columns])
            continue
        high, wide = np.flatnonzero(differ.any(axis=1)), np.flatnonzero(differ.any(axis=0))
        if not len(high):
            continue
        shown[...] = inside
        top, left = box[0] + int(high[0]), box[1] + int(wide[0])
        around.append((top, left, box[0] + int(high[-1]) + 1, box[1] + int(wide[-1]) + 1))
    whole = union(around)
    if whole is None:
        return []
    if layer.contour < 1 and 4 * area(whole) < layer.data.size:
        draw_strip(layer, whole)
        return []
    if layer.contour < 1:
        layer.refresh(extent=False)
        return []
    step = max(1, STRIP // (whole[3] - whole[1]))
    return [
        (top, whole[1], min(top + step, whole[2]), whole[3])
        for top in range(whole[0], whole[2], step)
    ]


def draw_strip(layer: Labels, box: Box) -> None:
    """Draw a box of a layer anew, with the outlines if it has them."""
    # They are computed from the data around what is painted, and two corners make a box.
    corners = np.array([box[0], box[2] - 1]), np.array([box[1], box[3] - 1])
    shown = layer.data[corners]
    layer.data[corners] = ~shown  # else there is nothing to paint
    layer.data_setitem(corners, shown)
