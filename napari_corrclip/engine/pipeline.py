"""The way from an image and its regions to features, and from features and text to classes.

The first half is slow and knows no vocabulary: :func:`encode_image`. The second is fast and needs no
network: :func:`blended_logits` and :func:`classify_pixels`. Each stage of the method can be switched
off in the settings, down to the base of the ablation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from napari_corrclip.devices import Batches, explained, is_out_of_memory, unless_full
from napari_corrclip.encoders.protocols import (
    Blocks,
    ImageEncoder,
    LastBlock,
    SimilarityEncoder,
    SimilarityFeatures,
)
from napari_corrclip.engine import windows as win
from napari_corrclip.errors import InputError
from napari_corrclip.method import correction, merging, prediction, scope, similarity
from napari_corrclip.method.grids import nearest, source_rows, unfold
from napari_corrclip.method.similarity import unit_cells
from napari_corrclip.progress import Progress, Steps, retold
from napari_corrclip.settings import Settings

# Of a stripe of pixels x queries: a CPU's cache holds it over all steps; a card takes all at once.
_STRIPE_ELEMENTS = {"cpu": 1 << 19, "cuda": 1 << 26}
# Of logits at inference size that are computed at once, 64 MB: all of a photo for 90 queries.
_BAND_ELEMENTS = 1 << 24


@dataclass(frozen=True)
class WindowFeatures:
    """The cells of an image's windows in the space shared with text; knows no vocabulary.

    Attributes:
        features: (W, h, w, D) float32 of unit length, on the CPU.
        layout: where the windows lie.
    """

    features: Tensor
    layout: win.Layout

    def to_parts(self) -> tuple[dict[str, Tensor], str]:
        """Tensors by name, and the layout as JSON: all there is to keep."""
        return {"features": self.features}, self.layout.to_json()

    @classmethod
    def from_parts(cls, tensors: Mapping[str, Tensor], layout: str) -> WindowFeatures:
        """Put together again what :meth:`to_parts` took apart.

        Raises:
            InputError: where the parts do not belong together.
        """
        restored = win.Layout.from_json(layout)
        features = tensors.get("features")
        if (
            features is None
            or not features.is_floating_point()
            or features.ndim != 4
            or len(features) != len(restored)
            or not features.numel()
        ):
            shape = None if features is None else tuple(features.shape)
            raise InputError(
                f"Features of shape {shape} do not belong to {len(restored)} windows; encode the "
                "image again."
            )
        return cls(features.float(), restored)


@dataclass(frozen=True)
class PixelClasses:
    """The classes of the original image's pixels, before and after map correction.

    Attributes:
        pixel_labels: (H, W) int64 class indices before map correction, -1 = no class.
        labels: (H, W) int64 after it; the same where it is switched off.
        confidence: (H, W) float32, probability of each pixel's winning class.
        region_ids: (R,) int64 ids of the regions that occur, ascending, without 0.
        region_probabilities: (R, K) float32, mean probability of each class in each region.
        votes: (R, 1 + K) int64 pixels of each region by ``pixel_labels``; column 0 counts those
            without a class.
        numbers: (H, W) int64 each pixel's region, 1 to R in the order of ``region_ids``; 0 = none.
    """

    pixel_labels: Tensor
    labels: Tensor
    confidence: Tensor
    region_ids: Tensor
    region_probabilities: Tensor
    votes: Tensor
    numbers: Tensor


@dataclass(frozen=True)
class PixelValues:
    """The part of :class:`PixelClasses` that a result keeps, as arrays; see :func:`pixel_values`.

    Attributes:
        labels: (H, W) uint16 label values after map correction, 0 = no class.
        pixel_labels: (H, W) uint16 before it.
        confidence: (H, W) float16, probability of the class that is shown.
        boxes: (R, 4) int32 min_row, min_col, max_row, max_col of each region, maxima excluded.
    """

    labels: NDArray[np.uint16]
    pixel_labels: NDArray[np.uint16]
    confidence: NDArray[np.float16]
    boxes: NDArray[np.int32]


def without(pixels: PixelClasses, nodata: Tensor) -> PixelClasses:
    """Return ``pixels`` with no class and no confidence where there is no data.

    Args:
        pixels: classified.
        nodata: (H, W) bool; such pixels are in no region already, and so in no vote.
    """
    where = nodata.to(pixels.labels.device)
    return replace(
        pixels,
        pixel_labels=pixels.pixel_labels.masked_fill(where, -1),
        labels=pixels.labels.masked_fill(where, -1),
        confidence=pixels.confidence.masked_fill(where, 0.0),
    )


def encode_image(
    rgb: NDArray[np.uint8],
    regions: NDArray[np.int32],
    clip: ImageEncoder,
    similarity: SimilarityEncoder,
    settings: Settings,
) -> Steps[WindowFeatures]:
    """Encode an image window by window; slow, and free of any vocabulary.

    Yields after every block of every batch of windows, which is where it can be cancelled. No
    gradient is kept. Where the device's memory does not suffice for a batch, it is halved for the
    rest of the image.

    Args:
        rgb: (H, W, 3) uint8.
        regions: (H, W) raw region ids >= 0, 0 = unsegmented.
        clip: the image tower.
        similarity: the similarity tower; it does not run where the settings ask for nothing of it.
        settings: size, windows and the stages of the method.

    Raises:
        InputError: where image or regions have the wrong shape, type or values.
        NotEnoughMemory: the device cannot hold a single window.
    """
    _check(rgb, regions)
    layout = win.plan(
        (rgb.shape[0], rgb.shape[1]), settings, (clip.patch_size, similarity.patch_size)
    )
    pixels = win.prepare_image(rgb, layout.size, clip.mean, clip.std)
    region_map = win.prepare_regions(regions, layout.size)
    padding = int(region_map.max()) + 1

    once, blocks = 0, clip.blocks
    if _needs_similarity(settings) and settings.windows == "shared":
        once = similarity.blocks
    elif _needs_similarity(settings):
        blocks += similarity.blocks
    size, done = settings.batch_size, 0
    total = once + len(range(0, len(layout), size)) * blocks
    yield Progress("windows", 0, total)

    def block(_: None) -> Progress:
        nonlocal done
        done += 1
        return Progress("windows", done, total)

    image: SimilarityFeatures | None = None
    if once:
        around = win.around(pixels, layout, similarity.patch_size).to(clip.device)
        what = "the similarity tower over the whole image"
        lower = f"short_side in the settings ({settings.short_side}), set windows to separate"
        with explained(clip.device, what, lower):
            look = _look(around, clip, similarity, settings)
            image = yield from retold(unless_full(look, last_try=True), block)

    def encode(start: int, stop: int) -> Blocks[Tensor]:
        nonlocal total
        # Of a batch that did not fit, some blocks are done that have to be done again.
        total = done + len(range(start, len(layout), stop - start)) * blocks
        batch = yield from encode_windows(
            win.cut(pixels, layout.boxes[start:stop], layout.padding).to(clip.device),
            win.cut(region_map, layout.boxes[start:stop], layout.padding, padding).to(clip.device),
            clip,
            similarity,
            settings,
            seen=None
            if image is None
            else _cut_out(image, layout, similarity.patch_size, start, stop),
        )
        return unit_cells(batch).cpu()

    what = f"one window of {layout.padded[0]} × {layout.padded[1]} pixels"
    with explained(clip.device, what, f"window in the settings ({settings.window})"):
        features = yield from retold(Batches(size).run(len(layout), encode), block)
    return WindowFeatures(torch.cat(features), layout)


def encode_windows(
    windows: Tensor,
    regions: Tensor,
    clip: ImageEncoder,
    similarity_tower: SimilarityEncoder,
    settings: Settings,
    seen: SimilarityFeatures | None = None,
) -> Blocks[Tensor]:
    """Features of a batch of windows (sections 2 to 5); yields after every block that ran.

    Keeps gradients where they are enabled.

    Args:
        windows: (B, 3, H, W) padded, normalised by CLIP's mean and std.
        regions: (B, H, W) int64 raw regions, the padding one of its own, 0 = unsegmented.
        clip: the image tower.
        similarity_tower: the similarity tower.
        settings: the stages of the method.
        seen: what the similarity tower says of the windows; ``None`` = ask it, where it is needed.

    Returns:
        F (B, h, w, D) float32, after the projection, not normalised. Cells are those of the
        similarity tower's grid; without scope reconstruction those of CLIP's.
    """
    height, width = windows.shape[-2:]
    patch = similarity_tower.patch_size
    size = (height // patch, width // patch)

    if seen is None and _needs_similarity(settings):
        seen = yield from _look(windows, clip, similarity_tower, settings)

    merged: Tensor | None = None
    if settings.scope or settings.semantic:
        merged = merged_regions(nearest(regions, size), seen, settings).to(clip.device)

    last = yield from clip.last_block(
        windows, regions=merged if settings.semantic else None, spatial=settings.spatial
    )

    attention: scope.Attend | None = None
    if settings.scope and merged is not None:
        left, right = compared_cells(last, seen, size, settings)
        attention = scope.attend_within(
            left.to(clip.device),
            right.to(clip.device),
            merged.flatten(1),
            settings.unsegmented,
            settings.tau,
        )
    return clip.cell_features(
        last,
        attention,
        size if settings.scope else last.grid,
        alpha=settings.alpha,
        beta=settings.beta,
    )


def _look(
    windows: Tensor, clip: ImageEncoder, tower: SimilarityEncoder, settings: Settings
) -> Blocks[SimilarityFeatures]:
    """What the similarity tower says of windows (B, 3, H, W) in CLIP's normalisation."""
    pixels = win.renormalise(windows, clip.mean, clip.std, tower.mean, tower.std)
    output = _similarity_name(settings) == "dino-xx"
    return (yield from tower.features(pixels.to(tower.device), output=output))


