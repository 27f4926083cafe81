"""The rows of a table: a way of working each, by settings, or by steps that settings do not have."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_corrclip.devices import plain_steps
from napari_corrclip.encoders.protocols import ImageEncoder, SimilarityEncoder
from napari_corrclip.engine.classifying import Logits, blended_logits
from napari_corrclip.engine.encoding import MethodSteps, WindowFeatures, encode_image
from napari_corrclip.evaluation.ablation.shared import SharedTowers
from napari_corrclip.method.correction import correct
from napari_corrclip.method.grids import source_rows
from napari_corrclip.method.prediction import classify, upsample
from napari_corrclip.progress import Progress, Steps
from napari_corrclip.regions.protocol import RegionSource
from napari_corrclip.settings import STAGES, Settings, Similarity
from napari_corrclip.vocabulary import Vocabulary

_STRIPE_ELEMENTS: Final = 1 << 19
"""Of pixels x queries that are classified at once."""

Weigh = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
"""Features (..., D) and text (Q, D), both of unit length, to what is compared in their place."""


@dataclass(frozen=True, eq=False)
class Row:
    """A way of working.

    Attributes:
        name: for files.
        title: for people.
        settings: of the method.
        against: name of the row that it is compared with; empty: with none.
        steps: that take the place of the method's; ``None``: the published ones.
        clip: makes the image tower of the shared ones; ``None``: as it is.
        similarity: makes the similarity tower; ``None``: as it is.
        weigh: changes features and text before they are compared; ``None``: as they are.
        source: makes the source of regions of the set's; ``None``: as it is.
    """

    name: str
    title: str
    settings: Settings
    against: str = ""
    steps: MethodSteps | None = None
    clip: Callable[[SharedTowers], ImageEncoder] | None = None
    similarity: Callable[[SharedTowers], SimilarityEncoder] | None = None
    weigh: Weigh | None = None
    source: Callable[[RegionSource], RegionSource] | None = None


TITLES: Final = {
    "base": "base",
    "scope": "+ scope",
    "value": "+ value",
    "refinement": "+ refinement",
    "full": "+ map correction (full)",
}
SIMILARITIES: Final[tuple[Similarity, ...]] = (
    "uniform",
    "clip-qk",
    "clip-qq",
    "dino-xx",
    "dino-qk",
)
FULL: Final = "full"


def stage_rows(full: Settings) -> tuple[Row, ...]:
    """Return the stages of the ablation, each against the one before it; ``full`` has everything on."""
    before = ("", *STAGES)
    return tuple(
        Row(stage, TITLES[stage], Settings.ablation(stage, full), against)
        for stage, against in zip(STAGES, before, strict=False)
    )


def branch_rows(full: Settings) -> tuple[Row, ...]:
    """Return the branches by themselves, with map correction, each against all of them together."""
    branches = (
        ("main", "main branch alone", False, False),
        ("spatial", "main + spatial", True, False),
        ("semantic", "main + semantic", False, True),
    )
    return tuple(
        Row(name, title, full.replace(spatial=spatial, semantic=semantic), FULL)
        for name, title, spatial, semantic in branches
    )


def similarity_rows(full: Settings) -> tuple[Row, ...]:
    """Return the similarities of the paper's table 5, the full method each, against the default one."""
    return tuple(
        Row(
            f"similarity-{name}",
            name,
            full.replace(similarity=name),
            "" if name == full.similarity else f"similarity-{full.similarity}",
        )
        for name in SIMILARITIES
    )


def ablation_rows(full: Settings) -> tuple[Row, ...]:
    """Return all rows of the ablation."""
    return (*stage_rows(full), *branch_rows(full), *similarity_rows(full))


@dataclass(frozen=True, eq=False)
class RowLabels:
    """The labels that a row gave for an image, and what they took.

    Attributes:
        labels: by vocabulary (H, W) int64 numbers of classes from 1, 0 = no class.
        encode: seconds of encoding, the towers' among them as if the row had run alone.
        classify: seconds of classifying by one vocabulary, on average.
    """

    labels: dict[str, NDArray[np.int64]]
    encode: float
    classify: float


@plain_steps
def label_steps(
    row: Row,
    towers: SharedTowers,
    rgb: NDArray[np.uint8],
    regions: NDArray[np.int32],
    vocabularies: dict[str, tuple[Vocabulary, Tensor]],
) -> Steps[RowLabels]:
    """Label an image by a row; yields as encoding does.

    Args:
        row: the way of working.
        towers: of this image.
        rgb: (H, W, 3) uint8.
        regions: (H, W) int32 raw regions.
        vocabularies: by name, each with its text features (Q, D).
    """
    clock = towers.memory.clock
    began, owed = clock(), towers.memory.owed
    features: WindowFeatures = yield from encode_image(
        rgb,
        regions,
        towers.clip if row.clip is None else row.clip(towers),
        towers.similarity if row.similarity is None else row.similarity(towers),
        row.settings,
        steps=row.steps,
    )
    encoded = clock()
    encode = encoded - began + towers.memory.owed - owed
    labels = {}
    for name, (words, text) in vocabularies.items():
        labels[name] = classified(row, features, regions, words, text.to(towers.clip.device))
        yield Progress("classify", len(labels), len(vocabularies))
    return RowLabels(labels, encode, (clock() - encoded) / max(1, len(vocabularies)))


@torch.no_grad()
def classified(
    row: Row,
    features: WindowFeatures,
    regions: NDArray[np.int32],
    words: Vocabulary,
    text: Tensor,
) -> NDArray[np.int64]:
    """Return (H, W) numbers of classes from 1, 0 = no class, of an encoded image by a row."""
    if row.weigh is not None:
        cells, text = row.weigh(features.features, text)
        features = WindowFeatures(cells, features.layout)
    size = (regions.shape[0], regions.shape[1])
    logits = Logits(features, text)
    queries, height, _ = logits.shape
    owners = torch.tensor(words.query_class, device=text.device)
    thresholds = torch.tensor(words.thresholds, dtype=torch.float32, device=text.device)
    background = -1 if words.background is None else words.background
    labels = torch.empty(size, dtype=torch.int64, device=text.device)
    # As classify_pixels does it, without the probabilities of regions, which take a quarter of its time.
    step = max(1, _STRIPE_ELEMENTS // (queries * size[1]))
    whole = blended_logits(features, text) if logits_fit(logits.shape) else None
    for top in range(0, size[0], step):
        stripe = range(top, min(top + step, size[0]))
        needed = source_rows(stripe, height, size[0])
        part = logits.rows(needed) if whole is None else whole
        first = needed.start if whole is None else 0
        values = upsample(part, size, stripe, first=first, height=height)
        scale = row.settings.logit_scale
        _, labels[stripe.start : stripe.stop], _ = classify(
            values, scale, owners, thresholds, background
        )
    if row.settings.correction:
        raw = torch.from_numpy(np.array(regions)).to(text.device)
        labels = correct(labels, raw, len(words))
    return (labels + 1).cpu().numpy()


def logits_fit(shape: tuple[int, int, int]) -> bool:
    """Whether all logits of an image at inference size are computed at once, 256 MB at most."""
    return shape[0] * shape[1] * shape[2] <= 1 << 26
