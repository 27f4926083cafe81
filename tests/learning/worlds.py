"""Regions as a run might have them: at random, or of a world in which a region's look says its class."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.learning import Lesson, OpenImage, Sitting
from napari_corrclip.results.vectors import RegionVectors, scaled


def random_vectors(
    seed: int,
    regions: int,
    classes: int,
    *,
    clip: int = 7,
    similarity: int | None = 5,
    zeros: bool = True,
) -> RegionVectors:
    """Vectors that say nothing; some rows of probabilities are of zeros, some are sure."""
    rng = np.random.default_rng(seed)
    chances = rng.dirichlet(np.full(classes, 0.5), regions)
    if zeros and regions:
        chances[rng.integers(regions)] = 0
        chances[rng.integers(regions)] = np.eye(classes)[rng.integers(classes)]
    colours = rng.uniform(-40, 90, (regions, 8))
    return RegionVectors(
        ids=np.cumsum(rng.integers(1, 4, regions)).astype(np.int32),
        clip=_unit(rng.normal(size=(regions, clip))),
        similarity=None if similarity is None else _unit(rng.normal(size=(regions, similarity))),
        colours=colours.astype(np.float32),
        places=rng.uniform(size=(regions, 2)).astype(np.float32),
        probabilities=scaled(chances.astype(np.float32)),
        classes=tuple(range(1, classes + 1)),
        clip_network="a" * 64,
        similarity_network="" if similarity is None else "b" * 64,
    )


def elected(vectors: RegionVectors, seed: int, none: float = 0.1) -> NDArray[np.int32]:
    """What the networks elect: mostly the likeliest class, at times another or none."""
    rng = np.random.default_rng(seed)
    count, classes = vectors.probabilities.shape
    values = np.array(vectors.classes)[vectors.probabilities.argmax(axis=1)]
    other = rng.uniform(size=count) < 0.2
    values[other] = rng.integers(1, classes + 1, other.sum())
    values[rng.uniform(size=count) < none] = 0
    return values.astype(np.int32)


def opened(lesson: Lesson, image: str, seed: int, regions: int, **more: object) -> OpenImage:
    """An image of random regions, opened."""
    vectors = random_vectors(seed, regions, len(lesson.classes))
    own = vectors.probabilities.astype(np.float32)
    return lesson.begun(vectors).open(image, vectors, own, elected(vectors, seed), **more)  # type: ignore[arg-type]


def looked_at(open_image: OpenImage, seed: int, count: int, refresh: int = 3) -> list[int]:
    """Random verdicts on regions of an image, with refreshes between them; the regions' ids."""
    rng = np.random.default_rng(seed)
    ids = open_image.vectors.ids
    chosen = rng.permutation(ids.tolist())[:count].tolist()
    for number, region in enumerate(chosen, 1):
        value = int(rng.choice(open_image.classes))
        open_image.look(region, value, "assigned" if rng.uniform() < 0.7 else "accepted")
        if number % refresh == 0:
            open_image.refresh(chosen[:number])
    return chosen


def sittings(
    lesson: Lesson, seed: int, images: int, regions: int = 12, looks: int = 5, refresh: int = 3
) -> tuple[Lesson, list[Sitting]]:
    """Images opened, taught by random verdicts and left; the lesson after them, and their sittings."""
    finished = []
    for number in range(images):
        image = opened(lesson, f"image {number}", seed + number, regions)
        decided = looked_at(image, seed + number, looks, refresh)
        sitting = image.leave(decided)
        finished.append(sitting)
        vectors = random_vectors(seed + number, regions, len(lesson.classes))
        lesson = lesson.begun(vectors).finish(sitting)
    return lesson, finished


@dataclass(frozen=True)
class World:
    """A world of classes with a look each, and networks that mistake some of them for others.

    Attributes:
        seed: of all that is in it.
        classes: how many.
        mistaken: of the classes, that the networks take for others.
        sure: of the class that they take a region for: how far its score stands out of noise of 1.
    """

    seed: int = 0
    classes: int = 6
    mistaken: int = 2
    sure: float = 3.0

    def image(
        self, number: int, regions: int = 60, *, shuffled: bool = False
    ) -> tuple[RegionVectors, NDArray[np.int32]]:
        """Return the vectors of an image's regions and their true classes.

        Args:
            number: of the image.
            regions: how many.
            shuffled: whether what regions look like says nothing of their class.
        """
        centres = np.random.default_rng(self.seed)
        looks = centres.normal(size=(self.classes, 24))
        colours = centres.uniform(-60, 60, (self.classes, 8))
        rng = np.random.default_rng([self.seed, number])
        truth = rng.integers(self.classes, size=regions)
        seen = rng.permutation(truth) if shuffled else truth
        said = np.where(truth < self.mistaken, (truth + self.mistaken) % self.classes, truth)
        scores = np.eye(self.classes)[said] * self.sure + rng.normal(size=(regions, self.classes))
        chances = np.exp(scores)
        vectors = RegionVectors(
            ids=np.arange(1, regions + 1, dtype=np.int32),
            clip=_unit(looks[seen] + 1.2 * rng.normal(size=(regions, 24))),
            similarity=None,
            colours=(colours[seen] + 15 * rng.normal(size=(regions, 8))).astype(np.float32),
            places=rng.uniform(size=(regions, 2)).astype(np.float32),
            probabilities=scaled(chances.astype(np.float32)),
            classes=tuple(range(1, self.classes + 1)),
            clip_network="c" * 64,
        )
        return vectors, (truth + 1).astype(np.int32)


def corrected(
    world: World,
    images: Sequence[int],
    *,
    taught: bool,
    shuffled: bool = False,
    target: float = 0.95,
) -> list[int]:
    """Return how many regions were looked at in each image until it was nearly right.

    The person looks at the least sure region first, asks for a new prediction after every five, and stops
    when so many regions are right.
    """
    lesson = Lesson.new(range(1, world.classes + 1))
    actions = []
    for number in images:
        vectors, truth = world.image(number, shuffled=shuffled)
        own = vectors.probabilities.astype(np.float32)
        shown = np.array(vectors.classes, np.int32)[own.argmax(axis=1)]
        sure, decided, count = own.max(axis=1), np.zeros(len(own), np.bool_), 0
        lesson = lesson.begun(vectors)
        image = lesson.open(str(number), vectors, own, shown.copy())
        told = image.opening
        while True:
            if taught:
                rows = vectors.rows_of(told.ids)
                shown[rows], sure[rows] = told.classes, told.probabilities.max(axis=1)
            while not (stop := (shown == truth).mean() >= target) and count < len(own):
                row = int(np.where(decided, np.inf, sure).argmin())
                image.look(
                    row + 1, int(truth[row]), "accepted" if shown[row] == truth[row] else "assigned"
                )
                shown[row], decided[row], count = truth[row], True, count + 1
                if count % 5 == 0:
                    break
            if stop or decided.all():
                break
            told = image.refresh(vectors.ids[decided])
        actions.append(count)
        lesson = lesson.finish(image.leave(vectors.ids[decided], shown))
    return actions


def bits(value: object) -> str:
    """All bits of numbers, or of what a lesson knows, in a word that a failing test can show."""
    if isinstance(value, Lesson):
        assert value.state is not None
        return ", ".join(f"{name} {bits(number)}" for name, number in vars(value.state).items())
    return hashlib.sha256(np.asarray(value).tobytes()).hexdigest()[:16]


def _unit(vectors: NDArray[np.floating]) -> NDArray[np.float16]:
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float16)
