"""The protocol of an encoded image: what a session may ask of the networks; it works without."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.results.segmentation import Segmentation
from napari_corrclip.results.vectors import RegionVectors
from napari_corrclip.vocabulary import Vocabulary


class EncodedImage(Protocol):
    """The encoded image of a session.

    :class:`napari_corrclip.engine.encoded_image.EncodedImage` is the real one.
    """

    def classify(self, vocabulary: Vocabulary) -> Segmentation:
        """Classify the encoded image by ``vocabulary``; fast."""

    def encode(
        self, regions: NDArray[np.int32], vocabulary: Vocabulary
    ) -> tuple[Segmentation, EncodedImage]:
        """Encode the image anew within ``regions`` (H, W) and classify it; slow.

        Returns the result and the encoded image that made it; this one stays as it is.
        """

    def click(self, points: NDArray[np.int64], on: NDArray[np.bool_]) -> NDArray[np.bool_] | None:
        """Return the (H, W) mask of the thing under the (n, 2) points that are ``on`` it.

        ``None`` where the image was divided by something that knows no clicks.
        """

    def cells(self) -> NDArray[np.float32]:
        """Return (h, w, D), the encoded image as one grid that covers it evenly."""

    def vectors(
        self, probabilities: NDArray[np.float32], classes: tuple[int, ...]
    ) -> RegionVectors:
        """Return the vectors of the regions in which it was encoded, with their (R, K) probabilities."""

    @property
    def nbytes(self) -> int:
        """Memory of the encoded image in bytes, without networks and without the image itself."""


Engine = EncodedImage
"""Its former name, until 0.3."""
