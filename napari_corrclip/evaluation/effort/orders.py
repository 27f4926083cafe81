"""Orders that need more than the session knows (the bound), or that were tried beside its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.evaluation.effort.case import Case
from napari_corrclip.evaluation.effort.region_truth import case_counts, gains

if TYPE_CHECKING:
    from napari_corrclip.annotation import Region, Session

Order = Callable[["Session", "list[Region]"], NDArray[np.floating]]
"""(session, R regions) -> (R,) scores; the highest is looked at first."""

OrderFor = Callable[[Case], Order]
"""Makes an order for one image."""


def oracle(case: Case) -> Order:
    """Return the order of who knows the truth: most pixels to gain first.

    It is the bound for one region at a time: no order reaches an accuracy in fewer looks.
    """
    counts, ids = case_counts(case)
    gained = dict(zip(ids.tolist(), gains(case, counts).tolist(), strict=True))

    def order(_session: Session, rows: list[Region]) -> NDArray[np.float64]:
        return np.array([gained.get(row.id, 0.0) for row in rows], np.float64)

    return order
