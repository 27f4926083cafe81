"""What a session is, in full, and what an error is."""

from __future__ import annotations

import re
from dataclasses import fields
from typing import Any

import numpy as np
import pandas as pd

from napari_corrclip.annotation import Region, Session


class Seen:
    """Everything that a session shows, copied."""

    def __init__(self, session: Session) -> None:
        self.maps = {
            name: np.array(getattr(session, name))
            for name in ("labels", "regions", "pins", "prediction")
        }
        self.vocabulary = session.vocabulary
        self.table = session.table
        self.rows = {row.id: plain(row) for row in session.rows()}

    def same(self, other: Seen) -> None:
        """Assert that the two are the same to the last bit."""
        for name, array in self.maps.items():
            np.testing.assert_array_equal(array, other.maps[name], err_msg=name)
        assert self.vocabulary == other.vocabulary
        assert self.rows == other.rows
        pd.testing.assert_frame_equal(self.table, other.table, check_exact=True)


def plain(row: Region) -> dict[str, Any]:
    """Return what a row holds, fit for ==; by which path its counts came about does not matter."""
    found = {field.name: getattr(row, field.name) for field in fields(row)}
    indices, pixels = found.pop("sources")
    found["sources"] = dict(zip(indices.tolist(), pixels.tolist(), strict=True))
    return found | {name: found[name].tolist() for name in ("votes", "probabilities")}


def one_sentence(message: str) -> bool:
    """Tell whether an error is a sentence, and only one."""
    return message.endswith(".") and "\n" not in message and not re.search(r"\. [A-Z]", message)
