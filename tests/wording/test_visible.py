"""Nothing that is shown is obeyed."""

from __future__ import annotations

import io
import sys
import traceback
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_corrclip.wording.visible import VisibleStream, visible, visible_streams


@given(st.text())
def test_text_has_one_line_and_no_control(text: str) -> None:
    shown = visible(text)
    assert len(shown.splitlines()) <= 1
    assert not any(unicodedata.category(one) in ("Cc", "Cs", "Zl", "Zp") for one in shown)
    assert not any(unicodedata.bidirectional(one) in BIDIRECTIONAL for one in shown)
    assert visible(shown) == shown


BIDIRECTIONAL = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred", r"\x1b[31mred"),
        ("\x9b2J\x7f", r"\x9b2J\x7f"),
        ("a\nError: b\r", r"a\nError: b\r"),
        ("a\u2028b\x85c", r"a\u2028b\x85c"),
        ("gnp.\u202egpj", r"gnp.\u202egpj"),
        ("\udcff \ud800", r"\xff \ud800"),
        ("C:\\new", "C:\\new"),
        ("می\u200cخواهم, 👩\u200d🚒, ❤\ufe0f, größe", "می\u200cخواهم, 👩\u200d🚒, ❤\ufe0f, größe"),
    ],
)
def test_controls_are_shown_and_scripts_stay(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_everything_that_is_printed_is_visible(capsys: pytest.CaptureFixture[str]) -> None:
    before = sys.stdout, sys.stderr
    with visible_streams():
        print("\x1b[2J\tone\ntwo")
        sys.stderr.writelines(["\r50 %", "\x9b", "\n"])
        traceback.print_exception(ValueError("\x1b]0;owned\x07"))
        assert not hasattr(sys.stdout, "buffer")
    assert (sys.stdout, sys.stderr) == before
    out, err = capsys.readouterr()
    assert out == "\\x1b[2J\tone\ntwo\n"
    assert err.startswith("\r50 %\\x9b\n")
    assert "\\x1b]0;owned\\x07" in err
    assert "\x1b" not in err


def test_all_else_is_asked_of_the_stream_below() -> None:
    below = io.TextIOWrapper(io.BytesIO(), encoding="latin-1")
    stream = VisibleStream(below)
    assert stream.encoding == "latin-1"
    assert not stream.isatty()
