"""The verdicts that taught most about a region: those on the regions that look most like it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.learning.normalisation import Normalisation
from napari_corrclip.learning.sitting import Looks


@dataclass(frozen=True)
class Teacher:
    """A verdict that taught, and how near the region that it was given on looks.

    Attributes:
        image: key of the image.
        region: id of the region in it.
        value: the label value that the person said.
        sitting: number of the finished sitting; ``None``: the image is open.
        distance: between what the two regions look like, 0 where they look the same.
    """

    image: str
    region: int
    value: int
    sitting: int | None
    distance: float


def nearest(
    x: NDArray[np.float64],
    rows: Iterable[tuple[str, int | None, Looks]],
    normalisation: Normalisation,
    count: int,
) -> tuple[Teacher, ...]:
    """Return the verdicts nearest to a region, the nearest first.

    Args:
        x: (X,) of the region.
        rows: image, number of the sitting, and verdicts.
        normalisation: of the set.
        count: how many at most.
    """
    found = []
    for image, number, looks in rows:
        distances = np.sqrt(((normalisation.x(looks) - x) ** 2).sum(axis=1))
        for row in np.argsort(distances, kind="stable")[:count].tolist():
            region, value = int(looks.ids[row]), int(looks.values[row])
            found.append(Teacher(image, region, value, number, float(distances[row])))
    return tuple(sorted(found, key=lambda teacher: teacher.distance)[:count])
