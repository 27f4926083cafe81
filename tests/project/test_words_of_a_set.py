"""Classes of a set: a value is one class on all images, whichever image brought it."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import imageio.v3 as iio
import pytest

import napari_corrclip as nc
from napari_corrclip.demo.scenes import generate_scene
from napari_corrclip.engine.segmenter import Segmenter
from napari_corrclip.project.folder import Choices
from napari_corrclip.project.project import Project
from napari_corrclip.vocabulary import Vocabulary

RECIPE = nc.Recipe(regions="superpixels", region_options={"n_segments": 9})
WORDS = "red, green, background: grass"


@pytest.fixture(scope="module")
def segmenter() -> Segmenter:
    return Segmenter.from_recipe(RECIPE)


@pytest.fixture
def project(tmp_path: Path, segmenter: Segmenter) -> Iterator[Project]:
    images = tmp_path / "images"
    images.mkdir()
    for number in range(3):
        iio.imwrite(images / f"{number}.png", generate_scene(number).image[:64, :64])
    with Project.create(tmp_path / "set", WORDS, images, recipe=RECIPE) as made:
        made.run(segmenter=segmenter, progress=False)
        yield made


def named(words: Vocabulary) -> dict[str, int]:
    return {class_.name: class_.value for class_ in words.classes}


def test_a_class_that_was_undone_leaves_its_value_to_no_other(project: Project) -> None:
    first, second, _ = project
    before = project.vocabulary
    blue = project.classes_beside(before, before.add("blue"))
    assert project.change_classes(before, blue, first) == []
    with project.session(second) as session:
        session.set_vocabulary(project.vocabulary, classify=False)
        session.assign(session.ids[:1].tolist(), "blue")
    # On the first image it is undone, and another one typed.
    black = project.classes_beside(before, before.add("black"))
    project.change_classes(before, black, first)
    assert named(project.vocabulary) == {
        "red": 1, "green": 2, "background": 3, "black": 5, "blue": 4,
    }  # fmt: skip
    assert named(project.classes_beside(before, before.add("blue")))["blue"] == 4


def test_an_image_that_lags_behind_undoes_nothing_of_the_set(project: Project) -> None:
    lagging = project.vocabulary
    project.choose("red, blue, background: grass")
    assert named(project.vocabulary) == {"red": 1, "blue": 4, "background": 3}
    white = project.classes_beside(lagging, lagging.add("white"))
    project.change_classes(lagging, white)
    assert named(project.vocabulary) == {"red": 1, "background": 3, "white": 5, "blue": 4}
    renamed = project.classes_beside(lagging, lagging.rename("red", "crimson"))
    project.change_classes(lagging, renamed)
    assert named(project.vocabulary)["crimson"] == 1
    assert "red" not in named(project.vocabulary)


def test_two_who_add_classes_at_once_add_two(project: Project) -> None:
    before = project.vocabulary
    with Project.open(project.folder) as beside:
        stone = beside.classes_beside(before, before.add("stone"))
        beside.change_classes(before, stone)
    white = project.classes_beside(before, before.add("white"))
    project.change_classes(before, white)
    found = named(project.vocabulary)
    assert found["stone"] != found["white"]
    assert len(set(found.values())) == len(found) == 5


def test_a_class_that_a_script_gives_is_one_of_the_set(project: Project) -> None:
    first, second, _ = project
    with project.session(first) as session:
        session.set_vocabulary(session.vocabulary.add("boat"), classify=False)
        session.assign(session.ids[:1].tolist(), "boat")
    assert named(project.vocabulary)["boat"] == 4
    assert named(Choices.read(project.folder).vocabulary)["boat"] == 4
    rock = project.classes_beside(None, project.vocabulary.add("rock"))
    project.change_classes(None, rock, second)
    assert named(project.vocabulary)["rock"] == 5
    project.choose("red, sand")  # and so does what is chosen as text
    assert named(project.vocabulary) == {"red": 1, "sand": 6, "boat": 4}
    assert project.names_of_values().are_of(Vocabulary.coerce("red, green"))
    assert not project.names_of_values().are_of(Vocabulary.coerce("red, blue"))


def test_a_script_gives_no_value_of_the_set_to_another_class(project: Project) -> None:
    first, second, _ = project
    project.choose("red, green, moss, background: grass")  # what the images were not run by
    with project.session(first) as session:
        session.set_vocabulary(session.vocabulary.add("boat"), classify=False)
        session.assign(session.ids[:1].tolist(), "boat")
        session.new_class("ship", session.ids[1:2].tolist())
    with project.session(second) as session:
        session.set_vocabulary("red, green, ship, moss, background: grass", classify=False)
        session.assign(session.ids[:3].tolist(), "moss")
    expected = {"red": 1, "green": 2, "background": 3, "moss": 4, "boat": 5, "ship": 6}
    assert named(project.vocabulary) == expected
    assert {name: expected[name] for name in named(session.vocabulary)} == named(session.vocabulary)
    decided = {row.name: row.decided for row in project.figures().classes if row.decided}
    assert decided == {"boat": 1, "ship": 1, "moss": 3}


def test_a_class_that_goes_stays_where_other_images_have_it(project: Project) -> None:
    first, second, _ = project
    with project.session(second) as session:
        session.assign(session.ids[:1].tolist(), "green")
    before = project.vocabulary
    assert project.change_classes(before, before.remove("green"), first) == ["green"]
    assert "green" in named(project.vocabulary)
    assert project.change_classes(before, before.remove("red"), first) == []
    assert "red" not in named(project.vocabulary)
    assert project.change_classes(before, before.remove("green"), second) == []
    assert "green" not in named(project.vocabulary)


def test_a_class_that_is_typed_again_is_the_one_that_it_was(project: Project) -> None:
    first, _, _ = project
    with project.session(first) as session:
        session.assign(session.ids[:1].tolist(), "background")
    before = project.vocabulary
    project.choose("stone, white, background: snow")  # a class by its name, whatever finds it
    assert named(project.vocabulary) == {"stone": 4, "white": 5, "background": 3}
    project.choose(["stone", "white"])  # what somebody decided stays, and is the background still
    assert named(project.vocabulary) == {"stone": 4, "white": 5, "background": 3}
    assert project.vocabulary.background == 2
    for _ in range(3):
        project.choose("blue")
        project.choose(WORDS)
    assert project.vocabulary.classes == before.classes
    assert project.vocabulary.next_value == 7
    assert project.count_stale() == {}
    # A value that a class has under another name is no other one's.
    project.change_classes(None, project.vocabulary.rename("background", "meadow"))
    project.choose("red\nbackground: snow")
    assert named(project.vocabulary) == {"red": 1, "background": 7, "meadow": 3}
    assert project.vocabulary.background == 1


def test_a_name_that_another_class_of_the_set_has_is_refused(project: Project) -> None:
    before = project.vocabulary
    project.choose("red, green, blue, background: grass")
    with pytest.raises(nc.InputError, match="blue"):
        project.change_classes(before, before.rename("red", "blue"))
    assert named(project.vocabulary)["red"] == 1


@pytest.mark.parametrize("seed", range(5))
def test_a_value_is_never_two_classes_whatever_is_typed_where(project: Project, seed: int) -> None:
    dice = random.Random(seed)
    items = project.items()
    sessions = {item.name: project.vocabulary for item in items}
    meant: dict[int, str] = {}
    for step in range(40):
        item = dice.choice(items)
        before = sessions[item.name]
        if dice.random() < 0.3:  # it is opened anew, as the window does it
            words = project.vocabulary
            if set(before.values) <= set(words.values):
                sessions[item.name] = words
            continue
        if dice.random() < 0.6 or len(before) < 2:
            name = dice.choice(("a", "b", "c", "d", f"new {step}"))
            if name in before.names:
                continue
            after = before.add(name)
        else:
            after = before.remove(dice.choice(before.names))
        after = project.classes_beside(before, after)
        project.change_classes(before, after, item)
        sessions[item.name] = after
        for words in (project.vocabulary, *sessions.values()):
            for name, value in named(words).items():
                assert meant.setdefault(value, name) == name


def test_classes_of_which_none_has_words_are_no_set(project: Project, tmp_path: Path) -> None:
    wordless = nc.Vocabulary.parse('type A: ""\ntype B: ""')
    with pytest.raises(nc.InputError, match="has a prompt"):
        project.choose(wordless)
    with pytest.raises(nc.InputError, match="has a prompt"):
        Project.create(tmp_path / "new", wordless)
    assert not (tmp_path / "new.corrclip-project").exists()
