"""Short forms of tests: what each run tries of many cases; the rest is marked ``long``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest


def short(*cases: Any, rest: Iterable[Any] = ()) -> list[Any]:
    """Return parameters of a test: ``cases`` in each run, ``rest`` in the long form.

    Args:
        cases: values, or tuples of them.
        rest: more of the same kind; ``pytest -m long`` runs them.
    """
    return [
        *cases,
        *(
            pytest.param(*case, marks=pytest.mark.long)
            if isinstance(case, tuple)
            else pytest.param(case, marks=pytest.mark.long)
            for case in rest
        ),
    ]
