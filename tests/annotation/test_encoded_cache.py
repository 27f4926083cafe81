"""Encoded images are kept up to a limit in bytes, and the least recently used make room."""

from __future__ import annotations

import gc
import weakref
from dataclasses import replace

import numpy as np
import pytest

import napari_corrclip as nc
from napari_corrclip.annotation import Session
from napari_corrclip.annotation.encoded_cache import DEFAULT_LIMIT, FEATURES, GIB, FeatureCache
from napari_corrclip.api import annotate
from napari_corrclip.engine.encoded_image import EncodedImage
from napari_corrclip.errors import InputError
from tests.annotation.strips import CAT, Networks, result_of


class Bytes:
    def __init__(self, nbytes: int) -> None:
        self.nbytes = nbytes


@pytest.fixture(autouse=True)
def _own_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FEATURES, "_limit", FEATURES._limit)
    monkeypatch.delenv("NAPARI_CORRCLIP_FEATURE_CACHE", raising=False)


def test_the_least_recently_used_makes_room() -> None:
    cache = FeatureCache(limit=100)
    first, second = cache.keep(Bytes(40)), cache.keep(Bytes(40))
    assert cache.nbytes == 80
    cache.use(first.engine)
    third = cache.keep(Bytes(40))
    assert second.engine is None
    assert first.engine is not None
    assert third.engine is not None
    assert cache.nbytes == 80


def test_what_nobody_holds_is_not_kept() -> None:
    cache = FeatureCache(limit=100)
    kept = cache.keep(Bytes(40))
    engine = weakref.ref(kept.engine)
    del kept
    assert engine() is None
    assert cache.nbytes == 0


def test_an_image_that_two_hold_counts_once_and_goes_for_both() -> None:
    cache = FeatureCache(limit=100)
    engine = Bytes(60)
    here, there = cache.keep(engine), cache.keep(engine)
    assert cache.nbytes == 60
    last = cache.keep(Bytes(60))
    assert here.engine is None
    assert there.engine is None
    assert last.engine is not None


def test_a_limit_that_is_lowered_counts_at_once() -> None:
    cache = FeatureCache(limit=100)
    kept = [cache.keep(Bytes(30)) for _ in range(3)]
    cache.limit = 60
    assert [one.engine is None for one in kept] == [True, False, False]
    cache.limit = 0
    assert all(one.engine is None for one in kept)


def test_one_that_is_larger_than_the_limit_is_not_kept() -> None:
    cache = FeatureCache(limit=100)
    small = cache.keep(Bytes(60))
    assert cache.keep(Bytes(101)).engine is None
    assert small.engine is not None
    assert cache.nbytes == 60


def test_what_has_grown_counts_when_it_is_used() -> None:
    cache = FeatureCache(limit=100)
    old, new = cache.keep(Bytes(40)), cache.keep(Bytes(40))
    new.engine.nbytes = 80
    cache.use(new.engine)
    assert old.engine is None
    assert new.engine is not None


def test_the_limit_is_of_the_call_then_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    nc.set_feature_cache_limit(None)
    assert FEATURES.limit == DEFAULT_LIMIT
    monkeypatch.setenv("NAPARI_CORRCLIP_FEATURE_CACHE", "0.5")
    assert FEATURES.limit == GIB // 2
    nc.set_feature_cache_limit(3)
    assert FEATURES.limit == 3 * GIB


@pytest.mark.parametrize("text", ["lots", "nan", "-1"])
def test_a_limit_that_is_none(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAPARI_CORRCLIP_FEATURE_CACHE", text)
    with pytest.raises(InputError, match="GiB"):
        FeatureCache().limit  # noqa: B018


def test_a_call_that_is_no_limit() -> None:
    with pytest.raises(InputError, match=r"-1 GiB cannot be; give 0 or more"):
        nc.set_feature_cache_limit(-1)


def test_a_session_whose_image_was_let_go_of_is_as_one_without() -> None:
    sessions = [
        Session(result_of([[1, 2, 3]], [[CAT, CAT, CAT]]), engine=Networks()) for _ in range(3)
    ]
    size = Networks().nbytes
    assert FEATURES.nbytes >= 3 * size
    assert sessions[0].encoded() is not None  # used last
    assert all(session.engine is not None for session in sessions)  # to look is no use
    FEATURES.limit = 2 * size
    assert [session.engine is None for session in sessions] == [False, True, False]
    with pytest.raises(InputError, match="without networks"):
        sessions[1].reencode()
    edited = sessions[1].set_vocabulary(sessions[1].vocabulary.add("bird"))
    assert "vocabulary" in edited.title
    assert sessions[1].engine is None


def test_undo_does_not_lead_to_an_image_that_was_let_go_of() -> None:
    first, second = Networks(), Networks()
    session = Session(result_of([[1, 2, 3]], [[CAT, CAT, CAT]]), engine=first)
    session.rerun(result_of([[7, 7, 8]], [[CAT, CAT, CAT]]), engine=second)
    gone = weakref.ref(first)
    del first
    FEATURES.limit = second.nbytes
    gc.collect()
    assert gone() is None
    session.undo()
    assert session.engine is None
    session.redo()
    assert session.engine is second


def test_a_real_engine_tells_its_bytes() -> None:
    scene = np.zeros((64, 96, 3), np.uint8)
    scene[:, 48:] = 200
    session = annotate(scene, "red, green", regions="superpixels", progress=False)
    engine = session.engine
    assert isinstance(engine, EncodedImage)
    windows, regions = engine.features.windows, engine.features.regions
    assert windows.similarity_means is not None
    held = (windows.features.numel() + windows.similarity_means.numel()) * 4 + regions.nbytes
    assert engine.nbytes == held
    cells = engine.cells()
    assert engine.nbytes == held + cells.nbytes
    clicked = annotate(scene, "red", progress=False).engine
    assert isinstance(clicked, EncodedImage)
    embedding = clicked.features.embedding
    assert embedding is not None
    assert clicked.nbytes == clicked.features.nbytes
    assert clicked.nbytes - embedding.nbytes == replace(clicked.features, embedding=None).nbytes


def test_a_session_keeps_its_encoded_images_in_the_cache_it_is_given() -> None:
    before, cache = FEATURES.nbytes, FeatureCache(Networks().nbytes)
    first, second = (
        Session(result_of([[1]], [[CAT]]), engine=Networks(), cache=cache) for _ in range(2)
    )
    assert FEATURES.nbytes == before
    assert first.engine is None  # there is room for one
    assert second.engine is not None