def _cut_out(
    image: SimilarityFeatures, layout: win.Layout, patch: int, start: int, stop: int
) -> SimilarityFeatures:
    """What was said of the whole image, of windows start..stop-1."""

    def cut(cells: Tensor) -> Tensor:
        return unit_cells(win.cut_cells(cells[0], layout, patch, start, stop))

    output = None if image.output is None else cut(image.output)
    return SimilarityFeatures(query_key=cut(image.query_key), output=output)


def merged_regions(regions: Tensor, seen: SimilarityFeatures | None, settings: Settings) -> Tensor:
    """Merge each window's regions on its feature grid (section 3), or only renumber them.

    Args:
        regions: (B, h, w) raw regions on the feature grid.
        seen: the similarity tower's features; needed where merging is on.
        settings: ``merging`` and ``eps``.

    Returns:
        (B, h, w) int64, in each window 1..z without gaps, 0 = unsegmented.
    """
    if not settings.merging or seen is None:
        return torch.stack([merging.number_regions(window)[0] for window in regions])
    features = seen.query_key
    regions = regions.to(features.device)
    return torch.stack(
        [merging.merge(f, r, settings.eps) for f, r in zip(features, regions, strict=True)]
    )


def compared_cells(
    last: LastBlock, seen: SimilarityFeatures | None, size: tuple[int, int], settings: Settings
) -> tuple[Tensor, Tensor]:
    """The cells (B, N, d) of the feature grid whose products are S (section 2), by the settings."""
    name = _similarity_name(settings)
    if name == "uniform":
        cells = similarity.uniform(len(last.queries), size[0] * size[1], device=last.queries.device)
        return cells, cells
    if name == "clip-qq" or name == "clip-qk":
        queries, keys = (
            similarity.on_feature_grid(unfold(tokens[:, 1:], last.grid), size).flatten(1, 2)
            for tokens in (last.queries, last.keys if name == "clip-qk" else last.queries)
        )
        return queries, keys
    if seen is None:
        raise ValueError(f"the similarity {name!r} needs the similarity tower's features")
    features = seen.output if name == "dino-xx" else seen.query_key
    if features is None:
        raise ValueError("the similarity 'dino-xx' needs the similarity tower's output")
    return features.flatten(1, 2), features.flatten(1, 2)


