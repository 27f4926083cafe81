"""What people see: one sentence for an error, no noise, an exit code."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import sys
import traceback
import warnings
from collections.abc import Iterator

import typer

from napari_corrclip.errors import CorrClipError, InputError

FAILED = 1
UNUSABLE = 2
INTERRUPTED = 130
_TOO_LARGE = ("OutOfMemoryError", "DecompressionBombError")


@contextlib.contextmanager
def guarded(debug: bool) -> Iterator[None]:
    """Turn what a command raises into one sentence on stderr and an exit code.

    Args:
        debug: show the traceback of a failure too, and what libraries warn of.
    """
    for stream in (sys.stdout, sys.stderr):
        # A class name that the terminal cannot show must not cost the images after it.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        with contextlib.nullcontext() if debug else _quiet():
            yield
    except typer.Exit:
        raise
    except KeyboardInterrupt:
        say("Interrupted; what was written before is complete, of the rest there is nothing.")
        raise typer.Exit(INTERRUPTED) from None
    except BrokenPipeError:
        # Whoever read our output has gone; the interpreter's own flush must not complain either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(FAILED) from None
    except Exception as error:
        say(f"Error: {sentence(error)}")
        if debug:
            traceback.print_exception(error)
        raise typer.Exit(exit_code(error)) from None


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


def say(text: str) -> None:
    """Print to stderr, where it does not mix with the results."""
    print(text, file=sys.stderr, flush=True)


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
