"""No cell is computed, and what is read is what was written."""

from __future__ import annotations

import csv
import io
import re

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_corrclip.wording.csv_cells import quoted, rows_to_csv, table_to_csv, unquoted

AWKWARD = st.text("'=+-@\t\r\n ,;a＝＋－＠\"", max_size=8)


@settings(max_examples=200)
@given(AWKWARD)
def test_a_cell_is_shown_and_read_back(text: str) -> None:
    cell = quoted(text)
    assert unquoted(cell) == text
    for part in re.split(r"[,;\t\r\n]", cell):
        assert not part.lstrip().startswith(tuple("=+-@＝＋－＠"))


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@SUM(A1)", "\ta", "\ra", " =1", "＝1", "'=1"]
)
def test_a_quote_stands_in_front(text: str) -> None:
    assert quoted(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "cat", "'tis", "a-b", "x=1", "'", "''s", "a, b; c"])
def test_other_texts_are_their_own_cells(text: str) -> None:
    assert quoted(text) == text == unquoted(text)


def test_a_border_of_cells_elsewhere_begins_no_formula() -> None:
    assert quoted('a;=HYPERLINK("x");b') == 'a;\'=HYPERLINK("x");b'


def test_numbers_stay_numbers() -> None:
    table = pd.DataFrame({"id": [1, 2], "class": ["=1", "it's"], "margin": [-0.25, 1 / 3]})
    assert table_to_csv(table) == "id,class,margin\n1,'=1,-0.25\n2,it's,0.333333\n"
    assert list(table["class"]) == ["=1", "it's"]
    assert rows_to_csv([("a", -1), ("b,c", 0.5)]) == 'a,-1\n"b,c",0.5\n'


@given(st.lists(AWKWARD.filter(bool), min_size=1, max_size=4))
def test_a_table_brings_its_texts_back(texts: list[str]) -> None:
    rows = rows_to_csv((quoted(text), 1) for text in texts)
    assert [unquoted(row[0]) for row in csv.reader(io.StringIO(rows, newline=""))] == texts
    names = [text.replace("\r", "") for text in texts]  # a class's name has no line break
    table = table_to_csv(pd.DataFrame({"class": names, "n": range(len(names))}))
    read = list(csv.reader(io.StringIO(table, newline="")))[1:]
    assert [unquoted(row[0]) for row in read] == names
