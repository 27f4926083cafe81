from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_corrclip.errors import InputError
from napari_corrclip.vocabulary import MAX_VALUE, Vocabulary, grammar
from napari_corrclip.vocabulary.palette import default_color
from tests.vocabularies import entry_lists

parse = Vocabulary.parse


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cat, dog", [("cat", ["cat"]), ("dog", ["dog"])]),
        ("cat\ndog\r\nfox\rcow", [(n, [n]) for n in ("cat", "dog", "fox", "cow")]),
        (
            "cat, dog\nbackground: sky, grass, wall",
            [("cat", ["cat"]), ("dog", ["dog"]), ("background", ["sky", "grass", "wall"])],
        ),
        (
            "cat, dog, background: sky, grass",
            [("cat", ["cat"]), ("dog", ["dog"]), ("background", ["sky", "grass"])],
        ),
        ("sky; wall; tree\ncat", [("sky", ["sky", "wall", "tree"]), ("cat", ["cat"])]),
        ("person; man, cat", [("person", ["person", "man"]), ("cat", ["cat"])]),
        ("car: car; van, truck", [("car", ["car", "van", "truck"])]),
        ("  hot   dog\t ,\n\n \n", [("hot dog", ["hot dog"])]),
        ("cat,\ndog;\n", [("cat", ["cat"]), ("dog", ["dog"])]),
        ('"salt, pepper: white", cat', [("salt, pepper: white", None), ("cat", ["cat"])]),
        ('"say ""a""": "x, y", z', [('say "a"', ["x, y", "z"])]),
        ('6" pipe', [('6" pipe', None)]),
        ("C#, item#5", [("C#", None), ("item#5", None)]),
        ('"#1 player"', [("#1 player", None)]),
        ("# all of them\ncat # not lions, dogs\n#\ndog", [("cat", None), ("dog", None)]),
        ("\ufeffcat", [("cat", None)]),
        ("cafe\u0301", [("café", None)]),
        ("猫, Кот 🐈", [("猫", None), ("Кот 🐈", None)]),
        ("background:sky", [("background", ["sky"])]),
        ("c\ufeffat", [("cat", ["cat"])]),
        ("👩\u200d🚀, ❤\ufe0f", [("👩\u200d🚀", None), ("❤\ufe0f", None)]),
        ("1\ufe0f\u20e3, ©\ufe0f", [("1\ufe0f\u20e3", None), ("©\ufe0f", None)]),
        ("می\u200cخواهم, क्\u200dष", [("می\u200cخواهم", None), ("क्\u200dष", None)]),
    ],
)
def test_text_names_classes(text: str, expected: list[tuple[str, list[str] | None]]) -> None:
    vocabulary = parse(text)
    assert [(one.name, list(one.prompts)) for one in vocabulary] == [
        (name, [name] if prompts is None else prompts) for name, prompts in expected
    ]
    assert vocabulary.values == tuple(range(1, len(expected) + 1))


