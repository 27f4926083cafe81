"""The renaming of classes: which are called otherwise, and what goes with their names."""

from __future__ import annotations

from qtpy.QtWidgets import QWidget

from napari_corrclip.gui.correct.class_keys import CLASS_KEYS
from napari_corrclip.gui.widgets import choose
from napari_corrclip.vocabulary import Vocabulary, VocabularyClass


class Letters:
    """The letters that go with the classes which a person renames in the table, and with undo of that."""

    def __init__(self) -> None:
        self._called: dict[int, set[str]] = {}  # by value, what a class was called in the table

    def note(self, former: Vocabulary | None, words: Vocabulary) -> None:
        """Remember which classes an edit of the table renames."""
        for value, old, name in renamed(former, words):
            self._called.setdefault(value, set()).update((old, name))

    def follow(self, former: Vocabulary | None, words: Vocabulary | None) -> None:
        """Let classes keep their letters that are called otherwise now, by the table or by undo of it.

        Raises:
            InputError: the letters cannot be kept.
        """
        names = {
            old: name
            for value, old, name in renamed(former, words)
            if {old, name} <= self._called.get(value, set())
        }
        CLASS_KEYS.rename(names)


def renamed(former: Vocabulary | None, words: Vocabulary | None) -> list[tuple[int, str, str]]:
    """Return the value, the former name and the name of each class that is called otherwise."""
    return [(old.value, old.name, new.name) for old, new in _pairs(former, words)]


def renamed_with_prompt(
    former: Vocabulary | None, words: Vocabulary | None
) -> tuple[int, str] | None:
    """Return the value and the former name of a class whose prompt went with its name; ``None``: none did."""
    found = (
        (old.value, old.name)
        for old, new in _pairs(former, words)
        if is_by_name(old) and is_by_name(new)
    )
    return next(found, None)


def is_by_name(class_: VocabularyClass) -> bool:
    """Whether a class is looked for by its name."""
    return class_.prompts == (class_.name,)


def ask_about_prompt(parent: QWidget, former: str, name: str) -> tuple[bool | None, bool]:
    """Ask whether a class that was renamed is to be looked for by its new name.

    Returns:
        The answer, ``None`` where it was not to be renamed; and whether it is one for further names, too.
    """
    answer, always = choose(
        parent,
        "Another name",
        f"The class was looked for by its name, {former!r}. What is it to be looked for by, now that "
        f"it is called {name!r}?",
        [f"Look for {name!r}", f"Go on with {former!r}"],
        check="Do the same with further names",
    )
    return (None if answer is None else answer == 0), always


def _pairs(
    former: Vocabulary | None, words: Vocabulary | None
) -> list[tuple[VocabularyClass, VocabularyClass]]:
    """Return each class that is called otherwise, as it was and as it is."""
    if former is None or words is None:
        return []
    both = [
        (former.by_value(class_.value), class_) for class_ in words if class_.value in former.values
    ]
    return [(old, new) for old, new in both if old.name != new.name]
