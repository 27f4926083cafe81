"""The story of a lesson: what it counts as right, what it types, and the table that it prints."""

from __future__ import annotations

import numpy as np
import pytest

from napari_corrclip.annotation import Session
from tests.annotation.images import small_result
from tools.lesson_story import HEAD, WORDS, Row, beginning, share_right


def test_only_known_pixels_are_counted() -> None:
    result, _ = small_result()
    session = Session(result)
    values = session.vocabulary.values
    truth = np.full(session.shape, len(values))
    rows, columns = np.nonzero(session.labels)
    truth[rows, columns] = [values.index(value) for value in session.labels[rows, columns]]
    assert share_right(session, truth) == 1
    half = len(rows) // 2
    truth[rows[:half], columns[:half]] = (truth[rows[:half], columns[:half]] + 1) % len(values)
    assert share_right(session, truth) == pytest.approx(1 - half / len(rows))


def test_no_more_is_typed_of_a_name_than_it_takes() -> None:
    assert beginning("bicyclist", WORDS) == "bi"
    assert beginning("pavement", WORDS) == "pa"
    assert beginning("car", ("car", "cart")) == "car"
    assert beginning("cart", ("car", "cart")) == "cart"


def test_the_table_has_a_cell_for_each_column() -> None:
    row = Row("a.jpg", 0.011, 0.37, None, 0, 0, 0)
    assert str(row) == "| a.jpg | 1.1 % | 37.0 % |  | 0 | 0 | 0 |"
    corrected = Row("a.jpg", 0.011, 0.37, 0.926, 287, 42, 291)
    assert str(corrected) == "| a.jpg | 1.1 % | 37.0 % | 92.6 % | 287 | 42 | 291 |"
    assert {line.count("|") for line in (*HEAD.splitlines(), str(row))} == {8}
