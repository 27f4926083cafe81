"""Whole numbers as people hand them over: Python's, NumPy's, those of a table."""

from __future__ import annotations

import contextlib
import operator
from typing import Any, cast


def whole(value: object) -> int | None:
    """Return a whole number as Python's own; ``None``: it is none, such as ``1.0``, ``True`` or a name."""
    with contextlib.suppress(TypeError):
        if not isinstance(value, bool):  # NumPy's refuses by itself
            return operator.index(cast("Any", value))
    return None
