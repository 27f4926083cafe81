"""Letters of a person's own as keys of classes, by the name of the class; kept among the preferences."""

from __future__ import annotations

import re
from collections.abc import Mapping

from napari.settings import get_settings
from psygnal import Signal

from napari_corrclip.errors import InputError
from napari_corrclip.gui.correct.correcting import DIGITS
from napari_corrclip.gui.correct.keys import COMMANDS
from napari_corrclip.gui.preferences import keep_class_keys, kept_class_keys
from napari_corrclip.vocabulary import Vocabulary

_LETTER = re.compile(r"(Shift\+)?[A-Z]")
_NAPARI_TOOLS = "napari:activate_labels_"
"""How napari's names of the shortcuts begin that take its brush, its eraser and the like."""


class ClassKeys:
    """The letters that were given to classes; a letter is written ``T`` or ``Shift+T``.

    Signals (psygnal):
        changed: another class has a letter, or none any more.
    """

    changed = Signal()

    def letter_of(self, name: str) -> str:
        """Return the letter of the class of that name; "" where it has none."""
        return kept_class_keys().get(name, "")

    def letters(self, vocabulary: Vocabulary) -> dict[str, str]:
        """Return the classes of a vocabulary by their letters; of two with one letter, the first."""
        kept, found = kept_class_keys(), dict[str, str]()
        for name in vocabulary.names:
            letter = kept.get(name, "")
            if letter and not reserved(letter):
                found.setdefault(letter, name)
        return found

    def give(self, name: str, letter: str, vocabulary: Vocabulary) -> None:
        """Give a letter to a class of a vocabulary; "": take its letter away.

        Raises:
            InputError: it is no letter, or the key of something else; or the preference cannot be kept.
        """
        if letter and not _LETTER.fullmatch(letter):
            raise InputError(
                f"{letter!r} is no key for a class; press a letter from A to Z, or Shift and one."
            )
        taken = reserved(letter)
        if taken:
            raise InputError(f"{letter} is the key for {taken}; press another letter for {name!r}.")
        other = self.letters(vocabulary).get(letter)
        if other not in (None, name):
            raise InputError(
                f"{letter} is the key of {other!r}; press another letter for {name!r}."
            )
        self._keep({**kept_class_keys(), name: letter})

    def rename(self, names: Mapping[str, str]) -> None:
        """Let classes that are called otherwise now, by their former names, have the letters that they had.

        All at once, so that a name may be handed on. A name that has a letter of its own keeps it.

        Raises:
            InputError: the preference cannot be kept.
        """
        kept = kept_class_keys()
        moves = {former: name for former, name in names.items() if former in kept}
        while held := [
            former for former, name in moves.items() if name in kept and name not in moves
        ]:
            for former in held:
                del moves[former]
        if moves:
            stay = {name: letter for name, letter in kept.items() if name not in moves}
            self._keep({**stay, **{name: kept[former] for former, name in moves.items()}})

    def _keep(self, letters: Mapping[str, str]) -> None:
        try:
            keep_class_keys({name: letter for name, letter in letters.items() if letter})
        finally:
            self.changed.emit()


CLASS_KEYS = ClassKeys()
"""Those of this process, for all docks."""


def reserved(letter: str) -> str:
    """Return what else a key is for while regions are corrected: ours, or a tool of napari's; "": nothing."""
    ours = {
        key.replace("-", "+"): command.title
        for commands in COMMANDS["normal"].values()
        for command in commands
        for key in command.bound
    }
    if letter in ours:
        return repr(ours[letter])
    for action, keys in get_settings().shortcuts.shortcuts.items():
        if action.startswith(_NAPARI_TOOLS) and letter in {str(key) for key in keys}:
            tool = action.removeprefix(_NAPARI_TOOLS).removesuffix("_mode").replace("_", " ")
            return f"napari's tool {tool!r}"
    return ""


def key_of(vocabulary: Vocabulary, row: int) -> str:
    """Return the keys of the class in a row, as a person reads them: "3", "3 T", "T"; "/": it has none."""
    name = vocabulary.names[row]
    letter = CLASS_KEYS.letter_of(name)
    mine = letter if CLASS_KEYS.letters(vocabulary).get(letter) == name else ""
    shown = (DIGITS[row] if row < len(DIGITS) else "", mine.replace("Shift+", "⇧"))
    return " ".join(key for key in shown if key) or "/"
