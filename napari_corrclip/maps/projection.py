"""The projection of long vectors to 128 numbers, the same on every machine and for ever.

Lengths and angles stay about what they are: for unit vectors u and v and a matrix M of N(0, 1/n) the
expectation of (uM)(vM) is uv, its standard deviation at most sqrt(2/n) (Johnson and Lindenstrauss 1984,
*Extensions of Lipschitz mappings into a Hilbert space*; Dasgupta and Gupta 2003,
https://doi.org/10.1002/rsa.10073).
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.storage.frozen import closed

LENGTH = 128
"""Numbers that a vector is projected to."""
VERSION = 1
"""Kept with what was projected: vectors of two versions cannot be compared. 1: seed 7, N(0, 1/128)."""
_SEED = 7


def project(vectors: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return (R, min(D, 128)) float32: vectors of unit length, times the fixed matrix where D is above 128.

    Args:
        vectors: (R, D) of any length; one of zeros stays so.
    """
    exact = vectors.astype(np.float64)
    length = np.linalg.norm(exact, axis=1, keepdims=True)
    unit = np.divide(exact, length, out=np.zeros_like(exact), where=length > 0)
    if unit.shape[1] > LENGTH:
        unit = unit @ matrix(unit.shape[1])
    return unit.astype(np.float32)


@cache
def matrix(dimension: int) -> NDArray[np.float64]:
    """Return (D, 128) of independent N(0, 1/128), read-only; the same for a dimension D at all times."""
    # NumPy promises the numbers of this generator, and of no newer one, for ever (its NEP 19).
    normal = np.random.RandomState(_SEED).standard_normal((dimension, LENGTH))
    frozen: NDArray[np.float64] = closed(normal / np.sqrt(LENGTH))
    return frozen
