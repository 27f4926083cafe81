"""The normalisation of regions' vectors: fixed by the first image of a set, and kept with its lesson.

Equations: docs/learning.md, *Features*.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.errors import InputError
from napari_corrclip.maps.looks import COLOURS
from napari_corrclip.results.vectors import RegionVectors
from napari_corrclip.storage.frozen import Closed

LONGEST = 2.0
"""The most that the length of a block may be: one strange region is not to rule all others."""
SPREAD_OF_PLACES = 0.29
"""Standard deviation of a number that is even from 0 to 1."""
LEAST_SPREAD = 0.05
"""Of a colour's mean: the least standard deviation that it is divided by."""
ALIKE = 1e-3
"""Nearer to one another than this, vectors and colours are the same: nothing is divided by less."""

_Numbers = NDArray[np.float64] | float


class Seen(Protocol):
    """Vectors of regions, whichever value holds them."""

    @property
    def clip(self) -> NDArray[np.float16]:
        """(n, C), the projected mean of CLIP's cells."""

    @property
    def similarity(self) -> NDArray[np.float16] | None:
        """(n, c), that of the similarity tower's."""

    @property
    def colours(self) -> NDArray[np.float32]:
        """(n, 8)."""

    @property
    def places(self) -> NDArray[np.float32]:
        """(n, 2)."""


@dataclass(frozen=True, eq=False)
class Normalisation(Closed):
    """Means and spreads of the first image's vectors, and whose vectors they are.

    Attributes:
        clip_mean: (C,) float64.
        clip_length: root mean square length of CLIP's vectors about their mean.
        similarity_mean: (c,) float64; empty where the set has no vectors of that tower.
        similarity_length: likewise.
        colour_mean: (8,) float64.
        colour_spread: (8,) float64, standard deviations.
        clip_network: fingerprint of CLIP.
        similarity_network: fingerprint of the similarity tower; empty without its vectors.
        projection: which version of the projection the vectors are of.
    """

    clip_mean: NDArray[np.float64]
    clip_length: float
    similarity_mean: NDArray[np.float64]
    similarity_length: float
    colour_mean: NDArray[np.float64]
    colour_spread: NDArray[np.float64]
    clip_network: str
    similarity_network: str
    projection: int

    @classmethod
    def of(cls, vectors: RegionVectors) -> Normalisation:
        """Return that of an image's regions, of which there is at least one."""
        colours = vectors.colours.astype(np.float64)
        colour_mean = colours.mean(axis=0)
        # All regions black: their colour tells nothing, and is not to be divided by nothing.
        least = np.maximum(LEAST_SPREAD * np.abs(colour_mean), ALIKE)
        clip_mean, clip_length = _centre(vectors.clip)
        similarity_mean, similarity_length = np.zeros(0), 1.0
        if vectors.similarity is not None:
            similarity_mean, similarity_length = _centre(vectors.similarity)
        return cls(
            clip_mean=clip_mean,
            clip_length=clip_length,
            similarity_mean=similarity_mean,
            similarity_length=similarity_length,
            colour_mean=colour_mean,
            colour_spread=np.maximum(colours.std(axis=0), least),
            clip_network=vectors.clip_network,
            similarity_network=vectors.similarity_network,
            projection=vectors.projection,
        )

    @property
    def length(self) -> int:
        """How many numbers x has."""
        return len(self.clip_mean) + len(self.similarity_mean) + len(COLOURS) + 2

    def check(self, vectors: RegionVectors) -> None:
        """Refuse the vectors of other networks: nothing learnt of the ones holds for the others.

        Raises:
            InputError: they are of another preset.
        """
        theirs, ours = (
            (each.clip_network, each.similarity_network, each.projection)
            for each in (vectors, self)
        )
        if theirs != ours or not self.fits(vectors):
            raise InputError(
                f"The vectors are of the networks {_said(theirs)} and the lesson of {_said(ours)}; "
                "begin another lesson for another preset, or run the image again with the lesson's."
            )

    def fits(self, seen: Seen) -> bool:
        """Whether vectors are as long as those of the first image."""
        similarity = 0 if seen.similarity is None else seen.similarity.shape[1]
        return (seen.clip.shape[1], similarity) == (
            len(self.clip_mean),
            len(self.similarity_mean),
        )

    def x(self, seen: Seen) -> NDArray[np.float64]:
        """Return (n, X), what regions look like."""
        x = np.empty((len(seen.clip), self.length))
        self.put_x(seen, x)
        return x

    def put_x(self, seen: Seen, x: NDArray[np.float64]) -> None:
        """Write what regions look like: CLIP, the similarity tower, colours, place.

        Args:
            seen: vectors of n regions.
            x: (n, X), written to.
        """
        blocks: list[tuple[NDArray[np.floating], _Numbers, _Numbers]] = [
            (seen.clip, self.clip_mean, self.clip_length),
            (seen.colours, self.colour_mean, self.colour_spread * np.sqrt(len(COLOURS))),
            (seen.places, 0.5, SPREAD_OF_PLACES * np.sqrt(2)),
        ]
        if seen.similarity is not None:
            blocks.insert(1, (seen.similarity, self.similarity_mean, self.similarity_length))
        first = 0
        for vectors, mean, spread in blocks:
            block = x[:, first : first + vectors.shape[1]]
            first += vectors.shape[1]
            np.subtract(vectors, mean, out=block, dtype=np.float64)
            block /= spread
            length = np.sqrt(np.einsum("ij,ij->i", block, block))
            if length.max(initial=0) > LONGEST:
                block *= (LONGEST / np.maximum(length, LONGEST))[:, None]


def _centre(vectors: NDArray[np.float16]) -> tuple[NDArray[np.float64], float]:
    """Return the mean of vectors, and their root mean square length about it; 1 where all are alike."""
    exact = vectors.astype(np.float64)
    mean = exact.mean(axis=0)
    length = float(np.sqrt(((exact - mean) ** 2).sum(axis=1).mean()))
    return mean, length if length > ALIKE else 1.0


def _said(networks: tuple[str, str, int]) -> str:
    clip, similarity, projection = networks
    return f"{clip[:12] or 'none'}, {similarity[:12] or 'none'} (projection {projection})"
