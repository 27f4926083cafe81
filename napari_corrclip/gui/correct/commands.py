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


def _assigns(digit: str) -> Command:
    return Command(digit, f"assign class {digit}", lambda mode: mode.assign(digit))


def _spreads(digit: str) -> Command:
    return Command(f"Alt-{digit}", f"spread class {digit}", lambda mode: mode.spread(digit))


COMMANDS: tuple[Command, ...] = (
    *(_assigns(digit) for digit in DIGITS),
    *(_spreads(digit) for digit in DIGITS),
    Command("/", "find a class and assign it", lambda mode: mode.find()),
    # Where / is typed with Shift.
    Command("Shift-/", "find a class and assign it", lambda mode: mode.find()),
    Command("Alt-/", "find a class and spread it", lambda mode: mode.find(spread=True)),
    Command("Alt-Shift-/", "find a class and spread it", lambda mode: mode.find(spread=True)),
    Command("Enter", "accept, and go to the next", lambda mode: mode.enter(), always=True),
    Command("Backspace", "ignore", lambda mode: mode.ignore()),
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

_HELP: dict[Moment, tuple[tuple[str, str], ...]] = {
    "normal": (
        ("click", "select"),
        ("Shift+click", "add, remove"),
        ("Shift+drag", "box"),
        ("double click", "same class"),
        ("1 … 9, 0", "assign"),
        ("/", "find a class"),
        ("Alt+1 … 0, /", "spread"),
        ("Enter", "accept"),
        ("Backspace", "ignore"),
        ("Ctrl+Shift+Z", "redo"),
        ("Ctrl+Z", "undo"),
        ("R", "runner-up"),
        ("D, A", "next, back"),
        ("F", "add similar"),
        ("G", "merge"),
        ("S", "split"),
        ("Shift+S", "split parts"),
        ("V", "re-vote"),
        ("hold H", "hide layers"),
        ("Esc", "select none"),
    ),
    "splitting": (
        ("left click", "stays"),
        ("right click", "cut away"),
        ("Enter", "split"),
        ("Esc", "leave it"),
        ("hold H", "hide layers"),
        ("drag", "pan"),
    ),
    "finding": (
        ("type", "part of a name"),
        ("↑, ↓", "choose"),
        ("Enter", "assign"),
        ("Esc", "close"),
    ),
}


def help_text(moment: Moment = "normal") -> str:
    """Return the keys of the moment and what the mouse does, two a line, as a table in HTML."""
    told = _HELP[moment]
    half = (len(told) + 1) // 2
    cells = [f"<td><b>{key}</b>&nbsp;</td><td>{title}&nbsp;</td>" for key, title in told]
    cells += [""] * (2 * half - len(cells))
    rows = [f"<tr>{cells[at]}{cells[half + at]}</tr>" for at in range(half)]
    return f"<table cellspacing='0'>{''.join(rows)}</table>"
