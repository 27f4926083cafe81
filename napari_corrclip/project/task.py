"""A run's task: an item whose turn comes, and what the networks propose for it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from napari_corrclip.engine.recipe import Recipe
from napari_corrclip.images import ImageOptions
from napari_corrclip.images.origin import Origin
from napari_corrclip.images.stack import Stack
from napari_corrclip.project.folder import RESULT, Outcome, now
from napari_corrclip.project.reading import ReadImage
from napari_corrclip.project.records import ItemRecord, ItemState
from napari_corrclip.results.large import LargeSegmentation
from napari_corrclip.results.segmentation import Segmentation
from napari_corrclip.results.vectors import RegionVectors
from napari_corrclip.vocabulary import Vocabulary

if TYPE_CHECKING:
    from napari_corrclip.engine.encoded_image import EncodedImage
    from napari_corrclip.engine.features import Features


@dataclass(frozen=True, eq=False, slots=True)
class Task:
    """An item whose turn comes.

    Attributes:
        record: the item.
        image: its file.
        folder: of the item.
        stack: the planes of its stack; ``None``: it is one image.
        again: whether it has the result that is made, so that it stays as it is where none is.
        options: how its image becomes 8 bits; ``None``: as usual.
    """

    record: ItemRecord
    image: Path
    folder: Path
    stack: Stack | None = None
    again: bool = False
    options: ImageOptions | None = None


@dataclass(frozen=True, eq=False, slots=True)
class Proposal:
    """The outcome of an item's run.

    Attributes:
        result: what the networks propose; of a large image, with its maps on the disk.
        outcome: what is written beside it.
        vectors: of its regions; ``None``: of a large image, where the run is to keep none, or where they
            are to be made of ``encoded``.
        features: of its image, likewise.
        encoded: its image, where that was encoded in this process; let go of when the result is written.
        encoded_anew: whether its image was encoded for it, so that features of an earlier time go.
    """

    result: Segmentation | LargeSegmentation
    outcome: Outcome
    vectors: RegionVectors | None = None
    features: Features | None = None
    encoded: EncodedImage | None = None
    encoded_anew: bool = True


def propose(
    task: Task,
    read: ReadImage,
    result: Segmentation | LargeSegmentation,
    recipe: Recipe,
    vocabulary: Vocabulary,
    seconds: float,
    vectors: RegionVectors | None = None,
    features: Features | None = None,
) -> Proposal:
    """Return what is kept of an item's result, wherever that was made.

    Args:
        task: the item.
        read: its image as it was read.
        result: of the networks; of a large image with its origin.
        recipe: of the run.
        vocabulary: of the run.
        seconds: that it took.
        vectors: of its regions, if they are kept.
        features: of its image, if they are kept.
    """
    if isinstance(result, Segmentation):
        origin = Origin.of(task.image, task.folder / RESULT)
        provenance = replace(
            result.provenance,
            image=origin.image,
            image_digest=origin.digest,
            image_position=origin.position,
        )
        result = replace(result, provenance=provenance)
    outcome = Outcome(
        task.record.path,
        read.size,
        read.mtime,
        read.digest,
        ItemState.PRELABELLED,
        at=now(),
        recipe=recipe.key(),
        vocabulary=vocabulary.fingerprint,
        seconds=seconds,
        plane=task.record.plane,
        stack=task.stack,
    )
    return Proposal(result, outcome, vectors, features)
