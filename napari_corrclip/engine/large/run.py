"""The run from a large image and a vocabulary to a result on the disk."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from napari_corrclip.devices import describe_device, plain_steps
from napari_corrclip.engine.large.blocks import block_side, classify_block
from napari_corrclip.engine.large.grid import blocks, slices
from napari_corrclip.engine.large.reading import LazyImage, LazyRegions
from napari_corrclip.engine.large.regions import find_regions, tile_grid
from napari_corrclip.engine.large.tally import Count, Tally
from napari_corrclip.engine.large.windows import WindowGrid, WindowLogits, check_size
from napari_corrclip.engine.segmenter import Segmenter
from napari_corrclip.engine.stitching import is_stitched
from napari_corrclip.engine.tiles import check_scale
from napari_corrclip.errors import InputError
from napari_corrclip.images import ImageOptions
from napari_corrclip.images.origin import Origin, escaped
from napari_corrclip.images.planes import Plane, opened
from napari_corrclip.maps import table as tables
from napari_corrclip.maps import votes as voting
from napari_corrclip.maps.reading import open_map
from napari_corrclip.progress import Progress, Steps
from napari_corrclip.regions.given import AwaitedRegions, GivenRegions
from napari_corrclip.regions.protocol import RegionSource
from napari_corrclip.results.folder import LARGE_FORMAT
from napari_corrclip.results.large import LargeSegmentation
from napari_corrclip.results.provenance import Provenance, Stretch, package_versions
from napari_corrclip.results.zarr_maps import (
    CHUNK,
    check_target,
    check_zarr,
    create_maps,
    new_result,
    write_rows,
)
from napari_corrclip.vocabulary import Vocabulary, VocabularyLike
from napari_corrclip.wording.csv_cells import table_to_csv

# How much of the image, at inference size, has its windows encoded at a time.
_STEP = 1024


@plain_steps
def large_steps(
    segmenter: Segmenter,
    image: Any,
    vocabulary: VocabularyLike,
    out: str | os.PathLike[str],
    *,
    scale: float | None = None,
    regions: Any = None,
    tile: int | None = None,
    overlap: int | None = None,
    options: ImageOptions | None = None,
    origin: Origin | None = None,
) -> Steps[LargeSegmentation]:
    """Generator of :func:`napari_corrclip.api.segment_large`, by finished parts.

    Args:
        segmenter: of its settings all but the inference size is used; its recipe has what is left out.
        image: as there.
        vocabulary: as there.
        out: as there.
        scale: as there.
        regions: a region source, or an array or file; ``None``: the segmenter's source.
        tile: as there.
        overlap: as there.
        options: how the image becomes 8-bit RGB.
        origin: what the provenance says of the image; ``None``: its path as it was given.
    """
    check_zarr()
    folder = Path(out)
    check_target(folder)
    words = Vocabulary.coerce(vocabulary)
    segmenter.check_prompts(words)
    made = segmenter.recipe
    run = replace(
        made,
        detail="standard",
        scale=check_scale(made.scale if scale is None else scale),
        tile=made.tile if tile is None else tile,
        overlap=made.overlap if overlap is None else overlap,
    )
    if segmenter.settings.windows != "separate":
        raise InputError(
            f"windows is {segmenter.settings.windows!r} in the settings, for which the similarity tower "
            "sees the whole image at once; a large one is seen window by window, so set it to 'separate'."
        )
    if is_stitched(segmenter.settings):
        raise InputError(
            "stitched is true in the settings, for which all windows are encoded before any attends; a large "
            "image is seen a few at a time, so set it to false."
        )
    options = options or ImageOptions()
    if origin is None:
        origin = Origin(escaped(os.fspath(image)) if isinstance(image, str | os.PathLike) else "")
    seconds: dict[str, float] = {}
    with contextlib.ExitStack() as stack:
        plane = stack.enter_context(opened(image, "image", options.channel_axis))
        pixels = LazyImage(plane, options)
        scale = check_size(run.scale, pixels.size)
        patches = (segmenter.clip.patch_size, segmenter.similarity.patch_size)
        grid = WindowGrid.plan(pixels.size, scale, segmenter.settings, patches)
        tiling: dict[str, int | float] = {"scale": scale, "windows": len(grid)}
        source = segmenter.regions if regions is None else regions
        if isinstance(source, AwaitedRegions):
            raise source.missing()
        given, described = None, {}
        if isinstance(source, RegionSource) and not isinstance(source, GivenRegions):
            tiles = tile_grid(pixels.size, scale, source, run.tile, run.overlap)
            tiling |= {"tile": tiles.side, "overlap": tiles.overlap, "tiles": len(tiles.tiles)}
            described = dict(source.describe())
        else:
            given, described = _given(source, pixels, stack)

        temporary = stack.enter_context(new_result(folder))
        maps = stack.enter_context(create_maps(temporary, pixels.size))
        yield from pixels.measure()
        templates = words.templates or segmenter.templates
        with _timed(seconds, "text"):
            text = yield from segmenter.text_cache.features(
                segmenter.clip, words.queries, templates
            )
        if given is None:
            with _timed(seconds, "regions"):
                yield from find_regions(tiles, pixels, source, maps["regions"])
            found = LazyRegions(Plane(maps["regions"], "YX", "regions"), pixels)
        else:
            found = given
        copied = given is not None or plane.masked
        with _timed(seconds, "windows"):
            tally = yield from _classify(
                segmenter, grid, scale, pixels, found, text, words, maps, copy=copied
            )
        ids = hashlib.sha256() if given is not None and "sha256" not in described else None
        with _timed(seconds, "painting"):
            yield from _paint(maps, tally, words, ids, correction=segmenter.settings.correction)
        if ids is not None:
            described["sha256"] = ids.hexdigest()[:16]
        write_rows(
            maps,
            {
                "region_ids": tally.ids,
                "region_boxes": tally.boxes,
                "votes": tally.votes,
                "region_probabilities": tally.probabilities,
            },
        )
        recipe = replace(
            segmenter.recipe_with(described),
            detail="standard",
            scale=run.scale,
            tile=run.tile,
            overlap=run.overlap,
        )
        provenance = Provenance(
            versions=package_versions(),
            preset=segmenter.preset,
            networks=segmenter.networks_of(recipe),
            device=describe_device(segmenter.clip.device),
            dtype=str(segmenter.clip.dtype).removeprefix("torch."),
            # the scale is what sets the inference size
            settings=segmenter.settings.replace(short_side=None),
            templates=templates,
            regions=described,
            seconds=seconds,
            image=origin.image,
            tiling=tiling,
            image_digest=origin.digest,
            image_position=origin.position,
            recipe=recipe.to_json(),
            stretch=Stretch.of(pixels.limits),
        )
        notes = (*plane.notes, *segmenter.notes(words))
        _write_texts(temporary, tally, words, provenance, notes)
    return LargeSegmentation.load(folder)


def _given(
    source: Any, image: LazyImage, stack: contextlib.ExitStack
) -> tuple[LazyRegions, dict[str, str | int | float | bool]]:
    """Given regions and what the provenance says of them."""
    origin = os.fspath(source) if isinstance(source, str | os.PathLike) else "array"
    described: dict[str, str | int | float | bool] = {"source": "given", "origin": escaped(origin)}
    if isinstance(source, GivenRegions):
        source, described = source.regions, dict(source.describe())
    if isinstance(source, str | os.PathLike) and not Path(source).is_dir():
        array, axes = stack.enter_context(open_map(source, "regions"))
        plane = Plane(array, axes, f"regions {origin!r}")
    else:
        plane = stack.enter_context(opened(source, "regions"))
    given = LazyRegions(plane, image)
    if given.size != image.size:
        raise InputError(
            f"The regions have shape {given.size} and the image {image.size}; give regions of the "
            "image's height and width."
        )
    return given, described


@contextlib.contextmanager
def _timed(seconds: dict[str, float], stage: str) -> Any:
    began = time.perf_counter()
    yield
    seconds[stage] = time.perf_counter() - began


def _classify(
    segmenter: Segmenter,
    grid: WindowGrid,
    scale: float,
    pixels: LazyImage,
    regions: LazyRegions,
    text: torch.Tensor,
    words: Vocabulary,
    maps: Any,
    *,
    copy: bool,
) -> Steps[Tally]:
    """Write classes and confidence before map correction; return what was counted of regions.

    ``copy``: whether the regions are to be written to the result, as they are read.
    """
    device = segmenter.clip.device
    text = text.to(device)
    side = block_side(len(words.queries), scale, CHUNK)
    # whole chunks, so that none is written by two tiles
    step = max(CHUNK, round(_STEP / scale / CHUNK) * CHUNK)
    tiles = list(blocks((0, 0, *pixels.size), step))
    logits = WindowLogits(
        grid, pixels, regions, segmenter.clip, segmenter.similarity, segmenter.settings, text, tiles
    )
    query_class = torch.tensor(words.query_class, device=device)
    thresholds = torch.tensor(words.thresholds, dtype=torch.float32, device=device)
    background = -1 if words.background is None else words.background
    values = np.array([*words.values, 0], np.uint16)  # the last is that of index -1, no class
    count = Count(len(words))
    yield Progress("windows", 0, len(grid))
    for tile in tiles:
        yield from logits.encode(tile)
        for block in blocks(tile, side):
            yield Progress("windows", logits.done, len(grid))
            seen = grid.seen(block)
            ids = regions.read(block)
            found = classify_block(
                logits.pixels(logits.blend(seen), seen, block),
                ids,
                block,
                query_class,
                thresholds,
                background,
                segmenter.settings,
            )
            where = slices(block)
            nodata = pixels.nodata(block)
            classes, confidence = found.classes, found.confidence
            if nodata is not None:
                classes = np.where(nodata, -1, classes)
                confidence = np.where(nodata, np.float16(0), confidence)
            maps["pixel_labels"][where] = values[classes]
            maps["confidence"][where] = confidence
            if copy:
                maps["regions"][where] = ids
            count.add(found.tally)
        logits.release(tile)
    return count.total()


def _paint(
    maps: Any, tally: Tally, words: Vocabulary, seen: hashlib._Hash | None, *, correction: bool
) -> Steps[None]:
    """Write the labels: with map correction every region takes its most frequent class.

    ``seen``: takes the regions in, a chunk at a time, for their checksum.
    """
    winners = voting.winners(tally.votes)
    chosen = np.array([0, *words.values], np.uint16)[winners + 1]
    sure = voting.confidences(tally.probabilities, winners)
    boxes = list(blocks((0, 0, *maps["labels"].shape), CHUNK))
    for done, box in enumerate(boxes):
        yield Progress("painting", done, len(boxes))
        where = slices(box)
        labels = np.asarray(maps["pixel_labels"][where])
        ids = np.asarray(maps["regions"][where]) if correction or seen is not None else None
        if seen is not None:
            seen.update(np.ascontiguousarray(ids).data)
        if correction and ids is not None:
            numbers = np.where(ids > 0, np.searchsorted(tally.ids, ids) + 1, 0)
            before, labels = labels, voting.apply_votes(labels, numbers, chosen)
            if (labels != before).any():
                confidence = np.asarray(maps["confidence"][where])
                maps["confidence"][where] = voting.shown_confidence(
                    confidence, before, labels, numbers, sure
                )
        maps["labels"][where] = labels


def _write_texts(
    folder: Path, tally: Tally, words: Vocabulary, provenance: Provenance, notes: tuple[str, ...]
) -> None:
    table = tables.frame(tally.ids, tally.boxes, tally.votes, tally.probabilities, words)
    (folder / "regions.csv").write_text(table_to_csv(table), encoding="utf-8")
    words.save(folder / "vocabulary.yaml")
    document = {"format": LARGE_FORMAT, "notes": list(notes), **provenance.to_document()}
    (folder / "provenance.json").write_text(
        json.dumps(document, indent=2, ensure_ascii=False) + "\n",
        encoding="utf-8",
        errors="backslashreplace",  # a path's bytes that are no text, as JSON escapes them
    )
