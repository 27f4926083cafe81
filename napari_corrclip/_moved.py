"""The former names of modules and of what is in them, which work until 0.3 and say where things are now."""

from __future__ import annotations

import importlib
import sys
import warnings
from collections.abc import Callable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

_PACKAGE = "napari_corrclip."

MOVED = {
    "annotation.adjacency": "maps.adjacency",
    "annotation.boxes": "images.boxes",
    "annotation.checking": "annotation.files.checking",
    "annotation.engine": "annotation.encoded",
    "annotation.frame": "annotation.region",
    "annotation.orders": "annotation.review.orders",
    "annotation.packing": "annotation.files.packing",
    "annotation.queue": "annotation.review.queue",
    "annotation.records": "annotation.files.records",
    "annotation.regions": "annotation.region",
    "annotation.source": "images.source",
    "annotation.storage": "annotation.files.folder",
    "cli.picture": "evaluation.comparison",
    "cli.places": "cli.targets",
    "demo.evaluate": "evaluation.demo_world",
    "evaluation.effort.arms": "evaluation.effort.simulation.arms",
    "evaluation.effort.boundary": "evaluation.effort.simulation.boundary",
    "evaluation.effort.boxes": "evaluation.effort.simulation.boxes",
    "evaluation.effort.brush": "evaluation.effort.simulation.brush",
    "evaluation.effort.case": "evaluation.effort.cases.case",
    "evaluation.effort.folder": "evaluation.effort.cases.folder",
    "evaluation.effort.forest": "evaluation.effort.cases.forest",
    "evaluation.effort.hold": "evaluation.effort.cases.held_accuracy",
    "evaluation.effort.orders": "evaluation.effort.simulation.orders",
    "evaluation.effort.output": "evaluation.effort.reporting.output",
    "evaluation.effort.person": "evaluation.effort.simulation.person",
    "evaluation.effort.photographs": "evaluation.effort.cases.photographs",
    "evaluation.effort.plots": "evaluation.effort.reporting.plots",
    "evaluation.effort.prices": "evaluation.effort.simulation.prices",
    "evaluation.effort.region_truth": "evaluation.effort.simulation.region_truth",
    "evaluation.effort.report": "evaluation.effort.reporting.report",
    "evaluation.effort.scenes": "evaluation.effort.cases.scenes",
    "evaluation.effort.track": "evaluation.effort.simulation.running_accuracy",
    "feature_cache": "annotation.encoded_cache",
    "features": "engine.features",
    "frozen": "storage.frozen",
    "gui.advanced": "gui.model.advanced",
    "gui.area": "gui.image.area",
    "gui.as_read": "gui.image.layer_files",
    "gui.choice": "gui.work.choice",
    "gui.class_table": "gui.words.table",
    "gui.confidence": "gui.layers.confidence",
    "gui.configuration": "gui.preferences",
    "gui.contrast": "gui.image.contrast",
    "gui.controller": "gui.work.controller",
    "gui.copying": "gui.session.copying",
    "gui.correct.commands": "gui.correct.keys",
    "gui.correct.held": "gui.correct.held_keys",
    "gui.correct.selecting": "gui.correct.pointer",
    "gui.correct.sight": "gui.correct.camera",
    "gui.correct.walking": "gui.correct.review",
    "gui.describing": "gui.layers.captions",
    "gui.device_box": "gui.model.device",
    "gui.drawing": "gui.vispy_fix",
    "gui.estimates": "gui.work.estimates",
    "gui.held": "gui.work.workspace",
    "gui.image_panel": "gui.image.panel",
    "gui.jobs": "gui.work.jobs",
    "gui.keeper": "gui.session.restore_bar",
    "gui.loading": "gui.session.loading",
    "gui.look": "gui.layers.appearance",
    "gui.model_panel": "gui.model.panel",
    "gui.opening": "gui.console",
    "gui.outside": "gui.layers.guard",
    "gui.painted": "gui.layers.strokes",
    "gui.picture": "gui.image.picture",
    "gui.planes": "gui.image.planes",
    "gui.project.own_classes": "project.own_classes",
    "gui.regions_model": "gui.regions.model",
    "gui.regions_table": "gui.regions.table",
    "gui.relabelling": "gui.work.relabelling",
    "gui.removing": "gui.words.removal",
    "gui.session_menu": "gui.session.menu",
    "gui.shown": "gui.session.display",
    "gui.stack": "gui.session.slider",
    "gui.storage": "gui.model.resources",
    "gui.vocabulary_panel": "gui.words.panel",
    "gui.weight_files": "gui.model.weight_files",
    "gui.weights_dialog": "gui.model.weights_question",
    "gui.worker": "gui.work.job",
    "large": "engine.large",
    "large.planes": "images.planes",
    "large.result": "results.large",
    "large.storage": "results.zarr_maps",
    "large.store": "results.maps_store",
    "libraries": "_torch_import",
    "pipeline": "engine.encoding",
    "plain": "wording.markup",
    "provenance": "results.provenance",
    "region_map": "maps.regions",
    "segmentation": "results.segmentation",
    "segmenter": "engine.segmenter",
    "stack": "project.stack",
    "storage.amounts": "wording.amounts",
    "storage.cells": "wording.csv_cells",
    "storage.plain": "wording.markup",
    "storage.text": "storage.text_files",
    "storage.visible": "wording.visible",
    "table": "maps.table",
    "templates": "vocabulary.templates",
    "text_cache": "engine.text_cache",
    "tiling": "engine.window_count",
    "weights.own": "weights.saved",
    "windows": "engine.windows",
}
"""Former name inside the package -> today's; modules of a package move with it."""

