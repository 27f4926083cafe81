"""Groups of alike regions, each as large as a page of a sheet.

All rows are cut in two along the direction in which they differ most, and so is each part, until a part fits
on a page; each cut falls on a whole number of pages. What differs most is told by the leading eigenvector of
the covariance (principal direction divisive partitioning, Boley 1998), of at most 128 rows of a part and by
power iteration, in the 16 leading directions of all.

A page of regions that look alike is taken in at a glance: one of another kind stands out among its
neighbours, and where the networks have taken a kind of thing for something else, the whole page is wrong and
gets its class by one key. A list by the cosine to the mean of its class would have all odd ones first, each
beside others that are like nothing either.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_AXES = 16
"""Directions that are looked at; of 256, as 100,000 regions are cut some 4,000 times."""
_LEADING, _SAMPLE = 4096, 128
"""Rows, evenly spread, by which the directions of all, and of a part, are told."""
_TURNS = 4
"""Of the power iteration; a direction that is nearly the leading one cuts nearly as well."""


def grouped(x: NDArray[np.float32], page: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return an order of rows in which each page holds alike ones, and how odd each is there.

    The same rows come in the same order each time.

    Args:
        x: (N, X) of unit length, a vector of each region.
        page: rows of a page; only the last one has fewer.

    Returns:
        (N,) rows, and (N,) how far from the mean of its page each of them is, in the leading directions.
    """
    order = np.arange(len(x))
    if not len(x):
        return order, np.zeros(0, np.float32)
    y = _leading(x)
    first, last = np.zeros(1, np.int64), np.array([len(x)])
    while len(first):
        middle = first + -(-(last - first) // page) // 2 * page
        if len(x) > page:
            _rank(y, order, first, last)
        first, last = np.append(first, middle), np.append(middle, last)
        large = last - first > page
        first, last = first[large], last[large]
    starts = np.arange(0, len(y), page)
    means = np.add.reduceat(y, starts, axis=0) / np.diff(np.append(starts, len(y)))[:, None]
    y -= means[np.arange(len(y)) // page]
    odd: NDArray[np.float32] = np.linalg.norm(y, axis=1)
    return order, odd


def _leading(x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the rows in the directions in which all of them differ most, (N, <= 16)."""
    some = x[:: -(-len(x) // _LEADING)]
    some = some - some.mean(axis=0)
    _, vectors = np.linalg.eigh(some.T @ some)
    y: NDArray[np.float32] = x @ vectors[:, : -_AXES - 1 : -1]
    return y


def _rank(
    y: NDArray[np.float32],
    order: NDArray[np.int64],
    first: NDArray[np.int64],
    last: NDArray[np.int64],
) -> None:
    """Sort the rows of each part along its own direction; all parts at once, as there are thousands.

    Args:
        y: (N, D), sorted in place.
        order: (N,), sorted with it.
        first: (P,) where the parts begin.
        last: (P,) where they end; they are about equally long.
    """
    size = last - first
    # Of the mean of a part nothing is left in the order along a direction.
    at = (
        first[:, None]
        + np.arange(min(int(size.max()), _SAMPLE)) * (size / _SAMPLE).clip(1)[:, None]
    )
    real = at < last[:, None]
    some = y[np.minimum(at, len(y) - 1).astype(np.int64)]
    some[~real] = 0
    mean = some.sum(axis=1, keepdims=True) / real.sum(axis=1)[:, None, None]
    some -= mean.astype(np.float32)
    some[~real] = 0
    spread = some.transpose(0, 2, 1) @ some
    along = spread[np.arange(len(first)), np.einsum("pdd->pd", spread).argmax(axis=1)]
    for _ in range(_TURNS):
        along = np.einsum("pde,pe->pd", spread, along)
        along /= np.maximum(np.abs(along).max(axis=1, keepdims=True), _NOTHING)
    part = np.repeat(np.arange(len(first)), size)
    rows = np.repeat(first - np.cumsum(size) + size, size) + np.arange(len(part))
    inside = y[rows]
    place = np.einsum("nd,nd->n", inside, along[part])
    place /= 1 + np.abs(place).max()  # less than half of a part's number: one sort does for all
    ranked = np.argsort(2 * part + place.astype(np.float64))
    y[rows], order[rows] = inside[ranked], order[rows][ranked]


_NOTHING = 1e-30
"""Less than any difference of rows; where all are the same, any cut does."""