def _similarity_name(settings: Settings) -> str:
    return settings.similarity if settings.value else "clip-qq"


def _needs_similarity(settings: Settings) -> bool:
    merges = settings.merging and (settings.scope or settings.semantic)
    return merges or (settings.scope and _similarity_name(settings).startswith("dino"))


@dataclass(frozen=True, eq=False)
class Logits:
    """Cosine logits of all queries at inference size (section 6), computed where they are asked for.

    Args:
        features: what :func:`encode_image` returned.
        text: (Q, D) of unit length; the computation runs on its device.
    """

    features: WindowFeatures
    text: Tensor

    @property
    def shape(self) -> tuple[int, int, int]:
        """(Q, rows, columns)."""
        return (len(self.text), *self.features.layout.size)

    @property
    def device(self) -> torch.device:
        """Where they are computed."""
        return self.text.device

    @torch.no_grad()
    def rows(self, rows: range) -> Tensor:
        """Some consecutive rows (Q, len(rows), columns) float32.

        Logits of each window bilinear to its pixels, windows blended.
        """
        cells = self.features.features

        def window(number: int, part: range) -> Tensor:
            seen = cells[number, part.start : part.stop].to(self.text.device)
            return prediction.cosine_logits(seen, self.text)

        grid = (cells.shape[1], cells.shape[2])
        return win.blend(window, grid, self.features.layout, rows)


