"""The text that a person types to name classes, read and written.

::

    cat, dog #ff8800            # classes by commas or lines; a colour after the name
    background: sky, grass      # a class with prompts of its own
    person; man; woman          # the same by semicolons: the first prompt is the name
    "salt, pepper": salt        # in quotes, commas, colons, > and # mean nothing special
    animal > cat, animal > dog  # classes below another one, which has no prompts unless it is listed itself

The rules, in full:

* Lines separate classes, and so do commas. A colon belongs to the name just before it, and all that
  follows it on the line are that class's prompts, separated by commas or semicolons:
  ``cat, dog, background: sky, grass`` are three classes. A second colon on a line is an error.
* Semicolons without a colon separate the prompts of one class, whose name is the first: so the
  class files of the benchmarks (one class a line, prompts by ``; ``) are this grammar too. In the
  viewer's line, where nothing else is typed, they separate classes (:func:`parse_typed`); beside commas
  the viewer asks what they separate (:func:`parse_listed`).
* A class without prompts of its own has its name as its prompt; after a colon, only what follows. Empty
  quotes after the colon (``type B: ""``) make a class without any, which only examples find.
* ``>`` puts the class behind it below the one before it, as ``genus > species`` and over as many steps as one
  likes (``animal > cat > tabby: tabby cat``). Colour and prompts belong to the last; of the names before it,
  those that nothing lists as classes of their own become classes without prompts, in front of the first
  class below them. After a colon ``>`` is a character.
* ``#rrggbb``, or ``#rgb`` for short (``#f00`` is ``#ff0000``), as a word beside the name or among its
  prompts, is the class's colour. ``#`` as a word by itself begins a comment up to the end of the line.
  Inside a word (``C#``) it is a character.
* A name or prompt that begins with ``"`` goes on to the next single ``"``, and all in between is
  meant as it stands; ``""`` in it is one ``"``.
* The separators, ``#`` and quotes of other scripts and of word processors count as these: ``，`` ``、`` ``،``
  as commas, ``；`` as a semicolon, ``：`` as a colon, ``＞`` as ``>``, ``“…”`` and ``„…“`` as quotes.
* A tab between two words is an error, for it separates the columns of a table; so is a list whose lines all
  begin with their numbers (``1: wall``). A table with a header is one of
  :mod:`~napari_corrclip.vocabulary.files`.
* Space around and between words counts as one space; text is brought to Unicode's composed form
  (NFC). Blank lines and one comma at the end of a line are ignored; an empty name between commas is
  an error.
* A character that nobody sees (zero-width space, bidirectional control, …) is an error, since two
  names would look the same. Joiners and variation selectors stay where scripts and emoji need them;
  they alone make no two names different.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from napari_corrclip.errors import InputError
from napari_corrclip.vocabulary.palette import Color

MAX_NAME = 1000
"""Most characters of a class's name."""
NO_PROMPTS = '""'
"""What is written in the place of prompts for a class that has none."""
MAX_PROMPT = 1000
"""Most characters of a prompt (the text encoder has its own limit, in tokens)."""

_COLOR = re.compile(r"#(?:[0-9a-fA-F]{3}){1,2}")
_LINE_END = re.compile(r"\r\n|[\n\r\x0b\x0c\x85\u2028\u2029]")

_MEANT = {
    **dict.fromkeys("，、﹐﹑､،", ","),
    **dict.fromkeys("；﹔؛\u037e", ";"),
    **dict.fromkeys("：﹕", ":"),
    **dict.fromkeys("＞﹥", ">"),
}
"""Separators of other scripts."""
_CLOSING = {'"': '"', "“": '”"', "„": '“”"', "＂": "＂"}
"""By what quotes are closed."""
_MARKS = frozenset(",;:>") | _MEANT.keys()
_MARKS_OF_PROMPTS = frozenset(mark for mark in _MARKS if _MEANT.get(mark, mark) != ">")

# "1: wall", "2. building", "3\tsky"; or, where the numbers are in order, "1 wall", too.
_NUMBERED = re.compile(r"\s*(\d+)\s*(?:([:：.．)）、\t])|\s)\s*\S")

