"""A machine of people who open images, decide, undo, leave, and make classes one, and of their lesson."""

from __future__ import annotations

import datetime
import os
import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from napari_corrclip.annotation import Session
from napari_corrclip.annotation.learning import Learning
from napari_corrclip.errors import InputError
from napari_corrclip.learning import LessonStore
from napari_corrclip.maps.looks import places
from napari_corrclip.maps.regions import number_regions
from napari_corrclip.results.segmentation import Segmentation
from napari_corrclip.results.vectors import RegionVectors
from napari_corrclip.vocabulary import Vocabulary
from tests.annotation.worlds import NAMES, random_result
from tests.learning.worlds import random_vectors

IMAGES, SHAPE = 3, (12, 16)
STEPS = int(os.environ.get("LEARNING_MACHINE_STEPS", "25"))
EXAMPLES = int(os.environ.get("LEARNING_MACHINE_EXAMPLES", "12"))
WHEN = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


@dataclass
class Image:
    """An image of the set, with its session, which is kept whether it is open or not."""

    name: str
    session: Session
    vectors: RegionVectors
    learning: Learning | None = None


def nothing_to_accept(session: Session, regions: list[int]) -> bool:
    """Whether an undecided one of them shows no class, by the rows that a person is shown."""
    return any(
        row.id in regions
        and not row.predicted
        and (row.verdict is None or row.verdict.kind == "ignored")
        for row in session.rows()
    )


def vectors_of(result: Segmentation, seed: int) -> RegionVectors:
    """Random vectors that lie where the regions of a run lie."""
    numbers, ids = number_regions(result.regions)
    vectors = random_vectors(seed, len(ids), len(result.vocabulary))
    return replace(vectors, ids=ids.astype(np.int32), places=places(numbers, len(ids)))


