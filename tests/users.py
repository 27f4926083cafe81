"""Somebody whom permissions hold back, unlike the superuser as whom CI may run."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def another_user() -> Iterator[None]:
    """Be nobody for a moment, where one is the superuser."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)
