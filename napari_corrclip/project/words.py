"""The classes of a set: a label value is one class on all images, whoever brought it.

Classes come from several sides: the window changes those of the image that is open, whose session may lag
behind the set; an undo takes one back that another image has already; a script adds some to a session. What
comes is therefore taken as a change of the set's classes, and not in their place, and no value that any class
of the set ever had is given to another one.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from dataclasses import replace
from functools import lru_cache

from napari_corrclip.errors import InputError
from napari_corrclip.project.class_tree import woven
from napari_corrclip.project.index import Index
from napari_corrclip.storage.text_files import load_json
from napari_corrclip.vocabulary import Vocabulary, VocabularyClass, grammar, tree
from napari_corrclip.vocabulary.classes import flagged


class Names:
    """The names that label values ever had in a set.

    Args:
        index: of the project.
    """

    def __init__(self, index: Index) -> None:
        self.merged = tuple(index.merged_classes())
        """The classes that became others."""
        self.survivors = index.survivors()
        """What the label values of those are now."""
        self._by_value: dict[int, set[str]] = {}
        self.values: dict[str, int] = {}
        """The last value of each name."""
        for (text,) in index.rows("SELECT document FROM vocabularies ORDER BY id"):
            self._add(_names(text))
        self._add((class_.value, class_.name) for class_ in index.vocabulary)

    def _add(self, classes: Iterable[tuple[int, str]]) -> None:
        for value, name in classes:
            self._by_value.setdefault(value, set()).add(grammar.key(name))
            self.values[name] = value

    @property
    def next_value(self) -> int:
        """A value that no class ever had."""
        return 1 + max(self._by_value, default=0)

    def last(self, value: int) -> str:
        """The last name of a value; the value itself where no class ever had it."""
        return next(
            (name for name, own in reversed(self.values.items()) if own == value), str(value)
        )

    def knows(self, value: int) -> bool:
        """Whether a class ever had it."""
        return value in self._by_value

    def are_of(self, classes: Iterable[VocabularyClass]) -> bool:
        """Whether the value of each class means what it means, or once meant, in the set."""
        return all(
            grammar.key(class_.name) in self._by_value.get(class_.value, ()) for class_ in classes
        )


def former(index: Index) -> list[Vocabulary]:
    """Return all vocabularies that a set ever had, today's last."""
    found = []
    for (text,) in index.rows("SELECT document FROM vocabularies ORDER BY id"):
        try:
            found.append(Vocabulary.from_document(load_json(text, "The classes")))
        except InputError:  # of a newer version
            continue
    return [*found, index.vocabulary]


@lru_cache(maxsize=1024)
def _names(document: str) -> tuple[tuple[int, str], ...]:
    """Return value and name of each class of the index's text of a vocabulary; none of a newer version's.

    Every change of a class is another text, and each is asked for whenever an image is opened.
    """
    try:
        words = Vocabulary.from_document(load_json(document, "The classes"))
    except InputError:
        return ()
    return tuple((class_.value, class_.name) for class_ in words)


def current(index: Index) -> Vocabulary:
    """Return a set's classes; the next one gets a value that none ever had."""
    words = index.vocabulary
    return replace(words, next_value=max(words.next_value, Names(index).next_value))


def matched(index: Index, words: Vocabulary) -> Vocabulary:
    """Return classes with the values of their names in a set, and behind them those that stay.

    A class of the set that they leave out stays where somebody gave it to regions. One that the set had once
    gets its value back.

    Args:
        index: of the project.
        words: the classes from now on.
    """
    ours = current(index)
    found = ours.matched(words)
    gone = [class_ for class_ in ours.classes if class_.value not in found.values]
    decided = _decided_elsewhere(index, [class_.value for class_ in gone], None)
    stay = [class_ for class_ in gone if class_.value in decided]
    if found.background is not None:
        stay = [flagged(class_, False) for class_ in stay]
    found = replace(found, classes=tree.rejoined((*found.classes, *stay), ours.parents))
    found = found.beside(ours, Names(index).values)
    next_value = max(ours.next_value, 1 + max(found.values))
    return replace(found, next_value=next_value)


