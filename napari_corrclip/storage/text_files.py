"""Small text files that people share: read as untrusted."""

from __future__ import annotations

import codecs
import json
import math
import os
from collections import Counter
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from napari_corrclip.errors import InputError
from napari_corrclip.storage.untrusted import guarded, read_bytes

MAX_BYTES = 4 << 20
"""Largest text file that is read; vocabularies and settings are far smaller."""
MAX_RECORDS = 256 << 20
"""Largest text file that is read of those that grow with a set; a conflict takes some 300 bytes."""
MAX_DEPTH = 64
"""Most lists and mappings inside one another in a document; ours have five."""
MAX_NUMBER = 1 << 64
"""A whole number in a document is nearer to 0 than this."""


def read_text(path: str | os.PathLike[str], what: str, *, limit: int = MAX_BYTES) -> str:
    """Return the text of ``path`` without its byte order mark; ``what`` names it in errors.

    It is UTF-8, or UTF-16 where its mark says so, as spreadsheets write "Unicode text".

    Raises:
        InputError: it is no regular file, cannot be read, is larger than ``limit`` bytes or no such text.
    """
    advice = f"check the path, and that it is a text of at most {limit >> 20} MiB"
    data = read_bytes(path, what, advice, limit=limit)
    try:
        wide = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        return data.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            f"The {what} {os.fspath(path)!r} is no UTF-8 text (byte {error.start}); save it as "
            "UTF-8."
        ) from None


def lines_of(text: str) -> Iterator[str]:
    """Yield the lines of a list of names without spaces around them.

    ``str.splitlines`` and ``str.strip`` take what is in names, too, such as U+2028 and U+0085, for ends of
    lines.
    """
    return (line.strip(" \t\r") for line in text.split("\n"))


@dataclass(frozen=True, eq=False, slots=True)
class Unchecked:
    """A value of a document that :func:`load_json` did not look at.

    Attributes:
        value: as it was there.
    """

    value: Any


def load_json(
    text: str,
    where: str,
    *,
    finite: bool = True,
    surrogates: bool = False,
    unchecked: str | None = None,
) -> Any:
    """Return the document in ``text``.

    Args:
        text: JSON.
        where: the subject of the sentence, such as ``"The settings file 'a.json'"``.
        finite: refuse NaN and infinity, which Python's JSON has and the standard has not.
        surrogates: take half a character (a lone surrogate), which is how Python holds a byte of a
            file's name that is not UTF-8; for documents of ours that hold paths, escaped.
        unchecked: a key whose values are handed on as :class:`Unchecked`: long lists of numbers, which the
            caller looks at itself, and faster.

    Raises:
        InputError: it is no JSON, or holds a key twice, a number that is not finite or beyond 64
            bits, half a character, or more than :data:`MAX_DEPTH` levels.
    """

    def pairs(given: list[tuple[str, object]]) -> dict[str, object]:
        found = _pairs(given)
        if unchecked in found:
            found[unchecked] = Unchecked(found[unchecked])
        return found

    try:
        document = json.loads(text, object_pairs_hook=_pairs if unchecked is None else pairs)
    except InputError as error:
        raise InputError(f"{where}: {error}") from None
    except RecursionError:
        raise InputError(f"{where}: its JSON {_TOO_DEEP}") from None
    except ValueError as error:
        raise InputError(f"{where} is no valid JSON ({error}); correct it there.") from None
    return _checked(document, f"{where}: its JSON", finite=finite, surrogates=surrogates)


def load_yaml(text: str, where: str) -> Any:
    """Return the document in ``text`` by the safe loader; no aliases, no tags, no key given twice.

    Args:
        text: YAML 1.1.
        where: as of :func:`load_json`.

    Raises:
        InputError: it is no YAML, or as of :func:`load_json`.
    """
    advice = "correct it there"
    with guarded(where, advice):
        try:
            document = yaml.load(text, Loader=_Loader)
        except InputError as error:
            raise InputError(f"{where}: {error}") from None
        except RecursionError:
            raise InputError(f"{where}: its YAML {_TOO_DEEP}") from None
        except (yaml.YAMLError, ValueError) as error:
            reason = " ".join(str(error).split())
            raise InputError(f"{where} is no valid YAML ({reason}); {advice}.") from None
        return _checked(document, f"{where}: its YAML", finite=True)


