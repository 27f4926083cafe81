"""Text features: one direction a query, averaged over prompt templates."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F


def average_templates(embeddings: Tensor) -> Tensor:
    """Average every query's embeddings over its templates.

    Args:
        embeddings: (Q, T, D), one embedding for each query in each template, of any length.

    Returns:
        (Q, D) float32: each embedding L2-normalised, averaged over T, normalised again.
    """
    unit = F.normalize(embeddings.float(), dim=-1)
    return F.normalize(unit.mean(dim=1), dim=-1)
