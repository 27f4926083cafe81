"""Templates chosen on the demo's images, in classifying, in provenance and as a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import cast

import numpy as np
import pytest

from napari_corrclip.demo.scenes import generate_scene
from napari_corrclip.demo.world import TEMPLATES
from napari_corrclip.engine.features import Features
from napari_corrclip.engine.segmenter import Segmenter
from napari_corrclip.errors import InputError
from napari_corrclip.regions.given import GivenRegions
from napari_corrclip.results.provenance import Provenance
from napari_corrclip.vocabulary import Vocabulary
from napari_corrclip.vocabulary.chosen_templates import TemplateChoice

WORDS = Vocabulary.parse("red, yellow, green, blue, purple, white, grass, sand, water, stone, wood")


@pytest.fixture(scope="module")
def segmenter() -> Segmenter:
    return Segmenter.from_preset("demo", device="cpu", regions="superpixels")


@pytest.fixture(scope="module")
def images(segmenter: Segmenter) -> list[Features]:
    scenes = [generate_scene(2_000_000 + i) for i in range(3)]
    return [segmenter.encode(s.image, regions=GivenRegions(s.regions)) for s in scenes]


def test_the_choice_is_of_the_templates_that_there_are_and_always_the_same(
    segmenter: Segmenter, images: list[Features]
) -> None:
    choice = segmenter.choose_templates(images, WORDS, per_class=2)
    assert choice.images == 3
    assert set(choice.classes) <= set(WORDS.names)
    assert len(choice.classes) > 5
    for own in choice.classes.values():
        assert 1 <= len(own) <= 2
        assert set(own) <= set(TEMPLATES)
    assert segmenter.choose_templates(reversed(images), WORDS, per_class=2) == choice
    again = Segmenter.from_preset("demo", device="cpu", regions="superpixels")
    assert again.choose_templates(iter(images), WORDS, per_class=2) == choice


def test_what_was_chosen_classifies_and_is_in_the_provenance(
    segmenter: Segmenter, images: list[Features]
) -> None:
    choice = segmenter.choose_templates(images, WORDS, per_class=1)
    assert (
        len(set(choice.classes.values())) > 1
    )  # classes differ, so that there is something to fuse
    plain = segmenter.classify(images[0], WORDS)
    result = segmenter.classify(images[0], WORDS, choice=choice)
    assert (result.confidence != plain.confidence).any()
    assert (result.labels == plain.labels).mean() > 0.8
    assert dict(result.provenance.chosen_templates) == dict(choice.classes)
    assert not plain.provenance.chosen_templates
    assert "chosen_templates" not in plain.provenance.to_document()
    document = json.loads(json.dumps(result.provenance.to_document()))
    assert Provenance.from_document(document) == result.provenance


def test_all_templates_for_every_class_are_what_there_is_without_a_choice(
    segmenter: Segmenter, images: list[Features]
) -> None:
    choice = TemplateChoice(dict.fromkeys(WORDS.names, TEMPLATES))
    plain = segmenter.classify(images[1], WORDS)
    for every in (choice, TemplateChoice({})):
        result = segmenter.classify(images[1], WORDS, choice=every)
        np.testing.assert_array_equal(result.labels, plain.labels)
        np.testing.assert_array_equal(result.confidence, plain.confidence)
        assert result.notes == plain.notes


def test_a_choice_of_other_words_is_refused_and_one_of_some_is_told(
    segmenter: Segmenter, images: list[Features]
) -> None:
    choice = TemplateChoice({"red": ("a {}.",), "car": ("a {}.",)})
    note = "No templates were chosen for 'blue', which all templates look for as without a choice."
    assert note in segmenter.classify(images[0], "red, blue", choice=choice).notes
    assert segmenter.classify(images[0], 'red\nmine: ""', choice=choice).notes == ()
    with pytest.raises(InputError, match="for other words, such as 'red', 'car', and 'blue' is"):
        segmenter.classify(images[0], "blue, grass", choice=choice)


@pytest.mark.parametrize("choice", [["a {}."], {"red": ["a {}."]}, "a {}.", TemplateChoice])
def test_what_is_no_choice_is_refused_in_a_sentence(
    choice: object, segmenter: Segmenter, images: list[Features]
) -> None:
    with pytest.raises(InputError, match="is no choice of templates; give what choose_templates"):
        segmenter.classify(images[0], WORDS, choice=cast("TemplateChoice", choice))


@pytest.mark.parametrize(
    ("given", "said"),
    [("alone", "is of type Features"), (5, "is of type int"), ([5], "one is of type int")],
)
def test_templates_are_chosen_on_a_list_of_encoded_images(
    given: object, said: str, segmenter: Segmenter, images: list[Features]
) -> None:
    what = images[0] if given == "alone" else given
    with pytest.raises(InputError, match=said):
        segmenter.choose_templates(cast("list[Features]", what), WORDS, per_class=1)


def test_templates_of_classes_are_a_mapping() -> None:
    with pytest.raises(InputError, match="a mapping of names to lists, not of type list"):
        TemplateChoice(cast("dict[str, tuple[str, ...]]", ["a {}."]))


def test_classes_are_known_by_name_in_whatever_case(
    segmenter: Segmenter, images: list[Features]
) -> None:
    choice = TemplateChoice({"RED": ("a {}.",)})
    assert choice.of("red") == ("a {}.",)
    assert choice.of("blue") is None
    one = segmenter.classify(images[0], "red", choice=choice)  # one class alone
    assert set(np.unique(one.labels)) == {1}


@pytest.mark.parametrize(
    ("words", "per_class", "said"),
    [
        (WORDS, 4, "4 of 4 templates leave nothing to choose"),
        (WORDS.with_templates("a {}."), 1, "1 of 1 templates leave nothing to choose"),
        (WORDS, 0, "0 templates a class"),
    ],
)
def test_where_there_is_nothing_to_choose_a_sentence_says_so(
    segmenter: Segmenter, images: list[Features], words: Vocabulary, per_class: int, said: str
) -> None:
    with pytest.raises(InputError, match=said):
        segmenter.choose_templates(images, words, per_class=per_class)


def test_without_an_image_nothing_is_chosen(segmenter: Segmenter) -> None:
    with pytest.raises(InputError, match="none was given"):
        segmenter.choose_templates([], WORDS, per_class=1)


def test_it_is_a_file(tmp_path: Path) -> None:
    choice = TemplateChoice({"cat": ("a {}.", "{}"), "Zürich": ("a photo of a {}.",)}, 7)
    choice.save(tmp_path / "t.json")
    assert TemplateChoice.load(tmp_path / "t.json") == choice
    assert hash(choice) == hash(TemplateChoice.from_json(choice.to_json()))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"format": "napari-corrclip templates 1"}',
        '{"format": "napari-corrclip templates 1", "classes": {"cat": "a {}"}}',
        '{"format": "napari-corrclip templates 1", "classes": {"cat": ["a"]}}',
        '{"format": "napari-corrclip templates 1", "classes": {"cat": []}}',
        '{"format": "napari-corrclip templates 1", "classes": {}, "images": -1}',
        '{"format": "napari-corrclip templates 1", "classes": {}, "more": 1}',
    ],
)
def test_something_else_is_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(InputError, match=r"chosen templates|Templates") as caught:
        TemplateChoice.from_json(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("value", [5, [1], {"a": 1}, {"a": [1]}, {"a": "b"}])
def test_a_strangers_provenance_has_lists_of_templates_or_is_none(value: object) -> None:
    with pytest.raises(InputError, match="no provenance of a result"):
        Provenance.from_document({"chosen_templates": value})
