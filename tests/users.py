"""Somebody whom permissions hold back, unlike the superuser as whom CI may run."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


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


@contextmanager
def open_folder() -> Iterator[Path]:
    """Give a folder to which everybody finds the way, as to pytest's own they do not."""
    with tempfile.TemporaryDirectory() as made:
        Path(made).chmod(0o755)
        yield Path(made).resolve()
        Path(made).chmod(0o755)
