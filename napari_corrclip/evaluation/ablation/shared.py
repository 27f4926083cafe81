"""The towers of an image run once, for all rows that differ in what comes after them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from time import perf_counter, process_time
from typing import TypeVar, cast

import torch
from torch import Tensor

from napari_corrclip.encoders.protocols import (
    Blocks,
    Encoder,
    ImageEncoder,
    LastBlock,
    SimilarityEncoder,
    SimilarityFeatures,
)
from napari_corrclip.method.scope import Attend

T = TypeVar("T")


def clock_of(device: torch.device) -> Callable[[], float]:
    """Return the clock of a device: a CPU's own seconds, which no other program lengthens, or the wall's."""
    return process_time if device.type == "cpu" else perf_counter


class Memory:
    """The outputs of towers for one image, each with the seconds that it took.

    Args:
        clock: that tells seconds.

    Attributes:
        owed: seconds that were saved by remembering: a row that ran alone would have spent them, too.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock
        self.owed = 0.0
        self._found: dict[tuple[str, ...], tuple[object, float]] = {}

    def forget(self) -> None:
        """Forget everything, before another image."""
        self._found.clear()

    def knows(self, key: tuple[str, ...]) -> bool:
        """Whether a result is remembered."""
        return key in self._found

    def once(self, key: tuple[str, ...], run: Callable[[], Blocks[T]]) -> Blocks[T]:
        """Return what ``run`` gives, from memory where it was run for ``key`` before."""
        if key in self._found:
            result, seconds = self._found[key]
            self.owed += seconds
            return cast("T", result)
        began = self.clock()
        found = yield from run()
        self._found[key] = found, self.clock() - began
        return found


def digest(tensor: Tensor | None) -> str:
    """Return a name of a tensor's values; empty for ``None``."""
    if tensor is None:
        return ""
    values = tensor.detach().cpu().contiguous()
    return hashlib.blake2b(values.numpy().tobytes(), digest_size=16).hexdigest()


class _Shared:
    """A tower that says of itself what another one does."""

    def __init__(self, tower: Encoder, memory: Memory) -> None:
        self.memory = memory
        self.name = tower.name
        self.patch_size = tower.patch_size
        self.blocks = tower.blocks
        self.mean = tower.mean
        self.std = tower.std
        self.device: torch.device = tower.device
        self.dtype: torch.dtype = tower.dtype
        self.fingerprint = tower.fingerprint


class SharedSimilarity(_Shared):
    """A similarity tower that runs once for the same pixels.

    Args:
        tower: that runs; its output tokens are always asked for.
        memory: of the image.
    """

    def __init__(self, tower: SimilarityEncoder, memory: Memory) -> None:
        super().__init__(tower, memory)
        self.tower = tower

    def features(self, pixels: Tensor, *, output: bool = False) -> Blocks[SimilarityFeatures]:
        """Encode windows, or remember; see the protocol."""
        key = ("similarity", digest(pixels))
        found = yield from self.memory.once(key, lambda: self.tower.features(pixels, output=True))
        return found if output else replace(found, output=None)


class SharedClip(_Shared):
    """An image tower that runs once for the same pixels and the same merged regions.

    Nothing attends to the mask class tokens, so a row without regions takes what was computed with some.

    Args:
        tower: that runs; the spatial branch is always asked for.
        memory: of the image.
    """

    def __init__(self, tower: ImageEncoder, memory: Memory) -> None:
        super().__init__(tower, memory)
        self.tower = tower
        self.embed_dim = tower.embed_dim
        self._with_regions: dict[str, str] = {}

    def last_block(
        self, pixels: Tensor, *, regions: Tensor | None = None, spatial: bool = True
    ) -> Blocks[LastBlock]:
        """Run the tower, or remember; see the protocol."""
        image, wanted = digest(pixels), digest(regions)
        if regions is None and self.memory.knows(
            ("clip", image, self._with_regions.get(image, ""))
        ):
            wanted = self._with_regions.get(image, "")
        elif regions is not None:
            self._with_regions[image] = wanted
        found = yield from self.memory.once(
            ("clip", image, wanted), lambda: self.tower.last_block(pixels, regions=regions)
        )
        if not spatial:
            found = replace(found, spatial_values=None)
        return found if regions is not None else replace(found, mask_tokens=None, regions=None)

    def cell_features(
        self,
        last: LastBlock,
        attention: Attend | None,
        size: tuple[int, int],
        *,
        alpha: float,
        beta: float,
    ) -> Tensor:
        """Refined features; see the protocol."""
        return self.tower.cell_features(last, attention, size, alpha=alpha, beta=beta)


class SharedTowers:
    """The two image towers of a segmenter, which remember what they said of one image.

    Args:
        clip: the image tower.
        similarity: the similarity tower.
    """

    def __init__(self, clip: ImageEncoder, similarity: SimilarityEncoder) -> None:
        self.memory = Memory(clock_of(clip.device))
        self.clip = SharedClip(clip, self.memory)
        self.similarity = SharedSimilarity(similarity, self.memory)
