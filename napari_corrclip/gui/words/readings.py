"""The reading of a typed line: what it can mean, and the question which of two meanings is meant."""

from __future__ import annotations

import re

from qtpy.QtWidgets import QWidget

from napari_corrclip.errors import InputError
from napari_corrclip.gui.preferences import palette_of_new_classes
from napari_corrclip.gui.widgets import choose
from napari_corrclip.gui.words.renaming import is_by_name
from napari_corrclip.vocabulary import Vocabulary
from napari_corrclip.wording.amounts import count

_DOUBLED = re.compile(r"([,;])(?:\s*\1)+")

SHOWN = 4
"""So many classes of a reading are named in the question."""


def read_typed(parent: QWidget, text: str) -> Vocabulary | None:
    """Return the classes of a typed line; where it can be read in two ways, ask; ``None``: neither is meant.

    A separator typed twice is one: ``coffee,, cup``.

    Raises:
        InputError: it can be read in no way.
    """
    palette = palette_of_new_classes()
    text = _DOUBLED.sub(r"\1", text).strip(" ,;")
    readings: list[Vocabulary] = []
    refused: InputError | None = None
    for read in (Vocabulary.listed, Vocabulary.typed):
        try:
            words = read(text, palette=palette)
        except InputError as error:
            refused = error
        else:
            readings += [] if words in readings else [words]
    if not readings and refused is not None:
        raise refused
    if len(readings) == 1:
        return readings[0]
    asked = f"{text!r} can be read in two ways. Which is meant?"
    answer, _ = choose(parent, "Two readings", asked, [_said(words) for words in readings])
    return None if answer is None else readings[answer]


def _said(words: Vocabulary) -> str:
    """Say in short what classes a text was read as: ``3 classes: d, e, f``."""
    parts = [
        " › ".join(words.path(row)[-2:])
        if is_by_name(class_)
        else f"{' › '.join(words.path(row)[-2:])} ({', '.join(class_.prompts) or 'by examples'})"
        for row, class_ in enumerate(words)
    ]
    more = f" and {len(parts) - SHOWN} more" if len(parts) > SHOWN else ""
    return f"{count(len(parts), 'class', 'classes')}: {', '.join(parts[:SHOWN])}{more}"
