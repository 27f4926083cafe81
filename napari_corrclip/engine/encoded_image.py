"""An encoded image with its networks: what a session asks when decisions alone do not do."""

from __future__ import annotations

import os
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.annotation import Session, Source
from napari_corrclip.engine.segmenter import Image, Regions, Segmenter
from napari_corrclip.images import Pixels, read_pixels
from napari_corrclip.progress import Progress, Steps, drive, finish
from napari_corrclip.regions.given import GivenRegions
from napari_corrclip.settings import Detail
from napari_corrclip.vocabulary import Vocabulary, VocabularyLike

if TYPE_CHECKING:
    import torch

    from napari_corrclip.engine.features import Features
    from napari_corrclip.regions.protocol import RegionSource
    from napari_corrclip.regions.sam import SamEmbedding, SamRegions
    from napari_corrclip.results.segmentation import Segmentation
    from napari_corrclip.settings import Settings


@dataclass(frozen=True, eq=False)
class Preview:
    """An event between progress: a first look at what the words find, before the result."""

    result: Segmentation


class Engine:
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
        self._sam, self._embedding = _clicks(segmenter)

    def classify(self, vocabulary: Vocabulary) -> Segmentation:
        """Classify the encoded image; milliseconds, and the time of words that are new."""
        return finish(self.segmenter.classify_steps(self.features, vocabulary))

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
        return (yield from segmenter.classify_steps(self.features, vocabulary))

    def encode(
        self, regions: NDArray[np.int32], vocabulary: Vocabulary
    ) -> tuple[Segmentation, Engine]:
        """Encode the image anew within ``regions`` (H, W), and classify it; as slow as the first time.

        Without regions at all (only zeros) the image is one unsegmented part. Returns the result and
        the engine that made it; this one stays as it is.
        """
        pixels = Pixels(self.image, self.features.nodata, self.features.notes)
        features = finish(self.segmenter.encode_steps(pixels, GivenRegions(regions)))
        result = finish(self.segmenter.classify_steps(features, vocabulary))
        encoded = Engine(self.segmenter, self.image, features)
        # Clicks are of the image and not of its regions.
        encoded._sam, encoded._embedding = self._sam, self._embedding
        return result, encoded

    def click(self, points: NDArray[np.int64], on: NDArray[np.bool_]) -> NDArray[np.bool_] | None:
        """Return SAM's (H, W) mask of clicks; ``None`` where the regions were not SAM's.

        Args:
            points: (n, 2) rows and columns.
            on: (n,) whether each is on the thing.
        """
        if self._sam is None or self._embedding is None:
            return None
        return self._sam.click(self._embedding, points, on.tolist())

    def cells(self) -> NDArray[np.float32]:
        """Return (h, w, D), CLIP's features as one grid over the image."""
        if self._cells is None:
            self._cells = self.features.cells()
        return self._cells

    @property
    def nbytes(self) -> int:
        """Memory that is free when it is let go of, in bytes.

        Networks are shared with other images, and the image is the session's too: neither counts.
        """
        clicks = 0 if self._embedding is None else self._embedding.features.nbytes
        cells = 0 if self._cells is None else self._cells.nbytes
        return self.features.nbytes + clicks + cells


def run_steps(
    segmenter: Segmenter,
    image: NDArray[np.uint8] | Pixels,
    vocabulary: Vocabulary,
    regions: RegionSource | None = None,
) -> Steps[tuple[Segmentation, Engine]]:
    """Encode and classify (H, W, 3) uint8; returns the result and the engine that made it."""
    segmenter.check_prompts(vocabulary)  # before the slow part, so that a slip costs nothing
    pixels = image if isinstance(image, Pixels) else Pixels(image)
    features = yield from segmenter.encode_steps(pixels, regions)
    result = yield from segmenter.classify_steps(features, vocabulary)
    return result, Engine(segmenter, pixels.rgb, features)


def annotate_steps(
    segmenter: Segmenter,
    image: Image,
    vocabulary: VocabularyLike,
    *,
    regions: RegionSource | None = None,
    source: Source | None = None,
) -> Steps[Session]:
    """Generator of :func:`annotate` with finished parts; yields between the blocks of each network.

    Args:
        segmenter: the networks.
        image: an array or a path.
        vocabulary: the classes.
        regions: where regions come from this time; ``None``: the segmenter's own source.
        source: the file that the image is.
    """
    words, pixels = Vocabulary.coerce(vocabulary), read_pixels(image)
    result, engine = yield from run_steps(segmenter, pixels, words, regions)
    return Session(result, pixels.rgb, engine=engine, source=source)


def annotate(
    image: Image,
    vocabulary: VocabularyLike,
    *,
    preset: str = "demo",
    device: str | torch.device = "auto",
    dtype: str | torch.dtype = "auto",
    regions: Regions = "sam",
    region_options: Mapping[str, Any] | None = None,
    settings: Settings | None = None,
    detail: Detail = "standard",
    progress: bool | None = None,
) -> Session:
    """Segment one image by a vocabulary and open it for correction.

    Where the image is a file, the session knows it as its source. Arguments and errors as
    :meth:`Segmenter.from_preset` and :meth:`Segmenter.segment`; for several images keep a
    :class:`Segmenter` and use :func:`annotate_steps`.
    """
    words = Vocabulary.coerce(vocabulary)
    source = Source.of(image) if isinstance(image, str | os.PathLike) else None
    pixels = read_pixels(image)
    segmenter = Segmenter.from_preset(
        preset,
        device=device,
        dtype=dtype,
        regions=regions,
        region_options=region_options,
        settings=settings,
        detail=detail,
    )
    return drive(annotate_steps(segmenter, pixels, words, source=source), show=progress)


def _clicks(segmenter: Segmenter) -> tuple[SamRegions | None, SamEmbedding | None]:
    """Return the SAM that divided the image last, and the image as its decoder sees it."""
    from napari_corrclip.regions.sam import SamRegions

    source = segmenter.regions
    if not isinstance(source, SamRegions):
        return None, None
    return source, source.last_embedding
