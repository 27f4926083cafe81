"""The catalogue of presets: those of the package, and those that a person saved."""

from __future__ import annotations

from napari_corrclip.errors import InputError
from napari_corrclip.weights.presets import Preset, built_in, built_in_names
from napari_corrclip.weights.saved import own_names, own_presets, read_preset


def preset_names() -> tuple[str, ...]:
    """Return the names of all presets: those of the package, then those that a person saved."""
    return (*built_in_names(), *own_names())


def get_preset(name: str) -> Preset:
    """Return the preset called ``name``, of the package or saved by :func:`save_preset`.

    Raises:
        InputError: there is none of that name, or its file cannot be used.
    """
    if isinstance(name, str):
        if name in built_in_names():
            return built_in(name)
        if name in own_names():
            return read_preset(name)
    raise InputError(f"There is no preset {name!r}; choose one of {', '.join(preset_names())}.")


def presets() -> tuple[Preset, ...]:
    """Return all presets; one that a person saved and that cannot be read is left out with a warning."""
    return (*map(built_in, built_in_names()), *own_presets())