# Unicode's Default_Ignorable_Code_Point, with the annotation marks and the blank Braille pattern. Of
# them, joiners, variation selectors and tags shape the character before: an emoji, or a letter of
# a script from Hebrew on. After one of Latin, Greek or Cyrillic (but ©, ® and keycaps) they are
# nothing but hidden.
_SHAPING = r"\u180b-\u180d\u180f\u200c\u200d\ufe00-\ufe0f\U000e0020-\U000e007f\U000e0100-\U000e01ef"
_UNSEEN = (
    r"\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f"
    r"\u2800\u3164\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    r"\U000e0000-\U000e001f\U000e0080-\U000e00ff\U000e01f0-\U000e0fff"
)
_INVISIBLE = re.compile(f"[{_UNSEEN}{_SHAPING}]")
_HIDDEN = re.compile(rf"[{_UNSEEN}]|(?<![^\x00-\xa8\xaa-\xad\xaf-\u058f])[{_SHAPING}](?!\u20e3)")


@dataclass(frozen=True, slots=True)
class Entry:
    """A class as it was written: what is ``None`` was not said.

    ``unnamed`` tells that the name is only the first of its prompts (``sky; wall``); ``above`` the names of
    the classes that it is below, the outermost first, as far as they were said.
    """

    name: str
    prompts: tuple[str, ...] | None = None
    color: Color | None = None
    value: int | None = None
    threshold: float | None = None
    background: bool | None = None
    unnamed: bool = False
    above: tuple[str, ...] = ()


@dataclass(slots=True)
class _Item:
    """The text between two separators, and what ended it."""

    text: str = ""
    color: Color | None = None
    end: str = ""  # "," ";" ":" ">" or "" for the end of the line
    quoted: bool = False

    @property
    def is_color(self) -> bool:
        """Whether it is a colour and no text."""
        return self.color is not None and not self.text and not self.quoted

    @property
    def is_blank(self) -> bool:
        """Whether there is nothing at all."""
        return self.color is None and not self.text and not self.quoted


def normalize(text: str) -> str:
    """Return ``text`` in composed form (NFC), trimmed, with single spaces."""
    # a byte order mark left inside by joining files is no character of a name
    return " ".join(unicodedata.normalize("NFC", text.replace("\ufeff", "")).split())


def key(name: str) -> str:
    """Return what two names share if they count as the same.

    Case, composition and characters that nobody sees do not matter.
    """
    return unicodedata.normalize("NFC", normalize(_INVISIBLE.sub("", name)).casefold())


def check_text(text: object, what: str, limit: int) -> str:
    """Return ``text`` normalised; ``what`` ("class name", …) names it in the error."""
    if not isinstance(text, str):
        raise InputError(f"The {what} {text!r} is no text; write it in quotes.")
    found = normalize(text)
    if not any(unicodedata.category(character)[0] in "LNPS" for character in found):
        raise InputError(f"The {what} {text!r} is empty; write something or leave it out.")
    if len(found) > limit:
        raise InputError(
            f"The {what} {found[:40] + '…'!r} has {len(found)} characters; use at most {limit}."
        )
    for character in found:
        if unicodedata.category(character) in ("Cc", "Cs"):
            raise InputError(
                f"The {what} {found[:60]!r} holds the control character {character!r}; remove it."
            )
    if hidden := _HIDDEN.search(found):
        character = hidden.group()
        raise InputError(
            f"The {what} {found[:60]!r} holds U+{ord(character):04X} "
            f"({unicodedata.name(character, 'no character')}), which nobody sees; remove it, or type "
            f"the {what} anew."
        )
    return found


def color_from_text(text: str) -> Color:
    """Return the colour ``#rrggbb`` or ``#rgb`` as (red, green, blue) of 0 to 255."""
    if not _COLOR.fullmatch(text):
        raise InputError(f"{text!r} is no colour; write #rrggbb, such as #ff8800, or #rgb.")
    digits = text[1:] if len(text) == 7 else "".join(digit * 2 for digit in text[1:])
    return (int(digits[:2], 16), int(digits[2:4], 16), int(digits[4:], 16))


