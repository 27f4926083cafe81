"""open_clip's text towers of the XLM-RoBERTa family, which read about a hundred languages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from open_clip.hf_model import HFTextEncoder, MeanPooler
from torch import Tensor, nn

from napari_corrclip.encoders.clip_text import encode_sorted, tokenize
from napari_corrclip.encoders.pieces import PieceTokenizer
from napari_corrclip.errors import InputError


class XlmTextEncoder:
    """The text half of a CLIP whose text tower is an ``HFTextEncoder`` around XLM-RoBERTa.

    Every token attends to every other and their mean is taken, both without padding; so a batch is cut
    to its longest prompt.

    Args:
        model: an ``open_clip.CustomTextCLIP``, already on its device and in its dtype.
        tokenizer: the :class:`PieceTokenizer` it was trained with.
        name: what to call it.

    Raises:
        InputError: where the text tower or the tokenizer is of a kind that cannot be served.
    """

    def __init__(self, model: nn.Module, tokenizer: Any, *, name: str) -> None:
        tower: Any = model.text
        reason = _why_refused(tower, tokenizer)
        if reason:
            raise InputError(
                f"The text tower of {name!r} {reason}, which cannot be served; use an XLM-RoBERTa "
                "with open_clip's mean pooler and a PieceTokenizer."
            )
        self._tower = tower
        self._tokenizer: PieceTokenizer = tokenizer
        self.context_length = tokenizer.context_length

    def tokenize(self, prompts: Sequence[str]) -> list[list[int]]:
        """Tokens of each prompt with start and end token.

        Raises:
            InputError: where a prompt is longer than the text tower can read.
        """
        return tokenize(self._tokenizer, prompts, self.context_length)

    def encode(self, prompts: Sequence[str]) -> Tensor:
        """Encode prompts, (n, D) float32 of unit length, on the tower's device."""
        weight = next(self._tower.parameters())
        tokens = self.tokenize(prompts)
        if not tokens:
            width = int(self._tower.output_dim)
            return torch.zeros(0, width, dtype=torch.float32, device=weight.device)
        return encode_sorted(tokens, self._tokenizer.pad_token_id, weight.device, self.embed)

    def embed(self, ids: Tensor) -> Tensor:
        """Embed token ids (n, L), padded with <pad>: (n, D) float32, by the tower itself."""
        embedded: Tensor = self._tower(ids)
        return embedded.float()


def is_hugging_face(model: nn.Module) -> bool:
    """Whether the text tower of a CLIP is one of Hugging Face's."""
    return isinstance(getattr(model, "text", None), HFTextEncoder)


def _why_refused(tower: Any, tokenizer: Any) -> str:
    """Why a text tower cannot be served, as the middle of a sentence; empty where it can."""
    kind = str(getattr(tower.config, "model_type", ""))
    if kind != "xlm-roberta":
        return f"is a {kind or type(tower.transformer).__name__}"
    if type(tower.pooler) is not MeanPooler:
        return f"ends in a {type(tower.pooler).__name__}"
    if tower.output_tokens:
        return "gives tokens beside their mean"
    if not isinstance(tokenizer, PieceTokenizer):
        return f"comes with a {type(tokenizer).__name__} as its tokenizer"
    if int(tower.config.pad_token_id) != tokenizer.pad_token_id:
        return f"pads by the token {tower.config.pad_token_id}"
    size = int(tower.config.vocab_size)
    if tokenizer.vocab_size > size:
        return f"knows {size} tokens, but its tokenizer has {tokenizer.vocab_size}"
    # Its positions begin behind that of <pad>.
    most = int(tower.config.max_position_embeddings) - tokenizer.pad_token_id - 1
    if tokenizer.context_length > most:
        return f"reads {most} tokens, but its tokenizer gives {tokenizer.context_length}"
    return ""
