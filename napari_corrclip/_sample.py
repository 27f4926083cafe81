"""Sample data for napari's *File > Open Sample* menu."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

SEED = 7


def synthetic_scene() -> list[tuple[NDArray[Any], dict[str, Any], str]]:
    """Return a scene of coloured shapes, (256, 256, 3) uint8, and its true regions, hidden."""
    from napari_corrclip.demo.scenes import generate_scene

    scene = generate_scene(SEED)
    return [
        (scene.image, {"name": "synthetic scene", "rgb": True}, "image"),
        (scene.regions, {"name": "true regions", "visible": False}, "labels"),
    ]
