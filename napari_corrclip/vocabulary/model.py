"""The vocabulary: which classes a map may show, and by which prompts each is found.

A class's *value* is what the label map holds. It is given once and stays: removing, renaming or
reordering classes changes no value, and a removed class's value is never given to another one, so
label maps saved earlier keep their meaning.

Classes may be kinds of others, in as many steps as one likes (:mod:`~napari_corrclip.vocabulary.tree`). A
parent is a class as any other, with a value of its own, so that a region of which nobody knows the species
can be given its genus.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any
from uuid import uuid4

from napari_corrclip.errors import InputError
from napari_corrclip.vocabulary import files, grammar, tree
from napari_corrclip.vocabulary import templates as prompt_templates
from napari_corrclip.vocabulary.classes import (
    MAX_VALUE,
    ClassLike,
    VocabularyClass,
    called_background,
    check_threshold,
    color_is_given,
    complete,
    find,
    flagged,
    is_int,
    moved_color,
    own_color,
    planted,
)
from napari_corrclip.vocabulary.files import Document
from napari_corrclip.vocabulary.grammar import Entry
from napari_corrclip.vocabulary.palette import Color, Palette, default_color
from napari_corrclip.whole_numbers import whole

FILE_SUFFIXES = files.SUFFIXES
ROOT = "root"
"""What is said in the place of names where each class becomes the one above it that is below no other."""
RollUp = str | Sequence[str | int]
"""What :meth:`Vocabulary.roll_up` takes."""


@dataclass(frozen=True)
class Vocabulary:
    """An ordered set of classes; every change returns a new vocabulary.

    Where a method takes ``which``, an ``int`` is the index of a class (from 0, in order) and a
    ``str`` its name, in whatever case.

    Attributes:
        classes: at least one.
        next_value: the value that the next added class gets; larger than every value ever given.
        threshold: least probability (0 to 1) of a winning class that has no threshold of its own;
            below it a pixel becomes the background class or, without one, 0.
        templates: the prompt templates; ``None``: those of the network in use.
        origin: the same in all vocabularies that were changed from one another, whose values therefore
            mean the same.
    """

    classes: tuple[VocabularyClass, ...]
    next_value: int
    threshold: float = 0.0
    templates: tuple[str, ...] | None = None
    origin: str = field(default_factory=lambda: uuid4().hex, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Check what no class can know by itself."""
        object.__setattr__(self, "classes", tuple(self.classes))
        if not self.classes:
            raise InputError(
                "The vocabulary is empty; name at least one class, such as 'cat, dog'."
            )
        names: dict[str, str] = {}
        values: dict[int, str] = {}
        for class_ in self.classes:
            if not isinstance(class_, VocabularyClass):
                raise InputError(
                    f"{class_!r} is no VocabularyClass; use Vocabulary.parse or coerce."
                )
            key = grammar.key(class_.name)
            if key in names:
                raise InputError(
                    f"The class names {names[key]!r} and {class_.name!r} are the same; rename or "
                    "remove one."
                )
            if class_.value in values:
                raise InputError(
                    f"The classes {values[class_.value]!r} and {class_.name!r} both have the value "
                    f"{class_.value}; give each its own."
                )
            names[key] = values[class_.value] = class_.name
        tree.check(self.classes)
        backgrounds = [class_.name for class_ in self.classes if class_.background]
        if len(backgrounds) > 1:
            raise InputError(
                f"{backgrounds[0]!r} and {backgrounds[1]!r} are both the background; choose one."
            )
        if not is_int(self.next_value) or not max(values) < self.next_value <= MAX_VALUE + 1:
            raise InputError(
                f"next_value is {self.next_value!r}; it must be a whole number above every value "
                f"({max(values)}) and at most {MAX_VALUE + 1}."
            )
        threshold = check_threshold(self.threshold, "the vocabulary")
        object.__setattr__(self, "threshold", threshold)
        if self.templates is not None:
            object.__setattr__(self, "templates", prompt_templates.check(tuple(self.templates)))

    # -- making one

    @classmethod
    def parse(cls, text: str, *, background: str | int | None = None) -> Vocabulary:
        r"""Return the vocabulary that ``text`` describes; class i gets the value i + 1.

        The grammar is told in :mod:`napari_corrclip.vocabulary.grammar`.

        Args:
            text: such as ``"cat, dog\nbackground: sky, grass"``.
            background: which class is the background; ``None``: the one of that name, if any. A
                class written without a name (``sky; wall``) is then called ``background``.
        """
        if not isinstance(text, str):
            raise InputError(f"The classes are {text!r}; give text such as 'cat, dog'.")
        return cls._complete(files.entries_of(text), background)

    @classmethod
    def typed(cls, text: str, *, palette: Palette = Palette.DISTINCT) -> Vocabulary:
        """Return the vocabulary of one line that a person typed; semicolons list classes, too.

        As :meth:`parse`, but a line that holds nothing but semicolons between its words
        (``cat; dog; sky``) means several classes and not the prompts of one. Several lines, which
        somebody pasted, are as in a file.

        Args:
            text: what was typed.
            palette: where classes have their colours from to which none is given.
        """
        return cls._complete(files.entries_of(text, grammar.parse_typed), palette=palette)

    @classmethod
    def listed(cls, text: str, *, palette: Palette = Palette.DISTINCT) -> Vocabulary:
        """Return the vocabulary of a typed line in which commas and semicolons both list classes.

        As :meth:`typed`, with another reading of ``d, e; f``: three classes.
        """
        return cls._complete(files.entries_of(text, grammar.parse_listed), palette=palette)

    @classmethod
    def from_names(cls, names: Iterable[str]) -> Vocabulary:
        """Return a class for each of ``names``, taken as they are: commas and colons too."""
        return cls._complete([Entry(name) for name in names])

    @classmethod
    def from_file(
        cls,
        path: str | os.PathLike[str],
        *,
        background: str | int | None = None,
        palette: Palette = Palette.DISTINCT,
    ) -> Vocabulary:
        """Read a ``.yaml``, ``.yml``, ``.json``, ``.csv`` or ``.txt`` file.

        See :mod:`napari_corrclip.vocabulary.files` for what they hold.

        Args:
            path: the file.
            background: as in :meth:`parse`. The class files of some benchmarks have their
                background on the first line, without a name for it: pass 0 for those.
            palette: where classes have their colours from of which the file says none.
        """
        document = files.read(path, background=background, palette=palette)
        try:
            return cls._of(document)
        except InputError as error:
            raise InputError(f"{files.called(path)}: {error}") from None

    @classmethod
    def from_document(cls, document: object) -> Vocabulary:
        """Return the vocabulary of what a YAML or JSON file holds, as plain dicts and lists."""
        return cls._of(files.from_document(document))

    @classmethod
    def coerce(
        cls,
        source: Vocabulary | str | os.PathLike[str] | Mapping[str, Any] | Iterable[Any],
    ) -> Vocabulary:
        """Return the vocabulary that ``source`` means.

        A vocabulary is returned as it is; a string is read as :meth:`typed` does, but a line that
        ends like a file (``.yaml``, ``.yml``, ``.json``, ``.csv``, ``.txt``) is read as one, as is
        a path object; of a list, each string is one class; a mapping is from names to prompts.
        """
        if isinstance(source, Vocabulary):
            return source
        if isinstance(source, str):
            one_line = source.strip()
            if "\n" not in one_line and one_line.lower().endswith(FILE_SUFFIXES):
                return cls.from_file(one_line)
            return cls.typed(source)
        if isinstance(source, os.PathLike):
            return cls.from_file(source)
        if isinstance(source, Mapping):
            return cls.from_document(dict(source))
        try:
            elements = list(source)
        except TypeError:
            raise InputError(
                f"{source!r} is no vocabulary; give text such as 'cat, dog', a list of names or a "
                "file."
            ) from None
        return cls.from_document(elements)

    # -- reading it

    def __len__(self) -> int:
        """Return the number of classes."""
        return len(self.classes)

    def __iter__(self) -> Iterator[VocabularyClass]:
        """Iterate over the classes in order."""
        return iter(self.classes)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The name of each class."""
        return tuple(class_.name for class_ in self.classes)

    @cached_property
    def values(self) -> tuple[int, ...]:
        """The label value of each class."""
        return tuple(class_.value for class_ in self.classes)

    @cached_property
    def thresholds(self) -> tuple[float, ...]:
        """The threshold that holds for each class: its own, or else the vocabulary's."""
        return tuple(
            self.threshold if class_.threshold is None else class_.threshold
            for class_ in self.classes
        )

    @cached_property
    def colors(self) -> dict[int, Color]:
        """The colour of each value."""
        return {class_.value: class_.color for class_ in self.classes}

    @cached_property
    def queries(self) -> tuple[str, ...]:
        """All prompts in class order: the method's Q queries."""
        return tuple(prompt for class_ in self.classes for prompt in class_.prompts)

    @cached_property
    def query_class(self) -> tuple[int, ...]:
        """The index of the class that owns each query; same length as :attr:`queries`."""
        return tuple(index for index, class_ in enumerate(self.classes) for _ in class_.prompts)

    @cached_property
    def background(self) -> int | None:
        """The index of the background class, if there is one."""
        return next((i for i, class_ in enumerate(self.classes) if class_.background), None)

    @cached_property
    def fingerprint(self) -> str:
        """A short stable hash (16 hex digits) of everything in it."""
        text = json.dumps(files.to_document(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def check_prompts(self) -> None:
        """Raise InputError where no class has a prompt, so that words find none of them."""
        if not self.queries:
            raise InputError(
                f"None of the classes ({', '.join(self.names[:5])}) has a prompt; give at least one of them "
                "words to look for it by."
            )

    def index(self, which: str | int) -> int:
        """Return the index of the class of that name or index."""
        return find(self.names, which)

    def finds_the_same(self, other: Vocabulary) -> bool:
        """Whether ``other`` finds the same pixels: it differs in names, colours and order alone.

        Or in classes that no words find.
        """
        return self._finds == other._finds

    @cached_property
    def _finds(self) -> tuple[object, ...]:
        return self.templates, {
            class_.value: (class_.prompts, threshold, class_.background)
            for class_, threshold in zip(self.classes, self.thresholds, strict=True)
            if class_.prompts or class_.background
        }

    def by_value(self, value: int) -> VocabularyClass:
        """Return the class that has the label ``value``."""
        for class_ in self.classes:
            if class_.value == value:
                return class_
        raise InputError(f"No class has the value {value}; the values are {self.values}.")

    def value_of(self, which: ClassLike) -> int:
        """Return the label value of a class, given by name, by that value, or itself.

        So are classes meant wherever something is done on an image or a set of them, in whose vocabulary
        they may move.

        Raises:
            InputError: there is no such class.
        """
        if isinstance(which, str):
            return self.values[self.index(which)]
        value = which.value if isinstance(which, VocabularyClass) else whole(which)
        if value is None:
            text = " ".join(repr(which).split())
            text = text if len(text) <= 80 else f"{text[:79]}…"
            raise InputError(f"{text} is no class; give its name or its label value.")
        if value not in self.values:
            listed = ", ".join(f"{class_.value} {class_.name}" for class_ in self.classes[:12])
            more = ", …" if len(self) > 12 else ""
            raise InputError(f"No class has the value {value}; there are {listed}{more}.")
        return value

    @cached_property
    def parents(self) -> dict[int, int | None]:
        """The parent of each value; ``None``: a root."""
        return {class_.value: class_.parent for class_ in self.classes}

    def path(self, which: str | int) -> tuple[str, ...]:
        """Return the names from the root above a class down to it: ``("animal", "cat", "tabby")``."""
        names = dict(zip(self.values, self.names, strict=True))
        line = tree.line_of(self.parents, self.values[self.index(which)])
        return tuple(names[value] for value in reversed(line))

    def roll_up(self, to: RollUp) -> RolledUp:
        """Return the classes that are left where some stand for all that is below them.

        Each class becomes the nearest of the wanted ones at or above it; one that is below none of them
        stays. A class that stands for others has its own prompts and theirs, so that it is found where they
        were, and is the background where one of them was it. Values, names, colours and order stay.

        Args:
            to: ``"root"``: the classes that are below no other; else the names or indices of the wanted
                ones, or text that lists names by commas (in double quotes those that hold one).

        Raises:
            InputError: there is no such class, or none is named.
        """
        if isinstance(to, str) and to == ROOT:
            wanted = {class_.value for class_ in self.classes if class_.parent is None}
        else:
            wanted = {self.values[self.index(which)] for which in _listed(to)}
        targets = {value: tree.first_of(self.parents, value, wanted) for value in self.values}
        below: dict[int, list[VocabularyClass]] = {}
        for class_ in self.classes:
            below.setdefault(targets[class_.value], []).append(class_)
        classes = []
        for class_ in self.classes:
            if class_.value not in below:
                continue
            merged = below[class_.value]
            prompts = (prompt for other in (class_, *merged) for prompt in other.prompts)
            whole = replace(
                class_,
                prompts=tuple(dict.fromkeys(prompts)),
                parent=None if class_.parent is None else targets[class_.parent],
            )
            classes.append(flagged(whole, any(other.background for other in merged)))
        # Values of other meanings: what was a genus alone is now all of its species.
        words = replace(self, classes=tuple(classes), origin=uuid4().hex)
        return RolledUp(words, targets, dict(zip(self.values, self.names, strict=True)))

    def to_text(self) -> str:
        """Return its names, prompts, colours and parents as :meth:`parse` reads them, one class a line.

        Values, thresholds and templates have no place in the text; :meth:`edit` keeps them.
        """
        return files.to_text(self)

    def to_document(self) -> dict[str, object]:
        """Return all of it as plain dicts and lists, which :meth:`from_document` reads."""
        return files.to_document(self)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write it to a ``.yaml``, ``.yml``, ``.json``, ``.csv`` or ``.txt`` file, whole or not.

        Raises:
            InputError: the file cannot be written, or its format cannot hold all that is in the
                vocabulary (YAML and JSON always can).
        """
        files.write(self, path)

    # -- changing it

    def add(
        self,
        name: str,
        *,
        prompts: Sequence[str] | None = None,
        color: Color | None = None,
        threshold: float | None = None,
        background: bool | None = None,
        parent: str | int | None = None,
        index: int | None = None,
    ) -> Vocabulary:
        """Return it with one class more, which gets a value that no class ever had.

        Args:
            name: taken as it is. One that reads like a list (with a comma, a semicolon or several
                lines) needs ``prompts``, for it is mostly meant for :meth:`extend`.
            prompts: ``None``: the name; none at all: no words find it, but examples.
            color: ``None``: the value's own.
            threshold: ``None``: the vocabulary's.
            background: ``None``: if it is called so and there is no background class yet.
            parent: which class it is a kind of; ``None``: of none.
            index: where in the order; ``None``: last.

        Raises:
            InputError: the class cannot be, or the name reads like several.
        """
        if prompts is None and isinstance(name, str) and grammar.lists_several(name):
            raise InputError(
                f"{name!r} reads like several classes; add those with extend({name!r}), or, if it is the "
                "name of one, give its prompts too."
            )
        if self.next_value > MAX_VALUE:
            raise InputError(
                f"The class {name!r} cannot be added: all {MAX_VALUE} values have been used; "
                "start a new vocabulary."
            )
        if background is None:
            background = self.background is None and called_background(name)
        new = VocabularyClass(
            name=name,
            prompts=(name,) if prompts is None else _prompts(prompts),
            value=self.next_value,
            color=color or default_color(self.next_value, background=background),
            threshold=threshold,
            background=background,
            parent=None if parent is None else self.values[self.index(parent)],
        )
        at = len(self) if index is None else index
        classes = (*self.classes[:at], new, *self.classes[at:])
        return replace(self, classes=classes, next_value=self.next_value + 1)

    def extend(self, other: VocabularyLike) -> Vocabulary:
        """Return it with the classes of ``other`` whose names it does not have, behind its own.

        They get new values; prompts, thresholds, colours that they were given and parents come along. A
        background stays one where there is none here yet. A class that is here already stays as it is, but
        where it has no parent here and one in ``other``, it gets that.

        Args:
            other: as :meth:`coerce` takes it, such as ``"wall, water"`` or a file.

        Raises:
            InputError: ``other`` has above a class what is below it here.
        """
        other = Vocabulary.coerce(other)
        words, known = self, {grammar.key(name) for name in self.names}
        for class_ in other:
            if grammar.key(class_.name) in known:
                continue
            background = class_.background and words.background is None
            words = words.add(
                class_.name,
                prompts=class_.prompts,
                color=moved_color(class_, words.next_value, background),
                threshold=class_.threshold,
                background=background,
            )
        mine = {grammar.key(class_.name): class_.value for class_ in words}
        value_of = {class_.value: mine[grammar.key(class_.name)] for class_ in other}
        parents = {
            value_of[class_.value]: value_of[class_.parent]
            for class_ in other
            if class_.parent is not None
        }
        classes = tuple(
            replace(class_, parent=parents.get(class_.value)) if class_.parent is None else class_
            for class_ in words
        )
        return replace(words, classes=classes)

    def remove(self, which: str | int) -> Vocabulary:
        """Return it without that class; its value stays used, and what was below it is below its parent."""
        at = self.index(which)
        if len(self) == 1:
            raise InputError(f"{self.names[at]!r} is the last class; add another one first.")
        gone = self.classes[at]
        classes = tuple(
            replace(class_, parent=gone.parent) if class_.parent == gone.value else class_
            for class_ in self.classes
            if class_ is not gone
        )
        return replace(self, classes=classes)

    def rename(self, which: str | int, name: str) -> Vocabulary:
        """Return it with another name for that class.

        A class whose only prompt was its name is now found by the new name; prompts of its own
        stay. Called ``background``, it becomes the background if there was none.
        """
        old = self.classes[self.index(which)]
        new = replace(
            old, name=name, prompts=(name,) if old.prompts == (old.name,) else old.prompts
        )
        if self.background is None and called_background(name):
            new = flagged(new, True)
        return self._with(which, new)

    def reorder(self, order: Sequence[str | int]) -> Vocabulary:
        """Return it with its classes in another order, each named or indexed exactly once."""
        indices = [self.index(which) for which in order]
        if sorted(indices) != list(range(len(self))):
            raise InputError(
                f"The order {list(order)!r} does not hold each of the {len(self)} classes once; "
                "give every name or index exactly once."
            )
        return replace(self, classes=tuple(self.classes[index] for index in indices))

    def recolor(self, which: str | int, color: Color | str | None) -> Vocabulary:
        """Return it with another colour for that class: RGB, ``#rrggbb``, or ``None``: its own."""
        old = self.classes[self.index(which)]
        if isinstance(color, str):
            color = grammar.color_from_text(color)
        return self._with(which, replace(old, color=own_color(old) if color is None else color))

    def with_prompts(self, which: str | int, prompts: Sequence[str] | None) -> Vocabulary:
        """Return it with other prompts for that class; ``None``: its name; an empty list: none."""
        old = self.classes[self.index(which)]
        new = replace(old, prompts=(old.name,) if prompts is None else _prompts(prompts))
        return self._with(which, new)

    def with_threshold(self, threshold: float | None, which: str | int | None = None) -> Vocabulary:
        """Return it with another threshold: the vocabulary's, or that of the class ``which``.

        ``None`` takes a class's own away and sets the vocabulary's to 0.
        """
        if which is None:
            return replace(self, threshold=0.0 if threshold is None else threshold)
        return self._with(which, replace(self.classes[self.index(which)], threshold=threshold))

    def with_background(self, which: str | int | None) -> Vocabulary:
        """Return it with that class as its background, or with none."""
        chosen = None if which is None else self.index(which)
        classes = tuple(
            flagged(class_, index == chosen) for index, class_ in enumerate(self.classes)
        )
        return replace(self, classes=classes)

    def with_parent(self, which: str | int, parent: str | int | None) -> Vocabulary:
        """Return it with that class below another one, ``parent``; ``None``: below none.

        Raises:
            InputError: there is no such class, or the class would be below itself.
        """
        value = None if parent is None else self.values[self.index(parent)]
        return self._with(which, replace(self.classes[self.index(which)], parent=value))

    def with_templates(self, templates: str | Sequence[str] | None) -> Vocabulary:
        """Return it with the templates that :func:`napari_corrclip.vocabulary.templates.resolve` finds."""
        resolved = None if templates is None else prompt_templates.resolve(templates)
        return replace(self, templates=resolved)

    def edit(self, text: str) -> Vocabulary:
        """Return what it is after a person changed its text (see :meth:`to_text`) to ``text``.

        A class that is still there by name keeps its value, threshold, colour (unless the text
        gives one) and being the background; the text's order, prompts and parents hold; other names
        are new classes with new values.
        """
        known = {grammar.key(class_.name): class_ for class_ in self.classes}
        entries: list[Entry] = []
        next_value = self.next_value
        for entry in planted(files.entries_of(text)):
            old = known.get(grammar.key(entry.name))
            if old is None:
                entries.append(replace(entry, value=next_value))
                next_value += 1
                continue
            custom = None if old.color == own_color(old) else old.color
            entries.append(
                replace(
                    entry,
                    color=entry.color or custom,
                    value=old.value,
                    threshold=old.threshold,
                    background=old.background,
                )
            )
        return replace(self, classes=complete(entries), next_value=next_value)

    def matched(self, other: Vocabulary) -> Vocabulary:
        """Return the classes of ``other``, with the values that classes of their names have here.

        Where one was changed from the other by their methods, ``other`` is returned as it is: its values
        mean what they mean here, and a renamed class keeps its value. Where it was made from
        scratch, its values are its own and say nothing; a name that is new gets a new value.
        """
        if other.origin == self.origin or other == self:
            return other
        known = {grammar.key(class_.name): class_ for class_ in self.classes}
        classes, next_value = [], self.next_value
        for class_ in other.classes:
            mine = known.get(grammar.key(class_.name))
            if mine is None:
                value, next_value = next_value, next_value + 1
            else:
                value = mine.value
            source = class_
            if mine is not None and not color_is_given(mine) and not color_is_given(class_):
                source = mine  # in its palette, which may be another than that of new classes
            color = moved_color(source, value, class_.background)
            classes.append(replace(class_, value=value, color=color, parent=None))
        return replace(
            other,
            classes=tree.below_as_in(other.classes, classes),
            next_value=next_value,
            origin=self.origin,
        )

    def beside(self, former: Vocabulary, given: Mapping[str, int]) -> Vocabulary:
        """Return these classes with values that mean nothing else in label maps beside this one.

        Args:
            former: the vocabulary that this one was changed from; its classes keep their values.
            given: value by name, of the maps beside it, such as other planes of a stack. A class that is
                new here takes the value of its name there; else it gets one that nobody has.
        """
        known = {grammar.key(name): value for name, value in given.items()}
        taken = {class_.value for class_ in self.classes if class_.value in former.values}
        unused = max(former.next_value, 1 + max(known.values(), default=0))
        classes = []
        for class_ in self.classes:
            if class_.value not in former.values:
                value = known.get(grammar.key(class_.name), unused)
                if value in taken:
                    value = unused
                unused = max(unused, value + 1)
                color = moved_color(class_, value, class_.background)
                class_ = replace(class_, value=value, color=color, parent=None)
                taken.add(value)
            classes.append(class_)
        return replace(
            self,
            classes=tree.below_as_in(self.classes, classes),
            next_value=max(self.next_value, unused),
        )

    @classmethod
    def _complete(
        cls,
        entries: Sequence[Entry],
        background: str | int | None = None,
        palette: Palette = Palette.DISTINCT,
    ) -> Vocabulary:
        return cls._of(Document.of(entries, background, palette))

    @classmethod
    def _of(cls, document: Document) -> Vocabulary:
        return cls(
            document.classes,
            next_value=document.next_value,
            threshold=document.threshold,
            templates=document.templates,
        )

    def _with(self, which: str | int, new: VocabularyClass) -> Vocabulary:
        at = self.index(which)
        return replace(self, classes=(*self.classes[:at], new, *self.classes[at + 1 :]))


def _prompts(prompts: Sequence[str]) -> tuple[str, ...]:
    return grammar.parse_prompts(prompts) if isinstance(prompts, str) else tuple(prompts)


def _listed(to: Sequence[str | int]) -> Sequence[str | int]:
    if not isinstance(to, Iterable):
        raise InputError(f"{to!r} says not what is rolled up to; name classes, or say {ROOT!r}.")
    names = tuple(to)
    if isinstance(to, str):  # by the grammar's commas and quotes, as a line of prompts
        names = grammar.parse_prompts(to) if to.strip() else ()
    if not names:
        raise InputError(
            f"No class is named that others are rolled up to; name some, or say {ROOT!r}."
        )
    return names


@dataclass(frozen=True)
class RolledUp:
    """The outcome of :meth:`Vocabulary.roll_up`.

    Attributes:
        vocabulary: the classes that are left.
        values: of each label value of before, the one that stands for it now.
        names: of each label value of before, its name.
    """

    vocabulary: Vocabulary
    values: Mapping[int, int]
    names: Mapping[int, str]


VocabularyLike = Vocabulary | str | os.PathLike[str] | Mapping[str, Any] | Iterable[str]
"""What :meth:`Vocabulary.coerce` takes."""
