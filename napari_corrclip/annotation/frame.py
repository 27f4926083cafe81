"""The table of a session's regions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_corrclip.annotation.regions import Region
from napari_corrclip.maps import table as tables
from napari_corrclip.vocabulary import Vocabulary

if TYPE_CHECKING:
    import pandas as pd


def region_frame(rows: list[Region], vocabulary: Vocabulary) -> pd.DataFrame:
    """Return the table of :attr:`Session.table` for some regions."""
    count, classes = len(rows), len(vocabulary)
    frame = tables.frame(
        np.array([row.id for row in rows], np.int64),
        np.array([row.box for row in rows], np.int32).reshape(count, 4),
        np.array([row.votes for row in rows], np.int64).reshape(count, 1 + classes),
        np.array([row.probabilities for row in rows], np.float32).reshape(count, classes),
        vocabulary,
        elected=np.array([row.predicted for row in rows], np.int64),
    )
    names = {one.value: one.name for one in vocabulary} | {0: ""}
    frame["state"] = [row.verdict.kind if row.verdict else "" for row in rows]
    frame["label"] = np.array([row.value for row in rows], np.int64)
    frame["label_class"] = [names[row.value] for row in rows]
    return frame
