"""The tree of classes: which class is a kind of which.

A class without a parent is a root, and so are all classes of a vocabulary in which nobody said a parent.
Values stand for classes here, as :attr:`VocabularyClass.parent
<napari_corrclip.vocabulary.classes.VocabularyClass.parent>` does.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from napari_corrclip.errors import InputError
from napari_corrclip.vocabulary.classes import VocabularyClass

_SHOWN = 5
"""Most names of a circle that a sentence tells."""


def check(classes: Sequence[VocabularyClass]) -> None:
    """Raise InputError where a parent is no class, or classes are below themselves."""
    by_value = {class_.value: class_ for class_ in classes}
    sound: set[int] = set()
    for class_ in classes:
        line: list[VocabularyClass] = []
        at: VocabularyClass | None = class_
        while at is not None and at.value not in sound:
            if at in line:
                raise InputError(_circle(line[line.index(at) :]))
            line.append(at)
            if at.parent is not None and at.parent not in by_value:
                raise InputError(
                    f"The class {at.name!r} has the parent {at.parent}, which is no class's value; add that "
                    "class, or give another parent or none."
                )
            at = None if at.parent is None else by_value[at.parent]
        sound.update(found.value for found in line)


def _circle(line: Sequence[VocabularyClass]) -> str:
    names = [repr(class_.name) for class_ in line]
    if len(names) == 1:
        return f"The class {names[0]} is its own parent; give it another one or none."
    # from the parent to the child, as they are typed
    shown = [names[0], *reversed(names)]
    if len(shown) > _SHOWN:
        shown = [*shown[: _SHOWN - 1], "…", shown[-1]]
    return (
        f"The parents go in a circle, {' > '.join(shown)}; give one of them another parent or none."
    )


def line_of(parents: Mapping[int, int | None], value: int) -> list[int]:
    """Return ``value`` and the values above it, up to a root; ``parents`` by value."""
    line = [value]
    while (above := parents[line[-1]]) is not None:
        line.append(above)
    return line


def nearest(parents: Mapping[int, int | None], value: int, among: Collection[int]) -> int | None:
    """Return the first value above ``value`` that is ``among`` some; ``None``: none of those above is."""
    above = parents[value]
    while above is not None and above not in among:
        above = parents.get(above)
    return above


def below_as_in(
    former: Sequence[VocabularyClass], classes: Sequence[VocabularyClass]
) -> tuple[VocabularyClass, ...]:
    """Return ``classes``, those of ``former`` under other values, below one another as they were there."""
    values = {old.value: new.value for old, new in zip(former, classes, strict=True)}
    parents = (old.parent for old in former)
    return tuple(
        replace(class_, parent=None if parent is None else values[parent])
        for class_, parent in zip(classes, parents, strict=True)
    )


def rejoined(
    classes: Sequence[VocabularyClass], parents: Mapping[int, int | None]
) -> tuple[VocabularyClass, ...]:
    """Return classes of several vocabularies with a tree that holds.

    Each is below the nearest class above it that is among them. Where the vocabularies contradict each
    other, so that some are below themselves, the first of those becomes a root.

    Args:
        classes: of one meaning of values.
        parents: the parent of each value that is not among them.
    """
    values = {class_.value for class_ in classes}
    told = {**parents, **{class_.value: class_.parent for class_ in classes}}
    found = {value: nearest(told, value, values) for value in values}
    for class_ in classes:
        above = found[class_.value]
        for _ in classes:
            if above is None:
                break
            if above == class_.value:
                found[class_.value] = above = None
                break
            above = found[above]
    return tuple(replace(class_, parent=found[class_.value]) for class_ in classes)
