"""Tests of a project that learns: what is decided on some of its images makes the next ones easier."""

from __future__ import annotations

import itertools
import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import napari_corrclip as nc
from napari_corrclip.annotation import Queue, Session
from napari_corrclip.annotation.files.log import is_open
from napari_corrclip.annotation.learning import Learning
from napari_corrclip.cli import app
from napari_corrclip.demo.scenes import VALIDATION_SEED, Scene, generate_scene
from napari_corrclip.demo.world import COLORS, GROUNDS
from napari_corrclip.engine.encoded_image import EncodedImage
from napari_corrclip.engine.segmenter import Segmenter
from napari_corrclip.errors import InputError
from napari_corrclip.learning.store import ASKED, LessonStore
from napari_corrclip.progress import finish
from napari_corrclip.project.folder import SESSION
from napari_corrclip.project.index import Index
from napari_corrclip.project.learning import FOLDER
from napari_corrclip.project.project import Project
from napari_corrclip.project.records import ItemRecord
from napari_corrclip.project.reviewing import read_session
from napari_corrclip.project.teaching import TaughtSet
from napari_corrclip.results.vectors import scaled
from napari_corrclip.vocabulary import Vocabulary
from tests.annotation.seen import one_sentence

TRUE_WORDS = (*COLORS, *GROUNDS)
STRANGE = {"grass": "lawn", "sand": "beach", "stone": "pavement"}
WORDS = [STRANGE.get(word, word) for word in TRUE_WORDS]


def scenes() -> Iterator[Scene]:
    """Yield scenes with grass in them, which the words do not name."""
    lawn = GROUNDS.index("grass")
    for seed in itertools.count(VALIDATION_SEED + 200):
        scene = generate_scene(seed)
        if (scene.grounds == lawn).any():
            yield scene


