"""The finished parts of a segmenter: towers and region source, loaded as a recipe says."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.devices import choose_device, choose_dtype
from napari_corrclip.encoders.clip import OpenClipEncoder
from napari_corrclip.encoders.dino import TimmSimilarityEncoder
from napari_corrclip.encoders.radio import input_of
from napari_corrclip.engine.recipe import GIVEN, Recipe, fingerprint_of
from napari_corrclip.errors import InputError
from napari_corrclip.regions.given import AwaitedRegions, GivenRegions
from napari_corrclip.regions.options import REGION_KINDS, SamOptions, SuperpixelOptions
from napari_corrclip.regions.protocol import RegionSource
from napari_corrclip.weights import loading
from napari_corrclip.weights.presets import Preset

if TYPE_CHECKING:
    from segment_anything.modeling import Sam

#: Where regions come from: a kind that finds them, a source, an integer array, or a file.
Regions = RegionSource | str | Path | NDArray[np.integer]
Cache = str | os.PathLike[str] | None


def load_towers(
    preset: Preset, recipe: Recipe, cache: Cache = None
) -> tuple[OpenClipEncoder, TimmSimilarityEncoder]:
    """Return a preset's CLIP and similarity tower on the recipe's device, in its type.

    Raises:
        InputError: there is no such device or type.
        WeightsError: weights are missing and cannot be fetched, or are another network's.
    """
    device, dtype = choose_device(recipe.device), choose_dtype(recipe.dtype)
    clip = OpenClipEncoder(
        # From the CPU, so that no device has to hold more than its own dtype needs.
        loading.load_clip(preset.clip, cache=cache),
        loading.load_tokenizer(preset.clip, cache),
        name=preset.clip.title,
        device=device,
        dtype=dtype,
    )
    shown = input_of(preset.similarity.architecture)
    similarity = TimmSimilarityEncoder(
        loading.load_similarity(preset.similarity, cache=cache),
        name=preset.similarity.title,
        device=device,
        dtype=dtype,
        mean=shown.mean,
        std=shown.std,
        positions=shown.positions,
    )
    return clip, similarity


def load_regions(recipe: Recipe, cache: Cache = None, sam: Sam | None = None) -> RegionSource:
    """Return the source of a recipe's regions.

    Args:
        recipe: whose regions.
        cache: folder of weights; ``None``: the user's.
        sam: the preset's SAM where it is loaded already.

    Raises:
        InputError: there is no such device, or the source was handed in as an object.
        WeightsError: SAM's weights are missing and cannot be fetched, or are another network's.
    """
    if isinstance(recipe.region_options, SuperpixelOptions):
        from napari_corrclip.regions.superpixels import SuperpixelRegions

        return SuperpixelRegions(**vars(recipe.region_options))
    if isinstance(recipe.region_options, SamOptions) and recipe.preset is not None:
        from napari_corrclip.regions.sam import SamRegions

        device = choose_device(recipe.device)
        network = loading.load_sam(recipe.preset.regions, device, cache) if sam is None else sam
        return SamRegions(network, device=device, **vars(recipe.region_options))
    if recipe.regions != GIVEN:
        raise recipe.cannot_be_remade()
    return AwaitedRegions()


def sam_of(source: RegionSource, made_by: Recipe, recipe: Recipe) -> Sam | None:
    """Return the SAM of a source that a recipe made, where another one asks for it on the same device."""
    from napari_corrclip.regions.sam import SamRegions

    if not isinstance(source, SamRegions) or made_by.preset is None or recipe.preset is None:
        return None
    same = made_by.preset.regions == recipe.preset.regions and made_by.device == recipe.device
    # One that was handed in may be another.
    return source.sam if same and "regions" not in made_by.parts else None


def named_regions(regions: Regions) -> tuple[str, RegionSource | None]:
    """Return what a recipe calls ``regions``, and the source where it is no kind that a preset makes.

    Raises:
        InputError: there is no such source, or the array or file holds no regions.
    """
    if isinstance(regions, str):
        if regions in REGION_KINDS:
            return regions, None
        if not os.path.isfile(regions):  # noqa: PTH113 - of any length
            raise InputError(
                f"There is no region source {regions!r}, nor a file of that name; choose sam or "
                "superpixels, or give an integer array or the path of a region map."
            )
    if isinstance(regions, np.ndarray):
        return GIVEN, GivenRegions(regions)
    if isinstance(regions, str | Path):
        return GIVEN, GivenRegions.from_file(regions)
    if isinstance(regions, RegionSource):
        return regions.name, regions
    raise InputError(
        f"Regions cannot come from a {type(regions).__name__}; give sam, superpixels, an integer "
        "array, a pathlib.Path or a region source."
    )


def part_of(source: RegionSource) -> str:
    """Return the fingerprint by which a recipe knows a source that was handed in."""
    return fingerprint_of(source.describe())


def unknown_words_of(preset: Preset) -> Callable[[str], Sequence[str]] | None:
    """Return what finds words that the preset's text tower never saw; ``None``: it saw any."""
    if preset.clip.library != "demo":
        return None
    from napari_corrclip.demo.world import unknown_words

    return unknown_words
