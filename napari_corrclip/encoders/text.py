"""Queries in prompt templates, encoded and averaged (section 0 of the method)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from napari_corrclip.method.text import average_templates
from napari_corrclip.progress import Progress, Steps
from napari_corrclip.vocabulary.templates import fill

from .protocols import ImageTextEncoder

_PROMPTS_AT_ONCE = 160


def text_features(
    encoder: ImageTextEncoder, queries: Sequence[str], templates: Sequence[str]
) -> Steps[Tensor]:
    """F_text: one feature a query, averaged over the templates; yields after a few of them.

    A query's feature depends on the weights, the templates and the query alone, so that each can be
    kept on its own.

    Args:
        encoder: the text tower.
        queries: Q prompts without template.
        templates: at least one; ``{}`` marks the query's place.

    Returns:
        (Q, D) float32 of unit length, on the CPU.

    Raises:
        InputError: where a prompt in its template is longer than the text tower can read.
    """
    at_once = max(1, _PROMPTS_AT_ONCE // len(templates))
    features = []
    for start in range(0, len(queries), at_once):
        chunk = queries[start : start + at_once]
        prompts = [prompt for query in chunk for prompt in fill(templates, query)]
        embeddings = encoder.encode_prompts(prompts)
        features.append(average_templates(embeddings.reshape(len(chunk), len(templates), -1)))
        yield Progress("text", start + len(chunk), len(queries))
    return (
        torch.cat(features) if features else torch.zeros(0, encoder.embed_dim, dtype=torch.float32)
    )
