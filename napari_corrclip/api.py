"""The functions that a script calls: one image segmented, annotated, or segmented tile by tile.

All three take the same choices of a run, or a :class:`~napari_corrclip.engine.recipe.Recipe` in their place.
"""

from __future__ import annotations

import os
import reprlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from napari_corrclip.annotation import Session, Source
from napari_corrclip.engine.encoded_image import annotate_steps
from napari_corrclip.engine.large.run import large_steps
from napari_corrclip.engine.parts import Regions, named_regions
from napari_corrclip.engine.recipe import GIVEN, Recipe
from napari_corrclip.engine.segmenter import Image, Segmenter
from napari_corrclip.errors import InputError
from napari_corrclip.images import PERCENTILES, ImageOptions, read_pixels
from napari_corrclip.progress import drive
from napari_corrclip.regions.options import REGION_KINDS
from napari_corrclip.regions.protocol import RegionSource
from napari_corrclip.results.large import LargeSegmentation
from napari_corrclip.results.segmentation import Segmentation
from napari_corrclip.results.zarr_maps import check_target, check_zarr
from napari_corrclip.settings import Detail, Settings
from napari_corrclip.vocabulary import Vocabulary, VocabularyLike
from napari_corrclip.weights.presets import Preset

if TYPE_CHECKING:
    import torch


def segment(
    image: Image,
    vocabulary: VocabularyLike,
    *,
    preset: str | Preset = "demo",
    device: str | torch.device = "auto",
    dtype: str | torch.dtype = "float32",
    regions: Regions = "sam",
    region_options: Mapping[str, Any] | None = None,
    settings: Settings | None = None,
    detail: Detail = "standard",
    recipe: Recipe | None = None,
    progress: bool | None = None,
) -> Segmentation:
    """Segment one image by a vocabulary; for several, keep a :class:`Segmenter`.

    Args:
        image: an array as :func:`napari_corrclip.images.to_rgb` takes it, an image of Pillow's, or a path.
        vocabulary: text such as ``"cat, dog"``, a file, names, or a :class:`Vocabulary`.
        preset: as :meth:`Segmenter.from_preset` takes it, like the next six.
        device: where the networks run.
        dtype: of the towers.
        regions: where regions come from.
        region_options: of ``sam`` or ``superpixels``.
        settings: of the method.
        detail: the inference size.
        recipe: a run in the place of these seven; regions that it does not find itself are still needed.
        progress: draw a bar on stderr; ``None``: only where that is a terminal.

    Raises:
        InputError: something cannot be used, or a choice was given beside a recipe.
        WeightsError: weights are missing and cannot be fetched.
    """
    words = Vocabulary.coerce(vocabulary)
    pixels = read_pixels(image)
    chosen = _Chosen(preset, device, dtype, regions, region_options, settings, detail)
    return chosen.segmenter(recipe).segment(pixels, words, progress=progress)


def annotate(
    image: Image,
    vocabulary: VocabularyLike,
    *,
    preset: str | Preset = "demo",
    device: str | torch.device = "auto",
    dtype: str | torch.dtype = "float32",
    regions: Regions = "sam",
    region_options: Mapping[str, Any] | None = None,
    settings: Settings | None = None,
    detail: Detail = "standard",
    recipe: Recipe | None = None,
    progress: bool | None = None,
) -> Session:
    """Segment one image by a vocabulary and open it for correction.

    Where the image is a file, the session knows it as its source. Arguments and errors as :func:`segment`;
    for several images keep a :class:`Segmenter` and use
    :func:`~napari_corrclip.engine.encoded_image.annotate_steps`.
    """
    words = Vocabulary.coerce(vocabulary)
    source = Source.of(image) if isinstance(image, str | os.PathLike) else None
    pixels = read_pixels(image)
    chosen = _Chosen(preset, device, dtype, regions, region_options, settings, detail)
    steps = annotate_steps(chosen.segmenter(recipe), pixels, words, source=source)
    return drive(steps, show=progress)


