"""One block of pixels: from its logits to classes before map correction, and what they say of regions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_corrclip.engine.large.tally import Tally
from napari_corrclip.images.boxes import Box
from napari_corrclip.maps.regions import bounding_boxes
from napari_corrclip.method import correction, prediction
from napari_corrclip.settings import Settings

# Of a block: pixels x queries, times the area of a pixel at inference where that is larger.
_ELEMENTS = 1 << 24


def block_side(queries: int, scale: float, largest: int) -> int:
    """Side of a block, a power of two up to ``largest``, so that memory does not grow with queries."""
    side = largest
    while side > 32 and queries * (side * max(scale, 1.0)) ** 2 > _ELEMENTS:
        side //= 2
    return side


@dataclass(frozen=True)
class BlockClasses:
    """The classes of a block's pixels before map correction.

    Attributes:
        classes: (h, w) int64 class indices, -1 = no class.
        confidence: (h, w) float16, the winner's probability.
        tally: of the block's regions, boxes in the image.
    """

    classes: NDArray[np.int64]
    confidence: NDArray[np.float16]
    tally: Tally


@torch.no_grad()
def classify_block(
    logits: Tensor,
    regions: NDArray[np.int32],
    box: Box,
    query_class: Tensor,
    thresholds: Tensor,
    background: int,
    settings: Settings,
) -> BlockClasses:
    """Classify the pixels of a block, as :func:`napari_corrclip.engine.classifying.classify_pixels` does.

    Args:
        logits: (Q, h, w) at the image's own pixels.
        regions: (h, w) raw ids.
        box: where the block lies in the image.
        query_class: (Q,) int64 class index of each query.
        thresholds: (K,) the background threshold of each class.
        background: class index of pixels below it, -1 for none.
        settings: ``logit_scale``.
    """
    classes = len(thresholds)
    probabilities, labels, sure = prediction.classify(
        logits, settings.logit_scale, query_class, thresholds, background
    )
    votes = correction.count_votes(
        labels, torch.from_numpy(regions.astype(np.int64)).to(labels.device), classes
    )
    sums = correction.no_sums(len(votes.ids), classes, logits.device)
    correction.add_probabilities(sums, votes.rows, probabilities)
    boxes = bounding_boxes(votes.rows.cpu().numpy().astype(np.int32), len(votes.ids))
    return BlockClasses(
        classes=labels.cpu().numpy(),
        confidence=sure.half().cpu().numpy(),
        tally=Tally(
            ids=votes.ids.cpu().numpy(),
            votes=votes.counts.cpu().numpy(),
            sums=sums[1:].cpu().double().numpy(),
            boxes=boxes + np.array([*box[:2], *box[:2]], np.int32),
        ),
    )
