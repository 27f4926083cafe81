"""Vocabularies as files.

``.txt``
    The grammar that a person types (:mod:`~napari_corrclip.vocabulary.grammar`), which the class
    files of the benchmarks are too: names, prompts and colours.
``.csv``
    A header and a row a class: ``name``, and if wanted ``prompts`` (separated by ``;``), ``color``
    (``#rrggbb`` or ``#rgb``), ``threshold``, ``value``, ``background`` (true or false), ``parent`` (the name
    of the class that it is a kind of). Columns may be
    separated by semicolons or tabs, as spreadsheets in other languages do. A text with such a header is a
    table in a ``.txt`` file too, or pasted. ``class`` and ``category`` mean the name, ``id`` and ``idx`` the
    value; the tables of ADE20K (``Idx Ratio Train Val Name``) are read, their names' synonyms as prompts.
    What a spreadsheet would compute is written with a quote in front, see
    :mod:`napari_corrclip.wording.csv_cells`.
``.yaml``, ``.yml``, ``.json``
    A list of classes, or a mapping from names to prompts, or all of a vocabulary::

        - cat                                  cat:
        - 'background: sky, grass'             background: sky, grass
        - name: dog                            dog: [dog, puppy]
          prompts: [dog, puppy]                fox: {prompts: fox, color: '#ff8800', threshold: 0.3}
          color: '#ff8800'

        classes: …            # either of the above
        next_value: 7
        threshold: 0.2
        templates: [a microscopy image of {}]

In the last form ``classes`` is a key and no class; a class of that name goes into a list. An empty list of
prompts (``prompts: []``; in a table's cell ``""``) makes a class that no words find, but examples.

``parent: NAME`` puts a class below another one; a parent that the file does not list is a class without
prompts, before the first that names it. Where a parent is said, YAML and JSON files have the version 2, else
1 as ever: a program that knows no parents refuses those by their version, and a table by its column.

YAML, JSON and CSV files say the colour of every class; a text says those alone that are not the palette's. A
class of which a file says no colour gets that of new classes.

Files are read as untrusted: no more than a few megabytes, no YAML tags or aliases, and an unknown
key is an error. They are written whole or not at all; what a format cannot hold is an error and no
silent loss.
"""

from __future__ import annotations

import csv
import difflib
import io
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, TypeVar

from napari_corrclip.errors import InputError
from napari_corrclip.storage.files import write_bytes
from napari_corrclip.storage.text_files import dump_yaml, load_json, load_yaml, read_text
from napari_corrclip.vocabulary import grammar
from napari_corrclip.vocabulary import templates as prompt_templates
from napari_corrclip.vocabulary.classes import VocabularyClass, complete, is_int, own_color
from napari_corrclip.vocabulary.grammar import Entry
from napari_corrclip.vocabulary.palette import Color, Palette
from napari_corrclip.wording.csv_cells import quoted, rows_to_csv, unquoted

_N = TypeVar("_N", int, float)

SUFFIXES = (".yaml", ".yml", ".json", ".csv", ".txt")
VERSION = 2
"""The newest version of files, which they have where a class has a parent; else the first."""
_COLUMNS = ("name", "prompts", "color", "threshold", "value", "background", "parent")
_ALSO = {
    "class": "name", "class name": "name", "class_name": "name", "category": "name",
    "id": "value", "idx": "value", "index": "value",
}  # fmt: skip
"""What tables of others call our columns."""
_COUNTED = frozenset({"ratio", "train", "val", "stuff"})
"""Columns of ADE20K's tables that say nothing of a class itself; beside them, names hold synonyms."""
_SEPARATORS = ",;\t"
_DECLARED = re.compile(r"\ufeff?\"?sep=(.)\"?[ \t]*(?:\r\n|\r|\n)", re.IGNORECASE)
"""The first line by which Excel is told the separator."""
_KEYS = ("version", "classes", "next_value", "threshold", "templates")
_BOOLEANS = {
    "": None,
    "true": True,
    "yes": True,
    "1": True,
    "false": False,
    "no": False,
    "0": False,
}


class Words(Protocol):
    """The part of a vocabulary that is written; its attributes are described there."""

    @property
    def classes(self) -> tuple[VocabularyClass, ...]: ...  # noqa: D102
    @property
    def next_value(self) -> int: ...  # noqa: D102
    @property
    def threshold(self) -> float: ...  # noqa: D102
    @property
    def templates(self) -> tuple[str, ...] | None: ...  # noqa: D102