def color_to_text(color: Color) -> str:
    """Return ``color`` as ``#rrggbb``."""
    return "#{:02x}{:02x}{:02x}".format(*color)


def lines_of(text: str) -> list[str]:
    """Return the lines of ``text``, ended as on any system or by a word processor."""
    return _LINE_END.split(text.removeprefix("\ufeff"))


def lists_several(text: str) -> bool:
    """Whether ``text`` holds what separates classes."""
    return len(lines_of(text)) > 1 or any(_MEANT.get(letter, letter) in ",;>" for letter in text)


def check_unnumbered(lines: Sequence[str]) -> None:
    """Raise InputError where each line has a number before its name: that would become part of it."""
    found = [_NUMBERED.match(line) for line in lines if line.strip()]
    rows = [row for row in found if row is not None]
    if len(rows) < max(len(found), 2):
        return
    marked = all(row[2] is not None for row in rows)
    first = int(rows[0][1])
    in_order = [int(row[1]) for row in rows] == list(range(first, first + len(rows)))
    if marked or (in_order and first < 2 and len(rows) > 2):
        line = next(line for line in lines if line.strip())
        raise InputError(
            f"Every line of the classes begins with a number, as {_start(line)!r}; leave the numbers out, "
            "or, if they belong to the names, put the names in double quotes."
        )


def _start(line: str) -> str:
    line = line.strip()
    return line if len(line) <= 40 else line[:39] + "…"


def parse(text: str) -> tuple[Entry, ...]:
    """Return the classes that ``text`` names, in order; errors tell the line."""
    entries: list[Entry] = []
    lines = lines_of(text)
    check_unnumbered(lines)
    for number, line in enumerate(lines, start=1):
        try:
            entries += _line(_items(line, ",;:>"))
        except InputError as error:
            raise InputError(f"Line {number} of the classes: {error}") from None
    return tuple(entries)


def parse_typed(text: str) -> tuple[Entry, ...]:
    """Return the classes of a line that a person typed, where semicolons alone list classes.

    In a file they separate prompts, and there several lines say what is meant; somebody who types
    ``cat; dog; sky`` and nothing else means three classes. Prompts can be typed behind a colon.
    """
    if _lists_paths(text):
        return parse_listed(text)
    entries = parse(text)
    if len(entries) != 1 or not entries[0].unnamed or entries[0].color is not None:
        return entries
    return tuple(Entry(prompt) for prompt in entries[0].prompts or ())


def _lists_paths(text: str) -> bool:
    """Whether semicolons alone separate the classes of one line, some of which are below others."""
    lines = lines_of(text)
    if len(lines) != 1:
        return False
    try:
        ends = {item.end for item in _items(lines[0], ",;:>")}
    except InputError:  # which is told by whoever reads it
        return False
    return {";", ">"} <= ends <= {";", ">", ""}


def parse_listed(text: str) -> tuple[Entry, ...]:
    """Return the classes of a typed line in which every semicolon before a colon stands for a comma.

    ``d, e; f`` are three classes then, where :func:`parse_typed` finds two, the second with two prompts.
    """
    lines = lines_of(text)
    if len(lines) != 1:
        return parse_typed(text)
    items = _items(lines[0], ",;:>")
    for item in items:
        if item.end == ":":
            break
        item.end = "," if item.end == ";" else item.end
    return tuple(_line(items))


def parse_one(text: str) -> Entry:
    """Return the one class of a list's element, in whose name commas are characters.

    Elsewhere the grammar is the same, so ``background: sky, grass`` gives prompts here too.
    """
    if len(lines_of(text.strip())) > 1:
        raise InputError(
            f"The class name {_start(text)!r} holds a line break; make a class of each line."
        )
    entries = _line(_items(text, ";:>"))
    if len(entries) != 1:
        raise InputError(f"The class name {text!r} is empty; write at least one letter.")
    return entries[0]


