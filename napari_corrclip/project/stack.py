"""The run over a stack: a session for each slice, kept in its journal as it is done."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.annotation import Session, SessionStore, Source
from napari_corrclip.annotation.belonging import Look, Looks
from napari_corrclip.engine.encoded_image import run_steps as segment_steps
from napari_corrclip.engine.segmenter import Segmenter
from napari_corrclip.images import Pixels, read_pixels
from napari_corrclip.progress import Progress, Steps
from napari_corrclip.project.run import Event, Item, Report, run_steps
from napari_corrclip.results.provenance import Stretch
from napari_corrclip.vocabulary import Vocabulary

Where = tuple[int, ...]
"""The index of a slice along each axis that is not shown."""


@dataclass(frozen=True, eq=False, slots=True)
class Slice:
    """A slice to segment.

    Attributes:
        where: its index along each axis that is not shown; names it.
        read: returns (H, W, 3) uint8, or pixels that know where there is no data; called when it is its
            turn.
        source: the file, with this slice; ``None`` where there is none.
        stretch: returns how it became 8 bits, as its provenance is to tell; called when it has been read.
        looks: returns how it is looked at, to know a session of it again; ``None``: as it is read.
        stack: how many slices there are along each axis that is not shown.
    """

    where: Where
    read: Callable[[], NDArray[np.uint8] | Pixels]
    source: Source | None = None
    stretch: Callable[[], tuple[Stretch | None, ...]] = tuple
    looks: Callable[[], Looks] | None = None
    stack: tuple[int, ...] = ()

    def look(self, _stretch: tuple[Stretch | None, ...]) -> Iterable[Look]:
        """Yield it as it is read."""
        yield Look(read_pixels(self.read()).rgb)


def stack_steps(
    segmenter: Segmenter,
    slices: Sequence[Slice],
    vocabulary: Vocabulary,
    *,
    have: Collection[Where] = (),
    store: SessionStore | None = None,
) -> Generator[Event[Where, Session], None, Report[Where]]:
    """Segment slices one by one, and keep each session in its journal's folder as soon as it is there.

    Slices that have a session are left as they are, so a run that was cancelled or that crashed goes on
    where it was; where the file was changed since, it has to be a session of the slice's pixels. A slice
    that cannot be read is reported, and the next one is taken. A session that could not be written, or
    whose slice has no source, is in its event alone.

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
    items = [
        Item(
            slice_.where,
            partial(_session_steps, segmenter, slice_, vocabulary),
            f"plane {', '.join(map(str, slice_.where))} ({number} of {len(slices)})",
        )
        for number, slice_ in enumerate(slices, 1)
    ]
    return (yield from run_steps(items, _Sessions(slices, have, store)))


def _session_steps(segmenter: Segmenter, slice_: Slice, vocabulary: Vocabulary) -> Steps[Session]:
    yield Progress("read", 0, 1)
    pixels = read_pixels(slice_.read())
    result, encoded = yield from segment_steps(segmenter, pixels, vocabulary)
    result = result.stretched(slice_.stretch())
    return Session(result, pixels.rgb, engine=encoded, source=slice_.source)


class _Sessions:
    """The runner's store of a stack's sessions.

    Args:
        slices: each with its file; without one its session is only in memory.
        have: slices that somebody holds a session of in memory.
        store: where the others are kept.
    """

    def __init__(
        self,
        slices: Sequence[Slice],
        have: Collection[Where],
        store: SessionStore,
    ) -> None:
        self._slices = {slice_.where: slice_ for slice_ in slices}
        self._have, self._store = have, store

    def has(self, key: Where) -> bool:
        """Whether a slice has a session, in memory or on the disk."""
        if key in self._have:
            return True
        slice_ = self._slices[key]
        source = slice_.source
        if source is None:
            return False
        return self._store.has(source, self._looks(slice_), slice_.stack, self._beside)

    def _beside(self, where: Where) -> Looks | None:
        slice_ = self._slices.get(where)
        return None if slice_ is None else self._looks(slice_)

    @staticmethod
    def _looks(slice_: Slice) -> Looks:
        return slice_.look if slice_.looks is None else slice_.looks()

    def save(self, key: Where, result: Session) -> None:
        """Write a session to its journal's folder."""
        if self._slices[key].source is not None:
            self._store.journal(result).close()
