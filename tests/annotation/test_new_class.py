"""Tests of classes that are made from examples, and of vectors of what a session shows."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from napari_corrclip.annotation import Session
from napari_corrclip.demo.scenes import VALIDATION_SEED, generate_scene
from napari_corrclip.demo.world import COLORS, GROUNDS
from napari_corrclip.engine.encoded_image import run_steps
from napari_corrclip.engine.recipe import Recipe
from napari_corrclip.engine.segmenter import Segmenter
from napari_corrclip.engine.vectors import region_vectors
from napari_corrclip.errors import InputError
from napari_corrclip.learning import Lesson
from napari_corrclip.progress import finish
from napari_corrclip.results.segmentation import Segmentation
from napari_corrclip.results.vectors import RegionVectors
from napari_corrclip.vocabulary import Vocabulary
from tests.annotation.seen import Seen
from tests.annotation.strips import CAT, SKY, result_of

NAMED = tuple(word for word in (*COLORS, *GROUNDS) if word != "grass")


@pytest.fixture
def session() -> Session:
    return Session(result_of([[1, 2, 3]], [[CAT, CAT, SKY]]))


def test_a_class_of_examples_is_one_step_and_asks_no_network(session: Session) -> None:
    before = Seen(session)
    edited = session.new_class("type B", [1, 2])
    assert edited.title == "New class 'type B' from 2 regions"
    assert [step.title for step in session.history.done] == [edited.title]
    made = session.vocabulary.classes[-1]
    assert (made.name, made.prompts) == ("type B", ())
    assert session.labels.tolist() == [[made.value, made.value, SKY]]
    assert not session.provisional
    session.undo()
    Seen(session).same(before)
    session.redo()
    assert session.labels.tolist() == [[made.value, made.value, SKY]]


def test_a_class_has_the_value_that_is_its_own_in_a_set(session: Session) -> None:
    def beside(before: Vocabulary, after: Vocabulary) -> Vocabulary:
        assert before == session.vocabulary
        return after.beside(before, {"type B": 9})

    edited = session.new_class("type B", [1], beside=beside)
    assert edited.title == "New class 'type B' from 1 region"
    assert session.labels.tolist() == [[9, CAT, SKY]]
    assert session.vocabulary.by_value(9).name == "type B"
    session.undo()
    session.new_class("type B", [1])
    assert session.labels.tolist() == [[4, CAT, SKY]]


def test_a_look_that_was_to_follow_still_follows(session: Session) -> None:
    words = session.vocabulary.add("bird")
    found = result_of([[1, 2, 3]], [[CAT, CAT, 4]], words=", ".join(words.names))
    session.set_vocabulary(words, result=found, provisional=True)
    session.new_class("type B", [1])
    assert session.provisional


@pytest.mark.parametrize(
    ("name", "regions", "words"),
    [
        ("CAT", [1], "'cat' and 'CAT' are the same"),
        ("type B", [], "No region is selected"),
        ("type B", [9], "no region 9"),
        (" ", [1], "is empty"),
    ],
)
def test_what_cannot_be_changes_nothing(
    session: Session, name: str, regions: list[int], words: str
) -> None:
    before = Seen(session)
    with pytest.raises(InputError, match=words):
        session.new_class(name, regions)
    Seen(session).same(before)
    assert not session.can_undo


def run(segmenter: Segmenter, seed: int) -> tuple[np.ndarray, Segmentation, RegionVectors]:
    scene = generate_scene(seed)
    result, encoded = finish(
        run_steps(segmenter, scene.image, Vocabulary.from_names(NAMED), similarity_means=True)
    )
    grass = scene.truth((*NAMED, "grass")) == len(NAMED) + 1
    return grass, result, region_vectors(encoded, result)


def test_examples_on_one_image_find_the_class_on_the_next() -> None:
    segmenter = Segmenter.from_recipe(Recipe("demo", regions="superpixels"))
    grass = GROUNDS.index("grass")
    seeds = (
        seed
        for seed in itertools.count(VALIDATION_SEED + 200)
        if (generate_scene(seed).grounds == grass).any()
    )
    first, second = (run(segmenter, seed) for seed in itertools.islice(seeds, 2))
    truth, result, vectors = first
    session = Session(result)
    shares = {region: truth[session.regions == region].mean() for region in session.ids.tolist()}
    examples = [region for region, share in shares.items() if share > 0.9]
    others = [region for region, share in shares.items() if share < 0.1][:20]
    assert len(examples) > 8
    session.new_class("meadow", examples[:8])
    value = session.vocabulary.values[-1]
    session.accept(others)
    lesson = Lesson.new(session.vocabulary.values).begun(vectors)
    learning = session.learn(lesson, vectors, "first")
    learning.apply(learning.look_out())
    rest = examples[8:]
    assert np.mean([session.region(region).value == value for region in rest]) > 0.8
    lesson = lesson.finish(learning.leave())

    truth, result, vectors = second
    session = Session(result)
    session.set_vocabulary(session.vocabulary.add("meadow", prompts=()))
    assert not (session.labels[truth] == value).any()
    learning = session.learn(lesson, vectors, "second")
    learning.apply(learning.opening())
    # The lesson has foretold nothing so far, and has no say to speak of; two looks give it one.
    shares = [(truth[session.regions == region].mean(), region) for region in session.ids.tolist()]
    session.assign(max(shares)[1], value)
    session.accept(min(shares)[1])
    learning.apply(learning.look_out())
    right = (session.labels == value) == truth
    assert (session.labels[truth] == value).mean() > 0.5
    assert right.mean() > 0.9


def test_a_session_with_networks_has_the_vectors_of_its_run() -> None:
    segmenter = Segmenter.from_recipe(Recipe("demo", regions="superpixels"))
    scene = generate_scene(VALIDATION_SEED + 200)
    result, encoded = finish(
        run_steps(segmenter, scene.image, Vocabulary.from_names(NAMED), similarity_means=True)
    )
    session = Session(result, scene.image, engine=encoded)
    session.merge(session.ids[:2])  # whatever was edited since
    found, expected = session.vectors(), region_vectors(encoded, result)
    for name, value in vars(expected).items():
        np.testing.assert_array_equal(getattr(found, name), value)
    with pytest.raises(InputError, match="without networks"):
        Session(result).vectors()
