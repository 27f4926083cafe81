"""The damages that an image may have: noise, blur, JPEG, low contrast, each in three strengths."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

Pixels = NDArray[np.uint8]
STRENGTHS: Final = ("weak", "middle", "strong")


@dataclass(frozen=True, slots=True)
class Damage:
    """One kind of damage.

    Attributes:
        name: for files.
        title: for people, with what its figures are.
        strengths: a figure for each of :data:`STRENGTHS`.
        apply: changes (H, W, 3) uint8 by a figure; the same image and figure always give the same.
    """

    name: str
    title: str
    strengths: tuple[float, float, float]
    apply: Callable[[Pixels, float], Pixels]


def noise(rgb: Pixels, sigma: float) -> Pixels:
    """Add normal noise, each channel by itself.

    Args:
        rgb: (H, W, 3) uint8.
        sigma: standard deviation in gray levels of 255.
    """
    seed = int(rgb.astype(np.int64).sum())  # the image's own
    drawn = np.random.default_rng(seed).normal(0, sigma, rgb.shape)
    return _eight_bits(rgb + drawn)


def blur(rgb: Pixels, sigma: float) -> Pixels:
    """Blur by a Gaussian of ``sigma`` pixels."""
    return _eight_bits(ndimage.gaussian_filter(rgb.astype(np.float64), (sigma, sigma, 0)))


def jpeg(rgb: Pixels, quality: float) -> Pixels:
    """Save as JPEG of a quality (1 to 95) with halved colours, and read again."""
    file = io.BytesIO()
    Image.fromarray(rgb).save(file, "JPEG", quality=round(quality), subsampling=2)
    return np.asarray(Image.open(file).convert("RGB"))


def low_contrast(rgb: Pixels, share: float) -> Pixels:
    """Keep a share (0 to 1) of every pixel's distance from middle gray, in whole gray levels."""
    return _eight_bits(128 + share * (rgb.astype(np.float64) - 128))


DAMAGES: Final[Mapping[str, Damage]] = MappingProxyType(
    {
        damage.name: damage
        for damage in (
            Damage("noise", "noise, standard deviation of 255", (15, 30, 60), noise),
            Damage("blur", "blur, sigma in pixels", (1, 2, 4), blur),
            Damage("jpeg", "JPEG, quality", (30, 12, 5), jpeg),
            Damage("contrast", "contrast, share that is left", (0.5, 0.25, 0.1), low_contrast),
        )
    }
)


def _eight_bits(values: NDArray[np.float64]) -> Pixels:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
