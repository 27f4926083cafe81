"""The difference between colours as they are seen over an image, for everybody who looks at it.

A class is drawn over the image, so two colours are compared as the mix that is on the screen, over a middle
gray. The difference is CIEDE2000 [1]_: the least of what people see whose sight is normal, who lack the green
cones (deuteranopia) or the red ones (protanopia), as Machado et al. simulate them [2]_ at severity 1. A
difference of 1 is just noticed side by side.

References:
    .. [1] G. Sharma, W. Wu, E. N. Dalal, "The CIEDE2000 color-difference formula: implementation notes,
       supplementary test data, and mathematical observations", Color Research & Application 30 (1), 2005.
    .. [2] G. M. Machado, M. M. Oliveira, L. A. F. Fernandes, "A physiologically-based model for simulation of
       color vision deficiency", IEEE Transactions on Visualization and Computer Graphics 15 (6), 2009.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

SHARE = 0.4
"""Share of the class's colour in what is seen; the rest is the image."""
GRAY = 128
"""Level of the image that colours are compared over."""
WELL_APART = 8.0
"""Difference from which two colours are well told apart."""

SIGHTS: Mapping[str, Sequence[Sequence[float]]] = MappingProxyType(
    {
        "normal": ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)),
        "deuteranopia": (
            (0.367322, 0.860646, -0.227968),
            (0.280085, 0.672501, 0.047413),
            (-0.011820, 0.042940, 0.968881),
        ),
        "protanopia": (
            (0.152286, 1.052583, -0.204868),
            (0.114503, 0.786281, 0.099216),
            (-0.003882, -0.048116, 1.051998),
        ),
    }
)
"""By kind of sight, what becomes of linear RGB."""

_XYZ = np.array(  # sRGB, IEC 61966-2-1; the white of D65 is the sum of a row
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
)


def as_seen(colors: ArrayLike) -> NDArray[np.int64]:
    """Return sRGB of 0 to 255 as it is over the gray image, in whole levels too."""
    mixed = SHARE * np.asarray(colors, np.float64) + (1 - SHARE) * GRAY
    seen: NDArray[np.int64] = np.rint(mixed).astype(np.int64)
    return seen


def lab(rgb: ArrayLike, sight: str = "normal") -> Floats:
    """Return sRGB of 0 to 255, (…, 3), in CIELAB, as people of that sight see it."""
    srgb = np.asarray(rgb, np.float64) / 255
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    linear = np.clip(linear @ np.array(SIGHTS[sight]).T, 0, 1)
    xyz = (linear @ _XYZ.T) / _XYZ.sum(axis=1)
    root = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    x, y, z = root[..., 0], root[..., 1], root[..., 2]
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def lightness(colors: ArrayLike) -> Floats:
    """Return the lightness L*, 0 to 100, of colours as they are seen."""
    found: Floats = lab(as_seen(colors))[..., 0]
    return found


def differences(colors: ArrayLike, others: ArrayLike) -> Floats:
    """Return (n, m), how far each of (n, 3) colours is from each of (m, 3), whoever looks at them."""
    first, second = as_seen(colors), as_seen(others)
    by_sight = [ciede2000(lab(first, sight)[:, None], lab(second, sight)[None]) for sight in SIGHTS]
    least: Floats = np.min(by_sight, axis=0)
    return least


def ciede2000(first: Floats, second: Floats) -> Floats:
    """Return the CIEDE2000 differences of two arrays (…, 3) in CIELAB, which broadcast.

    The numbers of the equations are those of Sharma et al.
    """
    l1, a1, b1 = np.moveaxis(first, -1, 0)
    l2, a2, b2 = np.moveaxis(second, -1, 0)
    stretch = 1.5 - 0.5 * _seventh((np.hypot(a1, b1) + np.hypot(a2, b2)) / 2)  # 1 + G of (4)
    a1, a2 = a1 * stretch, a2 * stretch
    c1, c2 = np.hypot(a1, b1), np.hypot(a2, b2)
    h1 = np.degrees(np.arctan2(b1, a1)) % 360
    h2 = np.degrees(np.arctan2(b2, a2)) % 360
    gray = c1 * c2 == 0
    turn = h2 - h1  # (10); of opposite hues the half turn stays what it is
    turn = np.where(gray, 0, np.where(np.abs(turn) > 180, turn - np.sign(turn) * 360, turn))
    lightness, chroma = l2 - l1, c2 - c1
    hue = 2 * np.sqrt(c1 * c2) * np.sin(np.radians(turn) / 2)
    mean_l, mean_c = (l1 + l2) / 2, (c1 + c2) / 2
    mean_h = np.where(gray, h1 + h2, (h1 + turn / 2) % 360)  # (14)
    weight = (  # (15)
        1
        - 0.17 * _cos(mean_h - 30)
        + 0.24 * _cos(2 * mean_h)
        + 0.32 * _cos(3 * mean_h + 6)
        - 0.20 * _cos(4 * mean_h - 63)
    )
    from_middle = (mean_l - 50) ** 2
    lightness = lightness / (1 + 0.015 * from_middle / np.sqrt(20 + from_middle))
    chroma = chroma / (1 + 0.045 * mean_c)
    hue = hue / (1 + 0.015 * mean_c * weight)
    rotation = 60 * np.exp(-(((mean_h - 275) / 25) ** 2))
    mixed = -2 * _seventh(mean_c) * np.sin(np.radians(rotation)) * chroma * hue  # (21)
    squared = lightness**2 + chroma**2 + hue**2 + mixed
    found: Floats = np.sqrt(np.maximum(squared, 0))
    return found


def _seventh(chroma: Floats) -> Floats:
    power = chroma**7
    root: Floats = np.sqrt(power / (power + 25.0**7))
    return root


def _cos(degrees: Floats) -> Floats:
    cosine: Floats = np.cos(np.radians(degrees))
    return cosine
