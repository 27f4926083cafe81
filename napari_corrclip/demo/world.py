"""The words of the demo's world: what there is to see, and what can be said about it."""

from __future__ import annotations

import unicodedata
from itertools import product
from typing import Final

COLORS: Final = ("red", "yellow", "green", "blue", "purple", "white")
SHAPES: Final = ("circle", "square", "triangle", "star", "cross", "ring")
TEXTURES: Final = ("plain", "striped", "dotted")
GROUNDS: Final = ("grass", "sand", "water", "stone", "wood")

#: Colour x shape combinations that occur in no training image and in no training caption
#: (8 of 36, 22 %): on them the networks' vocabulary is open. Every colour and every shape is
#: missing at least one partner, so none is an exception that could be learned by itself.
HELD_OUT: Final = frozenset(
    {
        ("red", "circle"),
        ("yellow", "star"),
        ("green", "triangle"),
        ("green", "ring"),
        ("blue", "square"),
        ("purple", "ring"),
        ("purple", "circle"),
        ("white", "cross"),
    }
)

COMBINATIONS: Final = tuple(product(COLORS, SHAPES))
SEEN: Final = tuple(pair for pair in COMBINATIONS if pair not in HELD_OUT)

#: Words that carry no class and are a token each; the templates use most of them.
FUNCTION_WORDS: Final = (
    "a",
    "an",
    "the",
    "of",
    "in",
    "photo",
    "picture",
    "scene",
    "this",
    "is",
    "there",
)

#: Prompt templates the text tower was trained with.
TEMPLATES: Final = ("{}", "a {}.", "a photo of a {}.", "there is a {} in the scene.")


def _words(text: str) -> list[str]:
    """What stands between spaces and punctuation; a symbol or an emoji is a word too."""
    punctuation = {c for c in text if unicodedata.category(c)[0] == "P"}
    return "".join(" " if c in punctuation else c for c in text.lower()).split()


#: Every word of the training captions and templates; any other word is new to the demo networks.
KNOWN_WORDS: Final = frozenset(
    [*COLORS, *SHAPES, *TEXTURES, *GROUNDS, *_words(" ".join(TEMPLATES))]
)


def unknown_words(prompt: str) -> tuple[str, ...]:
    """The words of ``prompt`` that no training caption held, in order, each once."""
    return tuple(dict.fromkeys(word for word in _words(prompt) if word not in KNOWN_WORDS))
