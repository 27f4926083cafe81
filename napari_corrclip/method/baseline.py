"""The base of the ablation (eq. 1-4): q.q attention of the last block, without any region."""

from __future__ import annotations

import torch
from torch import Tensor


def base_attention(queries: Tensor, values: Tensor, heads: int) -> Tensor:
    """Multi-head attention with q.q^T / sqrt(d_head) in place of q.k^T.

    As in any block, the class token is one of the tokens attended to.

    Args:
        queries: (B, T, C) of the last block, all heads side by side.
        values: (B, T, C).
        heads: number of heads; divides C.

    Returns:
        (B, T, C), heads side by side again, before the output projection.
    """
    batch, tokens, width = queries.shape
    q, v = (x.reshape(batch, tokens, heads, -1).transpose(1, 2) for x in (queries, values))
    scores = (q.float() @ q.float().transpose(-1, -2)) * (width // heads) ** -0.5
    attended = torch.softmax(scores, dim=-1).to(v.dtype) @ v
    return attended.transpose(1, 2).reshape(batch, tokens, width)