@dataclass(frozen=True)
class Document:
    """The vocabulary as a text or a file states it, before anybody has looked whether it can be one.

    The attributes are those of :class:`~napari_corrclip.vocabulary.model.Vocabulary`.
    """

    classes: tuple[VocabularyClass, ...]
    next_value: Any
    threshold: Any = 0.0
    templates: tuple[str, ...] | None = None

    @classmethod
    def of(
        cls,
        entries: Sequence[Entry],
        background: str | int | None = None,
        palette: Palette = Palette.DISTINCT,
    ) -> Document:
        """Return the document of classes of which some may have no value, colour or prompts."""
        classes = complete(entries, background, palette)
        return cls(classes, next_value=max((class_.value for class_ in classes), default=0) + 1)


def read(
    path: str | os.PathLike[str],
    *,
    background: str | int | None = None,
    palette: Palette = Palette.DISTINCT,
) -> Document:
    """Return what the file ``path`` says; ``background`` as in :meth:`Vocabulary.parse`."""
    suffix = _suffix(path)
    where = called(path)
    text = read_text(path, "vocabulary file")
    try:
        if suffix == ".txt":
            return Document.of(entries_of(text), background, palette)
        if suffix == ".csv":
            return Document.of(from_table(text), background, palette)
    except InputError as error:
        raise InputError(f"{where}: {error}") from None
    data = load_json(text, where) if suffix == ".json" else load_yaml(text, where)
    try:
        return from_document(data, background=background, palette=palette)
    except InputError as error:
        raise InputError(f"{where}: {error}") from None


def called(path: str | os.PathLike[str]) -> str:
    """Return how a sentence calls the file ``path``."""
    return f"The vocabulary file {os.fspath(path)!r}"


def write(words: Words, path: str | os.PathLike[str]) -> None:
    """Write ``words`` to ``path`` in the format of its ending."""
    suffix = _suffix(path)
    if suffix == ".json":
        import json

        text = json.dumps(to_document(words), indent=2, ensure_ascii=False) + "\n"
    elif suffix == ".csv":
        text = to_csv(words)
        _check_whole(words, Document.of(from_table(text)), suffix)
    elif suffix == ".txt":
        text = to_text(words)
        _check_whole(words, Document.of(entries_of(text)), suffix)
    else:
        text = dump_yaml(to_document(words))
    write_bytes(path, text.encode())


def _suffix(path: str | os.PathLike[str]) -> str:
    suffix = Path(path).suffix.lower()
    if suffix not in SUFFIXES:
        raise InputError(
            f"{os.fspath(path)!r} ends like no vocabulary file; use one of {', '.join(SUFFIXES)}."
        )
    return suffix


def _check_whole(words: Words, read_back: Document, suffix: str) -> None:
    written = Document(words.classes, words.next_value, words.threshold, words.templates)
    if read_back == written:
        return
    lost = []
    if read_back.templates != written.templates:
        lost.append("templates")
    if _thresholds(read_back) != _thresholds(written):
        lost.append("thresholds")
    if _values(read_back) != _values(written):
        lost.append("values")
    if [class_.background for class_ in read_back.classes] != [
        class_.background for class_ in words.classes
    ]:
        lost.append("background")
    raise InputError(
        f"A {suffix} file cannot hold this vocabulary's {', '.join(lost) or 'colours'}; "
        "save it as .yaml or .json."
    )


def _thresholds(words: Document) -> list[float]:
    return [
        words.threshold if class_.threshold is None else class_.threshold
        for class_ in words.classes
    ]


def _values(words: Document) -> tuple[int, ...]:
    return (*(class_.value for class_ in words.classes), words.next_value)


# -- text


def to_text(words: Words) -> str:
    """Return the names, prompts, colours and parents of ``words`` by the grammar, one class a line.

    A class without prompts that the next line's class is below is named there and has no line of its own.
    """
    names = {class_.value: class_.name for class_ in words.classes}
    entries: list[Entry] = []
    mentioned: set[int] = set()
    path: tuple[str, ...] = ()
    for class_, following in zip(words.classes, (*words.classes[1:], None), strict=True):
        color = None if class_.color == own_color(class_) else class_.color
        if class_.parent is not None and not path:
            path = (names[class_.parent],)
        unsaid = not class_.prompts and color is None and class_.value not in mentioned
        if unsaid and following is not None and following.parent == class_.value:
            path = (*path, class_.name)
        else:
            entries.append(Entry(class_.name, class_.prompts, color, above=path))
            path = ()
        if class_.parent is not None:
            mentioned.add(class_.parent)
    return grammar.write(entries)


