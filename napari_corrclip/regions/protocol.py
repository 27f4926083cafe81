"""The protocol of a source of regions."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeGuard, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.errors import InputError
from napari_corrclip.progress import Steps

if TYPE_CHECKING:
    from napari_corrclip.regions.embedding import SamEmbedding

Described = str | int | float | bool


@runtime_checkable
class RegionSource(Protocol):
    """A source that divides an image into regions."""

    @property
    def name(self) -> str:
        """What it is called in files and on the command line."""
        ...

    def segment(self, image: NDArray[np.uint8]) -> Steps[NDArray[np.int32]]:
        """Return the regions of ``image``; yields wherever it can be cancelled.

        Args:
            image: (H, W, 3) uint8.

        Returns:
            (H, W) int32 region ids >= 0; 0 = unsegmented.

        Raises:
            InputError: this image cannot be divided by this source.
        """
        ...

    def describe(self) -> Mapping[str, Described]:
        """Return ``source`` (the name) and every setting, for provenance and cache keys."""
        ...


@dataclass(frozen=True, eq=False, slots=True)
class Partition:
    """A partition of an image into regions, with what its source needs to answer clicks on the image.

    Attributes:
        regions: (H, W) integer ids >= 0; 0 = unsegmented.
        embedding: the image as SAM sees it; ``None`` where the source knows no clicks.
    """

    regions: NDArray[np.int32]
    embedding: SamEmbedding | None = None


@runtime_checkable
class ClickableSource(RegionSource, Protocol):
    """A source that can also be asked what lies under a click."""

    def partition(self, image: NDArray[np.uint8]) -> Steps[Partition]:
        """Divide (H, W, 3) uint8 as ``segment`` does, and keep what clicks need."""
        ...


def partition(source: RegionSource, image: NDArray[np.uint8]) -> Steps[Partition]:
    """Divide (H, W, 3) uint8 by any source; yields and raises as its ``segment`` does."""
    if isinstance(source, ClickableSource):
        return (yield from source.partition(image))
    return Partition((yield from source.segment(image)))


def check_image(image: NDArray[np.uint8]) -> tuple[int, int]:
    """Return the height and width of an (H, W, 3) uint8 image, or raise an ``InputError``."""
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or 0 in image.shape:
        raise InputError(
            f"The image has shape {image.shape} and type {image.dtype}; give (height, width, 3) of "
            "uint8, at least one pixel large."
        )
    return image.shape[0], image.shape[1]


def is_number(value: Any) -> TypeGuard[float]:
    """Whether ``value`` is a finite number; ``True`` is none."""
    number = isinstance(value, int | float | np.integer | np.floating)
    return number and not isinstance(value, bool) and bool(abs(value) < math.inf)


def check_share(value: float, name: str) -> float:
    """Return ``value``, a number from 0 to 1, or raise an ``InputError``."""
    if not is_number(value) or not 0 <= value <= 1:
        raise InputError(f"{name} is {value!r}; give a number from 0 to 1.")
    return float(value)


def check_count(value: int, name: str, least: int = 0, most: int | None = None) -> int:
    """Return ``value``, a whole number from ``least`` on, up to ``most``, or raise an ``InputError``."""
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not whole or value < least or (most is not None and value > most):
        bounds = f"of at least {least}" if most is None else f"from {least} to {most}"
        raise InputError(f"{name} is {value!r}; give a whole number {bounds}.")
    return int(value)
