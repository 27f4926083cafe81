"""The networks, their licences, and the way of their weights from web to memory."""

from napari_corrclip.weights.catalogue import get_preset, preset_names, presets
from napari_corrclip.weights.presets import Library, NetworkSpec, Preset

__all__ = ["Library", "NetworkSpec", "Preset", "get_preset", "preset_names", "presets"]