MOVED_NAMES = {
    "annotation.journal": {
        "journal_folder": "annotation.store",
        "kept_parts": "annotation.store",
        "put_aside": "annotation.files.log",
    },
    "engine": {
        "Engine": "engine.encoded_image",
        "annotate": "api",
        "run_steps": "engine.encoded_image",
    },
    "engine.encoding": {
        "Logits": "engine.classifying",
        "PixelClasses": "engine.classifying",
        "blended_logits": "engine.classifying",
        "classify_pixels": "engine.classifying",
    },
    "engine.large": {"segment_large": "api"},
    "engine.segmenter": {"segment": "api"},
    "gui.layers": {"SessionLayers": "gui.layers.session_layers"},
    "weights.presets": {
        "get_preset": "weights.catalogue",
        "preset_names": "weights.catalogue",
        "presets": "weights.catalogue",
    },
}
"""Module inside the package -> what it held before -> where that is today."""


def moved_names(module: str) -> Callable[[str], Any]:
    """Return a module's ``__getattr__``, which finds what it held before.

    Args:
        module: its ``__name__``.
    """
    names = MOVED_NAMES[module.removeprefix(_PACKAGE)]

    def find(name: str) -> Any:
        if name not in names:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        home = f"{_PACKAGE}{names[name]}"
        warnings.warn(
            f"{module}.{name} is in {home} now; the former place works until 0.3.",
            DeprecationWarning,
            stacklevel=2,
        )
        return getattr(importlib.import_module(home), name)

    return find


def today(name: str) -> str | None:
    """Return what the module ``name`` is called today; ``None``: it has not moved."""
    if not name.startswith(_PACKAGE):
        return None
    head, tail = name.removeprefix(_PACKAGE), ""
    while head:
        if head in MOVED:
            return f"{_PACKAGE}{MOVED[head]}{tail}"
        head, _, last = head.rpartition(".")
        tail = f".{last}{tail}"
    return None


class _FormerNames(MetaPathFinder):
    """A finder of modules by their former names."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return how to load the module; ``None``: it has not moved."""
        moved = today(name)
        if moved is None:
            return None
        # The first frame above those of importlib is who imports.
        warnings.warn(
            f"{name} is called {moved} now; the former name works until 0.3.",
            DeprecationWarning,
            stacklevel=2,
        )
        return ModuleSpec(name, _Today(moved))


class _Today(Loader):
    """A loader that gives the module of today, so that both names are one module."""

    def __init__(self, name: str) -> None:
        self._name = name

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Return the module of today."""
        module = importlib.import_module(self._name)
        self._spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Leave it as it is; importlib has written the former name's spec over its own."""
        module.__spec__ = self._spec


def install() -> None:
    """Have former names found from now on."""
    if not any(isinstance(finder, _FormerNames) for finder in sys.meta_path):
        # Before the finder of files, which would load a module anew by a package's former name.
        sys.meta_path.insert(0, _FormerNames())
