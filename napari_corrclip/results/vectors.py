"""The vectors of regions as values: what a lesson learns from, and likeness is told by.

Of each region that a run proposed 556 bytes and 2 a class, which is less than 1 KiB with up to 233 classes:

* the mean of CLIP's cells over its pixels, and the mean of the similarity tower's queries plus keys, each of
  unit length and projected to 128 numbers (:mod:`napari_corrclip.maps.projection`);
* 8 numbers of colour and texture (:func:`napari_corrclip.maps.looks.colours`), and where it lies;
* its class probabilities.

:mod:`napari_corrclip.engine.vectors` makes them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_corrclip.maps.looks import COLOURS
from napari_corrclip.maps.projection import LENGTH, VERSION
from napari_corrclip.storage.frozen import Closed


@dataclass(frozen=True, eq=False)
class RegionVectors(Closed):
    """The vectors of a result's regions, a row each; the arrays cannot be written to.

    Attributes:
        ids: (R,) int32, ascending.
        clip: (R, min(D, 128)) float16, the projected mean of CLIP's cells.
        similarity: (R, min(d, 128)) float16, the projected mean of the similarity tower's queries plus keys;
            ``None`` where the settings of the run asked nothing of that tower.
        colours: (R, 8) float32: mean of L, a and b, their standard deviation, the mean length of the gradient
            of L and the mean deviation of L at a scale of 2 pixels.
        places: (R, 2) float32, row and column of the centre of mass, 0 to 1 over the image.
        probabilities: (R, K) float16, mean probability of each class, rows scaled to a sum of 1.
        classes: (K,) label values of the classes.
        clip_network: fingerprint of CLIP; vectors of two networks cannot be compared.
        similarity_network: fingerprint of the similarity tower; empty without its vectors.
        projection: which version of the projection it was.
    """

    ids: NDArray[np.int32]
    clip: NDArray[np.float16]
    similarity: NDArray[np.float16] | None
    colours: NDArray[np.float32]
    places: NDArray[np.float32]
    probabilities: NDArray[np.float16]
    classes: tuple[int, ...]
    clip_network: str
    similarity_network: str = ""
    projection: int = VERSION

    def __len__(self) -> int:
        """Number of regions."""
        return len(self.ids)

    @property
    def nbytes(self) -> int:
        """Memory held, in bytes."""
        return sum(value.nbytes for value in vars(self).values() if isinstance(value, np.ndarray))

    def rows_of(self, regions: ArrayLike) -> NDArray[np.int64]:
        """Return the row of each of some ids; -1: the run had no such region, it was made by a split since.

        A region that was merged keeps the lowest id, and that one's row is of what it was before.
        """
        asked = np.asarray(regions, np.int64)
        rows = np.minimum(np.searchsorted(self.ids, asked), max(len(self) - 1, 0))
        if not len(self):
            return np.full(asked.shape, -1, np.int64)
        return np.where(self.ids[rows] == asked, rows, -1)


@dataclass(frozen=True, eq=False)
class RegionMeans(Closed):
    """The means that vectors are projected from, of some regions; the arrays cannot be written to.

    About 2.5 KB a region, and so of decided regions alone: by them what was learnt can be brought to other
    words.

    Attributes:
        ids: (n,) int32, ascending.
        areas: (n,) int64, pixels of each region: a region of another area is another one by now.
        clip: (n, D) float16, the mean of CLIP's cells, of no certain length.
        similarity_ids: (m,) int32, those of ``ids`` that are as the networks saw them; of a region that was
            painted, split or merged the similarity tower's cells are gone.
        similarity: (m, d) float16, the mean of the similarity tower's queries plus keys.
        clip_network: as of :class:`RegionVectors`.
        similarity_network: as there.
    """

    ids: NDArray[np.int32]
    areas: NDArray[np.int64]
    clip: NDArray[np.float16]
    similarity_ids: NDArray[np.int32]
    similarity: NDArray[np.float16]
    clip_network: str
    similarity_network: str = ""

    def __len__(self) -> int:
        """Number of regions."""
        return len(self.ids)


def bytes_a_region(classes: int) -> int:
    """Return the most bytes that the vectors of one region take, with so many classes."""
    return 4 + 2 * (2 * LENGTH) + 4 * (len(COLOURS) + 2) + 2 * classes


def scaled(probabilities: NDArray[np.float32]) -> NDArray[np.float16]:
    """Return (R, K) float16, mean probabilities with rows of sum 1.

    A class of several prompts takes the largest of their probabilities, so that the sum may be less before.
    """
    exact = probabilities.astype(np.float64)
    total = exact.sum(axis=1, keepdims=True)
    rows = np.divide(exact, total, out=np.zeros_like(exact), where=total > 0)
    return rows.astype(np.float16)
