"""The preferences of a person, kept by napari among its settings (Preferences > CorrCLIP).

napari keeps settings of plugins from 0.9 on. Before, or where this plugin is disabled there, the defaults
count and what is chosen in the dock is for this process alone. The environment wins over all of it.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Mapping
from enum import Enum
from pathlib import Path
from typing import Any

from napari_corrclip.annotation.encoded_cache import FEATURES, LIMIT_VARIABLE, limit_in_bytes
from napari_corrclip.errors import InputError
from napari_corrclip.vocabulary.palette import Palette
from napari_corrclip.weights.cache import CACHE_VARIABLE, PREFERENCES, cache_folder

PLUGIN = "napari-corrclip"
DEFAULTS: dict[tuple[str, str], Any] = {
    ("weights", "folder"): "",
    ("weights", "offline"): False,
    ("memory", "feature_cache_gib"): 2.0,
    ("start", "preset"): "demo",
    ("start", "device"): "auto",
    ("colours", "palette"): Palette.DISTINCT.value,
    ("keys", "classes"): "",
}
"""The settings of the manifest with their defaults."""


def _settings() -> Any:
    """Return napari's settings of this plugin; ``None``: it keeps none."""
    try:
        from napari.settings import get_plugin_settings
    except ImportError:  # napari < 0.9
        return None
    try:
        return get_plugin_settings(PLUGIN)
    except KeyError:  # disabled, or not installed but imported from a folder
        return None


def is_kept() -> bool:
    """Whether napari keeps what is chosen in the dock for the next start."""
    return _settings() is not None


def setting(group: str, name: str) -> Any:
    """Return what is set, or the default."""
    kept = _settings()
    return DEFAULTS[group, name] if kept is None else getattr(getattr(kept, group), name)


def _remember(group: str, name: str, value: Any) -> None:
    """Keep a value for the next start, where napari keeps any.

    Raises:
        InputError: its file cannot be written.
    """
    kept = _settings()
    if kept is None:
        return
    try:
        setattr(getattr(kept, group), name, value)  # napari writes its file now
    except OSError as error:
        raise InputError(
            f"{value!r} counts now but not at the next start: {str(kept.config_path)!r} cannot be written "
            f"({error.strerror or error})."
        ) from None


def apply(tell: Callable[[InputError], object]) -> None:
    """Make what is set count in this process; what cannot be is told in a sentence and left out."""
    PREFERENCES.folder = setting("weights", "folder").strip()
    PREFERENCES.offline = setting("weights", "offline")
    FEATURES.preferred = limit_in_bytes(setting("memory", "feature_cache_gib"))
    try:
        FEATURES.trim()
    except InputError as error:
        FEATURES.limit = FEATURES.preferred  # the environment's cannot be read
        tell(error)


def palette_of_new_classes() -> Palette:
    """Return where a class that is typed has its colour from; another choice counts at once."""
    chosen = setting("colours", "palette")
    return Palette(chosen.value if isinstance(chosen, Enum) else chosen)


_class_keys: dict[str, str] = {}
"""Where napari keeps none."""


def kept_class_keys() -> dict[str, str]:
    """Return the letters of classes by the classes' names; what cannot be read is none."""
    if not is_kept():
        return dict(_class_keys)
    try:
        found = json.loads(setting("keys", "classes") or "{}")
    except ValueError:
        return {}
    if not isinstance(found, dict):
        return {}
    return {name: key for name, key in found.items() if isinstance(key, str)}


def keep_class_keys(keys: Mapping[str, str]) -> None:
    """Keep the letters of classes for the next start.

    Raises:
        InputError: the setting cannot be kept.
    """
    _class_keys.clear()
    _class_keys.update(keys)
    _remember("keys", "classes", json.dumps(dict(keys), ensure_ascii=False))


def folder_is_of_environment() -> bool:
    """Whether the environment names the folder of weights."""
    return bool(os.environ.get(CACHE_VARIABLE))


def limit_is_of_environment() -> bool:
    """Whether the environment sets the limit of encoded images."""
    return bool(os.environ.get(LIMIT_VARIABLE, "").strip())


def choose_folder(folder: str) -> None:
    """Keep weights in ``folder`` from now on; empty: in the system's folder for caches.

    Raises:
        InputError: nothing can be written there, or the setting cannot be kept.
    """
    if folder:
        folder = str(cache_folder(folder))
        check_folder(Path(folder))
    PREFERENCES.folder = folder
    _remember("weights", "folder", folder)


def check_folder(folder: Path) -> None:
    """Look whether files can be written into ``folder``; it is made where it is missing.

    Raises:
        InputError: they cannot.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise InputError(
            f"Weights cannot be written to {str(folder)!r} ({error.strerror or error}); choose another "
            "folder."
        ) from None


def limit_features(gib: float) -> None:
    """Limit the memory of encoded images from now on.

    Raises:
        InputError: it is no limit, or the setting cannot be kept.
    """
    FEATURES.limit, FEATURES.preferred = None, limit_in_bytes(gib)
    FEATURES.trim()
    _remember("memory", "feature_cache_gib", gib)
