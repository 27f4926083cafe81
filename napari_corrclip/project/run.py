"""The runner over many images, or many planes of one: has it, work, save it, report.

Cancelled, it goes on where it was. It knows neither networks nor files: an item says how its result is made,
a store whether there is one already and how it is kept. The command line's loop over images and the dock's
stack are two of its callers. What is slow about keeping a result can be done behind the work, in a thread,
while the next one is made. What is made elsewhere, as on a cluster, comes in by :func:`gather_steps`.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Generic, Protocol, Self, TypeVar, cast

from napari_corrclip.errors import CorrClipError
from napari_corrclip.progress import Progress, Steps, retold

K = TypeVar("K")
R = TypeVar("R")
K_contra = TypeVar("K_contra", contravariant=True)
R_contra = TypeVar("R_contra", contravariant=True)


@dataclass(frozen=True, eq=False, slots=True)
class Item(Generic[K, R]):
    """An image or a plane to be worked on.

    Attributes:
        key: what names it: a path, a plane's place.
        steps: returns the work, a generator of progress; called when it is the item's turn, so that nothing
            of it is read before.
        title: what it is called in the stages of the progress; empty for the stages as they are.
    """

    key: K
    steps: Callable[[], Steps[R]]
    title: str = ""


class KeptMeanwhileError(CorrClipError):
    """The error of a store that got something for an item while that was worked on, which is to stay."""


class Store(Protocol[K_contra, R_contra]):
    """A place that keeps results by their items' keys."""

    def has(self, key: K_contra) -> bool:
        """Whether there is a result already, which is then left as it is."""
        ...

    def save(self, key: K_contra, result: R_contra) -> None:
        """Keep a result.

        Raises:
            KeptMeanwhileError: there is one by now that is left as it is.
            InputError: it cannot be written.
        """
        ...


@dataclass(frozen=True, eq=False, slots=True)
class Done(Generic[K, R]):
    """An event between progress: an item has its result.

    Attributes:
        key: of which item.
        result: what came out.
        problem: why it could not be saved, so that it is only here; ``None``: it was.
    """

    key: K
    result: R
    problem: Exception | None


@dataclass(frozen=True, eq=False, slots=True)
class Skipped(Generic[K]):
    """An event between progress: an item had a result already, or has got another one meanwhile."""

    key: K


@dataclass(frozen=True, eq=False, slots=True)
class Failed(Generic[K]):
    """An event between progress: an item has no result.

    Attributes:
        key: of which item.
        error: why.
    """

    key: K
    error: Exception


@dataclass(frozen=True, eq=False, slots=True)
class Report(Generic[K]):
    """The end of a run: what became of its items.

    Attributes:
        done: have their result now, saved or not.
        skipped: had one already, or got another one meanwhile.
        failed: have none, each with the reason in a sentence.
        unsaved: of ``done``, those whose result could not be saved, each with the reason.
    """

    done: tuple[K, ...] = ()
    skipped: tuple[K, ...] = ()
    failed: tuple[tuple[K, str], ...] = ()
    unsaved: tuple[tuple[K, str], ...] = ()


@dataclass(frozen=True, eq=False, slots=True)
class Made(Generic[K, R]):
    """The end of an item's work elsewhere, before anything is saved.

    Attributes:
        key: of which item.
        result: what came out.
        error: why nothing did; ``None``: it did.
    """

    key: K
    result: R | None = None
    error: Exception | None = None


Outcome = Done[K, R] | Skipped[K] | Failed[K]
Event = Progress | Outcome[K, R]
Behind = Callable[[K, R], R]
"""The slow part of saving a result, which touches nothing but its own files; returns what the store saves."""


def is_a_bug(error: Exception) -> bool:
    """Whether ``error`` is none of ours: then no other item is tried, and the caller says so."""
    return not isinstance(error, CorrClipError)


