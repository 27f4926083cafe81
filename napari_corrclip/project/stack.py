"""A stack, one slice after another: each slice's session is kept as it is done, and a run goes on later."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.annotation import Session, SessionStore, Source
from napari_corrclip.engine.encoded_image import run_steps
from napari_corrclip.engine.segmenter import Segmenter
from napari_corrclip.errors import CorrClipError, InputError
from napari_corrclip.images import Pixels, read_pixels
from napari_corrclip.progress import Progress, Steps, T, retold
from napari_corrclip.results.provenance import Stretch
from napari_corrclip.vocabulary import Vocabulary


@dataclass(frozen=True, eq=False, slots=True)
class Slice:
    """A slice to segment.

    Attributes:
        where: its index along each axis that is not shown; names it.
        read: returns (H, W, 3) uint8, or pixels that know where there is no data; called when it is its
            turn.
        source: the file, with this slice; ``None`` where there is none.
        stretch: returns how it became 8 bits, as its provenance is to tell; called when it has been read.
    """

    where: tuple[int, ...]
    read: Callable[[], NDArray[np.uint8] | Pixels]
    source: Source | None = None
    stretch: Callable[[], tuple[Stretch | None, ...]] = tuple


@dataclass(frozen=True, eq=False, slots=True)
class Sliced:
    """An event between progress: a slice is done.

    Attributes:
        where: which one.
        session: of the slice, with its engine.
        problem: why the session could not be written to its journal; ``None`` where it was, or where the
            slice has no source: then it is only here.
    """

    where: tuple[int, ...]
    session: Session
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class StackRun:
    """The outcome of a run over slices.

    Attributes:
        done: were segmented now.
        skipped: had a session already.
        failed: could not be segmented, each with the reason in a sentence.
    """

    done: tuple[tuple[int, ...], ...] = ()
    skipped: tuple[tuple[int, ...], ...] = ()
    failed: tuple[tuple[tuple[int, ...], str], ...] = ()


def stack_steps(
    segmenter: Segmenter,
    slices: Sequence[Slice],
    vocabulary: Vocabulary,
    *,
    have: Collection[tuple[int, ...]] = (),
    store: SessionStore | None = None,
) -> Generator[Progress | Sliced, None, StackRun]:
    """Segment slices one by one, and keep each session in its journal's folder as soon as it is there.

    Slices that have a session are left as they are, so a run that was cancelled or that crashed goes on
    where it was. A slice that cannot be read is reported, and the next one is taken.

    Args:
        segmenter: the networks.
        slices: in their order.
        vocabulary: the classes.
        have: slices that somebody holds a session of in memory.
        store: where the sessions are kept; ``None``: the person's.

    Raises:
        InputError: the vocabulary does not fit the networks.
    """
    store = store or SessionStore()
    segmenter.check_prompts(vocabulary)
    done, skipped, failed = [], [], []
    for number, slice_ in enumerate(slices, 1):
        if slice_.where in have or (slice_.source and slice_.source in store):
            skipped.append(slice_.where)
            continue
        stage = f"plane {number} of {len(slices)}"
        yield Progress(f"{stage}: read", 0, 1)
        try:
            pixels = read_pixels(slice_.read())
            steps = run_steps(segmenter, pixels, vocabulary)
            result, engine = yield from _staged(steps, stage)
            result = result.stretched(slice_.stretch())
            session = Session(result, pixels.rgb, engine=engine, source=slice_.source)
        except CorrClipError as error:
            failed.append((slice_.where, str(error)))
            continue
        problem = _write(session, store)
        done.append(slice_.where)
        yield Sliced(slice_.where, session, problem)
        del session, engine, result, pixels, steps  # not two slices at once
    return StackRun(tuple(done), tuple(skipped), tuple(failed))


def _staged(steps: Steps[T], stage: str) -> Steps[T]:
    """``steps`` with the name of a slice before each of its stages."""
    return retold(steps, lambda event: Progress(f"{stage}: {event.stage}", event.done, event.total))


def _write(session: Session, store: SessionStore) -> str | None:
    """Write a session to its journal's folder; return what is wrong, if anything is."""
    if session.source is None:
        return None
    try:
        store.journal(session).close()
    except InputError as error:
        return str(error)
    return None
