"""The tree and the order of all classes that a set ever had, so that whichever come back are where they were.

The classes that there are show a contraction of it: each is below the nearest class above it that is there.
What goes therefore takes nothing of the tree away, and in whatever order several come back, the last of them
makes it whole again. Values stand for classes, as in :mod:`napari_corrclip.vocabulary.tree`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from napari_corrclip.errors import InputError
from napari_corrclip.vocabulary import MAX_VALUE, tree


@dataclass(frozen=True, slots=True)
class ClassTree:
    """The tree and the order of all classes that a set ever had; it never has a circle.

    Attributes:
        parents: by the value of each class, in their order, that of its parent; ``None``: it is a root.
        passed: by the value of a class that became another one, that of the other one, where what was below
            the first is below the other meanwhile.
    """

    parents: Mapping[int, int | None] = field(default_factory=dict)
    passed: Mapping[int, int] = field(default_factory=dict)

    def among(self, here: Collection[int]) -> dict[int, int | None]:
        """Return the parents of the classes that are there, in their order; each is one of them.

        Args:
            here: the values of those that are there; it has no others.
        """
        there = set(here)
        ways = {**self.parents, **self._passed(there)}
        return {value: tree.nearest(ways, value, there) for value in self.parents if value in there}

    def merged(self, value: int, heir: int) -> ClassTree:
        """Return it when a class became another one: what was below it is below the other one now.

        Where the other one is itself below it, that goes up to what it was below.
        """
        if value in tree.line_of({**self.parents, **self.passed}, heir):
            return self
        return ClassTree(self.parents, {**self.passed, value: heir})

    def chosen(self, parents: Mapping[int, int | None]) -> ClassTree:
        """Return it when a set has other classes.

        A parent that is not the one of :meth:`among` was said, and is the parent from now on. Others stay as
        they are, also where what they are below has gone.

        Args:
            parents: of the classes that are there, in their order; a tree without circles.
        """
        passed, told = self._passed(parents), dict(self.parents)
        ways = {**self.parents, **passed}
        said = [
            value
            for value, parent in parents.items()
            if value not in told or tree.nearest(ways, value, parents) != parent
        ]
        for value in sorted(said, key=lambda value: len(tree.line_of(parents, value))):
            line = tree.line_of(parents, value)
            if len(line) == 1 or value not in tree.line_of(told, line[1]):
                line = [value]
            # Else it goes below what is, by classes that have gone, below it: all of the line is as shown.
            for each in reversed(line):
                told[each] = parents[each]
        order = woven(list(parents), list(told))
        return ClassTree({value: told[value] for value in order}, passed)

    def _passed(self, here: Collection[int]) -> dict[int, int]:
        """Return what ``passed`` is when some classes are there.

        One that comes back may close a circle: of those by which it is closed, the last that became another
        one keeps what was below it to itself.
        """
        passed = {value: heir for value, heir in self.passed.items() if value not in here}
        ways = {**self.parents, **passed}
        for value in self.passed.keys() & here:
            while closed := _circle(ways, value):
                last = [each for each in passed if each in closed][-1]
                del passed[last]
                ways[last] = self.parents[last]
        return passed

    # -- what is written down

    def rows(self) -> list[tuple[int, int | None, int | None]]:
        """Return value, parent and ``passed`` of each class, in their order."""
        return [(value, above, self.passed.get(value)) for value, above in self.parents.items()]

    @classmethod
    def of_rows(cls, rows: Iterable[Sequence[Any]], where: str) -> ClassTree:
        """Return that of rows that anybody may have written.

        Args:
            rows: as of :meth:`rows`.
            where: they are, for a sentence.

        Raises:
            InputError: they are no tree.
        """
        found = [tuple(row) for row in rows]
        if all(
            len(row) == 3 and _is_value(row[0]) and all(x is None or _is_value(x) for x in row[1:])
            for row in found
        ):
            parents = {value: above for value, above, _ in found}
            passed = {value: heir for value, _, heir in found if heir is not None}
            known = {*parents, None}
            if len(parents) == len(found) and known.issuperset(
                [*parents.values(), *passed.values()]
            ):
                ways = {**parents, **passed}
                if not any(_circle(each, value) for each in (parents, ways) for value in parents):
                    return cls(parents, passed)
        raise InputError(
            f"The tree of all classes that there ever were, in {where}, is none; take the project's files "
            "from a backup."
        )

    def with_former(
        self, value: int, place: int, class_: Mapping[str, Any], heir: int | None = None
    ) -> ClassTree:
        """Return it with a class that went before the tree was kept; last gone, first to be had.

        Args:
            value: of the class.
            place: where it stood among the classes.
            class_: as it was written down, with ``parent`` and ``children``, as far as they are known here.
            heir: what it became; ``None``: nothing.
        """
        if value in self.parents:
            return self
        parent, children = class_.get("parent"), class_.get("children")
        parents = dict(self.parents)
        parent = parent if _is_value(parent) and parent in parents else None
        line = [] if parent is None else tree.line_of(parents, parent)
        for child in children if isinstance(children, list) else []:
            known = _is_value(child) and child in parents and child not in line
            if known and parents[child] in {parent, heir}:
                parents[child] = value
        parents[value] = parent
        order = list(self.parents)
        order.insert(place, value)
        found = ClassTree({each: parents[each] for each in order}, self.passed)
        return found.merged(value, heir) if heir in self.parents and heir is not None else found


def woven(values: Sequence[int], before: Iterable[int]) -> list[int]:
    """Return values in their order, and each other one of before behind the one that it stood behind.

    Args:
        values: in the order that counts.
        before: those that there were, in their order.
    """
    here, at = set(values), None
    behind: dict[int | None, list[int]] = {}
    for value in before:
        if value in here:
            at = value
        else:
            behind.setdefault(at, []).append(value)
    found = behind.get(None, [])
    for value in values:
        found += [value, *behind.get(value, [])]
    return found


def _circle(ways: Mapping[int, int | None], value: int) -> list[int]:
    """Return the circle that a way up from a value ends in; empty: it ends at a root."""
    line: dict[int, None] = {}
    at: int | None = value
    while at is not None and at not in line:
        line[at] = None
        at = ways[at]
    passed = list(line)
    return [] if at is None else passed[passed.index(at) :]


def _is_value(value: object) -> bool:
    return type(value) is int and 1 <= value <= MAX_VALUE
