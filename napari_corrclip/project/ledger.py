"""The ledgers of a run, which take note of what becomes of its items: in their folders, or the index, too."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from napari_corrclip.annotation.files.log import has_session, is_open, put_aside
from napari_corrclip.engine.recipe import Recipe
from napari_corrclip.errors import InputError
from napari_corrclip.project.folder import SESSION, Outcome, is_corrected, now
from napari_corrclip.project.index import Index
from napari_corrclip.project.records import BY_HAND, ItemRecord, ItemState
from napari_corrclip.project.staging import place
from napari_corrclip.project.task import Proposal, Task
from napari_corrclip.vocabulary import Vocabulary


class Ledger(Protocol):
    """A ledger of a run's items: it takes note of what becomes of each."""

    def is_decided(self, task: Task) -> bool:
        """Whether a person has begun to correct an item, so that it is left as it is."""
        ...

    def begin(self, task: Task) -> None:
        """Take note that it is an item's turn."""
        ...

    def take(self, task: Task, proposal: Proposal) -> bool:
        """Let what is staged in its item's folder take its place; return false if a person was faster."""
        ...

    def fail(self, task: Task, reason: str) -> None:
        """Take note that an item has no result."""
        ...

    def end(self, *, whole: bool) -> None:
        """Take note that the run is over; ``whole``: it has come to its end."""
        ...


class Folders:
    """The ledger of a run that writes into the items' folders alone, for others to collect.

    Any number of them, on any machines, share no write as long as no item is of two.
    """

    def is_decided(self, task: Task) -> bool:
        """Whether a person has said something about an item, also since the run began, or looks at it now."""
        return self._state(task) in BY_HAND or _is_taken(task.folder)

    def _state(self, task: Task) -> ItemState:
        """Return an item's state as it is now, by its folder; before anything is there, as it was."""
        try:
            return Outcome.read(task.folder).state
        except InputError:  # there is none, or it is damaged
            return task.record.state

    def begin(self, task: Task) -> None:
        """Do nothing."""

    def take(self, task: Task, proposal: Proposal) -> bool:
        """Let an item's result, and what became of it, take their places in its folder."""
        if self.is_decided(task):
            return False
        if has_session(task.folder / SESSION):  # somebody looked, and left all as it was
            try:
                put_aside(task.folder / SESSION)
            except InputError:
                if is_open(task.folder / SESSION):
                    return False  # since a moment
                raise
        place(task.folder, encoded=proposal.encoded_anew)
        return True

    def fail(self, task: Task, reason: str) -> None:
        """Write why an item has no result into its folder, unless a person has said something about it."""
        if not (self.is_decided(task) or task.again):
            _write_failure(task, reason, now())

    def end(self, *, whole: bool) -> None:
        """Do nothing."""


class Indexed(Folders):
    """The ledger of a run that is a project's own: folders, and then the index.

    Args:
        index: of the project.
        vocabulary: of the run.
        recipe: of the run.
    """

    def __init__(self, index: Index, vocabulary: Vocabulary, recipe: Recipe) -> None:
        self._index = index
        self._begun: dict[str, ItemRecord] = {}
        """Items as they were, of which nothing has become yet."""
        with index.transaction():
            self._run = index.begin_run(vocabulary, recipe)

    def _state(self, task: Task) -> ItemState:
        return self._index.item(task.record.name).state

    def begin(self, task: Task) -> None:
        """Say that an item is running."""
        with self._index.transaction():
            if not self.is_decided(task):
                self._begun[task.record.name] = task.record
                self._index.mark(task.record.id, ItemState.RUNNING)

    def take(self, task: Task, proposal: Proposal) -> bool:
        """Write both in one transaction, before and after which reviewers look whether there was one."""
        index, item, outcome = self._index, task.record.id, proposal.outcome
        with index.transaction():
            if not super().take(task, proposal):
                return False
            index.take_regions(item, proposal.result.table, self._run)
            index.note_file(item, outcome.size, outcome.mtime, outcome.digest)
            index.mark(item, outcome.state, at=outcome.at)
            index.give_result(item, self._run, outcome.seconds)
        self._begun.pop(task.record.name, None)
        return True

    def fail(self, task: Task, reason: str) -> None:
        """Write the reason into both."""
        with self._index.transaction():
            if self.is_decided(task):
                return
            if task.again:
                self._index.restore(task.record)
            else:
                at = now()  # of both, else what the folder says would be news
                _write_failure(task, reason, at)
                self._index.mark(task.record.id, ItemState.FAILED, reason=reason, at=at)
            self._index.note_failure(self._run)
        self._begun.pop(task.record.name, None)

    def end(self, *, whole: bool) -> None:
        """Bring what has not become anything back into the state that it had, and end the run's record."""
        with self._index.transaction():
            for name, former in self._begun.items():
                if self._index.item(name).state is ItemState.RUNNING:
                    self._index.restore(former)
            if whole:
                self._index.end_run(self._run)


def _write_failure(task: Task, reason: str, at: float) -> None:
    """Write into an item's folder why it has no result."""
    record = task.record
    Outcome(
        record.path, record.size, record.mtime, state=ItemState.FAILED, reason=reason, at=at,
        plane=record.plane, stack=task.stack,
    ).write_new(task.folder)  # fmt: skip


def _is_taken(folder: Path) -> bool:
    """Whether somebody has decided something about an item, or has its session open."""
    return is_corrected(folder) or is_open(folder / SESSION)
