"""The equations of docs/learning.md as they stand there, in loops: slow, and right where they are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.learning import Sitting
from napari_corrclip.results.vectors import RegionVectors

Vector = NDArray[np.float64]


class Looks:
    """x and P of regions, normalised by those of a first image."""

    def __init__(self, first: RegionVectors) -> None:
        self.blocks = []
        for block in (first.clip, first.similarity):
            if block is not None:
                rows = [np.array(row, np.float64) for row in block]
                mean = sum(rows) / len(rows)
                square = sum(float((row - mean) @ (row - mean)) for row in rows) / len(rows)
                self.blocks.append((mean, math.sqrt(square) if square > 1e-6 else 1.0))
        colours = np.array(first.colours, np.float64)
        self.mean, self.spread = colours.mean(axis=0), []
        for column in range(8):
            deviation = math.sqrt(((colours[:, column] - self.mean[column]) ** 2).mean())
            self.spread.append(max(deviation, 0.05 * abs(self.mean[column]), 1e-3))

    def x(self, rows: Any, number: int) -> Vector:
        parts = []
        for block in (rows.clip, rows.similarity):
            if block is not None:
                mean, length = self.blocks[len(parts)]
                parts.append((np.array(block[number], np.float64) - mean) / length)
        colours = np.array(rows.colours[number], np.float64)
        parts.append(
            np.array(
                [(colours[i] - self.mean[i]) / self.spread[i] / math.sqrt(8) for i in range(8)]
            )
        )
        place = np.array(rows.places[number], np.float64)
        parts.append((place - 0.5) / 0.29 / math.sqrt(2))
        for part in parts:
            length = math.sqrt(part @ part)
            if length > 2:
                part *= 2 / length
        return np.concatenate(parts)

    @staticmethod
    def p(rows: Any, number: int) -> Vector:
        own = np.array(rows.probabilities[number], np.float64)
        return own / own.sum() if own.sum() > 0 else np.full(len(own), 1 / len(own))


def phi(p: Vector, x: Vector) -> Vector:
    return np.concatenate([[0.5], p, x])


def raised(row: Vector) -> Vector:
    cut = np.array([max(number, 0.003) for number in row])
    return cut / cut.sum()


def moved(logit: float, rate: float, q: float, p: float) -> float:
    return max(-6.0, min(6.0, logit + rate * (math.log(max(q, 0.02)) - math.log(max(p, 0.02)))))


@dataclass
class Sums:
    """The sums of finished sittings."""

    classes: tuple[int, ...]
    length: int
    s: Vector = field(init=False)
    b: Vector = field(init=False)
    f: Vector = field(init=False)
    g: Vector = field(init=False)
    n: Vector = field(init=False)
    r: Vector = field(init=False)
    inside: float = 0.0
    opening: float = math.log(0.3 / 0.7)

    def __post_init__(self) -> None:
        k = len(self.classes)
        d = 1 + k + self.length
        self.s, self.f = np.zeros((d, d)), np.zeros((d, d))
        self.b, self.g = np.zeros((d, k)), np.zeros((d, k))
        self.n, self.r = np.zeros(k), np.zeros(k)

    def one(self, value: int) -> Vector:
        return np.array([float(value == each) for each in self.classes])

    def trust(self, value: int) -> float:
        column = self.classes.index(value)
        return float(((self.r[column] + 2) / (self.n[column] + 2)) ** 2)

    def verdict(self, f: Vector, p: Vector, e: int, y: int) -> None:
        for i in range(len(f)):
            self.s[i] += f[i] * f
            self.b[i] += f[i] * (self.one(y) - p)
        self.n[self.classes.index(e)] += 1
        self.r[self.classes.index(e)] += e == y


def folded(sittings: Sequence[Sitting], looks: Looks, sums: Sums, together: int = 100) -> Sums:
    taught = [sitting for sitting in sittings if len(sitting.looks)]
    passed = (len(taught) // together - 1) * together  # of which nothing undecided counts any more
    for sitting in sittings:
        rows, left = sitting.looks, sitting.undecided
        if not len(rows):
            continue
        sums.inside *= 0.9
        sums.opening = math.log(0.3 / 0.7) + 0.9 * (sums.opening - math.log(0.3 / 0.7))
        for i in range(len(rows)):
            p = looks.p(rows, i)
            sums.verdict(phi(p, looks.x(rows, i)), p, int(rows.elected[i]), int(rows.values[i]))
            sums.inside = moved(sums.inside, 0.25, rows.q[i], rows.p[i])
            sums.opening = moved(sums.opening, 0.1, rows.q_opening[i], rows.p[i])
        sums.f *= 0.95
        sums.g *= 0.95
        for i in range(len(left) if taught.index(sitting) >= passed else 0):
            p = looks.p(left, i)
            f = phi(p, looks.x(left, i))
            sums.f += left.each * (0.1 + 0.05 * sums.trust(int(left.elected[i]))) * np.outer(f, f)
            sums.g += left.each * 0.1 * np.outer(f, sums.one(int(left.shown[i])) - p)
    return sums


@dataclass
class Asked:
    """Regions of the open image: P, x, what was elected."""

    p: list[Vector]
    x: list[Vector]
    e: list[int]


def foretold(
    sums: Sums, image: Asked, verdicts: Sequence[tuple[int, int]], undecided: Sequence[int]
) -> dict[int, Vector]:
    """Return q of each undecided region.

    Args:
        sums: of the finished sittings; this image's verdicts are added to them.
        image: all regions.
        verdicts: region and label value, in their order.
        undecided: regions.
    """
    features = [phi(p, x) for p, x in zip(image.p, image.x, strict=True)]
    for i, y in verdicts:
        sums.verdict(features[i], image.p[i], image.e[i], y)
    chosen = undecided
    if len(undecided) > 512:
        chosen = [undecided[i * len(undecided) // 512] for i in range(512)]
    system = sums.s + sums.f + 0.5 * np.eye(len(sums.s))
    for i in chosen:
        each = len(undecided) / len(chosen)
        system += 0.05 * each * sums.trust(image.e[i]) * np.outer(features[i], features[i])
    weights = np.linalg.inv(system) @ (sums.b + sums.g)
    s = [raised(p + f @ weights) for p, f in zip(image.p, features, strict=True)]
    last = list(verdicts)[-400:]
    if last:
        alike = np.array([[_kernel(image.x[i], image.x[j]) for j, _ in last] for i, _ in last])
        left = np.array([sums.one(y) - s[i] for i, y in last])
        alpha = np.linalg.inv(alike + 0.5 * np.eye(len(last))) @ left
        for i in undecided:
            s[i] = raised(
                s[i]
                + sum(
                    _kernel(image.x[i], image.x[j]) * a
                    for (j, _), a in zip(last, alpha, strict=True)
                )
            )
    return {i: np.exp(10 * s[i]) / np.exp(10 * s[i]).sum() for i in undecided}


def _kernel(a: Vector, b: Vector) -> float:
    return math.exp(-float((a - b) @ (a - b)) / 2)
