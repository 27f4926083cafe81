"""open_clip's CLIP: the image tower of the method, and its text tower."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from napari_corrclip.errors import InputError

from .clip_image import SERVED, ClipImageEncoder, cast_tower
from .clip_text import ClipTextEncoder
from .fingerprint import fingerprint
from .xlm_text import XlmTextEncoder, is_hugging_face


class OpenClipEncoder(ClipImageEncoder):
    """A stock ``open_clip.CLIP``, from finished parts.

    Args:
        model: the finished model, with its weights as they were trained, float32 as a rule. It is
            moved to ``device`` and ``dtype`` in place.
        tokenizer: the ``SimpleTokenizer`` it was trained with, or of an XLM-RoBERTa the
            :class:`~napari_corrclip.encoders.pieces.PieceTokenizer`.
        name: what to call it.
        device: where it runs.
        dtype: what it computes in; its features are float32 all the same.
        mean: of the pixels it was trained with; ``None`` = what open_clip noted, else CLIP's own.
        std: likewise.

    Attributes:
        fingerprint: hash of both towers as they were handed over, their weights and normalisation,
            and of the tokenizer; of weights that were rounded to a lower precision before, it is
            another one.

    Raises:
        InputError: where one of its towers is of a kind that cannot be served.
    """

    def __init__(
        self,
        model: nn.Module,
        tokenizer: Any,
        *,
        name: str,
        device: str | torch.device = "cpu",
        dtype: torch.dtype = torch.float32,
        mean: tuple[float, float, float] | None = None,
        std: tuple[float, float, float] | None = None,
    ) -> None:
        visual = getattr(model, "visual", None)
        if not isinstance(visual, nn.Module):
            raise InputError(
                f"{name!r} is a {type(model).__name__} without image tower; use {SERVED}."
            )
        # Before anything is cast: features travel between machines that compute in other dtypes.
        weights = fingerprint(model)
        super().__init__(visual, name=name, device=device, dtype=dtype, mean=mean, std=std)
        self.model: Any = cast_tower(model, device, dtype)
        self.tokenizer = tokenizer
        kind = XlmTextEncoder if is_hugging_face(self.model) else ClipTextEncoder
        self.text = kind(self.model, tokenizer, name=name)
        probe = tokenizer.encode("The quick brown fox jumps over 12 lazy dogs, again & again.")
        self.fingerprint = fingerprint(
            weights, self.mean, self.std, tokenizer.vocab_size, tuple(probe)
        )

    @property
    def context_length(self) -> int:
        """Most tokens that a prompt may have, start and end token counted."""
        return self.text.context_length

    @torch.no_grad()
    def encode_prompts(self, prompts: Sequence[str]) -> Tensor:
        """Encode prompts as they are, without templates.

        Returns:
            (n, D) float32, L2-normalised, on the CPU.

        Raises:
            InputError: where a prompt is longer than the text tower can read; names it and its
                length.
        """
        return self.text.encode(prompts).cpu()

    def check_prompts(self, prompts: Sequence[str]) -> None:
        """Raise InputError where a prompt is longer than the text tower can read; encodes none."""
        self.text.tokenize(prompts)
