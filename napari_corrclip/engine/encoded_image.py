"""An encoded image with its networks: what a session asks when decisions alone do not do."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.annotation import Session, Source
from napari_corrclip.engine.segmenter import Image, Segmenter
from napari_corrclip.engine.vectors import vectors_of
from napari_corrclip.images import Pixels, read_pixels
from napari_corrclip.progress import Progress, Steps, finish
from napari_corrclip.regions.given import GivenRegions
from napari_corrclip.results.provenance import Stretch
from napari_corrclip.vocabulary import Vocabulary, VocabularyLike

if TYPE_CHECKING:
    from napari_corrclip.engine.features import Features
    from napari_corrclip.regions.protocol import RegionSource
    from napari_corrclip.results.segmentation import Segmentation
    from napari_corrclip.results.vectors import RegionVectors


@dataclass(frozen=True, eq=False)
class Preview:
    """An event between progress: a first look at what the words find, before the result."""

    result: Segmentation


class EncodedImage:
    """One image, encoded by the networks of a segmenter.

    The real :class:`napari_corrclip.annotation.encoded.EncodedImage`.

    Args:
        segmenter: the networks.
        image: (H, W, 3) uint8.
        features: the image encoded by that segmenter.
    """

    def __init__(self, segmenter: Segmenter, image: NDArray[np.uint8], features: Features) -> None:
        self.segmenter = segmenter
        self.image = image
        self.features = features
        self._cells: NDArray[np.float32] | None = None

    def classify(self, vocabulary: Vocabulary) -> Segmentation:
        """Classify the encoded image; milliseconds, and the time of words that are new."""
        return finish(self.classify_steps(vocabulary))

    def classify_steps(self, vocabulary: Vocabulary) -> Steps[Segmentation]:
        """Generator of :meth:`classify`."""
        return self.segmenter.classify_steps(self.features, vocabulary)

    def relabel_steps(
        self, vocabulary: Vocabulary
    ) -> Generator[Progress | Preview, None, Segmentation]:
        """Generator of :meth:`classify` that gives a first look before words that are new are read.

        A new prompt is first encoded in one template alone, and what is found by it is a
        :class:`Preview`; then in all, which is the result. Where nothing is new, there is no preview.
        """
        segmenter = self.segmenter
        if segmenter.unread(vocabulary):
            segmenter.check_prompts(
                vocabulary
            )  # a prompt that is too long is refused before it shows
            yield Preview(
                (yield from segmenter.classify_steps(self.features, vocabulary, quick=True))
            )
        return (yield from self.classify_steps(vocabulary))

    def encode(
        self, regions: NDArray[np.int32], vocabulary: Vocabulary
    ) -> tuple[Segmentation, EncodedImage]:
        """Encode the image anew within ``regions`` (H, W), and classify it; as slow as the first time.

        Without regions at all (only zeros) the image is one unsegmented part. Returns the result and
        the encoded image that made it; this one stays as it is.
        """
        pixels = Pixels(self.image, self.features.nodata, self.features.notes)
        features = finish(self.segmenter.encode_steps(pixels, GivenRegions(regions)))
        # Clicks are of the image and not of its regions.
        features = replace(features, embedding=self.features.embedding)
        result = finish(self.segmenter.classify_steps(features, vocabulary))
        return result, EncodedImage(self.segmenter, self.image, features)

    def click(self, points: NDArray[np.int64], on: NDArray[np.bool_]) -> NDArray[np.bool_] | None:
        """Return SAM's (H, W) mask of clicks; ``None`` where the regions were not SAM's.

        Args:
            points: (n, 2) rows and columns.
            on: (n,) whether each is on the thing.
        """
        from napari_corrclip.regions.sam import SamRegions

        sam, embedding = self.segmenter.regions, self.features.embedding
        if embedding is None or not isinstance(sam, SamRegions):
            return None
        # Features may have been saved, or be of a run before: another SAM cannot read them.
        if embedding.network != sam.fingerprint:
            return None
        return sam.click(embedding, points, on.tolist())

    def cells(self) -> NDArray[np.float32]:
        """Return (h, w, D), CLIP's features as one grid over the image."""
        if self._cells is None:
            self._cells = self.features.cells()
        return self._cells

    def vectors(
        self, probabilities: NDArray[np.float32], classes: tuple[int, ...]
    ) -> RegionVectors:
        """Return the vectors of the regions in which it was encoded.

        Args:
            probabilities: (R, K) of the regions, by ascending ids.
            classes: (K,) label values.
        """
        return vectors_of(self, self.features.regions, probabilities, classes)

    @property
    def nbytes(self) -> int:
        """Memory that is free when it is let go of, in bytes.

        Networks are shared with other images, and the image is the session's too: neither counts.
        """
        cells = 0 if self._cells is None else self._cells.nbytes
        return self.features.nbytes + cells


Engine = EncodedImage
"""Its former name, until 0.3."""


def run_steps(
    segmenter: Segmenter,
    image: NDArray[np.uint8] | Pixels,
    vocabulary: Vocabulary,
    regions: RegionSource | None = None,
    *,
    similarity_means: bool = False,
) -> Steps[tuple[Segmentation, EncodedImage]]:
    """Encode and classify (H, W, 3) uint8; returns the result and the encoded image it is of.

    ``similarity_means`` as of :meth:`~napari_corrclip.engine.segmenter.Segmenter.encode_steps`.
    """
    segmenter.check_prompts(vocabulary)  # before the slow part, so that a slip costs nothing
    pixels = image if isinstance(image, Pixels) else Pixels(image)
    features = yield from segmenter.encode_steps(pixels, regions, similarity_means=similarity_means)
    result = yield from segmenter.classify_steps(features, vocabulary)
    result = result.stretched(Stretch.of(pixels.limits))
    return result, EncodedImage(segmenter, pixels.rgb, features)


def annotate_steps(
    segmenter: Segmenter,
    image: Image,
    vocabulary: VocabularyLike,
    *,
    regions: RegionSource | None = None,
    source: Source | None = None,
) -> Steps[Session]:
    """Generator of :func:`napari_corrclip.api.annotate` by finished parts.

    Yields between the blocks of each network.

    Args:
        segmenter: the networks.
        image: an array or a path.
        vocabulary: the classes.
        regions: where regions come from this time; ``None``: the segmenter's own source.
        source: the file that the image is.
    """
    words, pixels = Vocabulary.coerce(vocabulary), read_pixels(image)
    result, engine = yield from run_steps(segmenter, pixels, words, regions, similarity_means=True)
    return Session(result, pixels.rgb, engine=engine, source=source)
