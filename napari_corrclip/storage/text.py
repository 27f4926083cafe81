"""Small text files that people share: read as untrusted."""

from __future__ import annotations

import codecs
import json
import os
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from napari_corrclip.errors import InputError

MAX_BYTES = 4 << 20
"""Largest text file that is read; vocabularies and settings are far smaller."""


def read_text(path: str | os.PathLike[str], what: str) -> str:
    """Return the text of ``path`` without its byte order mark; ``what`` names it in errors.

    It is UTF-8, or UTF-16 where its mark says so, as spreadsheets write "Unicode text".
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(
            f"The {what} {str(path)!r} cannot be read ({reason}); check the path."
        ) from None
    except ValueError as error:  # a NUL in the path
        raise InputError(f"{str(path)!r} names no {what} ({error}); check the path.") from None
    if len(data) > MAX_BYTES:
        raise InputError(
            f"The {what} {str(path)!r} is larger than {MAX_BYTES >> 20} MiB; "
            "give the right file or split it."
        )
    try:
        wide = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        return data.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            f"The {what} {str(path)!r} is no UTF-8 text (byte {error.start}); save it as UTF-8."
        ) from None


def load_json(text: str, where: str) -> Any:
    """Return the document in ``text``; a key given twice is an error."""
    try:
        return json.loads(text, object_pairs_hook=_pairs)
    except InputError as error:
        raise InputError(f"{where}: {error}") from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where} is no valid JSON ({error}); correct it there.") from None


def load_yaml(text: str, where: str) -> Any:
    """Return the document in ``text`` by the safe loader; no aliases, no key given twice."""
    try:
        return yaml.load(text, Loader=_Loader)
    except InputError as error:
        raise InputError(f"{where}: {error}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{where} is no valid YAML ({reason}); correct it there.") from None


def dump_yaml(document: object) -> str:
    """Return ``document`` (plain lists, dicts and scalars) as YAML, keys in their order."""
    text: str = yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)
    return text


def _pairs(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise InputError(f"the key {twice!r} occurs twice; remove one.")
    return found


class _Dumper(yaml.SafeDumper):
    """The safe dumper without aliases, which :class:`_Loader` refuses."""

    def ignore_aliases(self, data: object) -> bool:
        return True


class _Loader(yaml.SafeLoader):
    """The safe loader without aliases (a few lines of them unfold to gigabytes)."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            line = self.get_event().start_mark.line + 1  # type: ignore[no-untyped-call]
            raise InputError(f"line {line} holds a YAML alias (*); write the value out.")
        node: yaml.Node | None = super().compose_node(parent, index)
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[tuple[str, str]] = set()
        for key, _ in node.value:
            name = (key.tag, str(key.value))
            if name in seen:
                line = key.start_mark.line + 1
                raise InputError(f"the key {key.value!r} occurs twice (line {line}); remove one.")
            seen.add(name)
        return super().construct_mapping(node, deep=deep)
