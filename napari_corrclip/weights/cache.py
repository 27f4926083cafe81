"""The folder in which weights are kept."""

from __future__ import annotations

import os
from pathlib import Path

CACHE_VARIABLE = "NAPARI_CORRCLIP_CACHE"


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
