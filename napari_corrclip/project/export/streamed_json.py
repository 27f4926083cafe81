"""JSON documents that are larger than memory: an element after another, and where in the file each lies.

A document of annotations is an object with a few long lists, or one long list. Its elements are looked at one
by one, and read again from their place when somebody wants them. The text is taken as one byte a character
meanwhile: JSON's own signs are the same in UTF-8, and a place in the text is one in the file.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import IO, Any, NamedTuple, TypeVar

from napari_corrclip.errors import InputError
from napari_corrclip.storage.text_files import load_json
from napari_corrclip.storage.untrusted import check_regular, guarded

_T = TypeVar("_T")
_SPACE = re.compile(r"[ \t\r\n]*")
_TOKEN = re.compile(r'"(?:[^"\\]+|\\.)*("?)|[\[\]{}]', re.DOTALL)
"""A text, with its end if it has one, or what begins and ends a list or an object."""
_CHUNK = 1 << 18
_LONGEST = 1 << 28
"""Bytes of an element that is decoded; a mask of a gigapixel is smaller."""
_LONGEST_PASSED = 1 << 30
"""Bytes of one that is not."""
_LONGEST_TEXT = 1 << 26
"""Bytes of a text in it."""
_ADVICE = "export or copy it again"
_MARK = b"\xef\xbb\xbf"
_DECODER = json.JSONDecoder()


class Element(NamedTuple):
    """An element of a document: of a list that it has by a key, or what else it has by one.

    Attributes:
        key: of the document.
        value: numbers are right; texts are so if they are of ASCII alone, see :func:`elements_at`.
        start: byte at which it begins.
        end: byte behind it.
    """

    key: str
    value: Any
    start: int
    end: int


def elements_of(path: Path, what: str) -> Iterator[Element]:
    """Yield the elements of a document in their order; an empty list has none.

    Args:
        path: of a JSON object in UTF-8.
        what: names it in the sentences.

    Raises:
        InputError: it cannot be read, or is no such document.
    """
    with _text_of(path, what, "object", _ADVICE) as text:
        text.take("{")
        known: set[str] = set()
        while not (text.peek() == "}" and not known):
            key = text.value().value
            if not isinstance(key, str) or key in known:
                raise InputError(f"{text.where} has the key {key!r} where none can be; correct it.")
            known.add(key)
            text.take(":")
            if text.peek() == "[":
                yield from _each(text, partial(text.value, key))
            else:
                yield text.value(key)
            if text.take(",}") == "}":
                break
        else:
            text.take("}")
        text.finish()


def places_of(path: Path, what: str, advice: str) -> Iterator[tuple[int, int]]:
    """Yield the first byte and the one behind it of each object of a list; none is decoded.

    Args:
        path: of a JSON list of objects in UTF-8.
        what: names it in the sentences.
        advice: what to do with one that is damaged.

    Raises:
        InputError: it cannot be read, or is no such list.
    """
    with _text_of(path, what, "list of objects", advice) as text:
        yield from _each(text, text.passed)
        text.finish()


@contextlib.contextmanager
def _text_of(path: Path, what: str, kind: str, advice: str) -> Iterator[_Text]:
    check_regular(path, what, advice)
    where = f"The {what} {str(path)!r}"
    with guarded(where, advice), path.open("rb") as file:
        yield _Text(file, where, kind, advice)


def _each(text: _Text, taken: Callable[[], _T]) -> Iterator[_T]:
    """Yield what is taken of each element of a list."""
    text.take("[")
    if text.peek() == "]":
        text.take("]")
        return
    while True:
        yield taken()
        if text.take(",]") == "]":
            return


def elements_at(file: IO[bytes], places: Iterable[tuple[int, int]], where: str) -> list[Any]:
    """Return elements of a document, read again; checked as all that is taken from strangers.

    Args:
        file: the document.
        places: start and end of each, as of :class:`Element`.
        where: the subject of the sentence.

    Raises:
        InputError: one is no valid JSON.
    """
    parts = []
    for start, end in places:
        file.seek(start)
        parts.append(file.read(end - start))
    try:
        text = b",".join(parts).decode("utf-8")
    except UnicodeDecodeError:
        raise InputError(f"{where} is no UTF-8 text; save it as UTF-8.") from None
    found = load_json(f"[{text}]", where, surrogates=True)
    if not isinstance(found, list) or len(found) != len(parts):
        raise InputError(f"{where} was changed while it was read; read it again.")
    return found


class _Text:
    """The text of a file, of which a piece is in memory.

    Args:
        file: at its beginning.
        where: the subject of the sentences.
        kind: of what is in it.
        advice: what to do where that is damaged.
    """

    def __init__(self, file: IO[bytes], where: str, kind: str, advice: str) -> None:
        self._file, self.where, self._kind, self._advice = file, where, kind, advice
        start = file.read(_CHUNK)
        self._at = len(_MARK) if start.startswith(_MARK) else 0
        self._text, self._before, self._ended = start.decode("latin-1"), 0, not start

    def _more(self) -> None:
        data = self._file.read(max(_CHUNK, len(self._text) - self._at))
        self._before += self._at
        self._text, self._at = self._text[self._at :] + data.decode("latin-1"), 0
        self._ended = not data

    def peek(self) -> str:
        """Return the next character that is no space; empty at the end."""
        while True:
            found = _SPACE.match(self._text, self._at)
            self._at = found.end() if found else self._at
            if self._at < len(self._text):
                return self._text[self._at]
            if self._ended:
                return ""
            self._more()

    def take(self, wanted: str) -> str:
        """Go on behind the next character, which is one of the wanted ones, and return it."""
        found = self.peek()
        if not found or found not in wanted:
            raise self._damaged()
        self._at += 1
        return found

    def value(self, key: str = "") -> Element:
        """Go on behind the next value, and return it."""
        self.peek()
        while True:
            try:
                value, end = _DECODER.raw_decode(self._text, self._at)
            except RecursionError:
                raise InputError(
                    f"{self.where} has lists in lists far too deep; write it flatter."
                ) from None
            except ValueError:
                end = len(self._text)
                if self._ended:
                    raise self._damaged() from None
            else:
                if end < len(self._text) or self._ended:
                    found = Element(key, value, self._before + self._at, self._before + end)
                    self._at = end
                    return found
            if len(self._text) - self._at > _LONGEST:
                raise self._damaged()
            self._more()

    def passed(self) -> tuple[int, int]:
        """Go on behind the next value, which is an object, and return its first byte and the one behind it.

        Of its text no more is in memory than a piece of the file, or one text in it.
        """
        if self.peek() != "{":
            raise self._damaged()
        start, depth = self._before + self._at, 0
        while True:
            rest = len(self._text)
            for found in _TOKEN.finditer(self._text, self._at):
                sign = self._text[found.start()]
                if sign != '"':
                    depth += 1 if sign in "[{" else -1
                    if depth == 0:
                        self._at = found.end()
                        return start, self._before + self._at
                elif not found[1]:  # it goes on in what was not read yet
                    rest = found.start()
                    break
            self._at = rest
            if (
                self._ended
                or self._before + rest - start > _LONGEST_PASSED
                or len(self._text) - rest > _LONGEST_TEXT
            ):
                raise self._damaged()
            self._more()

    def finish(self) -> None:
        """Refuse whatever comes yet."""
        if self.peek():
            raise InputError(f"{self.where} has something behind its end; correct it.")

    def _damaged(self) -> InputError:
        place = self._before + self._at
        return InputError(
            f"{self.where} is no valid JSON {self._kind} (from byte {place} on); {self._advice}."
        )
