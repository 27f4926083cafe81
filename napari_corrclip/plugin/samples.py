"""Sample data for napari's *File > Open Sample* menu; nothing is downloaded."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

LayerData = tuple["NDArray[Any]", dict[str, Any], str]

PHOTOGRAPHS = (
    "astronaut", "coffee", "chelsea", "rocket", "coins", "cell", "immunohistochemistry", "retina",
)  # fmt: skip
"""The photographs and micrographs that lie in scikit-image's own package."""


def scene(seed: int) -> list[LayerData]:
    """Return a scene of coloured shapes, (256, 256, 3) uint8, and its true regions, hidden.

    Args:
        seed: which scene; any whole number from 0.
    """
    from napari_corrclip.demo.scenes import generate_scene

    made = generate_scene(seed)
    return [
        (made.image, {"name": "synthetic scene", "rgb": True}, "image"),
        (made.regions, {"name": "true regions", "visible": False}, "labels"),
    ]


def photograph(name: str) -> list[LayerData]:
    """Return one of :data:`PHOTOGRAPHS`: (H, W, 3) uint8, or (H, W) uint8 where it is gray.

    Args:
        name: what scikit-image calls it.
    """
    from skimage import data

    image = getattr(data, name)()
    return [(image, {"name": name, "rgb": image.ndim == 3}, "image")]


# What the manifest names.
synthetic_scene = partial(scene, 7)
shore = partial(scene, 0)
meadow = partial(scene, 2)
stones = partial(scene, 14)
astronaut, coffee, chelsea, rocket, coins, cell, immunohistochemistry, retina = (
    partial(photograph, name) for name in PHOTOGRAPHS
)