class Set(RuleBasedStateMachine):
    """Some images with a lesson in a folder."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.images: list[Image] = []

    def teardown(self) -> None:
        shutil.rmtree(self.folder)

    @initialize(seed=st.integers(0, 10_000))
    def begin(self, seed: int) -> None:
        random = np.random.default_rng(seed)
        words = Vocabulary.from_names(NAMES[:4])
        self.classes: tuple[int, ...] = tuple(words.values)
        self.merged: dict[int, int] = {}
        for number in range(IMAGES):
            result = random_result(random, words, SHAPE)
            vectors = vectors_of(result, seed + number)
            self.images.append(Image(str(number), Session(result), vectors))

    @property
    def store(self) -> LessonStore:
        return LessonStore(self.folder)  # every time as another process would

    @property
    def words(self) -> Vocabulary:
        return self.images[0].session.vocabulary

    def one(self, data: st.DataObject, *, is_open: bool) -> Image:
        return data.draw(
            st.sampled_from([one for one in self.images if (one.learning is not None) == is_open])
        )

    @property
    def any_open(self) -> bool:
        return any(one.learning is not None for one in self.images)

    @property
    def any_closed(self) -> bool:
        return any(one.learning is None for one in self.images)

    @precondition(lambda self: self.any_closed)
    @rule(data=st.data())
    def open(self, data: st.DataObject) -> None:
        image = self.one(data, is_open=False)
        lesson = self.store.begun(self.classes, image.vectors)
        former = list(self.store.sittings(image.name))
        image.learning = image.session.learn(lesson, image.vectors, image.name, former)
        before = image.session.state.verdicts.copy()
        image.learning.apply(image.learning.opening())
        assert image.session.state.verdicts == before

    @precondition(lambda self: self.any_open)
    @rule(data=st.data())
    def decide(self, data: st.DataObject) -> None:
        session = self.one(data, is_open=True).session
        regions = data.draw(st.lists(st.sampled_from(session.ids.tolist()), min_size=1, max_size=3))
        kind = data.draw(st.sampled_from(["assign", "accept", "ignore", "clear"]))
        if kind == "assign":
            session.assign(regions, data.draw(st.sampled_from(self.classes)))
        elif kind == "accept" and nothing_to_accept(session, regions):
            # Its class was made one with another while the image was not decided.
            before = session.state.verdicts.copy()
            with pytest.raises(InputError, match="has no predicted class to accept"):
                session.accept(regions)
            assert session.state.verdicts == before
        else:
            getattr(session, kind)(regions)

    @precondition(lambda self: self.any_open)
    @rule(data=st.data(), times=st.integers(1, 3))
    def undo(self, data: st.DataObject, times: int) -> None:
        session = self.one(data, is_open=True).session
        for _ in range(times):
            if session.can_undo and not session.history.done[-1].predicts:
                session.undo()

    @precondition(lambda self: self.any_open)
    @rule(data=st.data())
    def look_out(self, data: st.DataObject) -> None:
        image = self.one(data, is_open=True)
        assert image.learning is not None
        before = {row.id: row.value for row in image.session.rows() if row.verdict is not None}
        found = image.learning.look_out(WHEN)
        image.learning.apply(found)
        after = {row.id: row.value for row in image.session.rows() if row.verdict is not None}
        assert after == before

    @precondition(lambda self: self.any_open)
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        self.left(self.one(data, is_open=True))

    def left(self, image: Image) -> None:
        learning, image.learning = image.learning, None
        assert learning is not None
        sitting, gone = learning.leave(WHEN), learning.taken_back
        files = self.files()
        lesson = self.store.finish(self.classes, sitting, gone)
        if not len(sitting.looks) and not gone:
            assert self.files() == files
        # Another process finds the same, and all of it from the beginning.
        for other in (self.store.lesson(self.classes), lesson.replayed(self.store.sittings())):
            for name, value in vars(lesson.state).items():
                np.testing.assert_array_equal(vars(other.state)[name], value)

    @precondition(lambda self: self.any_closed)
    @rule(data=st.data(), seed=st.integers(0, 10_000))
    def run_again(self, data: st.DataObject, seed: int) -> None:
        """Other regions take the decisions over, and nothing is said but what was said before."""
        image = self.one(data, is_open=False)
        result = random_result(np.random.default_rng(seed), image.session.vocabulary, SHAPE)
        image.session.rerun(result)
        image.vectors = vectors_of(result, seed)
        lesson, former = self.store.lesson(self.classes), list(self.store.sittings(image.name))
        if lesson.normalisation is None:
            return  # nobody has opened anything
        image.learning = image.session.learn(lesson, image.vectors, image.name, former)
        sitting = image.learning.leave(WHEN)
        assert sitting.looks.q.tolist() == sitting.looks.p.tolist()
        self.left(image)

    @precondition(lambda self: len(self.classes) > 2 and not self.any_open)
    @rule(data=st.data())
    def make_one(self, data: st.DataObject) -> None:
        gone, left = data.draw(
            st.lists(st.sampled_from(self.classes), min_size=2, max_size=2, unique=True)
        )
        for image in self.images:
            words = image.session.vocabulary
            image.session.set_vocabulary(
                words.remove(words.values.index(gone)),
                reassign={gone: left} if image.session.decided_as(gone) != (0, 0) else None,
            )
        self.classes = tuple(self.words.values)
        self.store.merge(self.classes, {gone: left})

    def files(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in self.folder.rglob("*.safetensors")}

    @invariant()
    def the_lesson_knows_what_was_said_where_images_were_left(self) -> None:
        if not self.images or self.any_open:
            return
        lesson = self.store.lesson(self.classes)
        said = {
            (image.name, region): row.verdict.value
            for image in self.images
            for region, row in image.session.state.rows.items()
            if row.verdict is not None and row.verdict.looked and row.verdict.kind != "ignored"
        }
        taught: dict[tuple[str, int], int] = {}
        for sitting in self.store.sittings():
            for region, value in zip(sitting.looks.ids, sitting.looks.values, strict=True):
                while int(value) in lesson.merged and int(value) not in self.classes:
                    value = lesson.merged[int(value)]
                assert (sitting.image, int(region)) not in taught, "it is taught twice"
                taught[sitting.image, int(region)] = int(value)
        assert taught.items() <= said.items()
        # Of those for which the networks elected nothing none is learnt.
        missing = said.keys() - taught.keys()
        for name, region in missing:
            image = self.images[int(name)]
            evidence = image.session.state.evidence
            row = int(np.searchsorted(image.vectors.ids, region))
            pixels = evidence.prediction[evidence.numbers == row + 1]
            assert not len(pixels) or (pixels == 0).any(), (name, region)


def test_a_lesson_is_what_was_said() -> None:
    run_state_machine_as_test(
        Set, settings=settings(max_examples=EXAMPLES, stateful_step_count=STEPS, deadline=None)
    )
