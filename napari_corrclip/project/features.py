"""The features of an item's image that a run keeps, so that other words cost no image tower.

``items/NAME/features.safetensors`` is a file of :meth:`~napari_corrclip.engine.features.Features.save`, of
the run whose result lies beside it. It is large, megabytes an image, and so kept on demand, up to a limit.
"""

from __future__ import annotations

import contextlib
import math
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_corrclip.engine.recipe import Recipe
from napari_corrclip.errors import InputError
from napari_corrclip.project.folder import RESULT, is_large
from napari_corrclip.storage.folders import read_whole

if TYPE_CHECKING:
    from napari_corrclip.engine.features import Features
    from napari_corrclip.weights.presets import NetworkSpec

FEATURES = "features.safetensors"
LIMIT = 20 * 10**9
"""Bytes that the features of a project take at most, where nobody says another number."""
_HEADER, _A_WINDOW = 2500, 40
"""Bytes that a file has besides its arrays at most, and for each window."""


def read_features(folder: Path) -> Features:
    """Return the features in an item's folder; the file is taken as untrusted.

    Raises:
        InputError: there are none, or they are damaged or not of the result that lies beside them.
    """
    from napari_corrclip.engine.features import Features  # imports torch
    from napari_corrclip.maps.reading import read_map

    path = folder / FEATURES
    if not path.exists():
        why = "a large image keeps none" if is_large(folder) else "it was run without keeping them"
        raise InputError(
            f"{folder.name!r} has no features ({why}); encode it (Project.encode), or run the project with "
            "--keep features, which brings them where nobody has decided anything yet."
        )
    features = Features.load(path)
    name = "regions.tif"
    regions = read_whole(folder / RESULT, [name], lambda locate: read_map(locate(name)))
    if not np.array_equal(regions, features.regions):
        raise InputError(
            f"The features {str(path)!r} are of other regions than the result beside them; remove the file "
            "and run the image again."
        )
    return features


def size_of_features(folder: Path) -> int:
    """Return how many bytes the features in an item's folder take; 0: there are none."""
    with contextlib.suppress(OSError):
        return (folder / FEATURES).stat().st_size
    return 0


def bytes_on_disk(features: Features) -> int:
    """Return how many bytes the file of some features takes at most."""
    return features.nbytes + _HEADER + _A_WINDOW * len(features.windows.layout)


class Room:
    """The room for features on the disk: a limit in bytes, and what of it is taken.

    Args:
        limit: bytes for the items of the run.
        folders: of these items, whose features of earlier runs count.
    """

    def __init__(self, limit: int, folders: Iterable[Path]) -> None:
        self._limit = limit
        self._taken = sum(map(size_of_features, folders))

    def take(self, folder: Path, size: int) -> bool:
        """Take room in place of what an item's folder has; return false where there is not so much."""
        taken = self._taken - size_of_features(folder) + size
        if taken > self._limit:
            return False
        self._taken = taken
        return True


def bytes_of_features(recipe: Recipe, shape: tuple[int, int]) -> int:
    """Return about how many bytes the features of an image of so many rows and columns take.

    Args:
        recipe: of the run, of a preset; of large images none are kept.
        shape: of the image.
    """
    if recipe.scale is not None:
        return 0
    from napari_corrclip.engine.windows import plan

    clip, similarity, *sam = recipe.networks
    patch, channels = _clip_shape(clip)
    cell = _patch_of(similarity)
    layout = plan(shape, recipe.method, (patch, cell))
    side = cell if recipe.method.scope else patch
    rows, columns = (size // side for size in layout.padded)
    cells = len(layout) * rows * columns * channels
    clicks = sum(_VIEW[network.library == "demo"] for network in sam)
    header = _HEADER + _A_WINDOW * len(layout)
    return 4 * (cells + math.prod(shape) + clicks) + header


_VIEW = {False: 256 * 64 * 64, True: 128 * 16 * 16}
"""Numbers of SAM's view of an image, for clicks, by whether it is the demo's."""


def _clip_shape(network: NetworkSpec) -> tuple[int, int]:
    """Return the patch of an image tower in pixels, and the channels that it shares with text."""
    if network.library == "demo":
        from napari_corrclip.demo.networks import CHANNELS, CLIP_PATCH

        return CLIP_PATCH, CHANNELS
    import open_clip

    config = open_clip.get_model_config(network.architecture) or {}
    vision = config.get("vision_cfg", {})
    patch = vision.get("patch_size") if isinstance(vision, dict) else None
    return int(patch or 16), int(config.get("embed_dim", 768))


def _patch_of(network: NetworkSpec) -> int:
    """Return the patch of a similarity tower in pixels; where its name does not tell, a small one."""
    if network.library == "demo":
        from napari_corrclip.demo.networks import SIMILARITY_PATCH

        return SIMILARITY_PATCH
    found = re.search(r"patch(\d+)", network.architecture)
    return int(found[1]) if found else 8
