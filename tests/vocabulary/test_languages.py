"""Templates in other languages, and what a script says of the language of a word."""

from __future__ import annotations

from pathlib import Path

import pytest

import napari_corrclip as nc
from napari_corrclip.errors import InputError
from napari_corrclip.vocabulary.languages import LANGUAGES, is_latin, languages_of
from napari_corrclip.vocabulary.templates import NAMES, check, resolve


@pytest.mark.parametrize("code", LANGUAGES)
def test_templates_of_a_language_are_chosen_by_its_code(code: str) -> None:
    language = LANGUAGES[code]
    assert language.code == code
    assert resolve(code) == check(language.templates) == language.templates  # nothing is trimmed
    assert len(language.templates) == 7
    words = nc.Vocabulary.parse("a, b").with_templates(code)
    assert words.templates == language.templates
    # Where the language has other letters than Latin ones, its templates are written in them.
    assert languages_of(language.templates) == ((code,) if code in ("ja", "ko", "ru", "zh") else ())


def test_the_languages_that_are_promised_are_there() -> None:
    assert set(LANGUAGES) >= {"de", "fr", "es", "it", "pt", "nl", "pl", "ru", "ja", "zh"}
    assert tuple(NAMES) == ("imagenet", "single", *LANGUAGES)
    assert len({language.templates for language in LANGUAGES.values()}) == len(LANGUAGES)


def test_a_file_of_words_says_their_language(tmp_path: Path) -> None:
    path = tmp_path / "words.yaml"
    path.write_text("classes: [{name: Hund}, {name: Katze}]\ntemplates: de\n", encoding="utf-8")
    words = nc.Vocabulary.from_file(path)
    assert words.templates == LANGUAGES["de"].templates
    path.write_text("classes: [{name: Hund}]\ntemplates: german\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"'german' names no set of templates; .*de, es, fr"):
        nc.Vocabulary.from_file(path)


@pytest.mark.parametrize(
    ("texts", "codes"),
    [
        ([], ()),
        (["dog", "Hund", "chłopiec", "café", "12 %", "🐕"], ()),
        (["ネコ"], ("ja",)),
        (["ｶﾀｶﾅ"], ("ja",)),
        (["いぬ", "猫"], ("ja",)),
        (["猫", "dog"], ("zh",)),
        (["강아지"], ("ko",)),
        (["кошка"], ("ru",)),
        (["кошка", "ネコ"], ("ru", "ja")),
        (["قطة", "γάτα", "बिल्ली"], ()),
    ],
)
def test_a_script_suggests_a_language_or_none(texts: list[str], codes: tuple[str, ...]) -> None:
    assert languages_of(texts) == codes


def test_latin_words_are_told_from_others() -> None:
    latin = ("dog", "chłopiec", "Straße", "ﬁne", "e\u0301", "½ %", "", "β-cell", "1 µm", "🐕")
    assert [text for text in latin if not is_latin(text)] == []
    others = ("ネコ", "犬 x", "кот", "γάτα", "고양이")
    assert [text for text in others if is_latin(text)] == ["犬 x"]
