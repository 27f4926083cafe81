"""The segments of an image as numbers of one map, for formats whose masks are polygons."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.project.export.format import Head
from napari_corrclip.project.export.image import LabelledImage
from napari_corrclip.project.export.segments import Masks

_VALUES = 1 << 16


def keyed_bands(
    image: LabelledImage, head: Head, masks: Masks, *, ignored: bool = False
) -> Iterator[NDArray[np.int64]]:
    """Yield pieces of whole rows of a map whose numbers are segments'; 0 is what is in none.

    Args:
        image: whose labels are cut.
        head: of the export; classes that are not written are in no segment.
        masks: of what segments are.
        ignored: whether what a person has said to leave out of training is a segment, too, of value 0.
    """
    written = np.zeros(_VALUES, np.bool_)
    written[list(head.numbering.by_value)] = True
    for _, labels, regions in image.bands():
        keys = np.where(written[labels], labels, 0).astype(np.int64)
        here = keys > 0
        if ignored:
            here |= image.ignored(labels, regions)
        if masks == "regions":
            keys += regions.astype(np.int64) * _VALUES
        elif ignored:
            keys[here & (keys == 0)] = _VALUES
        yield np.where(here, keys, 0)


def segment_of(key: int) -> tuple[int, int]:
    """Return the region and the label value of a number of :func:`keyed_bands`.

    Of classes the region is 0, or 1 of what is ignored.
    """
    return divmod(key, _VALUES)
