"""The orders in which the images of a set are corrected: random, and balanced."""

from __future__ import annotations

import numpy as np

LENGTH = 25
"""Images in an order."""
ORDERS = 10
LATE = range(17, 22)
"""Places, from 0, that stand for the 20th image: the 18th to the 22nd."""


def balanced_orders(
    images: int, orders: int = ORDERS, length: int = LENGTH, seed: int = 0
) -> tuple[tuple[int, ...], ...]:
    """Return random orders, in which every image comes as often as any other, or once more.

    Args:
        images: how many there are.
        orders: how many orders.
        length: images in each, or all where there are fewer; none comes twice.
        seed: draws them.
    """
    rng = np.random.default_rng(seed)
    used = np.zeros(images, np.int64)
    found = []
    for _ in range(orders):
        # The least used first, equals by chance; then in any order.
        chosen = np.lexsort((rng.random(images), used))[:length]
        used[chosen] += 1
        found.append(tuple(rng.permutation(chosen).tolist()))
    return tuple(found)


def late(length: int) -> range:
    """Return the places that stand for the 20th image; in a shorter order the last fifth."""
    if length >= LATE.stop:
        return LATE
    return range(length - max(1, length // 5), length)
