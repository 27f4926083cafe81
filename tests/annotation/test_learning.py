"""Tests of sessions that learn, on scenes of the demo world: three of its classes have strange words."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest
from numpy.typing import NDArray

from napari_corrclip.annotation import Queue, Session
from napari_corrclip.annotation.learning import Learning
from napari_corrclip.demo.scenes import VALIDATION_SEED, generate_scene
from napari_corrclip.demo.world import COLORS, GROUNDS
from napari_corrclip.engine.encoded_image import run_steps
from napari_corrclip.engine.recipe import Recipe
from napari_corrclip.engine.segmenter import Segmenter
from napari_corrclip.engine.vectors import region_vectors
from napari_corrclip.errors import InputError
from napari_corrclip.learning import Lesson, Sitting
from napari_corrclip.progress import finish
from napari_corrclip.results.segmentation import Segmentation
from napari_corrclip.results.vectors import RegionVectors
from napari_corrclip.vocabulary import Vocabulary
from tests.annotation.seen import Seen, one_sentence

TRUE_WORDS = (*COLORS, *GROUNDS)
STRANGE = {"grass": "lawn", "sand": "beach", "stone": "pavement"}
WORDS = Vocabulary.from_names([STRANGE.get(word, word) for word in TRUE_WORDS])


@dataclass(frozen=True, eq=False)
class Image:
    """A scene that was run."""

    name: str
    truth: NDArray[np.integer]
    result: Segmentation
    vectors: RegionVectors

    def right(self, labels: NDArray[np.integer]) -> float:
        return float((labels == self.truth).mean())

    def truth_of(self, regions: NDArray[np.integer], region: int) -> int:
        return int(np.bincount(self.truth[regions == region]).argmax())


@pytest.fixture(scope="module")
def images() -> list[Image]:
    segmenter = Segmenter.from_recipe(Recipe("demo", regions="superpixels"))
    values = np.array([0, *WORDS.values], np.uint16)
    made = []
    scenes = map(generate_scene, itertools.count(VALIDATION_SEED + 200))
    lawn = GROUNDS.index("grass")
    for scene in itertools.islice((scene for scene in scenes if (scene.grounds == lawn).any()), 4):
        result, encoded = finish(run_steps(segmenter, scene.image, WORDS, similarity_means=True))
        truth = values[scene.truth(TRUE_WORDS)]
        made.append(Image(str(scene.seed), truth, result, region_vectors(encoded, result)))
    return made


def correct(image: Image, session: Session, looks: int, learning: Learning | None = None) -> None:
    """Say the truth of regions as the queue presents them; learn every five."""
    queue = Queue(session, refresh_every=5)
    for number in range(1, looks + 1):
        region = queue.next()
        if not isinstance(region, int):
            return
        truth = image.truth_of(session.regions, region)
        if not truth:
            session.ignore(region)
        elif session.region(region).value == truth:
            session.accept(region)
        else:
            session.assign(region, truth)
        if learning is not None and number % 5 == 0:
            learning.apply(learning.look_out())


def lesson_of(images: Sequence[Image], looks: int = 60) -> tuple[Lesson, list[Sitting]]:
    lesson, sittings = Lesson.new(WORDS.values), list[Sitting]()
    for image in images:
        session = Session(image.result)
        lesson = lesson.begun(image.vectors)
        learning = session.learn(lesson, image.vectors, image.name)
        learning.apply(learning.opening())
        correct(image, session, looks, learning)
        sittings.append(learning.leave())
        lesson = lesson.finish(sittings[-1])
    return lesson, sittings


def test_what_was_corrected_on_some_images_makes_the_next_one_easier(images: list[Image]) -> None:
    lesson, _ = lesson_of(images[:3])
    last = images[3]
    session = Session(last.result)
    before = last.right(session.labels)
    learning = session.learn(lesson, last.vectors, last.name)
    found = learning.opening()
    session_before = Seen(session)
    assert len(found.regions) == sum(times for _, _, times in found.pairs)
    assert found.weight > 0.5
    assert found.images == 3
    edited = learning.apply(found)
    assert session.history.done[-1].title == found.title == f"Learnt: {found.learnt} regions"
    assert set(found.regions) <= set(edited.updated)
    after = last.right(session.labels)
    assert 1 - after < 0.5 * (1 - before), (before, after)
    session.undo()
    Seen(session).same(session_before)


def test_the_rest_of_the_open_image_gets_easier(images: list[Image]) -> None:
    wrong = []
    for learns in (False, True):
        left = []
        for image in images:
            session = Session(image.result)
            lesson = Lesson.new(WORDS.values)
            learning = session.learn(lesson, image.vectors) if learns else None
            correct(image, session, 30, learning)
            left.append(1 - image.right(session.labels))
        wrong.append(float(np.mean(left)))
    assert wrong[1] < 0.7 * wrong[0], wrong


def test_without_verdicts_nothing_is_said_and_nothing_changes(images: list[Image]) -> None:
    session = Session(images[0].result)
    seen = Seen(session)
    learning = session.learn(Lesson.new(WORDS.values), images[0].vectors)
    for found in (learning.opening(), learning.look_out()):
        assert found.taught is None
        assert not found.regions
        assert not learning.apply(found).made
    Seen(session).same(seen)
    assert not session.can_undo


def test_undo_of_everything_is_equal_to_before(images: list[Image]) -> None:
    image, lesson = images[1], lesson_of(images[:1])[0]
    session = Session(image.result)
    seen = Seen(session)
    learning = session.learn(lesson, image.vectors, image.name)
    first = learning.look_out()
    correct(image, session, 25, learning)
    assert session.state.evidence.taught is not None
    while session.undo():
        pass
    Seen(session).same(seen)
    again = learning.look_out()
    assert first.taught is not None
    assert first.taught.same(again.taught)
    assert (again.weight, again.foretold) == (first.weight, first.foretold)
    assert not len(learning.leave().looks)


def test_decided_regions_never_change(images: list[Image]) -> None:
    image, (lesson, _) = images[3], lesson_of(images[:2])
    session = Session(image.result)
    learning = session.learn(lesson, image.vectors)
    found = learning.opening()
    some = found.regions[:10]
    shown = {region: session.region(region).value for region in some}
    session.accept(some)  # after it was looked at, before it is applied
    learning.apply(found)
    assert {region: session.region(region).value for region in some} == shown
    assert not set(learning.look_out().regions) & set(some)


def test_what_was_decided_since_is_not_counted_as_learnt(images: list[Image]) -> None:
    session = Session(images[0].result)
    learning = session.learn(Lesson.new(WORDS.values), images[0].vectors)
    correct(images[0], session, 30)
    found = learning.look_out()
    decided, *left = found.regions
    session.accept(decided)
    now = learning.what_is_left(found)
    assert (now.regions, now.undecided) == (tuple(left), found.undecided - 1)
    assert sum(times for *_, times in now.pairs) == len(left)
    before = {row.id: row.value for row in session.rows()}
    made = learning.apply(found)
    changed = {row.id for row in session.rows() if row.value != before[row.id]}
    assert changed == set(left)
    assert made.title == f"Learnt: {len(left)} regions"


def test_merged_and_split_regions_teach_what_lies_in_them(images: list[Image]) -> None:
    image = images[0]
    session = Session(image.result)
    learning = session.learn(Lesson.new(WORDS.values), image.vectors)
    rows = sorted(session.rows(), key=lambda row: -row.area)
    one, other, halved = rows[0].id, rows[1].id, rows[2]
    session.merge([one, other])
    top, _, bottom, _ = halved.box
    upper = np.zeros(session.shape, bool)
    upper[: (top + bottom) // 2] = True
    made = session.split_mask(halved.id, upper)
    value = WORDS.values[0]
    session.assign([min(one, other), *made.updated], value)
    looks = learning.leave().looks
    assert {one, other} <= set(looks.ids.tolist())
    assert set(looks.values.tolist()) == {value}
    assert halved.id in looks.ids or not any(
        2 * session.region(part).area > halved.area for part in made.updated
    )


def test_an_image_that_is_opened_again_learns_what_is_new(images: list[Image]) -> None:
    image, lesson = images[0], Lesson.new(WORDS.values).begun(images[0].vectors)
    session = Session(image.result)
    learning = session.learn(lesson, image.vectors, image.name)
    ids = [row.id for row in session.rows() if row.predicted][:4]
    values = WORDS.values
    session.assign(ids[:3], values[0])
    first = learning.leave()
    lesson = lesson.finish(first)
    again = session.learn(lesson, image.vectors, image.name, [first])
    assert not again.taken_back
    session.assign(ids[0], values[1])
    session.clear(ids[1])
    session.assign(ids[3], values[2])
    second = again.leave()
    assert dict(zip(second.looks.ids.tolist(), second.looks.values.tolist(), strict=True)) == {
        ids[0]: values[1],
        ids[3]: values[2],
    }
    assert again.taken_back == {first.number: frozenset(ids[:2])}


def test_another_run_of_an_image_takes_the_place_of_the_former(images: list[Image]) -> None:
    """What was decided is taught once, as the new run has it, and earns nothing by being known already."""
    image, lesson = images[0], Lesson.new(WORDS.values).begun(images[0].vectors)
    session = Session(image.result)
    learning = session.learn(lesson, image.vectors, image.name)
    correct(image, session, 40, learning)
    first = learning.leave()
    lesson = lesson.finish(first)
    segmenter = Segmenter.from_recipe(
        Recipe("demo", regions="superpixels", region_options={"n_segments": 90})
    )
    scene = generate_scene(int(image.name))
    result, encoded = finish(run_steps(segmenter, scene.image, WORDS, similarity_means=True))
    session.rerun(result)
    vectors = region_vectors(encoded, result)
    carried = sum(row.verdict is not None for row in session.rows())
    assert carried
    again = session.learn(lesson, vectors, image.name, [first])
    assert again.taken_back == {first.number: frozenset(first.looks.ids.tolist())}
    seen = again.look_out()
    second = again.leave()
    assert 0 < len(second.looks) <= carried
    assert seen.verdicts == len(second.looks)
    assert second.looks.q.tolist() == second.looks.p.tolist()
    after = lesson.replayed([first.without(first.looks.ids), replace(second, number=2)])
    assert after.verdicts == len(second.looks)
    assert after.weights == Lesson.new(WORDS.values).weights


def test_the_last_word_on_a_region_is_the_last_one(images: list[Image]) -> None:
    image = images[0]
    session = Session(image.result)
    learning = session.learn(Lesson.new(WORDS.values).begun(image.vectors), image.vectors, "a")
    ids = [row.id for row in session.rows() if row.predicted][:3]
    for region in ids:
        session.assign(region, WORDS.values[0])
    learning.look_out()
    session.assign(ids[0], WORDS.values[1])
    assert learning.leave().looks.ids.tolist() == [*ids[1:], ids[0]]
    session.undo()
    assert learning.leave().looks.ids.tolist() == ids


def test_three_nearest_verdicts_have_taught_a_region(images: list[Image]) -> None:
    lesson, sittings = lesson_of(images[:2], 20)
    session = Session(images[2].result)
    learning = session.learn(lesson, images[2].vectors, images[2].name)
    region = int(session.ids[5])
    taught = learning.what_taught(region, sittings)
    assert len(taught) == 3
    assert [teacher.distance for teacher in taught] == sorted(t.distance for t in taught)
    assert {teacher.image for teacher in taught} <= {image.name for image in images[:2]}


def test_what_is_of_another_run_or_other_classes_is_refused(images: list[Image]) -> None:
    image = images[0]
    session = Session(image.result)
    few = replace(image.vectors, **{
        name: value[:-1]
        for name, value in vars(image.vectors).items()
        if isinstance(value, np.ndarray)
    })  # fmt: skip
    # Of another run of the same image that found as many regions.
    mirrored = replace(image.vectors, places=1 - image.vectors.places)
    order = np.roll(np.arange(len(image.vectors)), 1)
    exchanged = replace(image.vectors, places=image.vectors.places[order])
    for lesson, vectors in (
        (Lesson.new(WORDS.values), few),
        (Lesson.new(WORDS.values), mirrored),
        (Lesson.new(WORDS.values), exchanged),
        (Lesson.new(WORDS.values[1:]), image.vectors),
    ):
        with pytest.raises(InputError) as told:
            session.learn(lesson, vectors)
        assert one_sentence(str(told.value))
    learning = session.learn(Lesson.new(WORDS.values), image.vectors)
    session.set_vocabulary(WORDS.add("another"))
    assert not learning.fits
    with pytest.raises(InputError, match="begin to learn again") as told:
        learning.look_out()
    assert one_sentence(str(told.value))
    session.undo()
    assert learning.fits


def test_the_order_of_the_classes_does_not_matter(images: list[Image]) -> None:
    lesson, _ = lesson_of(images[:2])
    image, told = images[2], []
    for order in (WORDS, WORDS.reorder(tuple(reversed(WORDS.names)))):
        session = Session(image.result)
        session.set_vocabulary(order)
        learning = session.learn(lesson, image.vectors)
        learning.apply(learning.opening())
        told.append(np.array(session.labels))
    np.testing.assert_array_equal(*told)
