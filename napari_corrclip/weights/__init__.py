"""Which networks there are, their licences, and the way of their weights from web to memory."""

from napari_corrclip.weights.presets import (
    Library,
    NetworkSpec,
    Preset,
    get_preset,
    preset_names,
    presets,
)

__all__ = ["Library", "NetworkSpec", "Preset", "get_preset", "preset_names", "presets"]
