"""The former index of a project whose index is made anew: what it alone has, as far as it can be read.

Who decided about a region and when, when runs were, and images that nothing has become of are in no other
file. Of a damaged index that is taken which fits what lies in the items' folders; one that is whole is
believed, too, where it is ahead of a folder: a process may be killed between the two.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from napari_corrclip.errors import InputError
from napari_corrclip.images.stack import Stack
from napari_corrclip.project.folder import Outcome, now
from napari_corrclip.project.index import Found, Index
from napari_corrclip.project.records import BY_HAND, ItemRecord, ItemState, RunRecord


class Former:
    """A former index that is read; use it as a context.

    Args:
        path: of its file; there need be none.

    Attributes:
        whole: whether nothing in it is damaged.
        items: its items, by their folders' names.
        runs: its runs.
        stacks: the planes of its stacks, by their numbers.
    """

    def __init__(self, path: Path) -> None:
        self.whole = False
        self.items: dict[str, ItemRecord] = {}
        self.runs: list[RunRecord] = []
        self.stacks: dict[int, Stack] = {}
        self._index: Index | None = None
        with contextlib.suppress(
            InputError
        ):  # missing, damaged, of another program or a newer version
            self._index = Index(path, read_only=True)
        if self._index is None:
            return
        self.items = {record.name: record for record in self._index.readable_items()}
        with contextlib.suppress(InputError):
            self.runs = [run for run in self._index.runs() if _is_sound(run)]
        with contextlib.suppress(InputError):
            self.stacks = {stack.id: stack.planes for stack in self._index.stacks()}
            self.whole = self._index.readable_rows("PRAGMA quick_check(1)") == [("ok",)]

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Let go of it."""
        if self._index is not None:
            self._index.close()

    def found(self) -> Iterator[Found]:
        """Yield its images, in their order; nothing of a damaged one, which may name what never was."""
        if not self.whole or self._index is None:
            return
        for record in sorted(self.items.values(), key=lambda record: record.id):
            stack = None if record.stack is None else self.stacks[record.stack]
            yield Found(record.name, record.path, record.size, record.mtime, record.plane, stack)

    def run_of(self, name: str) -> int | None:
        """Return the run of an item's result, as far as it is known."""
        return self.items[name].run if name in self.items else None

    def decisions(self, name: str) -> list[tuple[int, str, int, str, float]]:
        """Return what is known of decisions in an item: id, state, value, who and when of regions."""
        record = self.items.get(name)
        if record is None or self._index is None:
            return []
        rows = self._index.readable_rows(
            "SELECT id, state, value, by, at FROM regions WHERE item = ? AND state <> ''",
            (record.id,),
        )
        kinds = (int, str, int, str, float)
        return [
            row
            for row in rows
            if all(type(value) is kind for value, kind in zip(row, kinds, strict=True))
            and 0 < row[-1] <= now()
        ]

    def ahead_of(self, name: str, outcome: Outcome) -> Outcome | None:
        """Return what became of an item where a person said it later than its folder; else ``None``."""
        record = self.items.get(name)
        if not self.whole or record is None or record.at <= outcome.at:
            return None
        if record.state in BY_HAND or (
            record.by and record.state in (ItemState.NEW, ItemState.PRELABELLED)
        ):
            return replace(
                outcome, state=record.state, reason=record.reason, by=record.by, at=record.at
            )
        return None

    def outcome_of(self, name: str) -> Outcome | None:
        """Return what became of an item whose folder does not say it; ``None``: that is not known."""
        record = self.items.get(name)
        if not self.whole or self._index is None or record is None:
            return None
        ((seconds, stack),) = self._index.rows(
            "SELECT coalesce(seconds, 0.0), stack FROM items WHERE id = ?", (record.id,)
        )
        state = record.state
        if state is ItemState.RUNNING:
            state = ItemState.NEW if record.run is None else ItemState.PRELABELLED
        return Outcome(
            record.path,
            record.size,
            record.mtime,
            record.digest,
            state,
            record.reason,
            record.by,
            record.at,
            seconds=seconds,
            plane=record.plane,
            stack=None if stack is None else self.stacks[stack],
        )

    def said(self) -> Iterator[str]:
        """Yield the names of items of which a person has said something."""
        return (
            name for name, record in self.items.items() if self.whole and record.state in BY_HAND
        )


def _is_sound(run: RunRecord) -> bool:
    """Whether a run's record has what it is to have; a damaged file may have anything."""
    texts = (run.version, run.recipe, run.vocabulary, run.networks)
    return (
        all(type(text) is str for text in texts)
        and all(type(number) is int for number in (run.id, run.done, run.failed))
        and type(run.begun) is float
        and (run.ended is None or type(run.ended) is float)
    )
