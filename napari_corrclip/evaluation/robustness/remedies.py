"""The remedies that a person has against damages: what can be done to an image before it is segmented."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Pixels = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Remedy:
    """One remedy.

    Attributes:
        name: for files.
        title: for people, with what its knob is.
        knobs: figures of which validation scenes choose one; a single one where there is nothing to choose.
        apply: changes (H, W, 3) uint8 by such a figure.
        source: of the regions, where it is not SAM.
    """

    name: str
    title: str
    knobs: tuple[float, ...]
    apply: Callable[[Pixels, float], Pixels]
    source: str = "sam"


def smooth(rgb: Pixels, sigma: float) -> Pixels:
    """Smooth by a Gaussian of ``sigma`` pixels."""
    return _eight_bits(ndimage.gaussian_filter(rgb.astype(np.float64), (sigma, sigma, 0)))


def median(rgb: Pixels, size: float) -> Pixels:
    """Take the median of a square of ``size`` pixels, each channel by itself."""
    return ndimage.median_filter(rgb, (int(size), int(size), 1))


def non_local_means(rgb: Pixels, strength: float) -> Pixels:
    """Denoise by non-local means (Buades et al., CVPR 2005), as strong as the noise that is found.

    Args:
        rgb: (H, W, 3) uint8.
        strength: the filter's h, in standard deviations of the noise.
    """
    from skimage.restoration import denoise_nl_means

    values = rgb.astype(np.float64) / 255
    sigma = noise_of(values)
    if sigma == 0:
        return rgb
    found = denoise_nl_means(
        values, patch_size=5, patch_distance=6, h=strength * sigma, sigma=sigma, channel_axis=-1
    )
    return _eight_bits(255 * found)


def noise_of(values: NDArray[np.float64]) -> float:
    """Estimate the standard deviation of the noise (Immerkær, CVIU 1996).

    Args:
        values: (H, W, C).

    Returns:
        in the same unit, the mean over channels; edges count as noise, so that it is never too low.
    """
    second = np.array([1.0, -2.0, 1.0])
    found = ndimage.convolve1d(ndimage.convolve1d(values, second, 0), second, 1)
    inside = found[1:-1, 1:-1]
    return float(np.sqrt(np.pi / 2) / 6 * np.abs(inside).mean()) if inside.size else 0.0


def stretch(rgb: Pixels, percent: float) -> Pixels:
    """Stretch the values, of all channels together, so that so many percent at each end are cut off."""
    low, high = np.percentile(rgb, (percent, 100 - percent))
    if low == high:
        return rgb
    return _eight_bits(255 * (rgb.astype(np.float64) - low) / (high - low))


def sharpen(rgb: Pixels, sigma: float) -> Pixels:
    """Add what a Gaussian of ``sigma`` pixels takes away (unsharp masking, amount 1)."""
    values = rgb.astype(np.float64)
    return _eight_bits(2 * values - ndimage.gaussian_filter(values, (sigma, sigma, 0)))


def nothing(rgb: Pixels, _: float) -> Pixels:
    """Leave it as it is."""
    return rgb


REMEDIES: Final[Mapping[str, Remedy]] = MappingProxyType(
    {
        remedy.name: remedy
        for remedy in (
            Remedy("smooth", "smoothed, sigma in pixels", (0.7, 1.0, 1.5), smooth),
            Remedy("median", "median, pixels a side", (3, 5), median),
            Remedy("nlm", "non-local means, strength", (0.6, 1.0), non_local_means),
            Remedy("stretch", "stretched, percent cut off", (0.5, 2), stretch),
            Remedy("sharpen", "sharpened, sigma in pixels", (1, 2), sharpen),
            Remedy("superpixels", "superpixels instead of SAM", (0,), nothing, "superpixels"),
        )
    }
)


def _eight_bits(values: NDArray[np.float64]) -> Pixels:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
