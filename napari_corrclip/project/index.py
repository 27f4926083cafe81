"""The index of a project: what lists, counts and searches stand on.

What it holds follows from the project's other files, so that it can be made anew; every change is a
transaction.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import re
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.engine.recipe import Recipe
from napari_corrclip.errors import InputError
from napari_corrclip.images.stack import Stack, Where
from napari_corrclip.project.class_tree import ClassTree
from napari_corrclip.project.database import Database
from napari_corrclip.project.records import ItemRecord, ItemState, RunRecord, StackRecord
from napari_corrclip.storage.text_files import load_json
from napari_corrclip.vocabulary import Vocabulary

if TYPE_CHECKING:
    import pandas as pd

_ITEM = ", ".join(ItemRecord.__slots__)
PLANE = re.compile(r"(.+)\[(\d+(?:, ?\d+)*)\]", re.DOTALL)
"""How a plane of a stack is named: a path, and an index along each axis."""


class NoItemError(InputError):
    """The error of a name that no item has."""


@dataclass(frozen=True, slots=True)
class Found:
    """An image, or a plane of a stack, that a project is to have.

    Attributes:
        name: of its folder inside ``items``.
        path: as an :class:`ItemRecord` has it.
        size: bytes of the file.
        mtime: when it was last changed, in nanoseconds since 1970.
        plane: which one of a stack; empty of one image.
        stack: the stack's planes.
    """

    name: str
    path: str
    size: int
    mtime: int
    plane: Where = ()
    stack: Stack | None = None


class NotedFile(NamedTuple):
    """An item's file as it was seen last.

    Attributes:
        id: of the item.
        plane: which one of a stack; empty of one image.
        size: bytes of the file.
        mtime: when it was last changed.
        digest: checksum of its content when it was run; empty before.
    """

    id: int
    plane: Where
    size: int
    mtime: int
    digest: str


class MergedClass(NamedTuple):
    """A class of a set that became another one.

    Attributes:
        value: its label value.
        heir: label value of the class that it became, which may have become another one since.
        place: where it stood among the classes.
        class_: the class as a vocabulary's document has it.
        prompts: of it, those that the heir was given.
        by: who said so.
        at: when, in seconds since 1970.
    """

    value: int
    heir: int
    place: int
    class_: dict[str, Any]
    prompts: list[str]
    by: str
    at: float


class RegionRecord(NamedTuple):
    """A region of an item as it is now.

    Attributes:
        value: label value of the class that it shows; 0: none, or it is left out.
        state: what a person decided of it; empty: nothing.
        box: first row, first column, last row + 1, last column + 1.
    """

    value: int
    state: str
    box: tuple[int, int, int, int]


class Index(Database):
    """The tables of a project's index, in the file that is open; arguments and errors are the file's.

    Attributes:
        passed_over: what could not be used since it was opened, a sentence each, by where it was looked for.
    """

    def __init__(self, path: Path, *, create: bool = False, read_only: bool = False) -> None:
        super().__init__(path, create=create, read_only=read_only)
        self.passed_over: dict[str, tuple[str, ...]] = {}

    # -- vocabulary and recipe

    @property
    def vocabulary(self) -> Vocabulary:
        """Those that the project has now."""
        (document,) = self.rows(
            "SELECT document FROM vocabularies JOIN project ON vocabulary = id"
        )[0]
        words = _read_vocabulary(document, f"The classes in {str(self.path)!r}")
        return replace(words, origin=uuid4().hex)  # each who asks may change it otherwise

    @property
    def recipe(self) -> Recipe:
        """The run that the project has now."""
        (document,) = self.rows("SELECT document FROM recipes JOIN project ON recipe = id")[0]
        return Recipe.from_json(document)

    def choose(
        self, vocabulary: Vocabulary, recipe: Recipe, merged: MergedClass | None = None
    ) -> None:
        """Have a vocabulary and a recipe from now on; inside a transaction.

        Args:
            vocabulary: the classes.
            recipe: how images are run.
            merged: the class that went by becoming another one; ``None``: none did.
        """
        known = self.class_tree()
        if merged is not None:
            self.note_merge(merged)
            known = known.merged(merged.value, merged.heir)
        self.keep_tree(known.chosen(vocabulary.parents))
        self._connection.execute(
            "INSERT INTO project (one, vocabulary, recipe) VALUES (1, ?, ?)"
            " ON CONFLICT (one) DO UPDATE SET vocabulary = excluded.vocabulary, recipe = excluded.recipe",
            (self._vocabulary(vocabulary), self._recipe(recipe)),
        )
        # One that is there again is no other one any more.
        back = [each for each in self.merged_classes() if each.value in vocabulary.values]
        self.forget_merges(each.value for each in back)

    def class_tree(self) -> ClassTree:
        """Return the tree of all classes that the set ever had; empty before it has any."""
        rows = self.rows("SELECT value, parent, passed FROM class_tree ORDER BY place")
        if rows:
            return ClassTree.of_rows(rows, repr(str(self.path)))
        known = ClassTree()
        if self.rows("SELECT 1 FROM project"):  # of an earlier version
            known = known.chosen(self.vocabulary.parents)
            for each in reversed(self.merged_classes()):
                known = known.with_former(each.value, each.place, each.class_, each.heir)
        return known

    def keep_tree(self, known: ClassTree) -> None:
        """Have a tree of all classes that the set ever had; inside a transaction."""
        rows = [(place, *row) for place, row in enumerate(known.rows())]
        self._connection.execute("DELETE FROM class_tree")
        self._connection.executemany(
            "INSERT INTO class_tree (place, value, parent, passed) VALUES (?, ?, ?, ?)", rows
        )

    def _vocabulary(self, vocabulary: Vocabulary) -> int:
        """Return the number of a vocabulary's record, which is made where there is none."""
        self._connection.execute(
            "INSERT OR IGNORE INTO vocabularies (fingerprint, document, made) VALUES (?, ?, ?)",
            (vocabulary.fingerprint, json.dumps(vocabulary.to_document()), time.time()),
        )
        query = "SELECT id FROM vocabularies WHERE fingerprint = ?"
        return int(self.rows(query, (vocabulary.fingerprint,))[0][0])

    def _recipe(self, recipe: Recipe | str) -> int:
        """Return the number of a recipe's record, which is made where there is none."""
        document, key = (
            (recipe, "") if isinstance(recipe, str) else (recipe.to_json(), recipe.key())
        )
        self._connection.execute(
            "INSERT OR IGNORE INTO recipes (document, key, made) VALUES (?, ?, ?)",
            (document, key, time.time()),
        )
        return int(self.rows("SELECT id FROM recipes WHERE document = ?", (document,))[0][0])

    # -- merged classes

    def merged_classes(self) -> list[MergedClass]:
        """Return the classes that became others, in the order in which they did."""
        rows = self.rows(
            "SELECT value, heir, place, class, prompts, by, at FROM merged_classes ORDER BY at, rowid"
        )
        where = f"The merged classes in {str(self.path)!r}"
        return [
            MergedClass(
                value, heir, place, load_json(class_, where), load_json(prompts, where), by, at
            )
            for value, heir, place, class_, prompts, by, at in rows
        ]

    def survivors(self) -> dict[int, int]:
        """Return by label value of a class that became another one, that of the class which it is now."""
        return dict(self.rows("SELECT value, survivor FROM merged_classes"))

    def became(self, value: int) -> list[int]:
        """Return the label values that regions may have which show a class: its own, and merged ones."""
        rows = self.rows("SELECT value FROM merged_classes WHERE survivor = ?", (value,))
        return [value, *(each for (each,) in rows)]

    def note_merge(self, merged: MergedClass) -> None:
        """Take note that a class became another one; inside a transaction."""
        self._connection.execute(
            "INSERT OR REPLACE INTO merged_classes (value, heir, survivor, place, class, prompts, by, at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                merged.value,
                merged.heir,
                merged.heir,
                merged.place,
                json.dumps(merged.class_),
                json.dumps(merged.prompts),
                merged.by,
                merged.at,
            ),
        )
        self._follow_merges()

    def forget_merges(self, values: Iterable[int]) -> None:
        """Forget that classes became others; inside a transaction."""
        gone = [(value,) for value in values]
        if gone:
            self._connection.executemany("DELETE FROM merged_classes WHERE value = ?", gone)
            self._follow_merges()

    def _follow_merges(self) -> None:
        heirs = dict(self.rows("SELECT value, heir FROM merged_classes"))
        found = []
        for value, heir in heirs.items():
            passed = {value}
            while heir in heirs and heir not in passed:
                passed.add(heir)
                heir = heirs[heir]
            found.append((heir, value))
        self._connection.executemany(
            "UPDATE merged_classes SET survivor = ? WHERE value = ?", found
        )

    # -- images

    @property
    def places(self) -> list[str]:
        """The folders, patterns and files in which images are looked for."""
        return [place for (place,) in self.rows("SELECT place FROM places ORDER BY place")]

    def look_in(self, places: Iterable[str]) -> None:
        """Look for images there from now on; inside a transaction."""
        self._connection.executemany(
            "INSERT OR IGNORE INTO places (place) VALUES (?)", [(place,) for place in places]
        )

    def forget_place(self, place: str) -> None:
        """Look for images there no longer; inside a transaction."""
        self._connection.execute("DELETE FROM places WHERE place = ?", (place,))

    def add(self, images: Iterable[Found], taken: Collection[str] = ()) -> list[str]:
        """Add images that are not there yet; return the names of those. Inside a transaction.

        Args:
            images: of which some may be there.
            taken: names that a new one cannot have.
        """
        execute = self._connection.execute
        stacks: dict[str, int] = {}
        new = []
        for image in images:
            if image.stack is not None and image.path not in stacks:
                stacks[image.path] = self._stack(image.path, image.stack)
            place = image.path, _plane(image.plane)
            # Of each by itself, since folders are collected one by one, and there may be 50,000.
            if execute("SELECT 1 FROM items WHERE path = ? AND plane = ?", place).fetchone():
                continue
            # Another one may have lain there once.
            names = itertools.chain(
                [image.name], (f"{image.name}-{number}" for number in itertools.count(2))
            )
            named = "SELECT 1 FROM items WHERE name = ?"
            name = next(
                each
                for each in names
                if each not in taken and not execute(named, (each,)).fetchone()
            )
            row = (name, *place, stacks.get(image.path), image.size, image.mtime, time.time())
            execute(
                "INSERT INTO items (name, path, plane, stack, size, mtime, at) VALUES (?, ?, ?, ?, ?, ?, ?)",
                row,
            )
            new.append(name)
        return new

    def _stack(self, path: str, stack: Stack) -> int:
        """Return the number of a stack's record, which is made, or says what the file has now."""
        columns = [json.dumps(column) for column in stack.to_document().values()]
        self._connection.execute(
            "INSERT INTO stacks (path, axes, shape, spacing, units) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT (path) DO UPDATE SET axes = excluded.axes, shape = excluded.shape,"
            " spacing = excluded.spacing, units = excluded.units",
            (path, *columns),
        )
        return int(self.rows("SELECT id FROM stacks WHERE path = ?", (path,))[0][0])

    def stacks(self) -> list[StackRecord]:
        """Return the stacks, by their paths."""
        query = "SELECT id, path, axes, shape, spacing, units FROM stacks ORDER BY path"
        names = ("axes", "shape", "spacing", "units")
        found = []
        for number, path, *columns in self.rows(query):
            where = f"The index {str(self.path)!r}"
            said = {name: load_json(text, where) for name, text in zip(names, columns, strict=True)}
            found.append(StackRecord(number, path, Stack.from_document(said, where)))
        return found

    def forget_unread(self, path: str) -> list[str]:
        """Forget the item of a file that was taken for one image and is a stack; return its name, if any.

        Inside a transaction. What has a result stays.
        """
        where = "WHERE path = ? AND plane = '' AND run IS NULL AND regions IS NULL"
        names = [name for (name,) in self.rows(f"SELECT name FROM items {where}", (path,))]
        self._connection.execute(f"DELETE FROM items {where}", (path,))
        return names

    def items(
        self,
        states: Iterable[ItemState] | None = None,
        *,
        order: str = "id",
        descending: bool = False,
    ) -> list[ItemRecord]:
        """Return items.

        Args:
            states: only those in one of them; ``None``: all.
            order: a column of theirs.
            descending: the largest first.
        """
        if order not in ItemRecord.__slots__:
            raise InputError(
                f"Items cannot be sorted by {order!r}; choose one of {', '.join(ItemRecord.__slots__)}."
            )
        chosen = list(ItemState) if states is None else list(states)
        marks = ", ".join("?" * len(chosen))
        rows = self.rows(
            f"SELECT {_ITEM} FROM items WHERE state IN ({marks})"
            f" ORDER BY {_ORDERS.get(order, order)} {'DESC' if descending else 'ASC'} NULLS LAST, id",
            chosen,
        )
        return [_item(row) for row in rows]

    def readable_items(self) -> list[ItemRecord]:
        """Return the items as far as the file can be read; what a damaged one makes of others is left out."""
        found = []
        for row in self.readable_rows(f"SELECT {_ITEM} FROM items"):
            with contextlib.suppress(KeyError, TypeError, ValueError, AttributeError):
                record = _item(row)
                texts = (record.name, record.path, record.digest, record.reason, record.by)
                numbers = (record.id, record.size, record.mtime, record.run or 0, record.stack or 0)
                if (
                    all(type(text) is str for text in texts)
                    and all(type(number) is int for number in numbers)
                    and type(record.at) is float
                ):
                    found.append(record)
        return found

    def items_of(self, numbers: Iterable[int]) -> list[ItemRecord]:
        """Return the items of some numbers, in their order; those that are gone are left out."""
        asked = [int(number) for number in numbers]
        rows = self.rows(
            f"SELECT {_ITEM} FROM items WHERE id IN (SELECT value FROM json_each(?))",
            (json.dumps(asked),),
        )
        found = {row[0]: row for row in rows}
        return [_item(found[number]) for number in asked if number in found]

    def names(self) -> dict[tuple[str, Where], str]:
        """Return the name of each item by its path, as seen from the project's folder, and its plane."""
        rows = self.rows("SELECT path, plane, name FROM items")
        return {(path, _where(plane)): name for path, plane, name in rows}

    def names_by_number(self, states: Iterable[ItemState]) -> dict[int, str]:
        """Return the names of the items in some states, by the items' numbers."""
        chosen = list(states)
        marks = ", ".join("?" * len(chosen))
        rows = self.rows(f"SELECT id, name FROM items WHERE state IN ({marks}) ORDER BY id", chosen)
        return dict(rows)

    def noted_files(self) -> dict[str, list[NotedFile]]:
        """Return the items' files as they were seen last, by the paths of images; of a stack several."""
        found: dict[str, list[NotedFile]] = {}
        for path, item, plane, *seen in self.rows(
            "SELECT path, id, plane, size, mtime, digest FROM items"
        ):
            found.setdefault(path, []).append(NotedFile(item, _where(plane), *seen))
        return found

    def files(self) -> set[tuple[str, int, int]]:
        """Return path, size and time of the files that were looked at; what could not be read is left out."""
        query = "SELECT DISTINCT path, size, mtime FROM items WHERE state <> 'failed' OR run IS NOT NULL"
        return {(path, size, mtime) for path, size, mtime in self.rows(query)}

    def item(self, name: str) -> ItemRecord:
        """Return the item of a name, of a path, or of a path and a plane as in ``cells.tif[3]``.

        Raises:
            NoItemError: there is none.
            InputError: it is a stack.
        """
        query = f"SELECT {_ITEM} FROM items WHERE"
        rows = self.rows(f"{query} name = ? OR (path = ? AND plane = '')", (name, name))
        plane = PLANE.fullmatch(name)
        if not rows and plane is not None:
            place = plane[1], plane[2].replace(" ", "")
            rows = self.rows(f"{query} path = ? AND plane = ?", place)
        if not rows:
            rows = self.rows(f"{query} path = ? ORDER BY id", (name,))
            if rows:
                raise InputError(
                    f"{name!r} is a stack of {len(rows)} planes; name one, such as {_item(rows[0]).title!r}."
                )
            raise NoItemError(f"The project has no item {name!r}; look at what status lists.")
        return _item(rows[0])

    def item_called(self, name: str) -> ItemRecord | None:
        """Return the item whose folder has a name; ``None``: there is none."""
        rows = self.rows(f"SELECT {_ITEM} FROM items WHERE name = ?", (name,))
        return _item(rows[0]) if rows else None

    def __len__(self) -> int:
        return int(self.rows("SELECT count(*) FROM items")[0][0])

    def count(self, states: Iterable[ItemState] = ItemState) -> dict[ItemState, int]:
        """Return how many items are in each of ``states`` that any is in, in their order."""
        found = dict(self.rows("SELECT state, count(*) FROM items GROUP BY state"))
        return {state: found[state] for state in states if state in found}

    def stale(self, runs: Iterable[int]) -> dict[ItemState, int]:
        """Return how many items have a result of none of ``runs``, by their state."""
        fresh = json.dumps([int(run) for run in runs])
        rows = self.rows(
            "SELECT state, count(*) FROM items WHERE run IS NOT NULL"
            " AND run NOT IN (SELECT value FROM json_each(?)) GROUP BY state",
            (fresh,),
        )
        return {ItemState(state): number for state, number in rows}

    def mark(
        self,
        item: int,
        state: ItemState,
        *,
        reason: str = "",
        by: str = "",
        at: float | None = None,
    ) -> None:
        """Bring an item into a state; inside a transaction."""
        self._connection.execute(
            "UPDATE items SET state = ?, reason = ?, by = ?, at = ? WHERE id = ?",
            (state, reason, by, time.time() if at is None else at, item),
        )

    def restore(self, former: ItemRecord) -> None:
        """Bring an item back into the state that it had; inside a transaction."""
        state = former.state
        if state is ItemState.RUNNING:  # of a run that is over
            state = ItemState.NEW if former.run is None else ItemState.PRELABELLED
        self.mark(former.id, state, reason=former.reason, by=former.by, at=former.at)

    def free_running(self) -> None:
        """Take what a killed run has left for new, so that it is run; inside a transaction."""
        self._connection.execute("UPDATE items SET state = 'new' WHERE state = 'running'")

    def note_file(self, item: int, size: int, mtime: int, digest: str) -> None:
        """Take note of an image's file as it is now; inside a transaction."""
        self._connection.execute(
            "UPDATE items SET size = ?, mtime = ?, digest = ? WHERE id = ?",
            (size, mtime, digest, item),
        )

    def note_times(self, files: Iterable[NotedFile]) -> None:
        """Take note of sizes and times of files whose content is the one of before; inside a transaction."""
        self._connection.executemany(
            "UPDATE items SET size = ?, mtime = ? WHERE id = ? AND digest = ?",
            [(file.size, file.mtime, file.id, file.digest) for file in files],
        )

    def move(self, items: Mapping[int, str], stacks: Mapping[int, str]) -> None:
        """Take note of where images, and stacks, lie now; inside a transaction.

        One may lie where another one lay: all of them leave first.
        """
        for table, moved in (("items", items), ("stacks", stacks)):
            update = f"UPDATE {table} SET path = ? WHERE id = ?"
            self._connection.executemany(update, [(f"\0{number}", number) for number in moved])
            self._connection.executemany(update, [(path, number) for number, path in moved.items()])

    # -- regions

    def take_regions(
        self,
        item: int,
        table: pd.DataFrame,
        run: int | None,
        *,
        by: str = "",
        at: float | None = None,
        moved: Mapping[int, int] | None = None,
    ) -> None:
        """Take an item's regions as they are now; inside a transaction.

        Args:
            item: whose they are.
            table: of a result, or of a session, which has ``state`` too.
            run: that proposed them; ``None``: as before.
            by: who decided what is decided now and was not before, or was otherwise.
            at: when; ``None``: now.
            moved: label values that are others' by now, or are their own again: who decided stays.
        """
        execute = self._connection.execute
        now = time.time() if at is None else at
        survivors, motions = self.survivors(), moved or {}

        def last(value: int) -> int:
            was = motions.get(value, value)
            return survivors.get(was, was)

        def alike(before: int, value: int) -> bool:
            return last(before) == last(value)

        former = {
            region: (state, value, who, when, which)
            for region, state, value, who, when, which in execute(
                "SELECT id, state, value, by, at, run FROM regions WHERE item = ?", (item,)
            )
        }
        states = list(table["state"]) if "state" in table else [""] * len(table)
        values = table["label"] if "label" in table else table["value"]
        rows = []
        undecided: list[float] = []
        gain = 0.0
        columns = ("id", "p", "margin", "area", "min_row", "min_col", "max_row", "max_col")
        numbers = zip(*(table[name].tolist() for name in columns), strict=True)
        for (region, p, *more), value, state in zip(numbers, values.tolist(), states, strict=True):
            before = former.get(region)
            who, when = (by, now) if state else ("", None)
            if before is not None and state and before[0] == state and alike(before[1], value):
                who, when = before[2:4]
            which = run if run is not None else (before[4] if before is not None else None)
            rows.append((item, region, value, p, *more, state, who, when, which))
            if not state:
                undecided.append(p)
                gain += more[1] * (1 - more[0])  # area x (1 - margin)
        execute("DELETE FROM regions WHERE item = ?", (item,))
        self._connection.executemany(f"INSERT INTO regions VALUES ({', '.join('?' * 14)})", rows)
        execute(
            "UPDATE items SET regions = ?, undecided = ?, least = ?, gain = ? WHERE id = ?",
            (len(rows), len(undecided), min(undecided, default=None), gain, item),
        )

    def regions_of(self, pairs: Sequence[tuple[int, int]]) -> dict[tuple[int, int], RegionRecord]:
        """Return regions by their items' numbers and their ids; those that are gone are left out."""
        rows = self.rows(
            "WITH asked (item, id) AS (SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]')"
            ' FROM json_each(?)) SELECT item, id, shown_regions.value, state, top, "left", bottom, "right"'
            " FROM asked JOIN shown_regions USING (item, id)",
            (json.dumps(pairs),),
        )
        return {
            (item, region): RegionRecord(value, state, (top, left, bottom, right))
            for item, region, value, state, top, left, bottom, right in rows
        }

    def region_keys(
        self, *, undecided: bool = False, value: int | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return items' numbers and ids of all regions, of undecided ones, or of those of a class."""
        query = "SELECT item, id FROM regions WHERE (NOT ? OR state = '')"
        given: list[int] = [undecided]
        if value is not None:  # as the regions have it, so that SQLite takes the index of values
            values = self.became(value)
            query += f" AND value IN ({', '.join('?' * len(values))})"
            given += values
        rows = self.rows(query, given)
        found = np.array(rows, np.int64).reshape(-1, 2)
        return found[:, 0], found[:, 1]

    def tell_decisions(
        self, item: int, told: Iterable[tuple[int, str, int, str, float | None]]
    ) -> None:
        """Take note of who decided what when; inside a transaction.

        Args:
            item: whose regions.
            told: id, state, value, who and when of some (``None``: nobody knows); a region of another state
                or value is left as it is.
        """
        self._connection.executemany(
            "UPDATE regions SET by = ?, at = ? WHERE item = ? AND id = ? AND state = ? AND value = ?",
            [(who, when, item, region, state, value) for region, state, value, who, when in told],
        )

    # -- runs

    def begin_run(
        self,
        vocabulary: Vocabulary,
        recipe: Recipe | str,
        *,
        at: float | None = None,
        made_by: str = "",
    ) -> int:
        """Begin a run; return its number. Inside a transaction.

        Args:
            vocabulary: the classes.
            recipe: or its document, of a version that is not known here.
            at: when; ``None``: now.
            made_by: version of this package; empty: this one.
        """
        specs = () if isinstance(recipe, str) else recipe.networks
        networks = [{"name": spec.architecture, "sha256": spec.sha256} for spec in specs]
        cursor = self._connection.execute(
            "INSERT INTO runs (begun, version, recipe, vocabulary, networks) VALUES (?, ?, ?, ?, ?)",
            (
                time.time() if at is None else at,
                made_by or version("napari-corrclip"),
                self._recipe(recipe),
                self._vocabulary(vocabulary),
                json.dumps(networks),
            ),
        )
        assert cursor.lastrowid is not None
        return cursor.lastrowid

    def give_result(self, item: int, run: int, seconds: float, *, count: bool = True) -> None:
        """Take note of a result, and count it unless its run has; inside a transaction."""
        self._connection.execute(
            "UPDATE items SET run = ?, seconds = ? WHERE id = ?", (run, seconds, item)
        )
        if count:
            self._connection.execute("UPDATE runs SET done = done + 1 WHERE id = ?", (run,))

    def note_failure(self, run: int) -> None:
        """Count an item that failed; inside a transaction."""
        self._connection.execute("UPDATE runs SET failed = failed + 1 WHERE id = ?", (run,))

    def end_run(self, run: int, *, at: float | None = None) -> None:
        """Take note that a run has come to its end, now or then; inside a transaction."""
        when = time.time() if at is None else at
        self._connection.execute("UPDATE runs SET ended = ? WHERE id = ?", (when, run))

    def span_run(self, run: int, begun: float, ended: float) -> None:
        """Take note that a run was at work from one time to another at least; inside a transaction."""
        self._connection.execute(
            "UPDATE runs SET begun = min(begun, ?), ended = max(coalesce(ended, 0), ?) WHERE id = ?",
            (begun, ended, run),
        )

    def bring_back_run(self, run: RunRecord, vocabulary: Vocabulary, recipe: Recipe | str) -> None:
        """Have a run of an index that this one is made after, with its number; inside a transaction."""
        words, how = self._vocabulary(vocabulary), self._recipe(recipe)
        self._connection.execute(
            "INSERT INTO runs (id, begun, ended, version, recipe, vocabulary, networks, done, failed)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                run.id,
                run.begun,
                run.ended,
                run.version,
                how,
                words,
                run.networks,
                run.done,
                run.failed,
            ),
        )

    def runs(self) -> list[RunRecord]:
        """Return all runs, the first one first."""
        rows = self.rows(
            "SELECT runs.id, begun, ended, version, recipes.document, vocabularies.document, networks,"
            " done, failed FROM runs JOIN recipes ON recipe = recipes.id"
            " JOIN vocabularies ON vocabulary = vocabularies.id ORDER BY runs.id"
        )
        return [RunRecord(*row) for row in rows]


_STATES = {str(state): state for state in ItemState}
_STATE, _PLACE = (ItemRecord.__slots__.index(name) for name in ("state", "plane"))
_ORDERS = {"plane": "id"}
"""Columns whose text does not sort as what they say; planes were added in their order."""


@lru_cache(maxsize=8)
def _read_vocabulary(document: str, where: str) -> Vocabulary:
    """Return the classes of the index's text, which nearly everybody asks for, and few change."""
    return Vocabulary.from_document(load_json(document, where))


def _plane(plane: Where) -> str:
    return ",".join(map(str, plane))


def _where(text: str) -> Where:
    return tuple(map(int, text.split(","))) if text else ()


def _item(row: Sequence[Any]) -> ItemRecord:
    values = list(row)
    values[_STATE] = _STATES[values[_STATE]]
    values[_PLACE] = _where(values[_PLACE])
    return ItemRecord(*values)
