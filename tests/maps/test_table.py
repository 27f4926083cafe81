"""The region table, held against a slow and obvious one."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_corrclip.maps.regions import number_regions
from napari_corrclip.maps.table import COLUMNS, entropies, region_table
from napari_corrclip.maps.votes import count_votes, mean_probabilities
from napari_corrclip.vocabulary import Vocabulary

NAMES = ("cat", "dog", "sky", "grass")


@st.composite
def images(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray, Vocabulary]:
    """Regions, class indices, probabilities (K, H, W) and the vocabulary."""
    shape = draw(st.tuples(st.integers(1, 5), st.integers(1, 5)))
    count = draw(st.integers(1, 4))
    regions = draw(arrays(np.int32, shape, elements=st.sampled_from([0, 1, 2, 5, 70_000])))
    classes = draw(arrays(np.int64, shape, elements=st.integers(-1, count - 1)))
    p = draw(arrays(np.float32, (count, *shape), elements=st.floats(0, 1, width=32)))
    return regions, classes, p / max(1, count), Vocabulary.from_names(NAMES[:count])


def slow_rows(
    regions: np.ndarray, classes: np.ndarray, p: np.ndarray, vocabulary: Vocabulary
) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for one in np.unique(regions[regions > 0]):
        here = regions == one
        at = np.argwhere(here)
        votes = [int((classes[here] == k).sum()) for k in range(-1, len(vocabulary))]
        chosen = votes.index(max(votes)) - 1
        means = [float(plane[here].mean(dtype=np.float64)) for plane in p]
        total = sum(means)
        parts = [mean / total for mean in means if mean > 0] if total else []
        best = sorted([0.0, *means])[::-1]
        others = [(mean, -k) for k, mean in enumerate(means) if k != chosen]
        runner_up = max(others, default=(0.0, 1))
        rows.append(
            {
                "id": one,
                "class": NAMES[chosen] if chosen >= 0 else "",
                "value": chosen + 1,
                "area": here.sum(),
                "min_row": at[:, 0].min(),
                "min_col": at[:, 1].min(),
                "max_row": at[:, 0].max() + 1,
                "max_col": at[:, 1].max() + 1,
                "p": means[chosen] if chosen >= 0 else 0,
                "margin": best[0] - best[1],
                "entropy": -sum(part * math.log(part) for part in parts),
                "share": max(votes) / here.sum(),
                "runner_up": NAMES[-runner_up[1]] if others else "",
                "runner_up_p": runner_up[0],
            }
        )
    return rows


@given(images())
def test_every_column_is_that_of_the_slow_table(
    image: tuple[np.ndarray, np.ndarray, np.ndarray, Vocabulary],
) -> None:
    regions, classes, p, vocabulary = image
    numbers, ids = number_regions(regions)
    votes = count_votes(classes, numbers, len(ids), len(vocabulary))
    means = mean_probabilities(p, numbers, len(ids))
    table = region_table(ids, numbers, votes, means, vocabulary)
    assert tuple(table.columns) == COLUMNS
    rows = slow_rows(regions, classes, p, vocabulary)
    assert len(table) == len(rows)
    for fast, slow in zip(table.to_dict("records"), rows, strict=True):
        # means in float32 and float64 may disagree on which of two near-equal classes is second
        second = slow.pop("runner_up"), fast.pop("runner_up")
        assert fast == pytest.approx(slow, abs=1e-5)
        if second[0] != second[1]:
            index = NAMES.index(str(second[1]))
            here = regions == slow["id"]
            assert p[index][here].mean() == pytest.approx(slow["runner_up_p"], abs=1e-6)


def test_a_tie_goes_to_the_first_class() -> None:
    regions = np.ones((1, 4), np.int32)
    numbers, ids = number_regions(regions)
    votes = count_votes(np.array([[2, 1, 2, 1]]), numbers, 1, 3)
    table = region_table(
        ids, numbers, votes, np.full((1, 3), 0.3, np.float32), Vocabulary.parse("a, b, c")
    )
    assert table.loc[0, "class"] == "b"
    assert table.loc[0, "share"] == 0.5


def test_values_and_not_positions_are_told() -> None:
    vocabulary = Vocabulary.parse("a, b").add("c").remove("a")
    numbers, ids = number_regions(np.full((2, 2), 9, np.int32))
    votes = count_votes(np.ones((2, 2), np.int64), numbers, 1, 2)
    table = region_table(ids, numbers, votes, np.array([[0.2, 0.7]], np.float32), vocabulary)
    assert table.loc[0, ["id", "class", "value", "runner_up"]].tolist() == [9, "c", 3, "b"]


def test_without_regions_the_table_is_empty_with_its_columns() -> None:
    numbers, ids = number_regions(np.zeros((3, 3), np.int32))
    votes = count_votes(np.zeros((3, 3), np.int64), numbers, 0, 2)
    table = region_table(
        ids, numbers, votes, np.zeros((0, 2), np.float32), Vocabulary.parse("a, b")
    )
    assert len(table) == 0
    assert tuple(table.columns) == COLUMNS


def test_entropy_is_that_of_normalised_probabilities() -> None:
    p = np.array([[0.25, 0.25, 0.25, 0.25], [0.2, 0.2, 0, 0], [0.1, 0, 0, 0], [0, 0, 0, 0]])
    np.testing.assert_allclose(
        entropies(p), [math.log(4), math.log(2), 0, 0], rtol=1e-6, atol=1e-12
    )
