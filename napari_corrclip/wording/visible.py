r"""Text of others where somebody or something would obey it: made visible.

Names of files and classes, titles and what a file says of itself may hold anything. A terminal obeys its
escapes (ESC, C1), a reader of code is deceived by bidirectional controls, and a line break ends a comment.
All of them are shown as Python writes them: ``\x1b``, ``\u202e``, ``\n``; a byte that is no text as ``\xe9``.
"""

from __future__ import annotations

import contextlib
import io
import re
import sys
from collections.abc import Iterable, Iterator
from typing import Any, TextIO

# C0, DEL, C1, lone surrogates, separators of lines and paragraphs, and what nobody sees: bidirectional
# controls, spaces of no width, tags. Joiners and variation selectors stay, for scripts and emoji need them.
_UNSEEN = (
    r"\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    r"\ud800-\udfff\U000e0000-\U000e00ff"
)
_OBEYED = re.compile(f"[{_UNSEEN}]")
_IN_A_STREAM = re.compile(rf"(?![\t\n\r])[{_UNSEEN}]")


def visible(text: str) -> str:
    """Return ``text`` in one line that holds no control character and nothing hidden."""
    return _OBEYED.sub(_escape, text)


def _escape(found: re.Match[str]) -> str:
    code = ord(found.group())
    if code in _BYTES:
        return f"\\x{code - 0xDC00:02x}"
    return found.group().encode("unicode_escape").decode("ascii")


_BYTES = range(0xDC80, 0xDD00)
"""How Python holds bytes of a file's name that are no text."""
_QUOTED_BYTE = re.compile(r"(?<!\\)((?:\\\\)*)\\udc([89a-f][0-9a-f])")


def visible_bytes(text: str) -> str:
    r"""Return ``text``, which quotes names by ``repr``, with the bytes that are no text as ``\xe9``.

    Python has ``\udce9`` in their place, by which nobody finds the file.
    """
    return _QUOTED_BYTE.sub(r"\1\\x\2", text)


class VisibleStream:
    """A text stream on another one, to which control characters go as visible text.

    Line feeds, carriage returns (of progress bars) and tabs pass. Whatever else is asked of it is asked of
    the other one, but for its ``buffer``, by which bytes would go past.

    Args:
        stream: a terminal, a pipe or a file.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write ``text`` and return its length."""
        self._stream.write(_IN_A_STREAM.sub(_escape, text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write one text after another."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        """Return what is the other stream's."""
        if name == "buffer":
            raise AttributeError(name)
        return getattr(self._stream, name)


@contextlib.contextmanager
def visible_streams() -> Iterator[None]:
    """Print nothing but visible text within: also what libraries, warnings, threads and tracebacks print.

    What a stream's encoding has no character for is escaped too; a class name that a terminal cannot show
    must not cost the images after it.
    """
    former = {"stdout": sys.stdout, "stderr": sys.stderr}
    ours = {name: VisibleStream(stream) for name, stream in former.items() if stream is not None}
    for name, stream in ours.items():
        one = former[name]
        if isinstance(one, io.TextIOWrapper):
            one.reconfigure(errors="backslashreplace")
        setattr(sys, name, stream)
    try:
        yield
    finally:
        for name, stream in ours.items():
            if getattr(sys, name) is stream:  # else somebody else has put something in its place
                setattr(sys, name, former[name])