def parse_prompts(text: str) -> tuple[str, ...]:
    """Return the prompts of ``text``, separated by commas or semicolons; of ``""`` none."""
    items = _items(text, ",;")
    if _are_none(items):
        return ()
    if any(item.color is not None for item in items):
        raise InputError(f"The prompts {text!r} hold a colour; give it as the class's colour.")
    if not items:
        raise InputError(
            f"The prompts are empty; write at least one, or {NO_PROMPTS} where only examples are to find the "
            "class."
        )
    return tuple(_text(item, "prompt") for item in items)


def _are_none(items: list[_Item]) -> bool:
    """Whether prompts are said to be none, by empty quotes."""
    return len(items) == 1 and items[0].quoted and not items[0].text


def write(entries: Iterable[Entry]) -> str:
    """Return the text that :func:`parse` reads as ``entries``, one class a line."""
    entries = list(entries)
    lines = [_written(entry, partial(_quote, marks=_MARKS)) for entry in entries]
    try:
        check_unnumbered(lines)
    except InputError:
        lines = [_written(entry, lambda name: _in_quotes(normalize(name))) for entry in entries]
    return "".join(line + "\n" for line in lines)


def _written(entry: Entry, quote: Callable[[str], str]) -> str:
    line = " > ".join(quote(name) for name in (*entry.above, entry.name))
    if entry.color is not None:
        line += f" {color_to_text(entry.color)}"
    if entry.prompts is not None and entry.prompts != (entry.name,):
        line += f": {write_prompts(entry.prompts, ', ')}"
    return line


def write_prompts(prompts: Sequence[str], separator: str) -> str:
    """Return the text that :func:`parse_prompts` reads as ``prompts``."""
    return separator.join(_quote(prompt, _MARKS_OF_PROMPTS) for prompt in prompts) or NO_PROMPTS


def _quote(text: str, marks: frozenset[str]) -> str:
    text = normalize(text)
    special = not marks.isdisjoint(text) or text[:1] in _CLOSING
    if special or any(word[:1] in "#＃" for word in text.split()):
        return _in_quotes(text)
    return text


