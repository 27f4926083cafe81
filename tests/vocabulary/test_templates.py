from __future__ import annotations

import pytest

from napari_corrclip.errors import InputError
from napari_corrclip.vocabulary import templates


def test_imagenet_templates_are_those_of_open_clip() -> None:
    from open_clip import OPENAI_IMAGENET_TEMPLATES

    found = templates.IMAGENET_TEMPLATES
    assert len(found) == 80
    assert found == templates.resolve("imagenet") == templates.imagenet_templates()
    filled = [text for (text,) in (templates.fill([template], "dog") for template in found)]
    assert filled == [template("dog") for template in OPENAI_IMAGENET_TEMPLATES]


def test_names_one_template_and_several() -> None:
    assert templates.resolve("single") == ("a photo of a {}.",)
    assert templates.resolve("a microscopy image of {}") == ("a microscopy image of {}",)
    assert templates.resolve("{}") == ("{}",)
    assert templates.resolve(["  a {}. ", "the {}"]) == ("a {}.", "the {}")
    assert templates.resolve(iter(["{}"])) == ("{}",)


def test_braces_in_prompts_and_templates_stay() -> None:
    assert templates.fill(["{x} {} %s"], "{0} {}") == ("{x} {0} {} %s",)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("imagnet", "did you mean 'imagenet'"),
        ("clip", "choose one of imagenet, single, de, es"),
        ("a photo", "holds {} 0 times"),
        ("{} and {}", "holds {} 2 times"),
        ([], "no prompt template"),
        (["{}", "a"], "'a' holds {} 0 times"),
        (["{}", " {} "], "'{}' is given twice"),
        (["{}", 3], "3 is no text"),
        (5, "5"),
        (["{}" + "a" * 1000], "1002 characters"),
        ([f"{n} {{}}" for n in range(1001)], "1001 templates"),
    ],
)
def test_a_wrong_template_is_one_sentence(given: object, words: str) -> None:
    with pytest.raises(InputError) as caught:
        templates.resolve(given)  # type: ignore[arg-type]
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_other_names_are_no_attributes() -> None:
    with pytest.raises(AttributeError, match="NOTHING"):
        _ = templates.NOTHING