def run_steps(
    items: Sequence[Item[K, R]],
    store: Store[K, R],
    *,
    ends: Callable[[Exception], bool] = is_a_bug,
    behind: Behind[K, R] | None = None,
) -> Generator[Event[K, R], None, Report[K]]:
    """Work on items one by one, and save each result as soon as it is there.

    What the store has is left as it is, so a run that was cancelled or that crashed goes on where it was.
    An item that fails is reported, and the next one is taken. Not more than one result is held, or two with
    ``behind``. Events come in the order of the items. A result that was made before a run is cancelled, or
    ends by another item's error, is saved.

    Args:
        items: in their order.
        store: where results are kept.
        ends: whether an error of one item ends the run, because no other would fare better.
        behind: the slow part of saving, done in a thread while the next item is worked on; ``None``: none.

    Raises:
        Exception: what an item raised for which ``ends`` said so.
    """
    account = _Account[K, R]()
    with _Saving(store, ends, behind) as saving:
        for item in items:
            if store.has(item.key):
                yield from account.all_noted(saving.all())
                yield account.noted(Skipped(item.key))
                continue
            steps = _made(item)
            try:
                while True:
                    yield from account.all_noted(saving.written())
                    try:
                        event = next(steps)
                    except StopIteration as stop:
                        made: Made[K, R] = stop.value
                        break
                    yield event
            finally:
                steps.close()
            yield from account.all_noted(saving.all())
            saving.begin(made)
            del made  # before the next one is made
        yield from account.all_noted(saving.all())
    return account.report()


def gather_steps(
    keys: Sequence[K],
    elsewhere: Callable[[Iterator[K]], Generator[Progress | Made[K, R], None, None]],
    store: Store[K, R],
    *,
    ends: Callable[[Exception], bool] = is_a_bug,
    behind: Behind[K, R] | None = None,
) -> Generator[Event[K, R], None, Report[K]]:
    """Save results that are made elsewhere as they come, in any order; else as :func:`run_steps`.

    Args:
        keys: of the items, in the order in which they are given away.
        elsewhere: returns the work, a generator of progress and of what became of each item. It takes keys
            as it has room for them; those that the store has are not among them.
        store: where results are kept.
        ends: whether an error of one item ends the run, because no other would fare better.
        behind: as for :func:`run_steps`; while it is at work, others are given away and waited for.

    Raises:
        Exception: what became of an item for which ``ends`` said so, or what ``elsewhere`` raised.
    """
    account, there = _Account[K, R](), deque[K]()

    def missing() -> Iterator[K]:
        for key in keys:
            if store.has(key):
                there.append(key)
            else:
                yield key

    steps = elsewhere(missing())
    with contextlib.closing(steps), _Saving(store, ends, behind) as saving:
        while True:
            event = next(steps, None)
            yield from account.all_noted(saving.written())
            while there:
                yield account.noted(Skipped(there.popleft()))
            if event is None:
                yield from account.all_noted(saving.all())
                return account.report()
            if isinstance(event, Progress):
                yield event
                continue
            yield from account.all_noted(saving.all())
            saving.begin(event)
            del event  # before the next one comes
            yield from account.all_noted(saving.written())


