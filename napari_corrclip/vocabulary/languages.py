"""Prompt templates in other languages than English, and the languages that a script gives away.

Each template holds for any noun as it stands in a dictionary: none has an article or an adjective that would
have to agree with it, and where a case would be needed the noun stands behind a colon.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Language:
    """A language that words may be in.

    Attributes:
        code: of two letters (ISO 639-1), by which its templates are chosen.
        name: in English.
        templates: general ones for photographs.
    """

    code: str
    name: str
    templates: tuple[str, ...]


_ALL = (
    Language(
        "de",
        "German",
        (
            "ein Foto: {}",
            "ein Bild: {}",
            "Foto von: {}",
            "auf dem Bild: {}",
            "eine Nahaufnahme: {}",
            "ein unscharfes Foto: {}",
            "{} auf einem Foto",
        ),
    ),
    Language(
        "es",
        "Spanish",
        (
            "una foto: {}",
            "una imagen: {}",
            "foto de {}",
            "en la imagen: {}",
            "un primer plano: {}",
            "una foto borrosa: {}",
            "{} en una foto",
        ),
    ),
    Language(
        "fr",
        "French",
        (
            "une photo : {}",
            "une image : {}",
            "photo : {}",
            "sur l'image : {}",
            "un gros plan : {}",
            "une photo floue : {}",
            "{} sur une photo",
        ),
    ),
    Language(
        "it",
        "Italian",
        (
            "una foto: {}",
            "un'immagine: {}",
            "foto di {}",
            "nell'immagine: {}",
            "un primo piano: {}",
            "una foto sfocata: {}",
            "{} in una foto",
        ),
    ),
    Language(
        "ja",
        "Japanese",
        (
            "{}の写真",
            "{}の画像",
            "{}が写っている写真",
            "{}のクローズアップ写真",
            "{}のぼやけた写真",
            "写真：{}",
            "{}",
        ),
    ),
    Language(
        "ko",
        "Korean",
        (
            "{} 사진",
            "{}의 사진",
            "{}의 이미지",
            "{}의 클로즈업 사진",
            "{}의 흐릿한 사진",
            "사진: {}",
            "{}",
        ),
    ),
    Language(
        "nl",
        "Dutch",
        (
            "een foto: {}",
            "een afbeelding: {}",
            "foto van {}",
            "op de foto: {}",
            "een close-up: {}",
            "een wazige foto: {}",
            "{} op een foto",
        ),
    ),
    Language(
        "pl",
        "Polish",
        (
            "zdjęcie: {}",
            "obraz: {}",
            "fotografia: {}",
            "na zdjęciu: {}",
            "zbliżenie: {}",
            "nieostre zdjęcie: {}",
            "{} na zdjęciu",
        ),
    ),
    Language(
        "pt",
        "Portuguese",
        (
            "uma foto: {}",
            "uma imagem: {}",
            "foto de {}",
            "na imagem: {}",
            "um close-up: {}",
            "uma foto desfocada: {}",
            "{} em uma foto",
        ),
    ),
    Language(
        "ru",
        "Russian",
        (
            "фото: {}",
            "изображение: {}",
            "фотография: {}",
            "на фото: {}",
            "крупный план: {}",
            "размытое фото: {}",
            "{} на фотографии",
        ),
    ),
    Language(
        "zh",
        "Chinese",
        (
            "{}的照片",
            "一张{}的照片",
            "{}的图片",
            "{}的特写照片",
            "{}的模糊照片",
            "照片：{}",
            "{}",
        ),
    ),
)
LANGUAGES: Mapping[str, Language] = MappingProxyType({language.code: language for language in _ALL})
"""The languages that there are templates in, by their codes; what each is worth nobody measured here."""

# By how Unicode's names of letters begin: the language that there are templates in, or ``None`` where
# several are written so and none is the likely one.
_SCRIPTS: Mapping[str, str | None] = MappingProxyType(
    {
        "HIRAGANA": "ja",
        "KATAKANA": "ja",
        "HALFWIDTH KATAKANA": "ja",
        "HANGUL": "ko",
        "CJK UNIFIED": "zh",
        "CYRILLIC": "ru",
    }
)


def languages_of(texts: Iterable[str]) -> tuple[str, ...]:
    """Return the codes of languages that the scripts of ``texts`` suggest; Latin letters suggest none.

    Kana are Japanese and so are Han characters in the same texts; Han alone are taken for Chinese, Cyrillic
    for Russian: both are written in other languages, too, so that this is for advice and never for a choice.
    """
    found: dict[str, None] = {}
    for letter in "".join(texts):
        if letter.isascii() or not letter.isalpha():
            continue
        name = unicodedata.name(letter, "")
        for script, code in _SCRIPTS.items():
            if code is not None and name.startswith(script):
                found[code] = None
    if "ja" in found:
        found.pop("zh", None)
    return tuple(found)


def is_latin(text: str) -> bool:
    """Whether at least half of a text's letters are Latin ones, as in English captions; "β-cell" is."""
    letters = [letter for letter in text if letter.isalpha()]
    latin = sum(letter.isascii() or "LATIN" in unicodedata.name(letter, "") for letter in letters)
    return 2 * latin >= len(letters)
