"""The console that people see: one sentence for an error, no noise, an exit code.

Names and texts of others are printed with their control characters made visible: here, where a line break in
a name would be taken for the end of a line, and once more by
:func:`~napari_corrclip.wording.visible.visible_streams`, which holds for libraries and tracebacks too.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import sys
import traceback
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from napari_corrclip.errors import CorrClipError, InputError
from napari_corrclip.wording.visible import visible, visible_bytes

if TYPE_CHECKING:
    from napari_corrclip.weights.files import WebFile

Debug = Annotated[
    bool,
    typer.Option(
        "--debug",
        envvar="NAPARI_CORRCLIP_DEBUG",
        show_envvar=True,
        help="Show the traceback of a failure, and warnings of libraries.",
    ),
]


def _go_offline(context: typer.Context, wanted: bool) -> None:
    """Forbid connections until the command ends: as if the environment had said so."""
    if wanted:
        from napari_corrclip.weights.cache import offline

        context.with_resource(offline())


Offline = Annotated[
    bool,
    typer.Option(
        "--offline",
        callback=_go_offline,
        is_eager=True,
        help="Open no connection; what is missing is named. Also: NAPARI_CORRCLIP_OFFLINE=1.",
    ),
]

FAILED = 1
UNUSABLE = 2
INTERRUPTED = 130
READER_GONE = 141
"""As a shell tells of a program that SIGPIPE ended."""
_TOO_LARGE = ("OutOfMemoryError", "DecompressionBombError")


@contextlib.contextmanager
def guarded(debug: bool) -> Iterator[None]:
    """Turn what a command raises into one sentence on stderr and an exit code.

    Args:
        debug: show the traceback of a failure too, and what libraries warn of.
    """
    if sys.stdout is None:  # closed; to be told before a long computation and not after it
        raise typer.Exit(lost_stdout(OSError(errno.EBADF, "it is closed")))
    try:
        with contextlib.nullcontext() if debug else _quiet():
            yield
    except typer.Exit:
        raise
    except KeyboardInterrupt:
        say("Interrupted; what was written before is complete, of the rest there is nothing.")
        raise typer.Exit(INTERRUPTED) from None
    except Exception as error:
        say(f"Error: {sentence(error)}")
        if debug:
            show_traceback(error)
        raise typer.Exit(exit_code(error)) from None


@contextlib.contextmanager
def going_on() -> Iterator[None]:
    """Say of a command that keeps what it has measured that it goes on after Ctrl-C."""
    try:
        yield
    except KeyboardInterrupt:
        say("Interrupted; what was done is kept, and the same command goes on there.")
        raise typer.Exit(INTERRUPTED) from None


def place(text: str | Path) -> Path:
    """Return the place that somebody typed, of which nothing at all would be the current folder.

    Raises:
        typer.BadParameter: it is empty.
    """
    if not str(text):
        raise typer.BadParameter("The path is empty; give one, or '.' for the current folder.")
    return Path(text)


def exit_code(error: Exception) -> int:
    """2 for what the user can change, else 1."""
    return UNUSABLE if isinstance(error, InputError) else FAILED


def sentence(error: Exception) -> str:
    """Say in one line what went wrong and what to do."""
    text = " ".join(str(error).split())
    if isinstance(error, CorrClipError):
        return text
    kind = type(error).__name__
    # torch says it in plain RuntimeErrors on the CPU and on MPS.
    full = any(words in text for words in ("allocate memory", "out of memory"))
    if full or isinstance(error, MemoryError) or kind in _TOO_LARGE:
        return (
            f"There is not enough memory ({text[:200] or kind}); use a smaller --detail or image, "
            "a lower batch_size in --settings, or --device cpu."
        )
    return (
        f"Something unforeseen failed ({kind}: {text[:300]}); add --debug to see where, and please "
        "report it."
    )


def say(line: str) -> None:
    """Print a line to stderr, where it does not mix with the results.

    Where even that cannot be written there is nobody to tell, and the work goes on.
    """
    try:
        print(visible(visible_bytes(line)), file=sys.stderr, flush=True)
    except OSError:
        _discard(sys.stderr)


def tell(*lines: str) -> None:
    """Print lines to stdout, at once: what is read by a program must not wait for the last image.

    Raises:
        typer.Exit: it cannot be written, which has been said then.
    """
    try:
        print(*(visible(visible_bytes(line)) for line in lines), sep="\n", flush=True)
    except OSError as error:
        raise typer.Exit(lost_stdout(error)) from None


def tell_unfree(files: Iterable[WebFile]) -> str:
    """Tell of files whose licences forbid commercial use, and return their names with the licences."""
    names = " and ".join(f"{file.title} ({file.licence})" for file in files)
    say(f"Not for commercial use: the licence of {names} allows research and teaching alone.")
    return names


def show_traceback(error: Exception) -> None:
    """Print where ``error`` came from to stderr."""
    for line in "".join(traceback.format_exception(error)).rstrip("\n").split("\n"):
        say(line)


def lost_stdout(error: OSError) -> int:
    """Say why stdout cannot be written and return the exit code; a reader may leave unremarked."""
    _discard(sys.stdout)
    if isinstance(error, BrokenPipeError):
        return READER_GONE
    say(
        f"Error: Standard output cannot be written ({error.strerror or error}); what was saved "
        f"before is complete; redirect it to a file with space left, or to {os.devnull}."
    )
    return UNUSABLE


def _discard(stream: TextIO | None) -> None:
    """Send the rest of ``stream`` nowhere, or the interpreter fails at its last flush once more."""
    if stream is None:
        return
    with contextlib.suppress(OSError, ValueError):  # one in memory has no descriptor
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep libraries' warnings, which a user can do nothing about, from the console."""
    with warnings.catch_warnings():
        if not sys.warnoptions:
            warnings.simplefilter("ignore")
        before = logging.root.manager.disable
        logging.disable(logging.WARNING)
        try:
            yield
        finally:
            logging.disable(before)
