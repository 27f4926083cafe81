"""Text-guided weighting: channels in which the classes' texts differ count more in the cosines.

With v_c = Var over queries of F_text[·, c], the weight of channel c is w_c = (v_c / mean v)^γ, and features
and text are compared as norm(√w ∘ x) and norm(√w ∘ t): the cosine under the metric diag(w). γ = 0 is the
published method.
"""

from __future__ import annotations

import torch
from torch import Tensor

from napari_corrclip.method.similarity import unit_cells


def channel_weights(text: Tensor, gamma: float) -> Tensor:
    """Return (D,) weights of the channels, by the spread of text features (Q, D)."""
    variance = text.float().var(dim=0, correction=0)
    mean = variance.mean()
    if gamma == 0 or not mean > 0:  # a single query has no spread
        return torch.ones_like(variance)
    weights: Tensor = (variance / mean) ** gamma
    return weights


def weighted(features: Tensor, text: Tensor, gamma: float) -> tuple[Tensor, Tensor]:
    """Return features and text as they are compared under the weights.

    Args:
        features: (..., D) of unit length.
        text: (Q, D) of unit length.
        gamma: γ >= 0.

    Returns:
        (..., D) and (Q, D), of unit length.
    """
    if gamma == 0:
        return features, text
    root = channel_weights(text, gamma).sqrt()
    return unit_cells(features * root.to(features.device)), unit_cells(text * root)