def beside(index: Index, before: Vocabulary | None, after: Vocabulary) -> Vocabulary:
    """Return an image's changed classes, of which the new ones have values that are theirs in the set.

    Args:
        index: of the project.
        before: the image's classes; ``None``: the set's.
        after: what they were changed to.
    """
    former = index.vocabulary if before is None else before
    return former.matched(after).beside(former, Names(index).values)


def change(
    index: Index, before: Vocabulary | None, after: Vocabulary, item: int | None = None
) -> list[VocabularyClass]:
    """Change a set's classes as an image's were; return those that stay, though they went. In a transaction.

    Args:
        index: of the project.
        before: the image's classes; ``None``: the set's.
        after: what they were changed to, as of :func:`beside`.
        item: number of the image; ``None``: it is of no image.

    Raises:
        InputError: the set has another class of a name.
    """
    words = current(index)
    former = words if before is None else before
    had, has = _by_value(former), _by_value(after)
    gone = [value for value in had if value not in has]
    kept = _decided_elsewhere(index, gone, item)
    classes = _by_value(words)
    for value, class_ in has.items():
        if had.get(value) == class_:
            continue
        if value in had and value in classes:
            # What follows from a class above it that went is not said of it; that one may stay.
            follows = tree.nearest(former.parents, value, has)
            above = classes[value].parent if class_.parent == follows else class_.parent
            class_ = replace(class_, parent=above)
        classes[value] = class_
    for value in gone:
        if classes.keys() == {value}:  # a set has one class at least
            kept.add(value)
        if value not in kept:
            classes.pop(value, None)
    order = [value for value in woven(list(has), classes) if value in classes]
    changed = replace(
        words,
        classes=tree.rejoined([classes[value] for value in order], words.parents | former.parents),
        next_value=max(words.next_value, after.next_value),
        threshold=after.threshold if after.threshold != former.threshold else words.threshold,
        templates=after.templates if after.templates != former.templates else words.templates,
    )
    if changed != words:
        index.choose(changed, index.recipe)
    return [classes[value] for value in gone if value in kept and value in classes]


def adopt(index: Index, words: Vocabulary) -> bool:
    """Have the classes of a session that the set never had; return whether any. In a transaction."""
    ours = {class_.value: grammar.key(class_.name) for class_ in index.vocabulary.classes}
    others = [
        class_ for class_ in words.classes if ours.get(class_.value) != grammar.key(class_.name)
    ]
    if not others:  # as nearly always, and asked with every edit
        return False
    names, known = Names(index), set(ours.values())
    new = [
        class_
        for class_ in others
        if not names.knows(class_.value) and grammar.key(class_.name) not in known
    ]
    if new:
        today = current(index)
        next_value = max(today.next_value, *(class_.value + 1 for class_ in new))
        here = {class_.value for class_ in words.classes if class_ not in others or class_ in new}
        placed = tuple(
            replace(class_, parent=tree.nearest(words.parents, class_.value, here))
            for class_ in new
        )
        index.choose(
            replace(today, classes=(*today.classes, *placed), next_value=next_value), index.recipe
        )
    return bool(new)


def _by_value(words: Vocabulary) -> dict[int, VocabularyClass]:
    return {class_.value: class_ for class_ in words.classes}


def _decided_elsewhere(index: Index, values: Collection[int], item: int | None) -> set[int]:
    """Return those of some values that somebody decided on other images."""
    return {
        value
        for value in values
        if index.rows(
            "SELECT 1 FROM regions WHERE value IN (SELECT value FROM json_each(?)) AND state != ''"
            " AND item != ? LIMIT 1",
            (json.dumps(index.became(value)), -1 if item is None else item),
        )
    }
