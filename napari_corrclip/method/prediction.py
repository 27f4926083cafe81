"""Prediction: cosine logits, probabilities over queries, classes, the background threshold."""

from __future__ import annotations

import torch
from torch import Tensor

from .grids import bilinear, bilinear_rows


def cosine_logits(features: Tensor, text: Tensor) -> Tensor:
    """Cosines between cells and queries.

    Args:
        features: (..., h, w, D) of unit length.
        text: (Q, D) of unit length.

    Returns:
        (..., Q, h, w) float32.
    """
    return (features.float() @ text.float().T).movedim(-1, -3)


def upsample(
    logits: Tensor,
    size: tuple[int, int],
    rows: range | None = None,
    *,
    first: int = 0,
    height: int | None = None,
) -> Tensor:
    """Bring logits bilinearly to the original image, or to a stripe of it.

    A stripe holds exactly the rows that the whole would have there, so that a large image with many
    queries need not be in memory at once.

    Args:
        logits: (Q, h, W), all rows, or those of :func:`~.grids.source_rows` at least.
        size: rows and columns of the original image.
        rows: the consecutive rows wanted; ``None`` = all.
        first: which of all rows ``logits`` begin with.
        height: how many rows there are in all; ``None`` = those of ``logits``.

    Returns:
        (Q, len(rows), columns) float32.
    """
    if rows is None:
        return bilinear(logits[None], size)[0]
    height = logits.shape[-2] if height is None else height
    stripe = bilinear_rows(logits, rows, height, size[0], first)
    return bilinear(stripe[None], (len(rows), size[1]))[0]


def query_probabilities(logits: Tensor, logit_scale: float) -> Tensor:
    """Softmax over the queries of ``logit_scale * logits``.

    Args:
        logits: (Q, ...) cosines.
        logit_scale: 40 in the paper.

    Returns:
        (Q, ...) float32.
    """
    return (logit_scale * logits.float()).softmax(dim=0)


def class_probabilities(probabilities: Tensor, query_class: Tensor, classes: int) -> Tensor:
    """A class takes the maximum over its queries, so the K values need not add up to 1.

    Args:
        probabilities: (Q, ...) of the queries.
        query_class: (Q,) int64, the class index of each query.
        classes: number of classes K.

    Returns:
        (K, ...); 0 for a class without a query.
    """
    owner = query_class.tolist()
    if owner == list(range(classes)):
        return probabilities
    none = torch.zeros_like(probabilities[0])
    queries: list[list[int]] = [[] for _ in range(classes)]
    for query, index in enumerate(owner):
        queries[index].append(query)
    return torch.stack([probabilities[own].amax(dim=0) if own else none for own in queries])


def winners(probabilities: Tensor) -> tuple[Tensor, Tensor]:
    """The winning class of every pixel, the lowest index on a tie, and its probability.

    Args:
        probabilities: (K, ...).

    Returns:
        class indices (int64) and probabilities, both of the pixels' shape.
    """
    highest = probabilities.amax(dim=0)
    # max promises no order among equals, and argmax over the first dimension is slow on a CPU: of the
    # classes that reach the highest, the first is the one with most classes from it to the end.
    classes = len(probabilities)
    left = torch.arange(classes, 0, -1, dtype=torch.int32, device=probabilities.device)
    reach = (probabilities == highest) * left.view(-1, *[1] * highest.ndim)
    # NaN equals nothing; it goes to the last class.
    return classes - reach.amax(dim=0).clamp(min=1).long(), highest


def apply_background(
    labels: Tensor, confidence: Tensor, thresholds: Tensor, background: int
) -> Tensor:
    """Pixels whose winner stays below its threshold become background.

    Args:
        labels: class indices, any shape.
        confidence: probability of the winning class, same shape.
        thresholds: (K,) the threshold of each class; the same number K times where it is global.
        background: class index that such pixels get; -1 where there is no background class.

    Returns:
        class indices, the same shape.
    """
    below = confidence < thresholds.to(confidence)[labels]
    return torch.where(below, torch.full_like(labels, background), labels)


def classify(
    logits: Tensor, logit_scale: float, query_class: Tensor, thresholds: Tensor, background: int
) -> tuple[Tensor, Tensor, Tensor]:
    """From logits to classes: softmax, the maximum over each class's queries, winner, background.

    Args:
        logits: (Q, ...) cosines.
        logit_scale: as of :func:`query_probabilities`.
        query_class: as of :func:`class_probabilities`.
        thresholds: (K,) as of :func:`apply_background`; its length is the number of classes.
        background: as there.

    Returns:
        (K, ...) probabilities, and of the pixels' shape the classes (int64; -1 = no class) and the winners'
        probabilities.
    """
    queries = query_probabilities(logits, logit_scale)
    del logits  # free from here on, where the caller does not hold them
    probabilities = class_probabilities(queries, query_class, len(thresholds))
    winner, highest = winners(probabilities)
    return probabilities, apply_background(winner, highest, thresholds, background), highest
