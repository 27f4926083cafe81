"""The protocols of networks: all that the pipeline asks of one.

A tower's forward pass is a generator that yields between its blocks, so that it can be cancelled
there; :func:`napari_corrclip.progress.finish` drives one to its end.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar, runtime_checkable

import torch
from torch import Tensor

from napari_corrclip.method.scope import Attend

T = TypeVar("T")

Blocks = Generator[None, None, T]
"""A forward pass: yields after every block and returns its result."""


class Encoder(Protocol):
    """The properties that all networks have in common."""

    @property
    def name(self) -> str:
        """What the network is called where a person reads it."""

    @property
    def patch_size(self) -> int:
        """Side of a patch in pixels."""

    @property
    def blocks(self) -> int:
        """Number of transformer blocks; a forward pass yields once after each."""

    @property
    def mean(self) -> tuple[float, float, float]:
        """Mean of the pixels in [0, 1] that the network was trained with, RGB."""

    @property
    def std(self) -> tuple[float, float, float]:
        """Their standard deviation."""

    @property
    def device(self) -> torch.device:
        """Where the network runs."""

    @property
    def dtype(self) -> torch.dtype:
        """What it computes in."""

    @property
    def fingerprint(self) -> str:
        """Hash of the network and its weights, whatever it computes in, to name what it computed."""


@dataclass(frozen=True)
class SimilarityFeatures:
    """The output of a similarity tower for each cell of its patch grid.

    Attributes:
        query_key: (B, h, w, d) float32, F_S: queries plus keys of the last block, normalised.
        output: (B, h, w, d) float32, output tokens after the final norm, normalised; ``None`` where
            not asked for.
    """

    query_key: Tensor
    output: Tensor | None


@runtime_checkable
class SimilarityEncoder(Encoder, Protocol):
    """A tower whose cells say what belongs together, such as DINO."""

    def features(self, pixels: Tensor, *, output: bool = False) -> Blocks[SimilarityFeatures]:
        """Encode pixels (B, 3, H, W) in the tower's own normalisation; grid floor(side / patch)."""


@dataclass(frozen=True)
class LastBlock:
    """The input and output of a CLIP image tower's last block.

    Attributes:
        queries: (B, 1 + h' * w', C) of the last block, class token first, all heads side by side.
        keys: likewise.
        values: likewise.
        spatial_values: the same projection of the mean of the middle blocks; ``None`` = branch off.
        mask_tokens: (B, M, C) output of the mask class tokens, token r of region r; ``None`` = off.
        regions: (B, h', w') merged regions on the tower's own grid; ``None`` where there is no
            token.
        grid: (h', w').
    """

    queries: Tensor
    keys: Tensor
    values: Tensor
    spatial_values: Tensor | None
    mask_tokens: Tensor | None
    regions: Tensor | None
    grid: tuple[int, int]


class ImageEncoder(Encoder, Protocol):
    """An image tower whose cells can be compared with text."""

    @property
    def embed_dim(self) -> int:
        """Length D of the features shared with text."""

    def last_block(
        self, pixels: Tensor, *, regions: Tensor | None = None, spatial: bool = True
    ) -> Blocks[LastBlock]:
        """Run the tower; ``regions`` (B, h, w), any grid, asks for their mask class tokens."""

    def cell_features(
        self,
        last: LastBlock,
        attention: Attend | None,
        size: tuple[int, int],
        *,
        alpha: float,
        beta: float,
    ) -> Tensor:
        """Refined features F (B, h, w, D) float32; ``attention=None``: the base, own grid.

        Else ``attention`` takes values (B, N, C) of the cells of ``size`` and returns Attn . v.
        """


@runtime_checkable
class ImageTextEncoder(ImageEncoder, Protocol):
    """An image tower with the text tower it was trained with."""

    def encode_prompts(self, prompts: Sequence[str]) -> Tensor:
        """Encode prompts as they are, (n, D) float32 of unit length on the CPU."""

    def check_prompts(self, prompts: Sequence[str]) -> None:
        """Raise InputError where a prompt is longer than the tower can read; encodes none."""
