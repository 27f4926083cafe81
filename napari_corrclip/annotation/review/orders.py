"""The orders in which a person should look at regions: a score for each, the highest first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.annotation.region import Region
from napari_corrclip.annotation.session import Session
from napari_corrclip.errors import InputError
from napari_corrclip.maps.table import entropies

Order = Callable[[Session, list[Region]], NDArray[np.floating]]
"""(session, R regions) -> (R,) scores; the highest is looked at first, the lowest id among equals."""

WRONG = 2.0
"""How much more a region is worth a look for each neighbour whose like prediction was wrong."""
RIGHT = 0.7
"""The same for each one whose like prediction was right."""
ALIKE = 0.5
"""Weight of a look at a region that looks the same, where one at a neighbour weighs 1."""


def area_margin(session: Session, rows: list[Region]) -> NDArray[np.float64]:
    """Area x (1 - margin): the pixels that a look is likely to correct."""
    return _areas(rows) * (1 - _margins(rows))


def area(session: Session, rows: list[Region]) -> NDArray[np.float64]:
    """Largest first."""
    return _areas(rows)


def margin(session: Session, rows: list[Region]) -> NDArray[np.float64]:
    """Smallest lead of the likeliest class over the next first."""
    return -_margins(rows)


def entropy(session: Session, rows: list[Region]) -> NDArray[np.float64]:
    """Highest entropy of the mean probabilities first."""
    return entropies(np.array([row.probabilities for row in rows])).astype(np.float64)


def rare(session: Session, rows: list[Region]) -> NDArray[np.float64]:
    """Regions of the class that was predicted for the fewest pixels first, the largest of each."""
    shares: dict[int, int] = {}
    for row in session.rows():
        shares[row.predicted] = shares.get(row.predicted, 0) + row.area
    common = np.array([shares[row.predicted] for row in rows], np.float64)
    areas = _areas(rows)
    scores: NDArray[np.float64] = areas / (1 + areas.max(initial=0)) - common
    return scores


def raster(session: Session, rows: list[Region]) -> NDArray[np.float64]:
    """From top to bottom, from left to right, by the boxes' corners."""
    return -np.array([row.box[0] * session.shape[1] + row.box[1] for row in rows], np.float64)


def random(session: Session, rows: list[Region]) -> NDArray[np.float64]:
    """In no order; the same in every run, whatever else is undecided."""
    # Spread by the id itself (a hash), so that a decided region moves no other.
    ids = np.array([row.id for row in rows], np.uint64)
    mixed = (ids + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    mixed ^= mixed >> np.uint64(29)
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    return (mixed >> np.uint64(11)).astype(np.float64)


def adaptive(session: Session, rows: list[Region]) -> NDArray[np.float64]:
    """:func:`area_margin`, and what a person's looks at the neighbours say of the same prediction.

    Every neighbour of the same prediction that was looked at doubles the score if its prediction was
    wrong, and takes it to 0.7 if it was right. The scores follow from the decisions as they are, so an
    undo takes their influence back too.
    """
    factors = np.ones(len(rows))
    position = {row.id: index for index, row in enumerate(rows)}
    # From the looks, of which there are few, to their neighbours, and not the other way round.
    for seen in session.rows():
        if seen.verdict is None:
            continue
        for neighbour in session.neighbours(seen.id):
            index = position.get(neighbour)
            if index is not None:
                factors[index] *= _evidence(seen, rows[index])
    return area_margin(session, rows) * factors


def expected_error(session: Session, rows: list[Region]) -> NDArray[np.float64]:
    """Area^0.85 by the share of wrong predictions that the looks so far let one expect.

    The expectation begins with 1 - margin. A look at a neighbour of the same prediction weighs as
    much as that; a look at any region of the same prediction that looks alike, wherever it lies, up to
    half (by the distance of :meth:`Session.descriptors`; without image and networks there are none).
    Like :func:`adaptive` it follows from the decisions as they are.

        area^0.85 (1 - margin + weights of the wrong ones) / (1 + weights of all)
    """
    looked = [row for row in session.rows() if _evidence(row, row) != 1.0]
    wrong = np.array([_evidence(row, row) == WRONG for row in looked], np.float64)
    position = {row.id: at for at, row in enumerate(looked)}
    same = np.array([row.predicted for row in rows])[:, None] == [row.predicted for row in looked]
    weights = np.zeros((len(rows), len(looked)))
    if looked:
        weights += ALIKE * same * _likeness(session, rows, looked)
    for index, row in enumerate(rows):
        for neighbour in session.neighbours(row.id):
            at = position.get(neighbour)
            if at is not None and same[index, at]:
                weights[index, at] += 1
    doubt = 1 - _margins(rows)
    expected = (doubt + weights @ wrong) / (1 + weights.sum(axis=1))
    scores: NDArray[np.float64] = _areas(rows) ** 0.85 * expected
    return scores


def _likeness(session: Session, rows: list[Region], others: list[Region]) -> NDArray[np.float64]:
    """Return (R, n), 1 for regions that look the same, 1/e at a squared distance of 0.04."""
    try:
        vectors = session.descriptors([*rows, *others])
    except InputError:
        return np.zeros((len(rows), len(others)))
    cosines = vectors[: len(rows)] @ vectors[len(rows) :].T
    return np.exp((2 * cosines.astype(np.float64) - 2) / 0.04)


def _evidence(seen: Region, row: Region) -> float:
    verdict = seen.verdict
    if verdict is None or not verdict.looked or seen.predicted != row.predicted:
        return 1.0
    if verdict.kind == "ignored":
        return 1.0
    return RIGHT if verdict.value == seen.predicted else WRONG


def _margins(rows: list[Region]) -> NDArray[np.float64]:
    """Return (R,) :attr:`Region.margin` of each, computed together."""
    if not rows:
        return np.zeros(0)
    ordered = np.sort(np.array([row.probabilities for row in rows]), axis=1)
    leads = ordered[:, -1] - ordered[:, -2] if ordered.shape[1] > 1 else ordered[:, -1]
    return leads.astype(np.float64)


def _areas(rows: list[Region]) -> NDArray[np.float64]:
    return np.array([row.area for row in rows], np.float64)


ORDERS: Mapping[str, Order] = MappingProxyType(
    {
        "area-margin": area_margin,
        "area": area,
        "margin": margin,
        "entropy": entropy,
        "rare": rare,
        "raster": raster,
        "random": random,
        "adaptive": adaptive,
        "expected-error": expected_error,
    }
)
"""The orders by name."""