class _Saving(Generic[K, R]):
    """The saving of what became of items; at most one result is on its way to the store.

    At the end of the context that one is saved, too, but an error of it is not told any more.

    Args:
        store: where results are kept.
        ends: whether an error ends the run.
        behind: the slow part of saving.
    """

    def __init__(
        self,
        store: Store[K, R],
        ends: Callable[[Exception], bool],
        behind: Behind[K, R] | None,
    ) -> None:
        self._store, self._ends, self._behind = store, ends, behind
        self._thread = None if behind is None else ThreadPoolExecutor(1, "napari-corrclip-save")
        self._begun: tuple[K, Future[R]] | None = None
        self._over: Outcome[K, R] | None = None

    def begin(self, made: Made[K, R]) -> None:
        """Begin to save what became of an item, when :meth:`all` before it is saved.

        Raises:
            Exception: an error that ends the run.
        """
        if made.error is not None:
            if self._ends(made.error):
                raise made.error
            self._over = Failed(made.key, made.error)
            return
        result = cast("R", made.result)
        if self._thread is None or self._behind is None:
            self._over = self._saved(made.key, result)
        else:
            self._begun = made.key, self._thread.submit(self._behind, made.key, result)

    def written(self) -> Iterator[Outcome[K, R]]:
        """Yield what is saved by now.

        Raises:
            Exception: an error that ends the run.
        """
        if self._begun is None or self._begun[1].done():
            yield from self.all()

    def all(self) -> Iterator[Outcome[K, R]]:
        """Wait, and yield what is saved then.

        Raises:
            Exception: an error that ends the run.
        """
        if self._begun is not None:
            key, writing = self._begun
            try:
                result = writing.result()  # an interrupt here leaves it begun
            except Exception as error:
                self._begun = None
                self._over = self._unsaved(key, error)
            else:
                self._begun = None
                self._over = self._saved(key, result)
        if self._over is not None:
            over, self._over = self._over, None
            yield over
            _forget_frames(over)

    def _saved(self, key: K, result: R) -> Outcome[K, R]:
        try:
            self._store.save(key, result)
        except KeptMeanwhileError:
            return Skipped(key)
        except Exception as error:
            return self._unsaved(key, error, result)
        return Done(key, result, None)

    def _unsaved(self, key: K, error: Exception, result: R | None = None) -> Outcome[K, R]:
        if self._ends(error):
            raise error
        return Done(key, cast("R", result), error)

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Save what is on its way, and let go of the thread."""
        if self._thread is not None:
            with contextlib.suppress(CorrClipError):  # that item has no result, and is made again
                for _over in self.all():
                    pass
            self._thread.shutdown()


@dataclass(eq=False, slots=True)
class _Account(Generic[K, R]):
    """The account of a run: what became of its items."""

    done: list[K] = field(default_factory=list)
    skipped: list[K] = field(default_factory=list)
    failed: list[tuple[K, str]] = field(default_factory=list)
    unsaved: list[tuple[K, str]] = field(default_factory=list)

    def noted(self, outcome: Outcome[K, R]) -> Outcome[K, R]:
        """Note what became of an item, and return it."""
        if isinstance(outcome, Failed):
            self.failed.append((outcome.key, str(outcome.error)))
        elif isinstance(outcome, Skipped):
            self.skipped.append(outcome.key)
        else:
            self.done.append(outcome.key)
            if outcome.problem is not None:
                self.unsaved.append((outcome.key, str(outcome.problem)))
        return outcome

    def all_noted(self, outcomes: Iterator[Outcome[K, R]]) -> Iterator[Outcome[K, R]]:
        """Note what became of items, and yield each."""
        for outcome in outcomes:
            yield self.noted(outcome)
            del outcome  # its result is let go of

    def report(self) -> Report[K]:
        """Return the report of all that was noted."""
        return Report(
            tuple(self.done), tuple(self.skipped), tuple(self.failed), tuple(self.unsaved)
        )


def _made(item: Item[K, R]) -> Steps[Made[K, R]]:
    """Work on an item; what goes wrong is a value."""
    try:
        return Made(item.key, (yield from retold(item.steps(), _titled(item.title))))
    except Exception as error:
        return Made(item.key, error=error)


def _forget_frames(outcome: Outcome[K, R]) -> None:
    """Let go of the frames of an error, which hold an image; a report is not to hold them all."""
    if isinstance(outcome, Failed):
        outcome.error.__traceback__ = None


def _titled(title: str) -> Callable[[Progress], Progress]:
    def told(event: Progress) -> Progress:
        stage = f"{title}: {event.stage}" if title else event.stage
        return Progress(stage, event.done, event.total)

    return told