# -- YAML and JSON


def to_document(words: Words) -> dict[str, object]:
    """Return all of ``words`` as plain dicts and lists."""
    names = {class_.value: class_.name for class_ in words.classes}
    classes: list[dict[str, object]] = []
    for class_ in words.classes:
        fields: dict[str, object] = {"name": class_.name, "value": class_.value}
        if class_.parent is not None:
            fields["parent"] = names[class_.parent]
        fields["color"] = grammar.color_to_text(class_.color)
        fields["prompts"] = list(class_.prompts)
        if class_.threshold is not None:
            fields["threshold"] = class_.threshold
        # always said: a class that is called background need not be it
        fields["background"] = class_.background
        classes.append(fields)
    return {
        "version": VERSION if _is_tree(words) else 1,
        "next_value": words.next_value,
        "threshold": words.threshold,
        "templates": None if words.templates is None else list(words.templates),
        "classes": classes,
    }


def _is_tree(words: Words) -> bool:
    """Whether any class has a parent."""
    return any(class_.parent is not None for class_ in words.classes)


def from_document(
    data: object,
    *,
    background: str | int | None = None,
    palette: Palette = Palette.DISTINCT,
) -> Document:
    """Return what a YAML or JSON file says by what it holds (see the top of this module)."""
    if not isinstance(data, dict) or "classes" not in data:
        return Document.of(_entries(data), background, palette)
    _check_keys(data, _KEYS, "the vocabulary")
    version = data.get("version", VERSION)
    if not is_int(version) or not 1 <= version <= VERSION:
        raise InputError(
            f"it has the version {version!r}, this program knows 1 to {VERSION}; use a newer program."
        )
    document = Document.of(_entries(data["classes"]), background, palette)
    if data.get("next_value") is not None:
        document = replace(document, next_value=data["next_value"])
    if data.get("threshold") is not None:
        document = replace(document, threshold=data["threshold"])
    if data.get("templates") is not None:
        templates = prompt_templates.resolve(data["templates"])
        document = replace(document, templates=templates)
    return document


def entries_of_document(data: object) -> list[Entry]:
    """Return the classes of what a YAML or JSON file holds, with what it says of each and no more."""
    if isinstance(data, dict) and "classes" in data:
        _check_keys(data, _KEYS, "the vocabulary")
        return _entries(data["classes"])
    return _entries(data)


def _entries(data: object) -> list[Entry]:
    if isinstance(data, list):
        return [_element(element) for element in data]
    if isinstance(data, dict):
        return [_named(name, fields) for name, fields in data.items()]
    if data is None:
        return []
    raise InputError(
        f"the classes are {_short(data)}; write a list of names, or names with prompts."
    )


def _element(element: object) -> Entry:
    """Return the class of a list's element: text, fields with a name, or one name with the rest."""
    if isinstance(element, str):
        return grammar.parse_one(element)
    if isinstance(element, dict) and isinstance(element.get("name"), str):
        fields = {key: value for key, value in element.items() if key != "name"}
        return _named(element["name"], fields)
    if isinstance(element, dict) and len(element) == 1:
        ((name, rest),) = element.items()
        return _named(name, rest)
    raise InputError(f"the class {_short(element)} has no name; write text or give it a 'name'.")


def _named(name: object, fields: object) -> Entry:
    """Return the class ``name`` with what a mapping says of it."""
    name = grammar.check_text(name, "class name", grammar.MAX_NAME)
    if fields is None:
        return Entry(name)
    if not isinstance(fields, dict):
        return Entry(name, _prompts(fields, name))
    _check_keys(fields, _COLUMNS[1:], f"the class {name!r}")
    if "color" in fields and fields["color"] is None:
        raise InputError(
            f"the class {name!r} has an empty colour; put it in quotes, '#rrggbb', since # begins "
            "a comment in YAML."
        )
    background = fields.get("background")
    if background is not None and not isinstance(background, bool):
        raise InputError(f"the class {name!r} has background {background!r}; write true or false.")
    return Entry(
        name,
        None if fields.get("prompts") is None else _prompts(fields["prompts"], name),
        _color(fields["color"], name) if "color" in fields else None,
        fields.get("value"),
        fields.get("threshold"),
        background,
        above=_above(fields.get("parent"), name),
    )


