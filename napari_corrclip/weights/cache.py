"""The folder in which weights are kept."""

from __future__ import annotations

import os
from pathlib import Path

CACHE_VARIABLE = "NAPARI_CORRCLIP_CACHE"
OFFLINE_VARIABLES = ("NAPARI_CORRCLIP_OFFLINE", "HF_HUB_OFFLINE")


def is_offline() -> bool:
    """Whether the environment forbids connections: one of :data:`OFFLINE_VARIABLES` is 1 or true."""
    values = (os.environ.get(name, "").strip().lower() for name in OFFLINE_VARIABLES)
    return any(value in {"1", "true", "yes", "on"} for value in values)


def cache_folder(folder: str | os.PathLike[str] | None = None) -> Path:
    """Return the folder in which downloaded weights are kept; it need not exist yet.

    Args:
        folder: a folder to use; ``None`` takes the one that the environment variable
            ``NAPARI_CORRCLIP_CACHE`` names, else the system's folder for a user's caches.
    """
    chosen = folder or os.environ.get(CACHE_VARIABLE)
    if chosen:
        return Path(chosen).expanduser().absolute()
    from platformdirs import user_cache_path

    return user_cache_path("napari-corrclip", appauthor=False)
