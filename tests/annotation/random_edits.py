"""Seeded random edits: edit i of a seed is the same in every process."""

from __future__ import annotations

import contextlib
import hashlib

import numpy as np

from napari_corrclip.annotation import Session
from napari_corrclip.annotation.state import State
from napari_corrclip.errors import InputError
from napari_corrclip.results.segmentation import segmentation_from_probabilities
from tests.annotation.images import small_result

SHAPE = (48, 64)


def new_session(seed: int) -> Session:
    """The session that the edits of ``seed`` begin with."""
    return Session(*small_result(SHAPE, seed=seed))


def edit(session: Session, seed: int, number: int) -> None:
    """Make edit ``number``; one that is refused does nothing."""
    random = np.random.default_rng([seed, number])
    ids = session.ids
    some = random.choice(ids, size=min(len(ids), int(random.integers(1, 4))), replace=False)
    value = int(random.choice(session.vocabulary.values))
    row, column = random.integers(0, session.shape[0] - 6), random.integers(0, session.shape[1] - 6)
    disc = np.zeros(session.shape, bool)
    disc[row : row + 5, column : column + 6] = True
    edits = (
        lambda: session.assign(some, value),
        lambda: session.accept(some),
        lambda: session.ignore(some),
        lambda: session.merge(some),
        lambda: session.split(int(some[0])),
        lambda: session.split_mask(int(some[0]), disc),
        lambda: session.spread(int(some[0]), value),
        lambda: session.revote("undecided", "mean"),
        lambda: session.paint(disc, value),
        lambda: session.paint(disc, None),
        lambda: session.paint_regions(disc, int(some[0])),
        lambda: session.paint_regions(disc, None),
        lambda: session.absorb(int(some[0])),
        session.undo,
        session.undo,
        session.redo,
        lambda: session.set_vocabulary(session.vocabulary.add(f"class {number}")),
    )
    with contextlib.suppress(InputError):
        edits[int(random.integers(len(edits)))]()


def digest(session: Session) -> str:
    """A hash of all that a person could see or undo."""
    found = hashlib.sha256()
    for array in (session.labels, session.regions, session.pins, session.prediction):
        found.update(np.ascontiguousarray(array).tobytes())
    found.update(session.table.to_csv().encode())
    found.update(repr(session.vocabulary).encode())
    titles = [
        [step.title for step in steps] for steps in (session.history.done, session.history.undone)
    ]
    found.update(repr(titles).encode())
    return found.hexdigest()


def look(session: Session, seed: int, regions: np.ndarray | None = None) -> object:
    """What another look finds by the session's classes."""
    random = np.random.default_rng(seed)
    raw = random.random((len(session.vocabulary), *SHAPE)).astype(np.float32) ** 4 + 1e-3
    regions = np.array(session.regions) if regions is None else regions
    return segmentation_from_probabilities(raw / raw.sum(axis=0), regions, session.vocabulary)


def recounted(session: Session) -> None:
    """Assert that what is derived is what a recount gives."""
    state = session.state
    again = State(
        state.regions.copy(),
        state.evidence,
        state.vocabulary,
        voting=state.voting,
        pins=state.pins.copy(),
        verdicts=dict(state.verdicts),
        votings=dict(state.votings),
    )
    np.testing.assert_array_equal(again.labels, state.labels)
    assert again.rows.keys() == state.rows.keys()
    for one, row in again.rows.items():
        assert (row.area, row.value, row.box) == (
            state.rows[one].area, state.rows[one].value, state.rows[one].box
        )  # fmt: skip
