"""Accepting a region whose pixels show their own classes."""

from __future__ import annotations

import numpy as np
import pytest

from napari_corrclip.annotation import Session
from tests.annotation.images import small_result

REGION = 5


@pytest.fixture
def session() -> Session:
    result, image = small_result(correction=False)
    return Session(result, image)


def mixed(session: Session, region: int) -> bool:
    return len(np.unique(session.labels[session.regions == region])) > 1


def test_pixels_stay_as_they_are_shown(session: Session) -> None:
    assert mixed(session, REGION)
    before = session.labels.copy()
    session.accept(REGION)
    np.testing.assert_array_equal(session.labels, before)
    verdict = session.region(REGION).verdict
    assert verdict is not None
    assert verdict.kind == "accepted"
    assert len(session.history.done) == 1
    session.undo()
    assert session.region(REGION).verdict is None
    assert (session.pins == -1).all()
    np.testing.assert_array_equal(session.labels, before)
    session.redo()
    np.testing.assert_array_equal(session.labels, before)


def test_they_stay_in_another_run(session: Session) -> None:
    inside, before = session.regions == REGION, session.labels.copy()
    session.accept(REGION)
    session.rerun(small_result(seed=9, correction=True)[0])
    np.testing.assert_array_equal(session.labels[inside], before[inside])


def test_painted_pixels_stay_painted(session: Session) -> None:
    where = np.argwhere(session.regions == REGION)[:3]
    session.paint((where[:, 0], where[:, 1]), "sky")
    before = session.labels.copy()
    session.accept(REGION)
    np.testing.assert_array_equal(session.labels, before)


def test_accepting_above_a_confidence_keeps_them_too(session: Session) -> None:
    before = session.labels.copy()
    edited = session.accept_above(0.0)
    assert len(edited.updated) > 1
    np.testing.assert_array_equal(session.labels, before)


def test_an_accepted_majority_is_not_painted(session: Session) -> None:
    session.revote([REGION], "majority")
    session.accept(REGION)
    assert (session.pins == -1).all()
    assert not mixed(session, REGION)