def blended_logits(features: WindowFeatures, text: Tensor) -> Tensor:
    """All :class:`Logits` (Q, rows, columns) at once."""
    logits = Logits(features, text)
    return logits.rows(range(logits.shape[1]))


@torch.no_grad()
def classify_pixels(
    logits: Tensor | Logits,
    regions: NDArray[np.int32],
    query_class: Tensor,
    thresholds: Tensor,
    background: int,
    settings: Settings,
) -> PixelClasses:
    """Classes at full resolution (sections 6 and 7).

    Works in stripes of rows, so that memory does not grow with image size times queries.

    Args:
        logits: (Q, rows, columns) blended logits at inference size; where they are computed as they
            are asked for, that too is done in bands of rows.
        regions: (H, W) raw region ids at full resolution, 0 = unsegmented.
        query_class: (Q,) int64 class index of each query.
        thresholds: (K,) the background threshold of each class; its length is the number of
            classes.
        background: class index of pixels below it, -1 for none.
        settings: ``logit_scale`` and ``correction``.
    """
    size = (regions.shape[0], regions.shape[1])
    classes = len(thresholds)
    region_map = torch.from_numpy(np.array(regions)).to(logits.device)
    rows, ids = merging.number_regions(region_map)
    # A region may have millions of pixels: add up in double, where the device has it.
    exact = torch.float32 if logits.device.type == "mps" else torch.float64
    sums = torch.zeros(len(ids) + 1, classes, dtype=exact, device=logits.device)
    # Not collected stripe by stripe: small tensors that stay, between large ones that go, leave a heap with
    # holes that are a little too small, and it grows by the size of all stripes together.
    pixel_labels = torch.empty(size, dtype=torch.int64, device=logits.device)
    confidence = torch.empty(size, dtype=torch.float32, device=logits.device)
    count, old, columns = logits.shape
    height = max(1, _STRIPE_ELEMENTS.get(logits.device.type, 1 << 23) // (count * size[1]))
    at_once = max(1, _BAND_ELEMENTS // (count * columns))
    band, part = range(old), None if isinstance(logits, Logits) else logits
    top = 0
    while top < size[0]:
        stripe = range(top, min(top + height, size[0]))
        needed = source_rows(stripe, old, size[0])
        try:
            if isinstance(logits, Logits) and (part is None or needed.stop > band.stop):
                part = None  # before the next one is made
                band = range(needed.start, min(old, max(needed.stop, needed.start + at_once)))
                part = logits.rows(band)
            queries = prediction.query_probabilities(
                prediction.upsample(
                    cast("Tensor", part), size, stripe, first=band.start, height=old
                ),
                settings.logit_scale,
            )
            probabilities = prediction.class_probabilities(queries, query_class, classes)
            winner, sure = prediction.winners(probabilities)
            winner = prediction.apply_background(winner, sure, thresholds, background)
            owners = rows[stripe.start : stripe.stop].flatten()
            sums.index_add_(0, owners, probabilities.flatten(1).to(exact).T)
        except (RuntimeError, MemoryError) as error:
            if height == at_once == 1 or not is_out_of_memory(error):
                raise
            height, at_once = (height + 1) // 2, (at_once + 1) // 2
            if isinstance(logits, Logits):
                part = None
            continue
        pixel_labels[stripe.start : stripe.stop] = winner
        confidence[stripe.start : stripe.stop] = sure
        top = stripe.stop
    votes = correction.count_votes(pixel_labels, rows, classes)
    corrected = pixel_labels
    if settings.correction:
        corrected = correction.apply_votes(pixel_labels, votes.rows, votes.winners)
    pixels = votes.counts.sum(dim=1, keepdim=True)
    return PixelClasses(
        pixel_labels=pixel_labels,
        labels=corrected,
        confidence=confidence,
        region_ids=ids,
        region_probabilities=(sums[1:] / pixels).float(),
        votes=votes.counts,
        numbers=rows,
    )


@torch.no_grad()
def pixel_values(pixels: PixelClasses, values: Sequence[int]) -> PixelValues:
    """Bring what a result keeps to the host, finished where the pixels are.

    A card does this in a millisecond and has half the bytes to hand over; on a CPU
    :func:`~napari_corrclip.results.segmentation.build_segmentation` is the faster one at the same.

    Args:
        pixels: what :func:`classify_pixels` returned.
        values: (K,) the classes' label values, up to 65535.
    """
    # Of index -1, no class, the last one. Few operations know uint16: int16 has the same bytes.
    table = pixels.labels.new_tensor([*values, 0]).short()
    overruled = (pixels.labels != pixels.pixel_labels).flatten().nonzero().flatten()
    # A first column for no class, and a first row for pixels without a region.
    means = F.pad(pixels.region_probabilities, (1, 0, 1, 0))
    confidence = pixels.confidence.flatten()
    confidence = confidence.index_put(
        (overruled,),
        means[pixels.numbers.flatten()[overruled], pixels.labels.flatten()[overruled] + 1],
    )
    return PixelValues(
        labels=table[pixels.labels].cpu().numpy().view(np.uint16),
        pixel_labels=table[pixels.pixel_labels].cpu().numpy().view(np.uint16),
        confidence=confidence.view_as(pixels.confidence).half().cpu().numpy(),
        boxes=_boxes(pixels.numbers, len(pixels.region_ids)).cpu().numpy(),
    )


def _boxes(numbers: Tensor, regions: int) -> Tensor:
    """(R, 4) int32 min_row, min_col, max_row, max_col of each region, maxima excluded."""
    edges = []
    for reduction, after in (("amin", 0), ("amax", 1)):
        for axis in (0, 1):
            shape = [1, 1]
            shape[axis] = -1
            places = torch.arange(numbers.shape[axis], dtype=torch.int32, device=numbers.device)
            places = places.view(shape).expand_as(numbers).flatten() + after
            edge = places.new_zeros(regions + 1)
            edges.append(
                edge.scatter_reduce(0, numbers.flatten(), places, reduction, include_self=False)
            )
    return torch.stack(edges, dim=1)[1:]


def _check(rgb: NDArray[np.uint8], regions: NDArray[np.int32]) -> None:
    if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3 or 0 in rgb.shape:
        raise InputError(
            f"The image has shape {rgb.shape} and type {rgb.dtype}; it must be "
            "(rows, columns, 3) of uint8, at least one pixel large."
        )
    if regions.shape != rgb.shape[:2]:
        raise InputError(
            f"The regions have shape {regions.shape}, the image {rgb.shape[:2]}; "
            "they must be alike."
        )
    if not np.issubdtype(regions.dtype, np.integer):
        raise InputError(f"The regions are of type {regions.dtype}; they must be integers.")
    if regions.min() < 0:
        raise InputError(
            f"The regions hold the id {regions.min()}; ids must be 0 (unsegmented) or larger."
        )
