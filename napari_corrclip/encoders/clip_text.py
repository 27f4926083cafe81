"""open_clip's causal text towers, cut to the length of what is read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from napari_corrclip.errors import InputError

_PROMPTS_AT_ONCE = 256


@runtime_checkable
class Tokenizer(Protocol):
    """The part of open_clip's ``SimpleTokenizer`` that is used."""

    @property
    def sot_token_id(self) -> int:
        """Start token of a text."""

    @property
    def eot_token_id(self) -> int:
        """End token of a text."""

    @property
    def vocab_size(self) -> int:
        """Number of tokens."""

    def encode(self, text: str) -> list[int]:
        """Tokens of a text, without start and end token, of any number."""


def tokenize(tokenizer: Tokenizer, prompts: Sequence[str], context_length: int) -> list[list[int]]:
    """Tokens of each prompt with start and end token; needs no network.

    Raises:
        InputError: where a prompt has more than ``context_length`` tokens.
    """
    tokens = []
    for prompt in prompts:
        ids = [tokenizer.sot_token_id, *tokenizer.encode(prompt), tokenizer.eot_token_id]
        if len(ids) > context_length:
            raise InputError(
                f"The prompt {_shortened(prompt)!r} has {len(ids)} tokens, more than the "
                f"{context_length} that the text tower reads; shorten it."
            )
        tokens.append(ids)
    return tokens


def encode_sorted(
    tokens: Sequence[list[int]],
    padding: int,
    device: torch.device,
    embed: Callable[[Tensor], Tensor],
) -> Tensor:
    """Embed texts in batches of like length, so that few of them are padded.

    Args:
        tokens: of each text, at least one.
        padding: the token behind a text that is shorter than its batch.
        device: of the tower.
        embed: takes ids (n, L) on the device and gives (n, D) float32.

    Returns:
        (texts, D) float32 of unit length on the device, in the order of ``tokens``.
    """
    order = sorted(range(len(tokens)), key=lambda i: len(tokens[i]))
    parts = []
    for start in range(0, len(order), _PROMPTS_AT_ONCE):
        batch = [tokens[i] for i in order[start : start + _PROMPTS_AT_ONCE]]
        ids = torch.full((len(batch), max(map(len, batch))), padding, dtype=torch.long)
        for row, prompt in zip(ids, batch, strict=True):
            row[: len(prompt)] = torch.tensor(prompt)
        parts.append(embed(ids.to(device)))
    back = torch.empty(len(order), dtype=torch.long)
    back[torch.tensor(order)] = torch.arange(len(order))
    return F.normalize(torch.cat(parts)[back.to(device)], dim=-1)


class ClipTextEncoder:
    """The text half of an ``open_clip.CLIP``.

    Attention is causal, so nothing behind the longest end token of a batch can change an embedding:
    the batch is cut there.

    Args:
        model: an ``open_clip.CLIP``, or a ``CustomTextCLIP`` with open_clip's own text tower,
            already on its device and in its dtype.
        tokenizer: the ``SimpleTokenizer`` it was trained with.
        name: what to call it.

    Raises:
        InputError: where the text tower or the tokenizer is of a kind that cannot be served.
    """

    def __init__(self, model: nn.Module, tokenizer: Any, *, name: str) -> None:
        tower: Any = getattr(model, "text", model)
        reason = _why_refused(tower, tokenizer)
        if reason:
            raise InputError(
                f"The text tower of {name!r} {reason}, which cannot be served; use a CLIP model of "
                "open_clip with a causal text transformer and open_clip's SimpleTokenizer."
            )
        self._tower = tower
        self._tokenizer = tokenizer
        self._pool = str(getattr(tower, "text_pool_type", getattr(tower, "pool_type", "argmax")))
        self._eos_id = int(getattr(tower, "text_eos_id", getattr(tower, "eos_id", None)) or 0)
        self.context_length = int(tower.positional_embedding.shape[0])

    def tokenize(self, prompts: Sequence[str]) -> list[list[int]]:
        """Tokens of each prompt with start and end token.

        Raises:
            InputError: where a prompt is longer than the text tower can read.
        """
        return tokenize(self._tokenizer, prompts, self.context_length)

    def encode(self, prompts: Sequence[str]) -> Tensor:
        """Encode prompts, (n, D) float32 of unit length, on the tower's device."""
        tokens = self.tokenize(prompts)
        weight = self._tower.ln_final.weight
        if not tokens:
            return torch.zeros(0, self._width(), dtype=torch.float32, device=weight.device)
        return encode_sorted(tokens, 0, weight.device, self.embed)

    def embed(self, ids: Tensor) -> Tensor:
        """Embed token ids (n, L), L up to the context length, padded with 0: (n, D) float32.

        The same as the model's own ``encode_text`` on ids padded to the full length.
        """
        tower = self._tower
        length = ids.shape[1]
        dtype = tower.transformer.get_cast_dtype()
        x = tower.token_embedding(ids).to(dtype) + tower.positional_embedding[:length].to(dtype)
        # Additive -inf / 0: open_clip's block would turn a boolean mask into +1 / 0.
        x = tower.transformer(x, attn_mask=tower.attn_mask[:length, :length])
        x = tower.ln_final(x)
        ends = ids.eq(self._eos_id).int() if self._pool == "eos" else ids
        x = x[torch.arange(len(ids), device=ids.device), ends.argmax(dim=-1)]
        projection = tower.text_projection
        if isinstance(projection, nn.Linear):
            x = projection(x)
        elif projection is not None:
            x = x @ projection
        embedded: Tensor = x.float()
        return embedded

    def _width(self) -> int:
        projection = self._tower.text_projection
        if projection is None:
            return int(self._tower.ln_final.weight.shape[0])
        if isinstance(projection, nn.Linear):
            return projection.out_features
        return int(projection.shape[1])


def _shortened(prompt: str) -> str:
    return prompt if len(prompt) <= 60 else prompt[:57] + "..."


def _why_refused(tower: Any, tokenizer: Any) -> str:
    """Why a text tower cannot be served, as the middle of a sentence; empty where it can."""
    if not all(hasattr(tower, part) for part in ("token_embedding", "transformer", "ln_final")):
        return f"is a {type(tower).__name__}"
    if getattr(tower, "attn_mask", None) is None:
        return "is not causal"
    if getattr(tower, "cls_emb", None) is not None:
        return "appends a class token"
    pool = getattr(tower, "text_pool_type", getattr(tower, "pool_type", "argmax"))
    if pool not in ("argmax", "eos"):
        return f"pools by {pool!r} instead of the end token"
    if not isinstance(tokenizer, Tokenizer):
        return f"comes with a {type(tokenizer).__name__} as its tokenizer"
    size = int(tower.token_embedding.weight.shape[0])
    if tokenizer.vocab_size > size:
        return f"knows {size} tokens, but its tokenizer has {tokenizer.vocab_size}"
    return ""
