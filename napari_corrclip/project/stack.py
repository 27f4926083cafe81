"""The run over a stack: a session for each slice, kept in its journal as it is done."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.annotation import Session, SessionStore, Source
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
    """

    where: Where
    read: Callable[[], NDArray[np.uint8] | Pixels]
    source: Source | None = None
    stretch: Callable[[], tuple[Stretch | None, ...]] = tuple


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
    where it was. A slice that cannot be read is reported, and the next one is taken. A session that could
    not be written, or whose slice has no source, is in its event alone.

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
            f"plane {number} of {len(slices)}",
        )
        for number, slice_ in enumerate(slices, 1)
    ]
    sources = {slice_.where: slice_.source for slice_ in slices}
    return (yield from run_steps(items, _Sessions(sources, have, store)))


def _session_steps(segmenter: Segmenter, slice_: Slice, vocabulary: Vocabulary) -> Steps[Session]:
    yield Progress("read", 0, 1)
    pixels = read_pixels(slice_.read())
    result, encoded = yield from segment_steps(segmenter, pixels, vocabulary)
    result = result.stretched(slice_.stretch())
    return Session(result, pixels.rgb, engine=encoded, source=slice_.source)


class _Sessions:
    """The runner's store of a stack's sessions.

    Args:
        sources: the file of each slice; ``None``: it has none, and its session is only in memory.
        have: slices that somebody holds a session of in memory.
        store: where the others are kept.
    """

    def __init__(
        self,
        sources: Mapping[Where, Source | None],
        have: Collection[Where],
        store: SessionStore,
    ) -> None:
        self._sources, self._have, self._store = sources, have, store

    def has(self, key: Where) -> bool:
        """Whether a slice has a session, in memory or on the disk."""
        source = self._sources[key]
        return key in self._have or (source is not None and source in self._store)

    def save(self, key: Where, result: Session) -> None:
        """Write a session to its journal's folder."""
        if self._sources[key] is not None:
            self._store.journal(result).close()
