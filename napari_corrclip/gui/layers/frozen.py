"""Layers with all axes of a stack, of what was corrected on planes that come back by themselves no more."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from napari.layers import Image, Labels

from napari_corrclip.gui.image.planes import Where, place
from napari_corrclip.gui.layers.captions import class_colormap, region_colormap
from napari_corrclip.gui.work.with_images import InMemory


def frozen(
    image: Image, planes: Sequence[InMemory], which: Sequence[str] = ("labels", "regions")
) -> Iterator[Labels]:
    """Yield a layer for each level, and each of ``which``, that shows the sessions of planes."""
    for level in sorted({plane.picture.level for plane in planes}):
        some = [plane for plane in planes if plane.picture.level == level]
        for name in which:
            data, where, box = _joined(some, name)
            layer = Labels(
                data,
                name=name_of_aside(name, image.name),
                opacity=0.4 if name == "labels" else 0.8,
                **place(image, level=level, box=box, where=where),
            )
            if name == "labels":
                layer.colormap = class_colormap(some[-1].session.vocabulary)
            else:
                layer.colormap = region_colormap()
                layer.contour = 1
            yield layer


def name_of_aside(name: str, image: str) -> str:
    """Return the name of a layer of corrections that are put aside: ``labels of street``."""
    return f"{name} of {image}"


def _joined(planes: Sequence[InMemory], name: str) -> tuple[Any, Where, tuple[int, int, int, int]]:
    """Return a map of all planes from the first to the last, and where its first pixel lies."""
    wheres = np.array([plane.picture.where for plane in planes])
    boxes = np.array([plane.picture.box or (0, 0, *plane.picture.shape) for plane in planes])
    first, last = wheres.min(axis=0), wheres.max(axis=0) + 1
    top, left = boxes[:, :2].min(axis=0).tolist()
    bottom, right = boxes[:, 2:].max(axis=0).tolist()
    found = np.zeros(
        (*(last - first).tolist(), bottom - top, right - left),
        getattr(planes[0].session, name).dtype,
    )
    for plane, where, box in zip(planes, wheres, boxes, strict=True):
        at = tuple((where - first).tolist())
        rows, columns = slice(box[0] - top, box[2] - top), slice(box[1] - left, box[3] - left)
        found[(*at, rows, columns)] = getattr(plane.session, name)
    return found, tuple(first.tolist()), (top, left, bottom, right)
