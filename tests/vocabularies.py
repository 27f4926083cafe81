"""Random vocabularies for property tests, awkward on purpose."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import strategies as st

from napari_corrclip.errors import InputError
from napari_corrclip.vocabulary import MAX_VALUE, Vocabulary, VocabularyClass, grammar


def _valid(limit: int) -> Callable[[str], bool]:
    def valid(text: str) -> bool:
        try:
            grammar.check_text(text, "text", limit)
        except InputError:
            return False
        return True

    return valid


# Text made to be awkward: what the grammar gives a meaning, accents in both forms, other scripts.
awkward = st.text(alphabet="ab ,;:>#\"\\'e\u0301é0f字Ж🐈{}", min_size=1, max_size=8)
texts = (awkward | st.text(min_size=1, max_size=20)).filter(_valid(grammar.MAX_NAME))
name_lists = st.lists(texts, min_size=1, max_size=6, unique_by=grammar.key)
colors = st.tuples(*[st.integers(0, 255)] * 3)
prompt_lists = st.lists(texts, min_size=1, max_size=4, unique_by=grammar.normalize)
prompts = st.none() | st.just(()) | prompt_lists.map(tuple)


@st.composite
def entry_lists(draw: st.DrawFn) -> list[grammar.Entry]:
    return [
        grammar.Entry(name, draw(prompts), color=draw(st.none() | colors))
        for name in draw(name_lists)
    ]


@st.composite
def trees(draw: st.DrawFn, values: list[int]) -> dict[int, int | None]:
    """The parent of each value: any tree, or several, or none, whatever the order of the values."""
    order = draw(st.permutations(values))
    return {
        value: draw(st.none() | st.sampled_from(order[:at])) if at else None
        for at, value in enumerate(order)
    }


@st.composite
def vocabularies(draw: st.DrawFn) -> Vocabulary:
    names = draw(name_lists)
    values = draw(
        st.lists(st.integers(1, MAX_VALUE), min_size=len(names), max_size=len(names), unique=True)
    )
    background = draw(st.none() | st.integers(0, len(names) - 1))
    thresholds = st.none() | st.floats(0, 1)
    parents = draw(trees(values) | st.just({}))
    classes = tuple(
        VocabularyClass(
            name,
            tuple(draw(prompt_lists | st.just([]))),
            value,
            draw(colors),
            draw(thresholds),
            index == background,
            parents.get(value),
        )
        for index, (name, value) in enumerate(zip(names, values, strict=True))
    )
    templates = draw(st.none() | st.just(("a {}", "{} here")))
    next_value = draw(st.integers(max(values) + 1, MAX_VALUE + 1))
    return Vocabulary(classes, next_value, draw(st.floats(0, 1)), templates)
