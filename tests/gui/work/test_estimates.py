"""Kept times are found out where they are damaged, and measured again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from napari_corrclip.gui.work.choice import Choice
from napari_corrclip.gui.work.estimates import Estimates

CHOICE, SHAPE = Choice.of(), (300, 400)
ROWS = {
    "window": [[["demo", "cpu", 336], 0.5]],
    "regions": [[["", "", "superpixels"], 0.25]],
    "rest": [[["demo", "cpu", 336], 0.125]],
}


def recalled(path: Path) -> dict[str, object]:
    times = Estimates(lambda: path)
    times._recall()
    return {name: table for name, table in times._tables.items() if table}


def kept(path: Path) -> str:
    """What is written where ``ROWS`` were measured before."""
    path.write_text(json.dumps(ROWS))
    times = Estimates(lambda: path)
    times._recall()
    times._keep()
    return path.read_text()


def test_times_of_an_earlier_version_are_read(tmp_path: Path) -> None:
    (tmp_path / "s.json").write_text(json.dumps(ROWS))
    assert recalled(tmp_path / "s.json")["window"] == {("demo", "cpu", 336): 0.5}


def test_a_changed_digit_is_found_out(tmp_path: Path) -> None:
    path = tmp_path / "s.json"
    text = kept(path)
    assert json.loads(text).keys() == {
        *ROWS,
        "sha256",
    }  # what an earlier version looks for is there
    assert len(recalled(path)) == 3
    path.write_text(text.replace("0.25", "0.75"))
    assert recalled(path) == {}
    assert not path.exists()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[" * 100_000,
        "{}",
        "5",
        json.dumps({**ROWS, "window": [[["demo", "cpu", 336], 10**400]]}),
        json.dumps({**ROWS, "window": [[["demo", "cpu", 336], float("inf")]]}),
        json.dumps({**ROWS, "window": [[["demo", "cpu", 336], -1]]}),
        json.dumps({**ROWS, "window": [[["demo", [], 336], 1]]}),
        json.dumps({**ROWS, "window": [[5, 1]]}),
        json.dumps({**ROWS, "window": {"a": 1}}),
        json.dumps({**ROWS, "rest": []}),
        json.dumps({**ROWS, "sha256": 5}),
    ],
)
def test_what_cannot_be_is_removed(tmp_path: Path, text: str) -> None:
    path = tmp_path / "s.json"
    path.write_text(text)
    assert recalled(path) == {}
    assert not path.exists()


def test_estimates_outlive_the_process(tmp_path: Path) -> None:
    choice, shape = CHOICE, SHAPE
    file = tmp_path / "of a cache" / "seconds.json"
    first = Estimates(lambda: file)
    assert first.seconds(choice, shape) is None
    first.note(choice, shape, regions=2.0, encode=3.0, whole=6.0)
    second = Estimates(lambda: file)
    assert second.seconds(choice, shape) == pytest.approx(6.0)
    assert second.seconds(choice, (600, 800)) == pytest.approx(first.seconds(choice, (600, 800)))


@pytest.mark.parametrize(
    "text",
    [
        "", "{", "[]", "3", '{"window": [], "regions": []}', '{"window": 3, "regions": [], "rest": []}',
        '{"window": [[["demo", "cpu", 3], -1]], "regions": [], "rest": [[["demo", "cpu", 3], 1]]}',
        '{"window": [[["demo", "cpu", 3], NaN]], "regions": [], "rest": [[["demo", "cpu", 3], 1]]}',
        '{"window": [[["demo", "cpu", 3], "x"]], "regions": [], "rest": []}',
        '{"window": [[["demo", "cpu", 3], 1]], "regions": [], "rest": []}',
    ],
)  # fmt: skip
def test_estimates_that_are_spoilt_are_forgotten(tmp_path: Path, text: str) -> None:
    choice, shape = CHOICE, SHAPE
    file = tmp_path / "seconds.json"
    file.write_text(text)
    estimates = Estimates(lambda: file)
    assert estimates.seconds(choice, shape) is None
    estimates.note(choice, shape, regions=2.0, encode=3.0, whole=6.0)
    assert Estimates(lambda: file).seconds(choice, shape) == pytest.approx(6.0)


def test_estimates_that_cannot_be_written_hold_for_the_process() -> None:
    choice, shape = CHOICE, SHAPE
    estimates = Estimates(lambda: Path("/dev/null/seconds.json"))
    estimates.note(choice, shape, regions=2.0, encode=3.0, whole=6.0)
    assert estimates.seconds(choice, shape) == pytest.approx(6.0)
