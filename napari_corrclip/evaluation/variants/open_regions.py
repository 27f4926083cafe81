"""The regions of an image that are open after the first points: those of a small margin between classes."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from napari_corrclip.devices import plain_steps
from napari_corrclip.engine.classifying import Logits, classify_pixels
from napari_corrclip.engine.encoding import encode_image
from napari_corrclip.engine.segmenter import Segmenter
from napari_corrclip.evaluation.variants.points import Open
from napari_corrclip.progress import Steps
from napari_corrclip.settings import Settings
from napari_corrclip.vocabulary import Vocabulary


def small_margins(
    numbers: NDArray[np.integer], probabilities: NDArray[np.floating], margin: float
) -> NDArray[np.bool_]:
    """Return (H, W) bool: pixels in no region, and in regions whose two best classes are close.

    Args:
        numbers: (H, W) of the regions, 1..R, 0 = in none.
        probabilities: (R, K) mean probability of each class in each region, at least two classes.
        margin: below it the difference of the two highest is small.
    """
    best = np.sort(probabilities, axis=1)[:, -2:]
    close = np.concatenate([[True], best[:, 1] - best[:, 0] < margin])
    open_: NDArray[np.bool_] = close[numbers]
    return open_


def close_calls(segmenter: Segmenter, settings: Settings, words: Vocabulary, margin: float) -> Open:
    """Return what finds :func:`small_margins` of an image: it encodes and classifies it once more.

    Args:
        segmenter: whose networks are used.
        settings: of the method.
        words: that the image is classified by.
        margin: in probability.
    """

    @plain_steps
    def open_(rgb: NDArray[np.uint8], regions: NDArray[np.int32]) -> Steps[NDArray[np.bool_]]:
        templates = words.templates or segmenter.templates
        text = yield from segmenter.text_cache.features(segmenter.clip, words.queries, templates)
        features = yield from encode_image(
            rgb, regions, segmenter.clip, segmenter.similarity, settings
        )
        pixels = classify_pixels(
            Logits(features, text.to(segmenter.clip.device)),
            regions,
            torch.tensor(words.query_class, device=segmenter.clip.device),
            torch.tensor(words.thresholds, dtype=torch.float32, device=segmenter.clip.device),
            -1 if words.background is None else words.background,
            settings,
        )
        return small_margins(
            pixels.numbers.cpu().numpy(), pixels.region_probabilities.cpu().numpy(), margin
        )

    return open_