@pytest.mark.parametrize(
    "text",
    [
        "cat #FF8800, dog",
        "cat #f80, dog",
        "#F80 cat, dog",
        "cat: cat ＃f80\ndog",
        "#ff8800 cat, dog",
        "cat #ff8800: cat\ndog",
        "cat: cat #ff8800\ndog",
        "cat: #ff8800 cat\ndog",
        "cat: cat, #ff8800\ndog",
        "cat: #ff8800\ndog",
        "cat; #ff8800, dog",
        'cat #ff8800 # orange, "\ndog',
        '"cat" #ff8800, "dog"',
    ],
)
def test_a_colour_stands_anywhere_beside_its_class(text: str) -> None:
    cat, dog = parse(text)
    assert (cat.name, cat.prompts, cat.color) == ("cat", ("cat",), (255, 136, 0))
    assert (dog.name, dog.prompts, dog.color) == ("dog", ("dog",), default_color(2))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "vocabulary is empty"),
        ("\n  \n# nothing\n", "vocabulary is empty"),
        ("cat,, dog", "Line 1 of the classes: there is an empty class name"),
        (", cat", "empty class name"),
        (",", "empty class name"),
        ('""', "'' is empty"),
        ("\u200b", "is empty"),
        ("cat\n:sky", "Line 2 of the classes: there is an empty class name"),
        ("cat:", "after 'cat' comes a colon but no prompt"),
        ("cat: a,,b", "empty prompt"),
        ("cat;; b", "empty prompt"),
        ('cat: "", a', "prompt '' is empty"),
        ("cat, Cat", "'cat' and 'Cat' are the same"),
        ("straße\nSTRASSE", "'straße' and 'STRASSE' are the same"),
        ("caf\u00e9, cafe\u0301", "are the same"),
        ("cat: a, a", "prompt 'a' twice"),
        ("a: b: c", "second colon, after 'b'"),
        ("a; b: c", "semicolon before the colon of 'b'"),
        ("#ff0000", "colour without a name"),
        ("cat #ff", "'#ff' is no colour"),
        ("cat #ff00zz", "'#ff00zz' is no colour"),
        ("cat #ff00", "'#ff00' is no colour; write #rrggbb or #rgb"),
        ("cat #fff0000", "'#fff0000' is no colour"),
        ("cat #f00 #0f0", "'#0f0' is a second colour"),
        ("item #5", "'#5' is no colour"),
        ("cat #ff0000 #00ff00", "'#00ff00' is a second colour"),
        ("cat #ff0000: x #00ff00", "'#00ff00' is a second colour"),
        ('"cat', "never closed"),
        ('"big" cat', "after the quoted 'big' comes 'cat'"),
        ("a" * 1001, "1001 characters"),
        ("cat: " + "a" * 1001, "1001 characters"),
        (
            "dog\nc\u200bat",
            "Line 2 of the classes: The class name 'c\\u200bat' holds U+200B (ZERO WI",
        ),
        ("cat: c\u00adat", "The prompt 'c\\xadat' holds U+00AD (SOFT HYPHEN)"),
        (
            "cat\u200d",
            "U+200D (ZERO WIDTH JOINER), which nobody sees; remove it, or type the class",
        ),
        ("\u202ecat", "U+202E (RIGHT-TO-LEFT OVERRIDE)"),
        ("cat\u2066", "U+2066 (LEFT-TO-RIGHT ISOLATE)"),
        ("cat\u200f", "U+200F"),
        ("c\u2060at", "U+2060 (WORD JOINER)"),
        ("cat\ufe0f", "U+FE0F (VARIATION SELECTOR-16)"),
        ("кот\u200c", "U+200C"),
        ("c\u034fat", "U+034F"),
        ("\u3164", "U+3164 (HANGUL FILLER)"),
        ("cat\u2800", "U+2800"),
        ("cat\U000e0041", "U+E0041 (TAG LATIN CAPITAL LETTER A)"),
        ("cat\U000e0fff", "U+E0FFF (no character)"),
        ("❤, ❤\ufe0f", "are the same"),
        ("می\u200cخواهم, میخواهم", "are the same"),
        ("c\x00at", "control character '\\x00'"),
        ("c\ud800at", "control character '\\ud800'"),
        ("background, sky; wall, Background", "are the same"),
    ],
)
def test_what_is_wrong_with_a_text_is_one_sentence(text: str, words: str) -> None:
    with pytest.raises(InputError) as caught:
        parse(text)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_more_classes_than_labels_are_refused() -> None:
    names = [f"class {number}" for number in range(MAX_VALUE + 1)]
    with pytest.raises(InputError, match="65536 classes are too many"):
        Vocabulary.from_names(names)
    full = Vocabulary.from_names(names[:-1])
    assert full.values[-1] == MAX_VALUE
    with pytest.raises(InputError, match="all 65535 values have been used"):
        full.remove(0).add("another")


@given(entry_lists())
def test_text_brings_back_what_it_was_written_from(entries: list[grammar.Entry]) -> None:
    first = parse(grammar.write(entries))
    assert parse(first.to_text()) == first
    assert first.names == tuple(grammar.normalize(entry.name) for entry in entries)
    for one, entry in zip(first, entries, strict=True):
        expected = (entry.name,) if entry.prompts is None else entry.prompts
        assert one.prompts == tuple(grammar.normalize(prompt) for prompt in expected)
        assert entry.color in (None, one.color)


@given(st.text(alphabet='ab ,;:>#"\n0fF\t\u00a0', max_size=30) | st.text(max_size=30))
def test_any_text_is_a_vocabulary_or_one_sentence(text: str) -> None:
    try:
        vocabulary = parse(text)
    except InputError as error:
        message = str(error)
    else:
        message = ""
        assert parse(vocabulary.to_text()) == vocabulary
    assert "\n" not in message
