"""One class of a vocabulary, and what it is where a person did not say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeGuard

from napari_corrclip.errors import InputError
from napari_corrclip.vocabulary import grammar
from napari_corrclip.vocabulary.grammar import Entry
from napari_corrclip.vocabulary.palette import Color, Palette, default_color, palette_of

MAX_VALUE = 65535
"""Largest value of a class: label maps are uint16, and 0 is unlabelled."""


@dataclass(frozen=True)
class VocabularyClass:
    """One class.

    Attributes:
        name: what people see; unique in its vocabulary, whatever the case.
        prompts: what the text encoder sees, without templates; none twice. None at all: no words find
            the class, whose probability is 0 until examples teach it (:mod:`napari_corrclip.learning`).
        value: its number in label maps, 1 to 65535.
        color: (red, green, blue), 0 to 255.
        threshold: least probability (0 to 1) of a pixel that the class wins; ``None``: the
            vocabulary's.
        background: whether pixels below their threshold become this class.
        parent: the value of the class that it is a kind of, in the same vocabulary; ``None``: of none.
    """

    name: str
    prompts: tuple[str, ...]
    value: int
    color: Color
    threshold: float | None = None
    background: bool = False
    parent: int | None = None

    def __post_init__(self) -> None:
        """Normalise the texts and check every field."""
        name = grammar.check_text(self.name, "class name", grammar.MAX_NAME)
        # what a caller without a type checker may have passed
        prompts_given: object = self.prompts
        color_given: object = self.color
        background_given: object = self.background
        if not isinstance(prompts_given, list | tuple):
            raise InputError(
                f"The class {name!r} has no list of prompts but {prompts_given!r}; give a list, of none "
                "where only examples are to find it."
            )
        prompts = [grammar.check_text(p, "prompt", grammar.MAX_PROMPT) for p in prompts_given]
        if len(set(prompts)) < len(prompts):
            twice = next(p for i, p in enumerate(prompts) if p in prompts[:i])
            raise InputError(f"The class {name!r} has the prompt {twice!r} twice; remove one.")
        if not _in_range(self.value):
            raise InputError(
                f"The class {name!r} has the value {self.value!r}; use a whole number from 1 to "
                f"{MAX_VALUE} (0 is unlabelled)."
            )
        color = tuple(color_given) if isinstance(color_given, list | tuple) else ()
        if len(color) != 3 or not all(is_int(c) and 0 <= c <= 255 for c in color):
            raise InputError(
                f"The class {name!r} has the colour {color_given!r}; give red, green and blue as "
                "whole numbers from 0 to 255."
            )
        if not isinstance(background_given, bool):
            raise InputError(
                f"The class {name!r} has background {background_given!r}; it is true or false."
            )
        if self.parent is not None and not _in_range(self.parent):
            raise InputError(
                f"The class {name!r} has the parent {self.parent!r}; give the value of a class, or None."
            )
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "prompts", tuple(prompts))
        object.__setattr__(self, "color", color)
        if self.threshold is not None:
            checked = check_threshold(self.threshold, f"the class {name!r}")
            object.__setattr__(self, "threshold", checked)


ClassLike = VocabularyClass | str | int
"""A class, its name, or its label value: how it is meant on an image, or a set of them."""


def complete(
    entries: Sequence[Entry],
    background: str | int | None = None,
    palette: Palette = Palette.DISTINCT,
) -> tuple[VocabularyClass, ...]:
    """Return the classes of ``entries``, giving values, colours and background where not said.

    Without any value, class i gets i + 1; otherwise those without one get the values above all.
    ``background`` (an index or a name) chooses the background whatever the entries say. A parent that is
    named and not listed is a class, too (:func:`planted`).
    """
    entries = planted(entries)
    if len(entries) > MAX_VALUE:
        raise InputError(
            f"{len(entries)} classes are too many; a label map holds at most {MAX_VALUE}."
        )
    chosen: int | None = None
    if background is not None:
        chosen = find([entry.name for entry in entries], background)
    elif not any(entry.background for entry in entries):
        called = (
            index
            for index, entry in enumerate(entries)
            if entry.background is None and called_background(entry.name)
        )
        chosen = next(called, None)
    free = max((entry.value for entry in entries if is_int(entry.value)), default=0) + 1
    classes = []
    for index, entry in enumerate(entries):
        flag = bool(entry.background) if chosen is None else index == chosen
        value, name, color = entry.value, entry.name, entry.color
        if value is None:
            value, free = free, free + 1
        if flag and background is not None and entry.unnamed:
            name = "background"
        if color is None:
            color = (0, 0, 0)  # of a value that is refused below
            if _in_range(value):
                color = default_color(value, background=flag, palette=palette)
        classes.append(
            VocabularyClass(
                name,
                (name,) if entry.prompts is None else entry.prompts,
                value,
                color,
                entry.threshold,
                flag,
            )
        )
    values = {grammar.key(class_.name): class_.value for class_ in classes}
    return tuple(
        replace(class_, parent=values[grammar.key(entry.above[-1])]) if entry.above else class_
        for class_, entry in zip(classes, entries, strict=True)
    )


def planted(entries: Sequence[Entry]) -> list[Entry]:
    """Return ``entries`` with a class for each that is only named as one above others.

    Such a class has no prompts and stands before the first class that names it. Of what is above each class
    no more is said then than its parent.

    Raises:
        InputError: a class is said to be below two others.
    """
    if not any(entry.above for entry in entries):
        return list(entries)
    known = {grammar.key(entry.name) for entry in entries}
    parents: dict[str, str] = {}
    grown: list[Entry] = []
    for entry in entries:
        above: str | None = None
        for name in (*entry.above, entry.name):
            key = grammar.key(name)
            if key not in known:
                known.add(key)
                grown.append(Entry(name, ()))
            if above is not None:
                former = parents.setdefault(key, above)
                if grammar.key(former) != grammar.key(above):
                    raise InputError(
                        f"The class {name!r} is put below {former!r} and below {above!r}; choose one of them."
                    )
            above = name
        grown.append(entry)
    return [
        replace(entry, above=(parents[key],) if (key := grammar.key(entry.name)) in parents else ())
        for entry in grown
    ]


def find(names: Sequence[str], which: str | int) -> int:
    """Return the index in ``names`` of the name or index ``which``."""
    if isinstance(which, str):
        wanted = grammar.key(which)
        for index, name in enumerate(names):
            if grammar.key(name) == wanted:
                return index
    elif is_int(which) and 0 <= which < len(names):
        return which
    shown = ", ".join(names[:20]) + (", …" if len(names) > 20 else "")
    places = "" if isinstance(which, str) else f" (0 to {len(names) - 1})"
    raise InputError(f"There is no class {which!r}; the classes are {shown}{places}.")


def is_int(value: object) -> TypeGuard[int]:
    """Whether ``value`` is a whole number; ``True`` is none."""
    return isinstance(value, int) and not isinstance(value, bool)


def _in_range(value: object) -> TypeGuard[int]:
    return is_int(value) and 1 <= value <= MAX_VALUE


def check_threshold(threshold: object, whose: str) -> float:
    """Return ``threshold`` if it is a probability; ``whose`` names it in the error."""
    if not isinstance(threshold, int | float) or isinstance(threshold, bool):
        raise InputError(f"The threshold of {whose} is {threshold!r}; give a number from 0 to 1.")
    if not 0 <= threshold <= 1:
        raise InputError(f"The threshold of {whose} is {threshold}; it must lie between 0 and 1.")
    return float(threshold)


def called_background(name: object) -> bool:
    """Whether ``name`` makes a class the background where nothing else is said."""
    return isinstance(name, str) and grammar.key(name) == "background"


def own_color(one: VocabularyClass) -> Color:
    """Return the colour that ``one`` has unless given another."""
    return default_color(one.value, background=one.background)


def color_is_given(one: VocabularyClass) -> bool:
    """Whether a person gave ``one`` its colour, and no palette by its value."""
    return palette_of(one.color, one.value, background=one.background) is None


def moved_color(one: VocabularyClass, value: int, background: bool) -> Color:
    """Return the colour of ``one`` under another value, or as background or not.

    One that a palette gave goes with the value, in that palette; a person's stays.
    """
    palette = palette_of(one.color, one.value, background=one.background)
    if palette is None or (value, background) == (one.value, one.background):
        return one.color
    return default_color(value, background=background, palette=palette)


def flagged(one: VocabularyClass, background: bool) -> VocabularyClass:
    """Return ``one`` as background or not; a colour of its own stays."""
    return replace(one, background=background, color=moved_color(one, one.value, background))