def _above(parent: object, name: str) -> tuple[str, ...]:
    """Return the names above the class ``name`` of which ``parent`` is the last that is said."""
    if parent is None or parent == "":
        return ()
    try:
        return (grammar.check_text(parent, "parent", grammar.MAX_NAME),)
    except InputError as error:
        raise InputError(f"the class {name!r}: {error}") from None


def _prompts(prompts: object, name: str) -> tuple[str, ...]:
    if isinstance(prompts, str):
        try:
            return grammar.parse_prompts(prompts)
        except InputError as error:
            raise InputError(f"the class {name!r}: {error}") from None
    if isinstance(prompts, Sequence):
        return tuple(grammar.check_text(p, "prompt", grammar.MAX_PROMPT) for p in prompts)
    raise InputError(
        f"the class {name!r} has the prompts {_short(prompts)}; write text or a list of texts."
    )


def _color(color: object, name: str) -> Color:
    if isinstance(color, str):
        return grammar.color_from_text(color)
    if isinstance(color, Sequence) and len(color) == 3 and all(is_int(level) for level in color):
        return (color[0], color[1], color[2])
    raise InputError(f"the class {name!r} has the colour {_short(color)}; write '#rrggbb'.")


def _check_keys(fields: Mapping[object, object], known: Sequence[str], whose: str) -> None:
    for key in fields:
        if key not in known:
            near = difflib.get_close_matches(str(key).lower(), known, n=1)
            advice = f"did you mean {near[0]!r}" if near else f"it may have {', '.join(known)}"
            raise InputError(f"{whose} has the unknown key {key!r}; {advice}?")


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:59] + "…"


# -- CSV


def to_csv(words: Words) -> str:
    """Return the classes of ``words`` as CSV, a row each under a header."""
    names = {class_.value: quoted(class_.name) for class_ in words.classes}
    columns = len(_COLUMNS) if _is_tree(words) else _COLUMNS.index("parent")
    rows: list[tuple[object, ...]] = [_COLUMNS[:columns]]
    for class_ in words.classes:
        row = (
            names[class_.value],
            quoted(grammar.write_prompts(class_.prompts, "; ")),
            grammar.color_to_text(class_.color),
            "" if class_.threshold is None else repr(class_.threshold),
            class_.value,
            "true" if class_.background else "false",
            "" if class_.parent is None else names[class_.parent],
        )
        rows.append(row[:columns])
    return rows_to_csv(rows)


def entries_of(
    text: str, parse: Callable[[str], Sequence[Entry]] = grammar.parse
) -> Sequence[Entry]:
    """Return the classes of a text by the grammar, or of the table that it is."""
    if not is_table(text):
        return parse(text)
    try:
        return from_table(text)
    except InputError as error:
        raise InputError(f"The table of classes: {error}") from None


def names_of_lines(text: str) -> Sequence[str]:
    """Return the names in a text of one a line, where commas are characters, or in a table."""
    if is_table(text):
        return [entry.name for entry in entries_of(text)]
    lines = [line for line in grammar.lines_of(text) if line.strip()]
    grammar.check_unnumbered(lines)
    return [grammar.parse_one(line).name for line in lines]


def check_a_class_a_line(text: str) -> None:
    """Raise InputError where the n-th line of a text is not its n-th class, as their numbers are meant.

    Blank lines and comments are none of them. The classes of a single line are numbered as they stand in it,
    a table's by its rows.
    """
    if is_table(text):
        return
    found: list[str] = []
    above: list[tuple[int, str]] = []
    lines = [(n, line) for n, line in enumerate(grammar.lines_of(text), start=1) if line.strip()]
    for number, line in lines if len(lines) > 1 else []:
        entries = grammar.parse(line)
        if len(entries) > 1:
            names = ", ".join(repr(entry.name) for entry in entries[:3])
            more = ", …" if len(entries) > 3 else ""
            raise InputError(
                f"Line {number} names {len(entries)} classes ({names}{more}), so that those of the lines "
                "after it would have other numbers; write a class a line, its prompts by semicolons or after "
                "a colon, and a name with a comma in double quotes."
            )
        above += [(number, name) for entry in entries for name in entry.above]
        found += [grammar.key(entry.name) for entry in entries]
    for number, name in above:
        if grammar.key(name) not in found:
            raise InputError(
                f"Line {number} puts a class below {name!r}, which has no line, so that it would take a "
                "number from the classes after it; give it a line, or leave it and the > out."
            )


