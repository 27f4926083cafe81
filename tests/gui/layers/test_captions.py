"""What is said of many regions at once is what is said of each; classes have their colours."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import napari
import numpy as np
import pytest
from napari.utils.colormaps import DirectLabelColormap

from napari_corrclip.annotation import Region, Session
from napari_corrclip.errors import InputError
from napari_corrclip.gui.layers.captions import (
    class_colormap,
    describe,
    descriptions,
    region_features,
)
from napari_corrclip.gui.layers.confidence import ConfidenceLayer, confidence_map
from napari_corrclip.gui.layers.session_layers import SessionLayers
from napari_corrclip.maps.values import count_values
from napari_corrclip.vocabulary import Vocabulary
from tests.annotation.random_edits import edit, new_session
from tests.annotation.worlds import random_result, random_vocabulary
from tests.forms import short


def said(row: Region, vocabulary: Vocabulary) -> str:
    """One region in words, by the definition."""
    index = {one.value: at for at, one in enumerate(vocabulary)}
    ranked = sorted(range(len(vocabulary)), key=lambda at: -row.probabilities[at])
    others = [at for at in ranked if vocabulary.values[at] != row.value]
    if row.verdict is not None and row.verdict.kind == "ignored":
        shown = "ignored"
    elif row.value in index:
        at = index[row.value]
        shown = f"{vocabulary.names[at]} {row.probabilities[at]:.2f}"
    else:
        shown = "no class"
    if row.verdict is not None and row.verdict.kind != "ignored":
        shown += f", {row.verdict.kind}"
    if not others:
        return shown
    return f"{shown} ({vocabulary.names[others[0]]} {row.probabilities[others[0]]:.2f})"


@pytest.mark.parametrize("seed", range(12))
def test_many_are_described_as_each(seed: int) -> None:
    random = np.random.default_rng(seed)
    vocabulary = random_vocabulary(random)
    session = Session(random_result(random, vocabulary, (20, 24)))
    ids = session.ids.tolist()
    session.ignore(ids[:1])
    if len(ids) > 2:
        with contextlib.suppress(InputError):  # it may have no class
            session.accept(ids[1:2])
        session.assign(ids[2:3], vocabulary.names[-1])
    rows = session.rows()
    words = session.vocabulary
    assert descriptions(rows, words) == [said(row, words) for row in rows]
    assert [describe(row, words) for row in rows] == descriptions(rows, words)
    assert region_features(rows, words)["index"].tolist() == [0, *ids]
    counts = count_values(session.labels)
    np.testing.assert_array_equal(counts, np.bincount(session.labels.ravel(), minlength=1 << 16))


def test_no_region_is_described_by_nothing() -> None:
    words = Vocabulary.from_names(["cat"])
    assert descriptions([], words) == []


@pytest.mark.parametrize("seed", short(0, rest=[1, 2]))
def test_the_confidence_follows_every_edit(
    make_napari_viewer: Callable[..., napari.Viewer], seed: int
) -> None:
    session = new_session(seed)
    layers = SessionLayers(make_napari_viewer(), session)
    shown = ConfidenceLayer(layers._viewer, layers)
    for number in range(60):
        edit(session, seed, number)
        np.testing.assert_array_equal(
            shown.layer.data, confidence_map(session, (0, 0, *session.shape))
        )
        place = session.regions.shape[0] // 2, session.regions.shape[1] // 2
        row = session.find(session.region_at(*place))
        # What a person decided is as sure as can be, and never the least certain of all.
        expected = 0.0 if row is None else 1.0 if row.verdict else row.confidence
        assert shown.layer.data[place] == pytest.approx(expected, rel=1e-6)
    shown.close()
    layers.close()


def test_ids_that_are_far_apart_are_looked_up_too(
    make_napari_viewer: Callable[..., napari.Viewer],
) -> None:
    random = np.random.default_rng(0)
    regions = random.integers(1, 4, (12, 12)) * 700_000_000
    vocabulary = Vocabulary.from_names(["cat", "dog"])
    session = Session(random_result(random, vocabulary, (12, 12), regions))
    layers = SessionLayers(make_napari_viewer(), session)
    shown = ConfidenceLayer(layers._viewer, layers)
    session.assign(int(session.ids[0]), "dog")
    row = session.rows()[0]
    inside = session.regions == row.id
    np.testing.assert_array_equal(shown.layer.data[inside], 1.0)
    other = session.rows()[1]
    inside = session.regions == other.id
    np.testing.assert_allclose(shown.layer.data[inside], other.confidence, rtol=1e-6)
    shown.close()
    layers.close()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32])
@pytest.mark.parametrize("only_one", [False, True])
def test_classes_have_the_colours_that_napari_would_give_them(dtype: type, only_one: bool) -> None:
    names = [f"class {index}" for index in range(300)]
    ours = class_colormap(Vocabulary.coerce(names))
    theirs = DirectLabelColormap(color_dict=ours.color_dict)
    for colormap in (ours, theirs):
        colormap.use_selection, colormap.selection = only_one, 2
    values = np.arange(min(1000, np.iinfo(dtype).max + 1)).astype(dtype).reshape(-1, 8)
    np.testing.assert_array_equal(ours.map(values), theirs.map(values))
