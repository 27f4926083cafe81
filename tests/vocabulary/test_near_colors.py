from __future__ import annotations

from napari_corrclip.vocabulary import Vocabulary
from napari_corrclip.vocabulary.benchmarks import benchmark
from napari_corrclip.vocabulary.near_colors import nearest, nearest_given
from napari_corrclip.vocabulary.palette import Palette, default_color

parse = Vocabulary.parse


def test_a_colour_near_another_is_said_with_both_names() -> None:
    near = nearest_given(parse("cat #ff0000, dog #f01000, sky #0000ff"))
    assert near is not None
    assert {near.one.name, near.other.name} == {"cat", "dog"}
    assert near.sentence == (
        "The colour of 'cat' is hard to tell from that of 'dog' (difference 0.2; 8 and more is well told "
        "apart)."
    )
    # Red and green, which some do not tell apart, and the background's gray.
    assert nearest_given(parse("cat #a05040, dog #707040")) is not None
    assert nearest_given(parse("cat #747478, background")) is not None


def test_what_is_well_told_apart_or_given_by_a_palette_is_not_said() -> None:
    assert nearest_given(parse("cat, dog, sky, sea, background")) is None
    assert nearest_given(parse("cat #ff0000, sky #0000ff")) is None
    assert nearest_given(parse("cat #ff0000")) is None
    former = Vocabulary.typed("a, b, c, d, e", palette=Palette.FORMER)
    assert nearest_given(former) is None
    assert nearest_given(benchmark("coco_stuff")) is None
    # Though the class table says of each what it is.
    assert nearest(former.classes[1], former) is not None


def test_only_what_is_new_is_said() -> None:
    words = parse("cat #ff0000, dog #f01000, sky #0000ff")
    assert nearest_given(words, words) is None
    assert nearest_given(words.rename("cat", "tom").reorder([2, 1, 0]), words) is None
    assert nearest_given(words.add("sun", color=(255, 255, 0)), words) is None
    added = nearest_given(words.add("sea", color=(0, 10, 255)), words)
    assert added is not None
    assert {added.one.name, added.other.name} == {"sky", "sea"}
    changed = nearest_given(words.recolor("cat", (0, 0, 250)), words)
    assert changed is not None
    assert {changed.one.name, changed.other.name} == {"cat", "sky"}
    # A colour of the palette is nobody's doing.
    chosen = parse("cat").recolor("cat", default_color(2))
    assert nearest_given(chosen.add("dog"), chosen) is None
    assert nearest_given(chosen.add("dog")) is not None


def test_what_rounds_to_eight_is_not_shown_as_eight() -> None:
    words = parse("cat, dog")
    for level in range(256):
        near = nearest_given(words.recolor("dog", (level, level // 2, 255 - level)), words)
        assert near is None or "difference 8" not in near.sentence


def test_of_very_many_classes_nothing_is_said() -> None:
    words = Vocabulary.from_names(f"class {number}" for number in range(300))
    assert nearest_given(words.recolor(0, default_color(2))) is None