def is_table(text: str) -> bool:
    """Whether ``text`` has rows under a header that names our columns, or those of a table by tabs."""
    declared = _DECLARED.match(text)
    lines = [
        line for line in grammar.lines_of(text[declared.end() if declared else 0 :]) if line.strip()
    ]
    if len(lines) < 2:
        return False
    for separator in _SEPARATORS:
        columns = [_column(cell.strip().strip('"')) for cell in lines[0].split(separator)]
        if len(columns) > 1 and "name" in columns:
            return separator == "\t" or {*columns} <= {*_COLUMNS, *_COUNTED}
    return False


def from_table(text: str) -> list[Entry]:
    """Return the classes of a table; the header tells whether commas, ; or tabs separate, errors the row."""
    declared = _DECLARED.match(text)
    text = text[declared.end() if declared else 0 :].removeprefix("\ufeff")
    header = text.lstrip().partition("\n")[0]
    separator = declared[1] if declared else max(_SEPARATORS, key=header.count)
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True))
    except (csv.Error, TypeError, ValueError) as error:  # a separator that can be none
        raise InputError(f"it is no valid CSV table ({error}); correct it there.") from None
    filled = [(number, row) for number, row in enumerate(rows, start=1) if any(map(str.strip, row))]
    if not filled:
        raise InputError("it is empty; write a header 'name,prompts' and a row for each class.")
    columns = [_column(cell) for cell in filled[0][1]]
    known = (*_COLUMNS, *_COUNTED)
    _check_keys(
        dict.fromkeys(column for column in columns if column not in known), _COLUMNS, "the header"
    )
    if "name" not in columns or len(set(columns)) < len(columns):
        raise InputError(
            f"its header is {','.join(columns)!r}; it must hold 'name' and no column twice."
        )
    entries = []
    for number, row in filled[1:]:
        if len(row) != len(columns):
            raise InputError(
                f"row {number} has {len(row)} cells and the header {len(columns)}; make them equal "
                "(a cell that holds the separator needs quotes)."
            )
        cells = dict(zip(columns, (unquoted(cell.strip()) for cell in row), strict=True))
        if separator != ",":  # where a comma is the decimal sign
            cells["threshold"] = cells.get("threshold", "").replace(",", ".")
        if not _COUNTED.isdisjoint(columns) and "prompts" not in cells:
            cells = _with_synonyms(cells)
        try:
            entries.append(_row(cells))
        except InputError as error:
            raise InputError(f"row {number}: {error}") from None
    return entries


def _column(cell: str) -> str:
    name = " ".join(cell.lower().split())
    return _ALSO.get(name, name)


def _with_synonyms(cells: dict[str, str]) -> dict[str, str]:
    """Return the cells of a class whose name is a list of words that mean the same."""
    name = cells["name"].replace(";", ",").partition(",")[0].strip()
    return {**cells, "name": name, "prompts": cells["name"]}


def _row(cells: Mapping[str, str]) -> Entry:
    name = grammar.check_text(cells["name"], "class name", grammar.MAX_NAME)
    prompts, color = cells.get("prompts", ""), cells.get("color", "")
    flag = cells.get("background", "").lower()
    if flag not in _BOOLEANS:
        raise InputError(f"the background is {flag!r}; write true or false.")
    return Entry(
        name,
        grammar.parse_prompts(prompts) if prompts else None,
        grammar.color_from_text(color) if color else None,
        _number(cells.get("value", ""), "value", int),
        _number(cells.get("threshold", ""), "threshold", float),
        _BOOLEANS[flag],
        above=_above(cells.get("parent", ""), name),
    )


def _number(text: str, what: str, kind: Callable[[str], _N]) -> _N | None:
    if not text:
        return None
    try:
        return kind(text)
    except ValueError:
        raise InputError(f"the {what} is {_short(text)}; write a number.") from None