def dump_yaml(document: object) -> str:
    """Return ``document`` (plain lists, dicts and scalars) as YAML, keys in their order."""
    text: str = yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)
    return text


_NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")
_LONGEST_NUMBER = 400  # the longest that is written of a float has about as many
_TOO_DEEP = f"nests more than {MAX_DEPTH} levels; write it flatter."


def _checked(document: Any, where: str, *, finite: bool, surrogates: bool = False) -> Any:
    """Return ``document`` if all that is in it can be used: whoever reads on need not ask again.

    It goes level by level, since whatever recurses into a document that is deep enough fails.
    """
    level, depth = [document], 0
    while level:
        if depth > MAX_DEPTH:
            raise InputError(f"{where} {_TOO_DEEP}")
        below: list[Any] = []
        for value in level:
            if isinstance(value, dict):
                below += value
                below += value.values()
            elif isinstance(value, list | tuple | set):
                below += value
            elif (complaint := _complaint(value, finite, surrogates)) is not None:
                raise InputError(f"{where} holds {complaint}.")
        level, depth = below, depth + 1
    return document


def _complaint(value: object, finite: bool, surrogates: bool) -> str | None:
    """What is wrong with a scalar of a document, and what to do; ``None``: nothing."""
    if isinstance(value, float) and finite and not math.isfinite(value):
        return f"{value}, which is no finite number; write one"
    if isinstance(value, int) and abs(value) >= MAX_NUMBER:
        return f"a number of {value.bit_length()} bits; write one of at most 64"
    if isinstance(value, str) and not (surrogates or value.isascii()):
        try:
            value.encode()
        except UnicodeEncodeError:
            return f"the text {value[:40]!r} with half a character in it; write it anew"
    return None


def _pairs(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        (twice, _), *_ = Counter(key for key, _ in pairs).most_common(1)
        raise InputError(f"the key {twice!r} occurs twice; remove one.")
    return found


class _Dumper(yaml.SafeDumper):
    """The safe dumper without aliases, which :class:`_Loader` refuses."""

    def ignore_aliases(self, data: object) -> bool:
        return True


class _Loader(yaml.SafeLoader):
    """The safe loader without aliases (a few lines of them unfold to gigabytes) and tags.

    A tag makes a value what it does not look like, and PyYAML fails in many ways where it cannot be:
    of tags there is ``!!str`` alone, and "!", which says the same.
    """

    _depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        line = event.start_mark.line + 1
        if self.check_event(yaml.AliasEvent):
            raise InputError(f"line {line} holds a YAML alias (*); write the value out.")
        if getattr(event, "tag", None) not in (None, "!", "tag:yaml.org,2002:str"):
            raise yaml.YAMLError(f"line {line} has the tag {event.tag!r}, and no tags are read")
        self._depth += 1
        if self._depth > MAX_DEPTH + 1:
            raise RecursionError
        node: yaml.Node | None = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[tuple[str, str]] = set()
        for key, _ in node.value:
            name = (key.tag, str(key.value))
            if name in seen:
                line = key.start_mark.line + 1
                raise InputError(f"the key {key.value!r} occurs twice (line {line}); remove one.")
            seen.add(name)
        merges = any(tag == "tag:yaml.org,2002:merge" for tag, _ in seen)
        found = super().construct_mapping(node, deep=deep)
        if not merges and len(found) < len(seen):  # such as yes and true, or 1 and 0x1
            line = node.start_mark.line + 1
            raise InputError(f"two keys from line {line} on are the same value; remove one.")
        return found

    def construct_scalar(self, node: yaml.Node) -> Any:
        # 1:30 is 90 in YAML 1.1; a megabyte of such digits would be counted for hours
        if node.tag in _NUMBERS and len(node.value) > _LONGEST_NUMBER:
            line = node.start_mark.line + 1
            raise yaml.YAMLError(f"line {line} has a number of {len(node.value)} characters")
        return super().construct_scalar(node)  # type: ignore[arg-type]
