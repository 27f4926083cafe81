"""The keys of the classes on a sheet: those by which regions are corrected, and letters for the rest."""

from __future__ import annotations

from napari_corrclip.gui.correct.class_keys import CLASS_KEYS
from napari_corrclip.gui.correct.correcting import DIGITS
from napari_corrclip.vocabulary import Vocabulary, VocabularyClass

ACCEPT, LIKE, NEW = "A", "M", "N"
_LETTERS = "BCDEFGHIJKLOPQRSTUVWXYZ"
"""Those that do nothing else on a sheet."""


def keys_of_classes(words: Vocabulary) -> dict[str, VocabularyClass]:
    """Return the classes of a set by their keys.

    The first ten have the digits, as in the table of the classes, and whoever has given a class a letter
    there finds it here. The classes behind them have the letters that are left, in their order.
    """
    found = dict(zip(DIGITS, words, strict=False))
    own = {
        letter: words.by_value(words.value_of(name))
        for letter, name in CLASS_KEYS.letters(words).items()
        if letter in _LETTERS
    }
    rest = [class_ for class_ in words.classes[len(DIGITS) :] if class_ not in own.values()]
    free = [letter for letter in _LETTERS if letter not in own]
    return found | own | dict(zip(free, rest, strict=False))
