"""The way of long work in a log."""

from __future__ import annotations

import pytest

from napari_corrclip.cli.following import follow
from napari_corrclip.progress import Progress, Steps


def work() -> Steps[str]:
    for done in range(5):
        yield Progress("count", done, 4)
    return "all"


def test_a_log_gets_a_line_now_and_then(capsys: pytest.CaptureFixture[str]) -> None:
    assert follow(work(), every=0) == "all"
    told = capsys.readouterr().err.splitlines()
    assert told == [f"count: {share}% after 0 s" for share in (0, 25, 50, 75, 100)]
    assert follow(work()) == "all"
    assert capsys.readouterr().err == ""
