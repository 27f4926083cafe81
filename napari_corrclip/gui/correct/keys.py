"""The table of keys: what each does in correct mode, and what the dock tells of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from napari_corrclip.gui.correct.actions import Actions
from napari_corrclip.gui.correct.correcting import DIGITS

Moment = Literal["normal", "splitting", "finding"]
"""What a person is doing; it decides what the keys do."""
Action = Callable[[Actions], object]


@dataclass(frozen=True, slots=True)
class Command:
    """A row of the table: keys, or what the mouse does, and what they are for.

    Attributes:
        keys: as a person reads them.
        title: in a word or two.
        bound: actions by key, in napari's words; none where the mouse, a widget or napari itself acts.
    """

    keys: str
    title: str
    bound: Mapping[str, Action] = field(default_factory=dict)


def _digits(held: str, action: Callable[[Actions, str], object]) -> dict[str, Action]:
    def of(digit: str) -> Action:
        return lambda actions: action(actions, digit)

    # Also where digits are typed with Shift, as on a French keyboard.
    return {f"{held}{shift}{digit}": of(digit) for shift in ("", "Shift-") for digit in DIGITS}


_PEEK = Command("hold H", "hide layers", {"H": lambda actions: actions.peeking.start()})

COMMANDS: dict[Moment, dict[str, tuple[Command, ...]]] = {
    "normal": {
        "Select": (
            Command("click", "one"),
            Command("Shift+click", "add or remove"),
            Command("Shift+drag", "box"),
            Command("Ctrl+Shift+drag", "box takes out"),
            Command("L", "lasso", {"L": Actions.lasso}),
            Command("double click", "same class"),
            Command("F", "add similar", {"F": Actions.select_similar}),
            Command("Shift+F", "more like this in all images", {"Shift-F": Actions.more_like_this}),
            Command("Esc", "none", {"Escape": Actions.escape}),
        ),
        "Decide": (
            Command("1 … 9, 0", "assign", _digits("", Actions.hold)),
            Command("hold 1 … 0 + drag", "sweep"),
            Command("a letter", "assign: set in the class table"),
            Command("W", "sweep by drag", {"W": lambda actions: actions.sweeping.switch()}),
            # Where / is typed with Shift, it is a key with Shift.
            Command("/", "find a class", {"/": Actions.find, "Shift-/": Actions.find}),
            Command(
                "Alt+1 … 0, /",
                "spread",
                {
                    **_digits("Alt-", Actions.spread),
                    "Alt-/": Actions.find_to_spread,
                    "Alt-Shift-/": Actions.find_to_spread,
                },
            ),
            Command("hold Alt", "see how far"),
            Command("Enter", "accept", {"Enter": Actions.accept}),
            Command("R", "runner-up", {"R": Actions.runner_up}),
            Command("Backspace", "ignore", {"Backspace": Actions.ignore}),
            Command("U", "undecide", {"U": Actions.undecide}),
            Command("V", "re-vote", {"V": Actions.revote}),
            Command("N", "new class from these", {"N": Actions.new_class}),
        ),
        "Shape": (
            Command("G", "merge", {"G": Actions.merge}),
            Command("S", "split", {"S": lambda actions: actions.splitting.begin()}),
            Command("Shift+S", "split parts", {"Shift-S": Actions.split_parts}),
        ),
        "View": (
            Command("D", "next", {"D": lambda actions: actions.review.next()}),
            Command("A", "back", {"A": lambda actions: actions.review.back()}),
            _PEEK,
            Command("O", "outlines", {"O": Actions.toggle_outlines}),
            Command("Shift+O", "decided only", {"Shift-O": Actions.toggle_undecided}),
            Command("C", "this class only", {"C": Actions.toggle_class}),
            Command("Y", "why: what taught this", {"Y": Actions.teachers}),
            Command("drag", "pan"),
        ),
        "Edit": (Command("Ctrl+Z", "undo"), Command("Ctrl+Shift+Z", "redo")),
    },
    "splitting": {
        "Click": (Command("left", "stays"), Command("right", "cut away")),
        "Split": (
            Command("Enter", "as shown", {"Enter": lambda actions: actions.splitting.commit()}),
            Command("Esc", "leave it", {"Escape": lambda actions: actions.splitting.give_up()}),
        ),
        "View": (Command("drag", "pan"), _PEEK),
    },
    "finding": {
        "Find": (Command("type", "part of a name"), Command("↑, ↓", "choose")),
        "Class": (Command("Enter", "assign"), Command("Esc", "close")),
    },
}
"""The commands by moment and group, in the order in which the dock tells them."""

CAPS: dict[Moment, tuple[str, ...]] = {
    "normal": ("1 … 9, 0", "S", "Enter", "G", "Backspace", "/"),
    "splitting": ("left", "right", "Enter", "Esc", "drag", "hold H"),
    "finding": ("type", "↑, ↓", "Enter", "Esc"),
}
"""The keys that the dock shows by themselves, by moment; the others are in the window of keys."""

BOUND: dict[Moment, dict[str, Action]] = {
    moment: {
        key: action
        for commands in groups.values()
        for command in commands
        for key, action in command.bound.items()
    }
    for moment, groups in COMMANDS.items()
}
"""The actions by moment and key, in napari's words."""


def caps(moment: Moment) -> tuple[Command, ...]:
    """Return the commands of :data:`CAPS`."""
    by_keys = {
        command.keys: command for commands in COMMANDS[moment].values() for command in commands
    }
    return tuple(by_keys[keys] for keys in CAPS[moment])


def help_text(moment: Moment = "normal") -> str:
    """Return the keys of the moment and what the mouse does in groups, a row each, as a table in HTML.

    Lines break between two keys only, so that it fits whatever the width and the size of letters.
    """
    rows = []
    for group, commands in COMMANDS[moment].items():
        keys = "&nbsp;&middot; ".join(
            f"<b>{command.keys}</b> {command.title}".replace(" ", "&nbsp;") for command in commands
        )
        rows.append(f"<tr><td><i>{group}</i>&ensp;</td><td>{keys}</td></tr>")
    return f"<table cellspacing='0' cellpadding='1'>{''.join(rows)}</table>"
