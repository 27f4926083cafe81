"""The fast half of the method: from features and text to the classes of pixels; needs no network."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from napari_corrclip.devices import unless_full
from napari_corrclip.engine import windows as win
from napari_corrclip.engine.encoding import WindowFeatures
from napari_corrclip.method import correction, merging, prediction, template_choice
from napari_corrclip.method.grids import source_rows
from napari_corrclip.progress import finish
from napari_corrclip.settings import Settings

# Of a stripe of pixels x queries: a CPU's cache holds it over all steps; a card takes all at once.
_STRIPE_ELEMENTS = {"cpu": 1 << 19, "cuda": 1 << 26}

# Of logits at inference size that are computed at once, 64 MB: all of a photo for 90 queries.
_BAND_ELEMENTS = 1 << 24


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
    experts: Tensor | None = None,
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
        experts: (K,) int64, whose templates each class is found by; the logits are then (E * Q, rows,
            columns), see :func:`napari_corrclip.method.template_choice.classify`. ``None``: all classes by
            the same.
    """
    size = (regions.shape[0], regions.shape[1])
    classes = len(thresholds)
    region_map = torch.from_numpy(np.array(regions)).to(logits.device)
    rows, ids = merging.number_regions(region_map)
    sums = correction.no_sums(len(ids), classes, logits.device)
    # Not collected stripe by stripe: small tensors that stay, between large ones that go, leave a heap with
    # holes that are a little too small, and it grows by the size of all stripes together.
    pixel_labels = torch.empty(size, dtype=torch.int64, device=logits.device)
    confidence = torch.empty(size, dtype=torch.float32, device=logits.device)
    count, old, columns = logits.shape
    height = max(1, _STRIPE_ELEMENTS.get(logits.device.type, 1 << 23) // (count * size[1]))
    at_once = max(1, _BAND_ELEMENTS // (count * columns))
    band, part = range(old), None if isinstance(logits, Logits) else logits
    decide = prediction.classify
    if experts is not None:
        decide = partial(template_choice.classify, experts=experts)

    def classify(stripe: range) -> Generator[None, None, bool]:
        """Classify some rows; a generator, so that it is driven like other work that may need less memory."""
        nonlocal band, part
        needed = source_rows(stripe, old, size[0])
        if isinstance(logits, Logits) and (part is None or needed.stop > band.stop):
            part = None  # before the next one is made
            band = range(needed.start, min(old, max(needed.stop, needed.start + at_once)))
            part = logits.rows(band)
        probabilities, labels, sure = decide(
            # Without a name here, which would keep it: a stripe of a card has up to 256 MB.
            prediction.upsample(cast("Tensor", part), size, stripe, first=band.start, height=old),
            settings.logit_scale,
            query_class,
            thresholds,
            background,
        )
        where = slice(stripe.start, stripe.stop)
        correction.add_probabilities(sums, rows[where], probabilities)
        pixel_labels[where], confidence[where] = labels, sure
        yield
        return True

    top = 0
    while top < size[0]:
        stripe = range(top, min(top + height, size[0]))
        if finish(unless_full(classify(stripe), last_try=height == at_once == 1)):
            top = stripe.stop
            continue
        height, at_once = (height + 1) // 2, (at_once + 1) // 2
        if isinstance(logits, Logits):
            part = None
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