def segment_large(
    image: Any,
    vocabulary: VocabularyLike,
    out: str | os.PathLike[str],
    *,
    scale: float | None = None,
    preset: str | Preset = "demo",
    device: str | torch.device = "auto",
    dtype: str | torch.dtype = "float32",
    regions: Any = "sam",
    region_options: Mapping[str, Any] | None = None,
    settings: Settings | None = None,
    tile: int | None = None,
    overlap: int | None = None,
    recipe: Recipe | None = None,
    limits: tuple[float, float] | None = None,
    percentiles: tuple[float, float] = PERCENTILES,
    channel_axis: int | None = None,
    progress: bool | None = None,
) -> LargeSegmentation:
    """Segment an image that need not fit into memory; the result is written to a folder.

    The image is seen at one ``scale`` by one grid of windows, each encoded once and blended with those
    it overlaps, so that tiles leave no seams: with given regions the labels are those of the image in
    one piece. Regions that are found are found tile by tile, and joined where a border cuts them.

    Args:
        image: (H, W), (H, W, 1), (H, W, 3) or (H, W, 4) array that can be cut (zarr, dask, a NumPy
            memmap), or the path of a file or zarr folder; see
            :func:`napari_corrclip.images.planes.opened`.
        vocabulary: text such as ``"cat, dog"``, a file, names, or a :class:`Vocabulary`.
        out: folder of the result; a former result there is replaced. Nothing is there before
            everything is.
        scale: pixels that the networks see for each pixel of the image along a side, such as 1 or
            0.25: choose it so that things are about as large as in a photograph of 336 pixels. Only a
            recipe that has one may be in its place.
        preset: as :meth:`Segmenter.from_preset` takes it, like the next two.
        device: where the networks run.
        dtype: of the towers.
        regions: ``sam``, ``superpixels``, a region source, or given ones: an integer array that can
            be cut, or the path of a file or zarr folder.
        region_options: of ``sam`` or ``superpixels``.
        settings: ``None``: the preset's; the inference size in it does not matter.
        tile: side in pixels of what the region source is shown at a time; ``None``: what SAM sees at
            ``scale``, 1024 / scale. Has no effect on given regions.
        overlap: pixels that neighbouring tiles share at least, at most half a tile; ``None``: a
            quarter. Larger than what should not be cut.
        recipe: a run in the place of ``scale`` to ``overlap``; regions that it does not find itself are
            given here.
        limits: values that become black and white.
        percentiles: the same by percentiles, for images of more than 8 bits.
        channel_axis: of an array, the axis of the channels if it is not the last.
        progress: draw a bar on stderr; ``None``: only where that is a terminal.

    Raises:
        InputError: something cannot be used; nothing is written then.
        WeightsError: weights are missing and cannot be fetched.
    """
    check_zarr()
    check_target(Path(out))
    words = Vocabulary.coerce(vocabulary)
    named = isinstance(regions, str) and regions in REGION_KINDS
    if recipe is None:
        recipe = Recipe(
            preset,
            device=device,
            dtype=dtype,
            regions=regions if named else GIVEN,
            region_options=region_options,
            scale=_needed(scale),
            tile=tile,
            overlap=overlap,
            settings=settings,
        )
    else:
        beside = _Chosen(preset, device, dtype, regions, region_options, settings)
        beside.check_none(recipe, scale=scale, tile=tile, overlap=overlap)
    _needed(recipe.scale)
    source = regions if isinstance(regions, RegionSource) else None
    if source is None and not named:
        # An array or a file is read piece by piece, and known by its ids when it has been.
        parts = {name: part for name, part in recipe.parts.items() if name != "regions"}
        recipe = replace(recipe, regions=GIVEN, parts=parts)
    steps = large_steps(
        Segmenter.from_recipe(recipe, source=source),
        image,
        words,
        out,
        regions=None if named or source is not None else regions,
        options=ImageOptions(limits, percentiles, channel_axis),
    )
    return drive(steps, show=progress)


def _needed(scale: float | None) -> float:
    if scale is None:
        raise InputError(
            "A large image needs a scale, the pixels that the networks see for each pixel of it; give "
            "scale=0.25 or the like."
        )
    return scale


class _Chosen(NamedTuple):
    """The choices of a run as a caller named them; the defaults are those of the functions above."""

    preset: str | Preset = "demo"
    device: str | torch.device = "auto"
    dtype: str | torch.dtype = "float32"
    regions: Regions = "sam"
    region_options: Mapping[str, Any] | None = None
    settings: Settings | None = None
    detail: Detail = "standard"

    def segmenter(self, recipe: Recipe | None) -> Segmenter:
        """Return the segmenter of a recipe, or of these choices where there is none."""
        if recipe is None:
            return Segmenter.from_preset(**self._asdict())
        if recipe.scale is not None:
            raise InputError(
                f"The recipe has the scale {recipe.scale!r}, at which an image is taken tile by tile; call "
                "segment_large, or leave the scale out."
            )
        self.check_none(recipe)
        _, source = named_regions(self.regions)
        return Segmenter.from_recipe(recipe, source=source)

    def check_none(self, recipe: Recipe, **more: object) -> None:
        """Raise InputError where something was chosen beside a recipe; regions that it lacks may be."""
        defaults = self._field_defaults
        beside = {**defaults, **self._asdict(), **more}
        if recipe.regions == GIVEN or "regions" in recipe.parts:
            del beside["regions"]
        for name, value in beside.items():
            default = defaults.get(name)
            if value is not default and not (isinstance(value, str) and value == default):
                raise InputError(
                    f"The recipe says what runs, and {name}={reprlib.repr(value)} was given beside it; leave "
                    "it out, or change the recipe by dataclasses.replace."
                )
