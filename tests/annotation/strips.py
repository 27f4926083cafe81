"""Sessions that the tests of edits begin with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.annotation import Edited, Session
from napari_corrclip.results.segmentation import Segmentation, segmentation_from_probabilities
from napari_corrclip.results.vectors import RegionVectors
from napari_corrclip.vocabulary import Vocabulary
from tests.annotation.images import small_result

WORDS = "cat, dog, sky"
CAT, DOG, SKY = 1, 2, 3


def result_of(
    regions: Any,
    classes: Any,
    *,
    words: str = WORDS,
    sure: float = 0.8,
    correction: bool = True,
) -> Segmentation:
    """A result in which each pixel is ``sure`` of its class, by value; 0: unsure of all."""
    regions, classes = np.array(regions, np.int32), np.array(classes)
    vocabulary = Vocabulary.parse(words).with_threshold(0.34)
    count = len(vocabulary)
    raw = np.full((count, *regions.shape), (1 - sure) / max(count - 1, 1))
    for index, value in enumerate(vocabulary.values):
        raw[index][classes == value] = sure
    raw[:, classes == 0] = 0.33
    return segmentation_from_probabilities(
        raw.astype(np.float32), regions, vocabulary, correction=correction
    )


def strip(ids: list[int], classes: list[int], **options: Any) -> Session:
    """An image of one row: a region of pixels for each id, each pixel of its class."""
    return Session(result_of([ids], [classes], **options), np.zeros((1, len(ids), 3), np.uint8))


def block(top: int, left: int, bottom: int, right: int) -> NDArray[np.bool_]:
    mask = np.zeros((24, 32), bool)
    mask[top:bottom, left:right] = True
    return mask


def prepared(*, correction: bool = True) -> Session:
    """Blocks of 8 x 8 pixels, 1 to 11 and one in no region; with decisions of every kind."""
    session = Session(*small_result(correction=correction))
    session.assign([2, 3], "dog")
    session.accept(4)
    session.ignore(5)
    session.revote([6], "mean")
    session.paint(block(2, 10, 6, 30), "sky")
    session.paint_regions(block(20, 28, 24, 32), 2)  # region 2 in two pieces
    return session


def refuser() -> Session:
    """As prepared, with region 12 of one pixel."""
    session = prepared()
    session.paint_regions(([23], [0]), None)
    return session


def not_a_number(result: Segmentation) -> Segmentation:
    probabilities = np.array(result.region_probabilities)
    probabilities[4, 1] = np.nan
    return replace(result, region_probabilities=probabilities)


class Networks:
    """An engine that answers as it is told."""

    def __init__(self, mask: NDArray[np.bool_] | None = None) -> None:
        self.mask, self.asked = mask, list[Any]()

    def classify(self, vocabulary: Vocabulary) -> Segmentation:
        self.asked.append(vocabulary)
        return result_of([[1, 2, 3]], [[len(vocabulary)] * 3], words=", ".join(vocabulary.names))

    def encode(
        self, regions: NDArray[np.int32], vocabulary: Vocabulary
    ) -> tuple[Segmentation, Networks]:
        self.asked.append(regions)
        return result_of(regions, [[DOG] * 3]), Networks()

    def click(self, points: Any, on: Any) -> NDArray[np.bool_] | None:
        self.asked.append((points.tolist(), on.tolist()))
        return self.mask

    def cells(self) -> NDArray[np.float32]:
        return np.array([[[1.0, 0.0], [0.9, 0.1], [0.0, 1.0]]], np.float32)

    def vectors(self, probabilities: Any, classes: tuple[int, ...]) -> RegionVectors:
        raise NotImplementedError

    @property
    def nbytes(self) -> int:
        return self.cells().nbytes


EDITS: dict[str, Callable[[Session], Edited]] = {
    "assign": lambda session: session.assign([1, 2, 4, 5], "cat"),
    "assign by value": lambda session: session.assign(1, CAT),
    "accept": lambda session: session.accept([1, 5, 6]),
    "accept above": lambda session: session.accept_above(0.2),
    "ignore": lambda session: session.ignore([1, 2, 4]),
    "clear": lambda session: session.clear([1, 2, 4, 5]),
    "spread": lambda session: session.spread(1, "sky"),
    "revote undecided": lambda session: session.revote("undecided", "pixels"),
    "revote all": lambda session: session.revote("all", "mean", overrule=True),
    "revote ids": lambda session: session.revote([2, 7], "pixels", overrule=True),
    "merge": lambda session: session.merge([7, 2, 4]),
    "merge undecided": lambda session: session.merge([6, 7, 8]),
    "absorb": lambda session: session.absorb([1, 6, 7]),
    "split": lambda session: session.split(2),
    "split by a mask": lambda session: session.split_mask(4, block(8, 0, 11, 40)),
    "split by clicks": lambda session: session.split_points(6, [(9, 17)], [(14, 22)]),
    "paint": lambda session: session.paint(block(0, 0, 12, 12), "dog"),
    "paint unlabelled": lambda session: session.paint(block(4, 4, 12, 12), 0),
    "unpaint": lambda session: session.paint(block(0, 0, 12, 24), None),
    "extend a region": lambda session: session.paint_regions(block(0, 0, 12, 30), 2),
    "new region": lambda session: session.paint_regions(block(6, 6, 18, 18), None),
    "unsegment": lambda session: session.paint_regions(block(0, 0, 24, 20), 0),
    "add a class": lambda session: session.set_vocabulary(session.vocabulary.add("bird")),
    "rename a class": lambda session: session.set_vocabulary(
        session.vocabulary.rename("cat", "lion")
    ),
    "reorder classes": lambda session: session.set_vocabulary(
        session.vocabulary.reorder(["sky", "dog", "cat"])
    ),
    "remove a class": lambda session: session.set_vocabulary(
        session.vocabulary.remove("sky"), reassign={"sky": "cat"}
    ),
    "remove a class and its decisions": lambda session: session.set_vocabulary(
        session.vocabulary.remove("dog"), reassign={"dog": None}
    ),
    "classify anew": lambda session: session.set_vocabulary(
        session.vocabulary.add("bird"), result=small_result(seed=5, words=f"{WORDS}, bird")[0]
    ),
    "run again": lambda session: session.rerun(small_result(seed=5)[0]),
    "run again without correction": lambda session: session.rerun(
        small_result(seed=5, correction=False)[0]
    ),
}
