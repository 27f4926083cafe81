"""A result on napari's real canvas: the layers open, and what is drawn is the classes' colours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import napari
import numpy as np
import pytest

from napari_corrclip.demo.scenes import generate_scene
from napari_corrclip.results.segmentation import Segmentation, segmentation_from_probabilities
from napari_corrclip.vocabulary import Vocabulary
from tests import conftest


def _result() -> tuple[np.ndarray[Any, Any], Segmentation]:
    scene = generate_scene(7)
    objects = (scene.instances > 0).astype(np.float32)
    probabilities = np.stack([objects, 1 - objects])
    words = Vocabulary.parse("thing #ff0000, ground #0000ff")
    return scene.image, segmentation_from_probabilities(probabilities, scene.regions, words)


@pytest.mark.canvas
def test_layers_are_drawn_in_the_classes_colours(
    make_napari_viewer: Callable[..., napari.Viewer],
) -> None:
    image, result = _result()
    viewer = make_napari_viewer(show=True)
    viewer.add_image(image, rgb=True)
    for data, options, kind in result.to_layers():
        viewer.add_layer(napari.layers.Layer.create(data, options, kind))  # type: ignore[arg-type]
    labels = viewer.layers["labels"]
    labels.opacity = 1.0
    drawn = viewer.screenshot(canvas_only=True, flash=False)[..., :3].reshape(-1, 3)
    for color in ((255, 0, 0), (0, 0, 255)):
        assert (drawn == color).all(axis=1).sum() > 1000, color


def test_ci_looks_for_the_reason_that_is_given() -> None:
    script = (conftest.ROOT / ".ci" / "run").read_text()
    assert "needs a drawn canvas" in script
    assert conftest.NO_CANVAS.startswith("needs a drawn canvas")
