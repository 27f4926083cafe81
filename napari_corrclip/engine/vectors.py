"""The vectors of an encoded image's regions: the means of both towers' cells, projected, and the rest.

Windows overlap: their cells are first put on one grid over the image, on which each cell is the mean of those
of the windows in which its centre lies; then a region has the mean over its pixels of the cells that these
lie in.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from napari_corrclip.engine.features import Features
from napari_corrclip.engine.segmenter import Segmenter
from napari_corrclip.maps import looks
from napari_corrclip.maps.projection import project
from napari_corrclip.maps.regions import number_regions
from napari_corrclip.method.prediction import class_probabilities, query_probabilities
from napari_corrclip.results.segmentation import Segmentation
from napari_corrclip.results.vectors import RegionMeans, RegionVectors, scaled
from napari_corrclip.vocabulary import Vocabulary


class Encoded(Protocol):
    """The part of an encoded image that vectors are made from.

    :class:`napari_corrclip.engine.encoded_image.EncodedImage` is the real one.
    """

    segmenter: Segmenter
    image: NDArray[np.uint8]
    features: Features

    def cells(self) -> NDArray[np.float32]:
        """Return (h, w, D), CLIP's features as one grid over the image."""


def region_vectors(encoded: Encoded, result: Segmentation) -> RegionVectors:
    """Return the vectors of the regions of a result.

    Args:
        encoded: the image that was classified; encoded with ``similarity_means``, or those are missing.
        result: of it.
    """
    classes = tuple(result.vocabulary.values)
    return vectors_of(encoded, result.regions, result.region_probabilities, classes)


def vectors_of(
    encoded: Encoded,
    regions: NDArray[np.int32],
    probabilities: NDArray[np.float32],
    classes: tuple[int, ...],
) -> RegionVectors:
    """Return the vectors of an encoded image's regions.

    Args:
        encoded: as of :func:`region_vectors`.
        regions: (H, W) ids, those in which it was encoded.
        probabilities: (R, K) of them, by ascending ids.
        classes: (K,) label values.
    """
    features, means = encoded.features, encoded.features.windows.similarity_means
    numbers, ids = number_regions(regions)
    count = len(ids)
    cells = looks.cell_means(numbers, count, encoded.cells())
    return RegionVectors(
        ids=ids.astype(np.int32),
        clip=project(cells).astype(np.float16),
        similarity=None if means is None else project(means.numpy()).astype(np.float16),
        colours=looks.colours(numbers, count, encoded.image),
        places=looks.places(numbers, count),
        probabilities=scaled(probabilities),
        classes=classes,
        clip_network=features.clip,
        similarity_network="" if means is None else encoded.segmenter.similarity.fingerprint,
    )


def probabilities_of_means(
    means: RegionMeans, text: Tensor, words: Vocabulary, logit_scale: float
) -> NDArray[np.float32]:
    """Return (n, K) float32, the class probabilities of regions by the mean of CLIP's cells over each.

    A result has the mean of the probabilities of a region's pixels; those of the mean are a little surer.

    Args:
        means: of n regions.
        text: (Q, D) of unit length, the features of the vocabulary's queries.
        words: the classes.
        logit_scale: as of the settings.
    """
    cells = F.normalize(torch.from_numpy(means.clip.astype(np.float32)), dim=1)
    queries = query_probabilities(text.float() @ cells.T, logit_scale)
    owner = torch.tensor(words.query_class)
    found: NDArray[np.float32] = class_probabilities(queries, owner, len(words)).T.numpy()
    return found


def region_means(encoded: Encoded, regions: NDArray[np.int32], chosen: ArrayLike) -> RegionMeans:
    """Return the means of some regions as they are now.

    Args:
        encoded: the image; encoded with ``similarity_means``, or those are missing.
        regions: (H, W) ids, of the session that it is the encoded image of.
        chosen: ids of the regions that are wanted; others are left out.
    """
    features, means = encoded.features, encoded.features.windows.similarity_means
    numbers, ids = number_regions(regions)
    areas = np.bincount(numbers.ravel(), minlength=len(ids) + 1)[1:]
    wanted = np.flatnonzero(np.isin(ids, np.asarray(chosen, np.int64)))
    cells = looks.cell_means(numbers, len(ids), encoded.cells())
    similarity_ids, similarity = ids[:0], np.zeros((0, 0), np.float32)
    if means is not None:
        _, seen = number_regions(features.regions)
        seen_areas = np.bincount(np.searchsorted(seen, features.regions[features.regions > 0]))
        same = np.bincount(numbers[regions == features.regions], minlength=len(ids) + 1)[1:]
        found = np.minimum(np.searchsorted(seen, ids), max(len(seen) - 1, 0))
        kept = [
            row
            for row in wanted
            if len(seen)
            and seen[found[row]] == ids[row]
            and same[row] == areas[row] == seen_areas[found[row]]
        ]
        similarity_ids, similarity = ids[kept], means.numpy()[found[kept]]
    return RegionMeans(
        ids=ids[wanted].astype(np.int32),
        areas=areas[wanted].astype(np.int64),
        clip=cells[wanted].astype(np.float16),
        similarity_ids=similarity_ids.astype(np.int32),
        similarity=similarity.astype(np.float16),
        clip_network=features.clip,
        similarity_network="" if means is None else encoded.segmenter.similarity.fingerprint,
    )
