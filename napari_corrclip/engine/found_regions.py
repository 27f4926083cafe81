"""The regions of an image by themselves: found before a run, to be looked at, and for the run to take."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.devices import plain_steps
from napari_corrclip.engine.parts import load_regions, sam_of
from napari_corrclip.engine.recipe import Recipe
from napari_corrclip.progress import Progress, Steps
from napari_corrclip.regions.protocol import Partition, RegionSource, partition
from napari_corrclip.weights.fetch import fetch, missing

if TYPE_CHECKING:
    from segment_anything.modeling import Sam


@dataclass(frozen=True, eq=False, slots=True)
class RegionsBefore:
    """The regions that a recipe finds in an image, without what a run makes of them.

    Attributes:
        recipe: by which they were found.
        key: :meth:`~napari_corrclip.engine.recipe.Recipe.regions_key` of the recipe and the image.
        found: the regions.
        source: what found them, with its network.
        seconds: how long it took.
    """

    recipe: Recipe
    key: str
    found: Partition
    source: RegionSource
    seconds: float

    def sam_for(self, recipe: Recipe) -> Sam | None:
        """Return the SAM of a recipe where it is loaded here; ``None``: it is not."""
        return sam_of(self.source, self.recipe, recipe)


@plain_steps
def find_regions_steps(
    recipe: Recipe, rgb: NDArray[np.uint8], key: str, sam: Sam | None = None
) -> Steps[RegionsBefore]:
    """Find the regions of an image as a run would; of the networks SAM alone is loaded, if it is asked.

    Args:
        recipe: the run.
        rgb: (H, W, 3) uint8.
        key: of the recipe's regions of this image.
        sam: the preset's, where it is loaded already.

    Raises:
        InputError: the recipe's regions are not found, but given.
        WeightsError: SAM's weights are missing and cannot be fetched, or are another network's.
    """
    if sam is None:
        for network in missing(recipe.networks[2:]):
            yield from fetch(network)
        if recipe.networks[2:]:
            yield Progress("load the networks", 0, 1)
    source = load_regions(recipe, sam=sam)
    began = perf_counter()
    found = yield from partition(source, rgb)
    return RegionsBefore(recipe, key, found, source, perf_counter() - began)
