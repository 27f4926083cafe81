"""Notes on the languages of words: what a text tower was not trained for, and which templates suit them.

No language is guessed and nothing is chosen by one: a script gives some away, and a note says so.
"""

from __future__ import annotations

from collections.abc import Sequence

from napari_corrclip.vocabulary.languages import LANGUAGES, is_latin, languages_of
from napari_corrclip.vocabulary.templates import ENGLISH
from napari_corrclip.weights.presets import MULTILINGUAL, Preset

_MOST_LISTED = 5


def language_notes(
    preset: Preset, queries: Sequence[str], *, own_templates: bool
) -> tuple[str, ...]:
    """Return what a person is to be told of words that are in no Latin script, a sentence each.

    Args:
        preset: by which the words are looked for.
        queries: the prompts.
        own_templates: whether the vocabulary brings templates of its own.
    """
    foreign = [query for query in queries if not is_latin(query)]
    if not foreign:
        return ()
    listed = ", ".join(map(repr, foreign[:_MOST_LISTED]))
    if len(foreign) > _MOST_LISTED:
        listed += f" and {len(foreign) - _MOST_LISTED} more"
    if not preset.clip.is_multilingual:
        if not preset.clip.is_published:
            return ()
        return (
            f"The text tower of {preset.clip.title} was trained on English captions, so what it marks with "
            f"{listed} is a guess; the preset {MULTILINGUAL} reads about a hundred languages.",
        )
    codes = languages_of(foreign)
    if own_templates or preset.template_set not in ENGLISH or not codes:
        return ()
    advice = " or ".join(f"{code!r} ({LANGUAGES[code].name})" for code in codes)
    return (
        f"{listed} {'was' if len(foreign) == 1 else 'were'} put into English sentences; the templates "
        f"{advice} may suit better, which was not measured.",
    )
