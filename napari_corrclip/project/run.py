"""The runner over many images, or many planes of one: has it, work, save it, report.

Cancelled, it goes on where it was. It knows neither networks nor files: an item says how its result is made,
a store whether there is one already and how it is kept. The command line's loop over images and the dock's
stack are two of its callers.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

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


Outcome = Done[K, R] | Skipped[K] | Failed[K]
Event = Progress | Outcome[K, R]


def is_a_bug(error: Exception) -> bool:
    """Whether ``error`` is none of ours: then no other item is tried, and the caller says so."""
    return not isinstance(error, CorrClipError)


def run_steps(
    items: Sequence[Item[K, R]],
    store: Store[K, R],
    *,
    ends: Callable[[Exception], bool] = is_a_bug,
) -> Generator[Event[K, R], None, Report[K]]:
    """Work on items one by one, and save each result as soon as it is there.

    What the store has is left as it is, so a run that was cancelled or that crashed goes on where it was.
    An item that fails is reported, and the next one is taken. Not more than one result is held.

    Args:
        items: in their order.
        store: where results are kept.
        ends: whether an error of one item ends the run, because no other would fare better.

    Raises:
        Exception: what an item raised for which ``ends`` said so.
    """
    done: list[K] = []
    skipped: list[K] = []
    failed: list[tuple[K, str]] = []
    unsaved: list[tuple[K, str]] = []
    for item in items:
        if store.has(item.key):
            skipped.append(item.key)
            yield Skipped(item.key)
            continue
        made = yield from _made(item, store, ends)
        if isinstance(made, Failed):
            failed.append((item.key, str(made.error)))
            yield made
            # Its frames hold an image, and the report is not to hold them all.
            made.error.__traceback__ = None
        elif isinstance(made, Skipped):
            skipped.append(item.key)
            yield made
        else:
            done.append(item.key)
            if made.problem is not None:
                unsaved.append((item.key, str(made.problem)))
            yield made
        del made  # before the next one is made
    return Report(tuple(done), tuple(skipped), tuple(failed), tuple(unsaved))


def _made(
    item: Item[K, R], store: Store[K, R], ends: Callable[[Exception], bool]
) -> Steps[Outcome[K, R]]:
    try:
        result = yield from retold(item.steps(), _titled(item.title))
    except Exception as error:
        if ends(error):
            raise
        return Failed(item.key, error)
    try:
        store.save(item.key, result)
    except KeptMeanwhileError:
        return Skipped(item.key)
    except Exception as error:
        if ends(error):
            raise
        return Done(item.key, result, error)
    return Done(item.key, result, None)


def _titled(title: str) -> Callable[[Progress], Progress]:
    def told(event: Progress) -> Progress:
        stage = f"{title}: {event.stage}" if title else event.stage
        return Progress(stage, event.done, event.total)

    return told
