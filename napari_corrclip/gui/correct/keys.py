"""The keys of correct mode, and what they are called."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from napari_corrclip.gui.correct.mode import CorrectMode

DIGITS = "1234567890"
Moment = Literal["normal", "splitting", "finding"]
"""What a person is doing; it decides what the keys do."""


@dataclass(frozen=True, slots=True)
class Command:
    """What a key does.

    Attributes:
        key: in napari's words.
        title: in words for a person.
        run: the action.
        always: whether it is for a split that is under way, too.
    """

    key: str
    title: str
    run: Callable[[CorrectMode], object]
    always: bool = False


def _assigns(digit: str, held: str = "") -> Command:
    return Command(f"{held}{digit}", f"assign class {digit}", lambda mode: mode.assign(digit))


def _spreads(digit: str, held: str = "Alt-") -> Command:
    return Command(f"{held}{digit}", f"spread class {digit}", lambda mode: mode.spread(digit))


COMMANDS: tuple[Command, ...] = (
    *(_assigns(digit) for digit in DIGITS),
    *(_spreads(digit) for digit in DIGITS),
    # Where digits are typed with Shift, as on a French keyboard.
    *(_assigns(digit, "Shift-") for digit in DIGITS),
    *(_spreads(digit, "Alt-Shift-") for digit in DIGITS),
    Command("/", "find a class and assign it", lambda mode: mode.find()),
    # Where / is typed with Shift.
    Command("Shift-/", "find a class and assign it", lambda mode: mode.find()),
    Command("Alt-/", "find a class and spread it", lambda mode: mode.find(spread=True)),
    Command("Alt-Shift-/", "find a class and spread it", lambda mode: mode.find(spread=True)),
    Command("Enter", "accept, and go to the next", lambda mode: mode.enter(), always=True),
    Command("Backspace", "ignore", lambda mode: mode.ignore()),
    Command("U", "take decisions and paint back", lambda mode: mode.undecide()),
    Command("R", "assign the runner-up", lambda mode: mode.runner_up()),
    Command("V", "re-vote the undecided", lambda mode: mode.revote()),
    Command("F", "add similar regions", lambda mode: mode.select_similar()),
    Command("G", "merge", lambda mode: mode.merge()),
    Command("S", "split by clicks", lambda mode: mode.splitting.begin()),
    Command("Shift-S", "split into connected parts", lambda mode: mode.split_parts()),
    Command("D", "next region of the queue", lambda mode: mode.walk.next()),
    Command("A", "back", lambda mode: mode.walk.back()),
    Command("H", "hide both layers while it is held", lambda mode: mode.peek(), always=True),
    Command("Escape", "select nothing", lambda mode: mode.escape(), always=True),
)
"""The keys of the mode."""

_HELP: dict[Moment, tuple[tuple[str, tuple[tuple[str, str], ...]], ...]] = {
    "normal": (
        (
            "Select",
            (
                ("click", "one"),
                ("Shift+click", "add or remove"),
                ("Shift+drag", "box"),
                ("double click", "same class"),
                ("F", "add similar"),
                ("Esc", "none"),
            ),
        ),
        (
            "Decide",
            (
                ("1 … 9, 0", "assign"),
                ("/", "find a class"),
                ("Alt+1 … 0, /", "spread"),
                ("hold Alt", "see how far"),
                ("Enter", "accept"),
                ("R", "runner-up"),
                ("Backspace", "ignore"),
                ("U", "undecide"),
                ("V", "re-vote"),
            ),
        ),
        ("Shape", (("G", "merge"), ("S", "split"), ("Shift+S", "split parts"))),
        ("View", (("D", "next"), ("A", "back"), ("hold H", "hide layers"), ("drag", "pan"))),
        ("Edit", (("Ctrl+Z", "undo"), ("Ctrl+Shift+Z", "redo"))),
    ),
    "splitting": (
        ("Click", (("left", "stays"), ("right", "cut away"))),
        ("Split", (("Enter", "as shown"), ("Esc", "leave it"))),
        ("View", (("drag", "pan"), ("hold H", "hide layers"))),
    ),
    "finding": (
        ("Find", (("type", "part of a name"), ("↑, ↓", "choose"))),
        ("Class", (("Enter", "assign"), ("Esc", "close"))),
    ),
}
"""By moment: groups of what a key or the mouse is, and what it does."""


def help_text(moment: Moment = "normal") -> str:
    """Return the keys of the moment and what the mouse does in groups, a row each, as a table in HTML.

    Lines break between two keys only, so that it fits whatever the width and the size of letters.
    """
    rows = []
    for group, told in _HELP[moment]:
        keys = "&nbsp;&middot; ".join(
            f"<b>{key}</b> {title}".replace(" ", "&nbsp;") for key, title in told
        )
        rows.append(f"<tr><td><i>{group}</i>&ensp;</td><td>{keys}</td></tr>")
    return f"<table cellspacing='0' cellpadding='1'>{''.join(rows)}</table>"
