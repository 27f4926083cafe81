"""The pixels between napari's Labels layers and a session's maps: painted ones, and those to be drawn."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from napari.layers import Labels
from numpy.typing import NDArray

from napari_corrclip.images.boxes import Box, union, window

PIXELS = 50_000
"""Up to so many changed pixels are written one by one."""
MANY = 50
"""From so many boxes on, to draw around all of them at once takes less than around each."""
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


def copy_boxes(truth: NDArray[np.integer], layer: Labels, boxes: Iterable[Box]) -> list[Box]:
    """Copy ``boxes`` of ``truth`` into a layer, and return the strips that are still to be drawn.

    Few pixels go by napari's own way of painting, which draws only around them: to outline all regions of
    a large image takes a fifth of a second. Of many, an outlined layer is to be drawn in strips, by
    :func:`draw_strip`. Those of many boxes, as of a sweep, are drawn at once where no outlines are.
    """
    strips: list[Box] = []
    wholly = False
    boxes = list(boxes)
    together = layer.contour < 1 and len(boxes) >= MANY
    changed: list[tuple[NDArray[np.intp], NDArray[np.intp]]] = []
    for box in boxes:
        inside, shown = truth[window(box)], layer.data[window(box)]
        differ = shown != inside
        if int(np.count_nonzero(differ)) <= PIXELS:
            rows, columns = np.divmod(
                np.flatnonzero(differ), differ.shape[1]
            )  # faster than nonzero
            if together:
                changed.append((rows + box[0], columns + box[1]))
            else:
                layer.data_setitem((rows + box[0], columns + box[1]), inside[rows, columns])
            continue
        shown[...] = inside
        if layer.contour < 1:
            wholly = True
            continue
        high, wide = np.flatnonzero(differ.any(axis=1)), np.flatnonzero(differ.any(axis=0))
        left, right = box[1] + int(wide[0]), box[1] + int(wide[-1]) + 1
        step = max(1, STRIP // (right - left))
        bottom = box[0] + int(high[-1]) + 1
        strips += [
            (top, left, min(top + step, bottom), right)
            for top in range(box[0] + int(high[0]), bottom, step)
        ]
    if changed:
        at = tuple(np.concatenate(axis) for axis in zip(*changed, strict=True))
        layer.data_setitem(at, truth[at])
    if wholly:
        layer.refresh(extent=False)
    return strips


def draw_strip(layer: Labels, box: Box) -> None:
    """Draw the outlines in a box of a layer anew."""
    # They are computed from the data around what is painted, and two corners make a box.
    corners = np.array([box[0], box[2] - 1]), np.array([box[1], box[3] - 1])
    shown = layer.data[corners]
    layer.data[corners] = ~shown  # else there is nothing to paint
    layer.data_setitem(corners, shown)
