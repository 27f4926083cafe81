"""The preferences of the process: whether connections are allowed, and where weights are kept.

The folders are those of :mod:`napari_corrclip.storage.places`.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from napari_corrclip.storage import places
from napari_corrclip.storage.places import CACHE_VARIABLE, PRESETS_VARIABLE, presets_folder

__all__ = [
    "CACHE_VARIABLE", "OFFLINE_VARIABLES", "PREFERENCES", "PRESETS_VARIABLE", "Preferences",
    "cache_folder", "is_offline", "offline", "presets_folder",
]  # fmt: skip

OFFLINE_VARIABLES = ("NAPARI_CORRCLIP_OFFLINE", "HF_HUB_OFFLINE")


@dataclass
class Preferences:
    """The preferences of a person in this process, where the environment says nothing.

    Attributes:
        folder: of the weights; empty: the system's folder for a user's caches.
        offline: whether connections are forbidden.
    """

    folder: str = ""
    offline: bool = False


PREFERENCES = Preferences()


def is_offline() -> bool:
    """Whether connections are forbidden: one of :data:`OFFLINE_VARIABLES` is 1 or true.

    Where the first of them is not set at all, :data:`PREFERENCES` may forbid them too.
    """
    values = [os.environ.get(name, "").strip().lower() for name in OFFLINE_VARIABLES]
    said = any(value in {"1", "true", "yes", "on"} for value in values)
    return said or (not values[0] and PREFERENCES.offline)


@contextlib.contextmanager
def offline() -> Iterator[None]:
    """Forbid connections in this process until the end of the block."""
    name = OFFLINE_VARIABLES[0]
    before = os.environ.get(name)
    os.environ[name] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


def cache_folder(folder: str | os.PathLike[str] | None = None) -> Path:
    """Return the folder in which downloaded weights are kept; it need not exist yet.

    Args:
        folder: a folder to use; ``None`` takes the one that the environment variable
            ``NAPARI_CORRCLIP_CACHE`` names, else that of :data:`PREFERENCES`, else the system's folder
            for a user's caches.

    Raises:
        InputError: it begins with the home of somebody who has none.
    """
    return places.cache_folder(folder, PREFERENCES.folder)
