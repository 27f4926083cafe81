"""Open-vocabulary segmentation in napari by CorrCLIP.

The public names are resolved when they are first used: importing the package loads no torch, no
napari and no Qt.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

from napari_corrclip import _moved

if TYPE_CHECKING:
    from napari_corrclip.annotation import Queue as Queue
    from napari_corrclip.annotation import Session as Session
    from napari_corrclip.annotation.encoded_cache import (
        set_feature_cache_limit as set_feature_cache_limit,
    )
    from napari_corrclip.api import annotate as annotate
    from napari_corrclip.api import segment as segment
    from napari_corrclip.api import segment_large as segment_large
    from napari_corrclip.engine.features import Features as Features
    from napari_corrclip.engine.recipe import Recipe as Recipe
    from napari_corrclip.engine.segmenter import Segmenter as Segmenter
    from napari_corrclip.errors import CorrClipError as CorrClipError
    from napari_corrclip.errors import InputError as InputError
    from napari_corrclip.errors import WeightsError as WeightsError
    from napari_corrclip.gui.console import open_widget as open_widget
    from napari_corrclip.gui.console import segment_layer as segment_layer
    from napari_corrclip.images import read_image as read_image
    from napari_corrclip.images import to_rgb as to_rgb
    from napari_corrclip.learning import Lesson as Lesson
    from napari_corrclip.progress import Progress as Progress
    from napari_corrclip.project.export.exporting import ExportOptions as ExportOptions
    from napari_corrclip.project.handing_on import export as export
    from napari_corrclip.project.project import Project as Project
    from napari_corrclip.results.large import LargeSegmentation as LargeSegmentation
    from napari_corrclip.results.segmentation import Segmentation as Segmentation
    from napari_corrclip.scripting import as_python as as_python
    from napari_corrclip.settings import Settings as Settings
    from napari_corrclip.vocabulary import Vocabulary as Vocabulary
    from napari_corrclip.vocabulary import VocabularyClass as VocabularyClass
    from napari_corrclip.weights.catalogue import get_preset as get_preset
    from napari_corrclip.weights.catalogue import presets as presets
    from napari_corrclip.weights.naming import make_preset as make_preset
    from napari_corrclip.weights.presets import Preset as Preset
    from napari_corrclip.weights.saved import save_preset as save_preset

    __version__: str

_HOME = {
    "CorrClipError": "errors",
    "ExportOptions": "project.export.exporting",
    "Features": "engine.features",
    "InputError": "errors",
    "LargeSegmentation": "results.large",
    "Lesson": "learning",
    "Preset": "weights.presets",
    "Progress": "progress",
    "Project": "project.project",
    "Queue": "annotation",
    "Recipe": "engine.recipe",
    "Segmentation": "results.segmentation",
    "Segmenter": "engine.segmenter",
    "Session": "annotation",
    "Settings": "settings",
    "Vocabulary": "vocabulary",
    "VocabularyClass": "vocabulary",
    "WeightsError": "errors",
    "annotate": "api",
    "as_python": "scripting",
    "export": "project.handing_on",
    "get_preset": "weights.catalogue",
    "make_preset": "weights.naming",
    "open_widget": "gui.console",
    "presets": "weights.catalogue",
    "read_image": "images",
    "save_preset": "weights.saved",
    "segment": "api",
    "segment_large": "api",
    "segment_layer": "gui.console",
    "set_feature_cache_limit": "annotation.encoded_cache",
    "to_rgb": "images",
}
"""Each public name and the module it comes from."""

_WITH_TORCH = {
    "api",
    "engine.features",
    "engine.segmenter",
    "project.handing_on",
    "project.project",
}
"""The modules among them that import torch."""

_moved.install()

__all__ = [
    "CorrClipError",
    "ExportOptions",
    "Features",
    "InputError",
    "LargeSegmentation",
    "Lesson",
    "Preset",
    "Progress",
    "Project",
    "Queue",
    "Recipe",
    "Segmentation",
    "Segmenter",
    "Session",
    "Settings",
    "Vocabulary",
    "VocabularyClass",
    "WeightsError",
    "__version__",
    "annotate",
    "as_python",
    "export",
    "get_preset",
    "make_preset",
    "open_widget",
    "presets",
    "read_image",
    "save_preset",
    "segment",
    "segment_large",
    "segment_layer",
    "set_feature_cache_limit",
    "to_rgb",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        value: Any = version("napari-corrclip")
    elif name in _HOME:
        if _HOME[name] in _WITH_TORCH and "vispy" in sys.modules:
            # A canvas may be drawn already: napari's console, or a script that opened a viewer.
            from napari_corrclip._torch_import import prepare_imports

            prepare_imports()
        value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