def _in_quotes(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _items(line: str, separators: str) -> list[_Item]:
    """Cut ``line`` at ``separators``, taking out colours, quotes and the comment.

    Nothing after the last separator is no item; so a line may end with a comma.
    """
    items: list[_Item] = []
    words: list[str] = []
    item = _Item()
    at = 0
    tab = False
    while at < len(line):
        character = _MEANT.get(line[at], line[at])
        if character in separators:
            item.end = character
            item.text = item.text or " ".join(words)
            items.append(item)
            item, words, tab = _Item(), [], False
            if character == ":":
                separators = ",;:"  # prompts follow, and commas separate those everywhere
            at += 1
        elif character.isspace():
            tab = tab or (character == "\t" and bool(words))
            at += 1
        elif character in _CLOSING and not words and not item.quoted:
            item.text, at = _quoted(line, at)
            item.quoted = True
        else:
            start = at
            while at < len(line) and not (
                _MEANT.get(line[at], line[at]) in separators or line[at].isspace()
            ):
                at += 1
            word = line[start:at]
            if word[0] == "＃":
                word = "#" + word[1:]
            if word == "#":
                break
            if word.startswith("#"):
                _set_color(item, word)
            elif tab:
                raise InputError(
                    f"there is a tab after {words[-1]!r}, as between the columns of a table; separate "
                    "classes by commas or lines, or give the table a header with a column 'name'."
                )
            elif item.quoted:
                raise InputError(
                    f"after the quoted {item.text!r} comes {word!r}; put all of it in the quotes."
                )
            else:
                words.append(word)
    item.text = item.text or " ".join(words)
    if not item.is_blank:
        items.append(item)
    return items


def _quoted(line: str, start: int) -> tuple[str, int]:
    """Return the text of the quotes that open at ``start``, and where they are closed."""
    closing = _CLOSING[line[start]]
    parts: list[str] = []
    at = start + 1
    while True:
        end = next((where for where in range(at, len(line)) if line[where] in closing), -1)
        if end < 0:
            raise InputError(
                f"the quotes in {line[start : start + 40]!r} are never closed; "
                'add a " where the name ends.'
            )
        parts.append(line[at:end])
        if line[end + 1 : end + 2] != line[end]:
            return "".join(parts), end + 1
        parts.append(line[end])
        at = end + 2


def _set_color(item: _Item, word: str) -> None:
    if not _COLOR.fullmatch(word):
        raise InputError(
            f"{word!r} is no colour; write #rrggbb or #rgb, or put a name that holds it in double quotes."
        )
    if item.color is not None:
        raise InputError(f"{word!r} is a second colour for one class; keep one of them.")
    item.color = color_from_text(word)


def _text(item: _Item, what: str) -> str:
    if item.is_blank:
        raise InputError(f"there is an empty {what} between two separators; remove one.")
    return check_text(item.text, what, MAX_NAME if what == "class name" else MAX_PROMPT)


def _line(items: list[_Item]) -> list[Entry]:
    """Return the classes of one line's items."""
    colons = [index for index, item in enumerate(items) if item.end == ":"]
    if len(colons) > 1:
        raise InputError(
            f"there is a second colon, after {items[colons[1]].text!r}; begin a new line for each "
            "class with prompts, or put the text that holds the colon in double quotes."
        )
    prompts = items[colons[0] + 1 :] if colons else []
    entries: list[Entry] = []
    above: list[str] = []
    group: list[_Item] = []
    for item in items[: len(items) - len(prompts)]:
        if item.end == ">":
            above.append(_name_above(item, group))
            continue
        group.append(item)
        if item.end == ":":
            entry = _with_prompts(group, prompts)
        elif item.end != ";" or item is items[-1]:
            entry = _alone(group)
        else:
            continue
        entries.append(replace(entry, above=tuple(above)))
        above, group = [], []
    if above:
        raise InputError(
            f"after {above[-1]!r} comes > but no class; write one, or put a name with > in double quotes."
        )
    return entries


def _name_above(item: _Item, group: list[_Item]) -> str:
    """Return the name before a ``>``, which has nothing else beside it."""
    if item.is_blank:
        raise InputError(
            "there is no class name before a >; write one, or put a name with > in double quotes."
        )
    name = _name(item)
    if group:
        raise InputError(
            f"there is a semicolon before the > of {name!r}; separate classes by commas or lines."
        )
    if item.color is not None:
        raise InputError(
            f"the colour {color_to_text(item.color)} stands before a >; give it where {name!r} is listed."
        )
    return name


def _alone(group: list[_Item]) -> Entry:
    """Return the class ``name`` or ``name; prompt; …``, whose name is its first prompt."""
    name = _name(group[0])
    others = tuple(_text(item, "prompt") for item in group[1:] if not item.is_color)
    prompts = (name, *others) if others else None
    return Entry(name, prompts, _color(group), unnamed=bool(others))


def _with_prompts(group: list[_Item], prompts: list[_Item]) -> Entry:
    """Return the class ``name: prompt, …``."""
    name = _name(group[0])
    if len(group) > 1:
        raise InputError(f"there is a semicolon before the colon of {group[-1].text!r}; remove it.")
    said = [item for item in prompts if not item.is_color]
    own = () if _are_none(said) else tuple(_text(item, "prompt") for item in said)
    color = _color([*group, *prompts])
    if not prompts:
        raise InputError(
            f"after {name!r} comes a colon but no prompt; write prompts or remove the colon."
        )
    return Entry(name, own if said else None, color)


def _name(item: _Item) -> str:
    if item.is_color:
        raise InputError("there is a colour without a name; write 'name #rrggbb'.")
    return _text(item, "class name")


def _color(items: Sequence[_Item]) -> Color | None:
    colors = [item.color for item in items if item.color is not None]
    if len(colors) > 1:
        raise InputError(
            f"{color_to_text(colors[1])!r} is a second colour for one class; keep one of them."
        )
    return colors[0] if colors else None
