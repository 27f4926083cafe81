"""Numbers as a person types them, read alike in every country.

All that the window shows has a point before the decimals, so that is how its numbers are read, and a comma
means the same. What could be a mark between thousands is neither guessed nor left out: it is refused.
"""

from __future__ import annotations

import math
import re

from napari_corrclip.errors import InputError

# ASCII's digits alone; Python's own reading takes those of any script, and lines between them.
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:[.,][0-9]*)?|[.,][0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
_WHOLE = re.compile(r"[+-]?[0-9]{1,15}")
_THOUSANDS = re.compile(r"[+-]?[1-9][0-9]{0,2}[.,][0-9]{3}")


def number(text: str) -> float | None:
    """Return what is typed as a number, such as ``0.5``, ``0,5`` or ``1e-3``; ``None`` where it is none.

    Raises:
        InputError: it could be a thousand times as much, as ``1.000`` and ``1,000``.
    """
    typed = text.strip()
    if _THOUSANDS.fullmatch(typed):
        many, few = re.sub("[.,]", "", typed), typed.replace(",", ".")
        raise InputError(f"{typed!r} could be {many} or {few}; write {many}, or {few}0.")
    if not _NUMBER.fullmatch(typed):
        return None
    found = float(typed.replace(",", "."))
    return found if math.isfinite(found) else None


def whole_number(text: str) -> int | None:
    """Return what is typed as a number without decimals or marks; ``None`` where it is none."""
    typed = text.strip()
    return int(typed) if _WHOLE.fullmatch(typed) else None