@pytest.fixture(scope="module")
def truths() -> dict[str, NDArray[np.integer]]:
    values = np.array([0, *range(1, len(WORDS) + 1)], np.uint16)
    return {
        f"{number}.png": values[scene.truth(TRUE_WORDS)]
        for number, scene in enumerate(itertools.islice(scenes(), 4))
    }


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that was run."""
    folder = tmp_path_factory.mktemp("set")
    images = folder / "photographs"
    images.mkdir()
    for number, scene in enumerate(itertools.islice(scenes(), 4)):
        iio.imwrite(images / f"{number}.png", scene.image)
    recipe = nc.Recipe(regions="superpixels")
    with Project.create(folder / "set", WORDS, images, recipe=recipe, copy=True) as made:
        made.run(segmenter=Segmenter.from_recipe(recipe), progress=False)
        return made.folder


@pytest.fixture
def project(run: Path, tmp_path: Path) -> Iterator[Project]:
    shutil.copytree(run, tmp_path / run.name)
    with Project.open(tmp_path / run.name) as opened:
        yield opened


def correct(
    session: Session, truth: NDArray[np.integer], looks: int, learning: Learning | None = None
) -> None:
    """Say the truth of regions as the queue presents them; learn every five."""
    queue = Queue(session, refresh_every=5)
    for number in range(looks):
        if learning is not None and number % 5 == 0:
            learning.apply(learning.look_out())
        region = queue.next()
        if not isinstance(region, int):
            return
        value = int(np.bincount(truth[session.regions == region]).argmax())
        if not value:
            session.ignore(region)
        elif session.region(region).value == value:
            session.accept(region)
        else:
            session.assign(region, value)


def name_of(path: str) -> str:
    return path.rpartition("/")[2]


def teach(project: Project, truths: dict[str, NDArray[np.integer]], count: int) -> None:
    """Correct the first images, and let them teach."""
    for item in project.items()[:count]:
        with project.session(item) as session:
            learning = project.lesson.learn(session, item)
            correct(session, truths[name_of(item.path)], 60, learning)
            project.lesson.finish(learning)


def test_the_next_image_opens_nearly_right_wherever_the_project_lies(
    project: Project, truths: dict[str, NDArray[np.integer]], tmp_path: Path
) -> None:
    teach(project, truths, 3)
    project.close()
    moved = project.folder.rename(tmp_path / "elsewhere.corrclip-project")
    with Project.open(moved) as again:
        last = again.items()[3]
        truth = truths[name_of(last.path)]
        with again.session(last) as session:
            wrong = (session.labels != truth).mean()
            learning = again.lesson.learn(session, last)
            found = learning.opening()
            learning.apply(found)
            assert (session.labels != truth).mean() < 0.5 * wrong
            assert found.images == 3
            taught = again.lesson.what_taught(learning, int(session.ids[0]))
            assert len(taught) == 3
            assert {teacher.image for teacher in taught} <= {item.name for item in again}
            shown = np.array(session.labels)
        # What was taught is kept with the session, and undone by one step.
        with again.session(last) as session:
            np.testing.assert_array_equal(session.labels, shown)
            session.undo()
            assert (session.labels != truth).mean() == wrong


def test_two_reviewers_are_one_sequence(
    project: Project, truths: dict[str, NDArray[np.integer]]
) -> None:
    with Project.open(project.folder) as other:
        first, second = project.items()[:2]
        with project.session(first) as mine, other.session(second) as yours:
            both = project.lesson.learn(mine, first), other.lesson.learn(yours, second)
            correct(mine, truths[name_of(first.path)], 10)
            correct(yours, truths[name_of(second.path)], 10)
            other.lesson.finish(both[1])
            lesson = project.lesson.finish(both[0])
        store = project.lesson.store(project.vectors(first))
        assert [sitting.image for sitting in store.sittings()] == [second.name, first.name]
        assert lesson.verdicts == sum(len(sitting.looks) for sitting in store.sittings())
        replayed = lesson.replayed(store.sittings())
        assert lesson.state is not None
        assert replayed.state is not None
        np.testing.assert_array_equal(lesson.state.gram, replayed.state.gram)


def test_a_verdict_that_is_taken_back_later_has_never_taught(
    project: Project, truths: dict[str, NDArray[np.integer]]
) -> None:
    item = project.items()[0]
    with project.session(item) as session:
        learning = project.lesson.learn(session, item)
        correct(session, truths[name_of(item.path)], 10)
        before = project.lesson.finish(learning).verdicts
        decided = next(row.id for row in session.rows() if row.verdict is not None)
    with project.session(item) as session:
        learning = project.lesson.learn(session, item)
        session.clear(decided)
        assert project.lesson.finish(learning).verdicts == before - 1


def test_the_switch_is_the_sets(project: Project) -> None:
    assert project.lesson.switch == "on"
    project.lesson.switch = "ask"
    with Project.open(project.folder, read_only=True) as reader:
        assert reader.lesson.switch == "ask"
        with pytest.raises(InputError) as told:
            reader.lesson.switch = "off"
        assert one_sentence(str(told.value))


def test_an_item_without_vectors_is_told(project: Project) -> None:
    item = project.items()[0]
    (project.folder_of(item) / "vectors.safetensors").unlink()
    with project.session(item) as session, pytest.raises(InputError, match="no vectors") as told:
        project.lesson.learn(session, item)
    assert one_sentence(str(told.value))
    assert item.name not in str(told.value)  # who told it of another image need not tell it again
    assert not (project.folder / FOLDER).exists()


def test_what_is_known_is_said_without_a_word_being_written(
    project: Project, truths: dict[str, NDArray[np.integer]]
) -> None:
    last = project.items()[3]
    with Project.open(project.folder, read_only=True) as reader:
        session = read_session(reader.folder_of(last))
        found = reader.lesson.opening(session, last)
        assert (found.taught, found.regions, found.verdicts) == (None, (), 0)
        assert project.teach() == TaughtSet()
        assert not (project.folder / FOLDER).exists()
        teach(project, truths, 1)
        assert reader.lesson.opening(session, last).taught is not None
        learning = reader.lesson.learn(session, last)
        with pytest.raises(InputError, match="read-only"):
            reader.lesson.finish(learning)


def test_a_session_whose_value_is_another_class_in_the_set_teaches_nothing(
    project: Project,
) -> None:
    item = project.items()[0]
    with project.session(item) as session:
        session.set_vocabulary(session.vocabulary.add("boat"), classify=False)
        learning = project.lesson.learn(session, item)
        session.accept(session.ids[:2])
        # Somebody else makes another class of the value meanwhile.
        project.change_classes(None, project.classes_beside(None, project.vocabulary.add("rock")))
        assert project.vocabulary.values[-1] == session.vocabulary.values[-1]
        for refused in (
            lambda: project.lesson.learn(session, item),
            lambda: project.lesson.opening(session, item),
            lambda: project.lesson.finish(learning),
        ):
            with pytest.raises(InputError, match="'boat' is 'rock' on other images") as told:
                refused()
            assert one_sentence(str(told.value))
        assert not (project.folder / FOLDER).exists()
        session.set_vocabulary(session.vocabulary.remove("boat"), classify=False)
        project.lesson.finish(project.lesson.learn(session, item))


def shown_by(project: Project, folder: Path) -> dict[str, NDArray[np.integer]]:
    """The labels of all images, as an export has them."""
    project.export(folder, "indexed", options=nc.ExportOptions(pictures="none"))
    return {
        path.stem: np.asarray(Image.open(path))
        for path in sorted((folder / "SegmentationClass").glob("*.png"))
    }


def test_a_whole_set_shows_what_was_learnt(
    project: Project,
    truths: dict[str, NDArray[np.integer]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    networks = shown_by(project, tmp_path / "networks")
    teach(project, truths, 3)
    corrected = {item.name: np.array(labels_of(project, item.name)) for item in project.items()[:3]}
    last = project.items()[3]
    before = last.least
    # Nobody decides between the session's end and the moment in which the index is told.
    held, real = list[bool](), Index.take_regions

    def take_regions(self: Index, *given: object, **more: object) -> None:
        held.append(is_open(project.folder_of(last) / SESSION))
        real(self, *given, **more)  # type: ignore[arg-type]

    with monkeypatch.context() as during:
        during.setattr(Index, "take_regions", take_regions)
        found = project.teach()
    assert held == [True]
    assert (found.images, found.left_out) == (1, ())
    assert found.regions > 0
    now = project.item(last)
    assert now.state == "pre-labelled"
    assert now.least != before
    taught = shown_by(project, tmp_path / "taught")
    stem, truth = Path(last.path).stem, truths[name_of(last.path)]
    assert (taught[stem] != truth).mean() < 0.5 * (networks[stem] != truth).mean()
    # What a person has decided is theirs, and another look changes nothing more.
    for name, labels in corrected.items():
        np.testing.assert_array_equal(labels_of(project, name), labels)
    assert project.teach() == found
    np.testing.assert_array_equal(shown_by(project, tmp_path / "again")[stem], taught[stem])
    # It is no decision: a run takes the image, and it shows the networks' opinion.
    with project.session(last) as session:
        assert session.provenance.lesson["verdicts"] > 0
        assert [step.title for step in session.history.done] == [f"Learnt: {found.regions} regions"]
        session.undo()
        np.testing.assert_array_equal(session.labels, networks[stem])
        session.redo()
    assert project.item(last).state == "pre-labelled"
    project.mark(last, "new")
    project.run(segmenter=Segmenter.from_recipe(project.recipe), progress=False)
    np.testing.assert_array_equal(shown_by(project, tmp_path / "run")[stem], networks[stem])


def labels_of(project: Project, name: str) -> NDArray[np.integer]:
    with project.session(name) as session:
        return session.labels


def test_a_repaired_index_knows_what_was_taught(
    project: Project, truths: dict[str, NDArray[np.integer]]
) -> None:
    teach(project, truths, 2)
    project.teach()
    query = [(item.name, item.least) for item in project.items()]
    project.close()
    (project.folder / "project.sqlite").unlink()
    with Project.repair(project.folder) as again:
        known = {item.name: item.least for item in again.items()}
    assert known == pytest.approx(dict(query))


def test_what_cannot_be_taught_is_told(
    project: Project, truths: dict[str, NDArray[np.integer]]
) -> None:
    assert project.teach().images == 0  # nothing is learnt yet
    teach(project, truths, 1)
    (project.folder_of(project.items()[3]) / "vectors.safetensors").unlink()
    found = project.teach()
    assert found.images == 2
    (line,) = found.left_out
    assert "no vectors" in line


def test_verdicts_of_former_words_are_read_by_new_ones(
    project: Project, truths: dict[str, NDArray[np.integer]]
) -> None:
    segmenter = Segmenter.from_recipe(project.recipe)
    first, second = project.items()[:2]
    image = iio.imread(project.path_of(first))
    features = finish(segmenter.encode_steps(image, similarity_means=True))
    for item, engine in ((first, EncodedImage(segmenter, image, features)), (second, None)):
        with project.session(item) as session:
            session.engine = engine
            learning = project.lesson.learn(session, item)
            correct(session, truths[name_of(item.path)], 40)
            project.lesson.finish(learning)
    before = list(project.lesson.store(project.vectors(first)).sittings())
    words = project.classes_beside(None, project.vocabulary.add("grass"))
    project.change_classes(None, words)
    named = words.values
    # A lesson of another CLIP knows nothing of these networks, and is asked once.
    other = LessonStore(project.folder / FOLDER / ("0" * 16))
    other.begun(before[0].classes, replace(project.vectors(first), clip_network="another"))
    other.finish(before[0].classes, before[0])
    assert project.lesson.lacks(words, project.recipe)
    project.relabel(segmenter=segmenter, progress=False)
    assert not project.lesson.lacks(words, project.recipe)
    assert next(other.sittings()).classes == before[0].classes

    known, unknown = project.lesson.store(project.vectors(first)).sittings()
    grass = known.classes.index(named[-1])
    assert known.classes == unknown.classes == named
    # Of the second no means are kept.
    assert not unknown.looks.probabilities[:, grass].any()
    np.testing.assert_allclose(
        unknown.looks.probabilities[:, :grass], before[1].looks.probabilities, atol=1e-3
    )
    # Of the first it is nearly what a run by the new words says.
    result = segmenter.classify(features, words)
    rows = np.searchsorted(result.table["id"], known.looks.ids)
    found = scaled(result.region_probabilities)[rows]
    assert (known.looks.probabilities[:, grass] > 0.5).any()
    assert np.abs(known.looks.probabilities - found).mean() < 0.02
    same = known.looks.probabilities.argmax(axis=1) == found.argmax(axis=1)
    assert same.mean() > 0.9
    # Other prompts of the same classes are other words, though no image is to be labelled by them.
    assert not [item for item in project.items()[:2] if item.state == "pre-labelled"]
    moss = project.vocabulary.with_prompts("grass", ["stone"])
    project.change_classes(None, moss)
    assert project.lesson.lacks(moss, project.recipe)
    for item in project.items()[2:]:
        project.mark(item, "skipped")
    assert not project.relabel(segmenter=segmenter, progress=False).done
    assert not project.lesson.lacks(moss, project.recipe)
    anew, _ = project.lesson.store(project.vectors(first)).sittings()
    result = segmenter.classify(features, moss)
    rows = np.searchsorted(result.table["id"], known.looks.ids)
    found = scaled(result.region_probabilities)[rows]
    assert np.abs(anew.looks.probabilities - found).mean() < 0.02
    assert np.abs(anew.looks.probabilities - known.looks.probabilities).mean() > 0.02
    # A file that says nothing is as none, and names are no words.
    asked = project.folder / FOLDER / ("0" * 16) / ASKED
    assert not project.lesson.lacks(moss.rename("grass", "moss"), project.recipe)
    for damaged in (b"\xff", b"[" * 1000, b"[]", b'{"by": 1, "last": true}', b"{" + b" " * 5000):
        asked.write_bytes(damaged)
        assert project.lesson.lacks(moss, project.recipe)
    # What was told to the guard is history.
    np.testing.assert_array_equal(known.looks.q, before[0].looks.q)
    assert project.lesson.store(project.vectors(first)).lesson(named).verdicts == 80


def test_verdicts_on_classes_that_were_made_one_speak_of_what_is_left(
    project: Project, truths: dict[str, NDArray[np.integer]]
) -> None:
    teach(project, truths, 1)
    item = project.items()[0]
    store = project.lesson.store(project.vectors(item))
    said = next(iter(store.sittings())).looks.values
    gone = int(np.bincount(said).argmax())
    left = next(value for value in project.vocabulary.values if value != gone)
    before = project.vocabulary
    after = before.remove(before.values.index(gone))
    assert project.change_classes(before, after, item, {gone: left}) == []
    lesson = store.lesson(after.values)
    assert lesson.merged == {gone: left}
    assert lesson.verdicts == len(said)
    # It comes back, as by an undo, and so do its verdicts.
    project.change_classes(after, before, item)
    again = store.lesson(before.values)
    assert again.state is not None
    assert again.state.residuals[:, before.values.index(gone)].any()


def test_a_class_that_other_images_have_is_not_made_another_one(
    project: Project, truths: dict[str, NDArray[np.integer]]
) -> None:
    teach(project, truths, 2)
    first = project.items()[0]
    store = project.lesson.store(project.vectors(first))
    both = [set(sitting.looks.values.tolist()) for sitting in store.sittings()]
    shared = min(both[0] & both[1])
    other = next(value for value in project.vocabulary.values if value != shared)
    before = project.vocabulary
    after = before.remove(before.values.index(shared))
    assert project.change_classes(before, after, first, {shared: other})
    assert store.lesson(project.vocabulary.values).merged == {}


def test_the_command_line_tells_what_was_learnt_and_turns_the_switch(
    project: Project,
    truths: dict[str, NDArray[np.integer]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    def told(*more: str) -> list[str]:
        assert app.run(["project", "lesson", str(project.folder), *more]) == 0
        return capsys.readouterr().out.splitlines()

    assert told() == [
        "The lesson is on.",
        "Nothing was taught yet: decide some regions in the window.",
    ]
    assert app.run(["project", "run", str(project.folder), "--taught"]) == 0
    assert "Nothing was taught yet" in capsys.readouterr().out
    teach(project, truths, 1)
    lines = told("ask")
    assert lines[:2] == [
        "The lesson is ask.",
        "60 verdicts at 1 sitting, an opening of an image each",
    ]
    assert lines[2].startswith("of the last 40 it has foretold ")
    assert project.lesson.switch == "ask"
    assert app.run(["project", "lesson", str(project.folder), "perhaps"]) == 2
    assert "say off, ask or on" in capsys.readouterr().err


def files_of(project: Project) -> dict[str, bytes]:
    folder = project.folder / FOLDER
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*.safetensors"))
    }


def merge(project: Project, name: ItemRecord) -> tuple[int, int, Vocabulary]:
    """Give the commonest class of an image to another one, there and in the set."""
    before = project.vocabulary
    with project.session(name) as session:
        values = [row.verdict.value for row in session.rows() if row.verdict is not None]
        gone = int(np.bincount(values).argmax())
        left = next(value for value in before.values if value != gone)
        after = before.remove(before.values.index(gone))
        session.set_vocabulary(after, reassign={gone: left}, classify=False)
    project.change_classes(before, after, name, {gone: left})
    return gone, left, before


def test_looking_at_an_image_after_its_classes_became_one_changes_nothing(
    project: Project, truths: dict[str, NDArray[np.integer]]
) -> None:
    teach(project, truths, 1)
    item = project.items()[0]
    gone, _, before = merge(project, item)
    files = files_of(project)
    with project.session(item) as session:
        learning = project.lesson.learn(session, item)
        learning.apply(learning.look_out())
        assert not learning.taken_back
        assert all(
            teacher.value in project.vocabulary.values
            for region in session.ids[:20].tolist()
            for teacher in project.lesson.what_taught(learning, region)
        )
        project.lesson.finish(learning)
    assert files_of(project) == files
    # The class comes back, has its verdicts, and takes them along when it goes for good.
    after = project.vocabulary
    project.change_classes(after, before)
    store = project.lesson.store(project.vectors(item))
    (sitting,) = store.sittings()
    assert (sitting.looks.values == gone).any()
    others = int((sitting.looks.values != gone).sum())
    project.change_classes(before, after)
    assert store.lesson(after.values).verdicts <= others


def test_a_verdict_taken_back_in_an_image_opened_again_teaches_no_more(
    project: Project, truths: dict[str, NDArray[np.integer]]
) -> None:
    teach(project, truths, 1)
    item = project.items()[0]
    with project.session(item) as session:
        decided = [row.id for row in session.rows() if row.verdict is not None]
        learning = project.lesson.learn(session, item)
        whole = learning.look_out()
        session.clear(decided[:10])
        some = learning.look_out()
        assert some.verdicts == whole.verdicts - 10
        session.clear(decided[10:])
        none = learning.look_out()
        assert (none.taught, none.verdicts, none.images) == (None, 0, 0)
        for _ in range(2):
            session.undo()
        again = learning.look_out()
        assert again.verdicts == whole.verdicts
        assert again.taught is not None
        assert again.taught.same(whole.taught)
        # What is seen before it is left is what is folded after.
        session.clear(decided[:10])
        some = learning.look_out()
        after = project.lesson.finish(learning)
        assert after.verdicts == some.verdicts
    with project.session(item) as session:
        learning = project.lesson.learn(session, item)
        found = learning.look_out()
        assert found.taught is not None
        assert some.taught is not None
        same = found.taught.values == some.taught.values
        assert same.mean() > 0.98


def test_no_region_is_its_own_teacher(
    project: Project, truths: dict[str, NDArray[np.integer]]
) -> None:
    teach(project, truths, 1)
    item = project.items()[0]
    with project.session(item) as session:
        learning = project.lesson.learn(session, item)
        for row in session.rows()[:30]:
            for teacher in project.lesson.what_taught(learning, row.id):
                assert (teacher.image, teacher.region) != (item.name, row.id)


def test_verdicts_are_kept_in_the_order_in_which_they_were_given(project: Project) -> None:
    item = project.items()[0]
    with project.session(item) as session:
        learning = project.lesson.learn(session, item)
        for region in (12, 3, 7, 1):
            session.assign(region, 1)
            time.sleep(0.01)
        session.assign(3, 2)  # the last word on it
        looks = learning.leave().looks
        assert looks.ids.tolist() == [12, 7, 1, 3]
        assert (np.diff(looks.times) > 0).all()


def test_a_class_made_in_between_loses_nothing_that_the_lesson_has_earned(
    project: Project, truths: dict[str, NDArray[np.integer]]
) -> None:
    item = project.items()[0]
    with project.session(item) as session:
        learning = project.lesson.learn(session, item)
        correct(session, truths[name_of(item.path)], 30, learning)
        before = learning.look_out()
        assert before.foretold.lesson > before.foretold.networks
        undecided = [row.id for row in session.rows() if row.verdict is None]
        session.new_class("type B", undecided[:2])
        assert not learning.fits
        learning = project.lesson.learn(session, item, learning)
        after = learning.look_out()
        assert after.verdicts == before.verdicts + 2
        assert after.foretold.lesson >= before.foretold.lesson
        assert after.weight > 0.5
        rows = learning.leave().looks
        assert (rows.q > rows.p).any()
