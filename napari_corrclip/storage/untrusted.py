"""The door for files that others wrote: looked at before they are opened, and refused in a sentence.

Every reader of ours goes through it, so that a promise of "raises InputError" holds whatever the file is.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from napari_corrclip.errors import CorrClipError, InputError

Damage = type[BaseException] | tuple[type[BaseException], ...]
"""What a format's own checks raise where the file is at fault."""


def check_regular(path: str | os.PathLike[str], what: str, advice: str) -> None:
    """Refuse what is no regular file: a pipe would wait for a writer, a device never end.

    Links are followed.

    Args:
        path: of the file.
        what: names it in the sentence, such as ``"image"``.
        advice: what to do, the end of the sentence.

    Raises:
        InputError: it is missing, a folder, a pipe, a socket or a device, or may not be looked at.
    """
    name = os.fspath(path)
    try:
        mode = os.stat(name).st_mode  # noqa: PTH116
    except OSError as error:
        raise InputError(
            f"The {what} {name!r} cannot be read ({error.strerror or error}); {advice}."
        ) from None
    except ValueError as error:  # a NUL in the path
        # each Python has other words for it
        said = "embedded null byte" if "\0" in str(name) else error
        raise InputError(f"The {what} {name!r} names no file ({said}); {advice}.") from None
    if not stat.S_ISREG(mode):
        reason = (
            "it is a folder"
            if stat.S_ISDIR(mode)
            else "it is a pipe, a device or the like, and no regular file"
        )
        raise InputError(f"The {what} {name!r} cannot be read ({reason}); {advice}.")


def read_bytes(
    path: str | os.PathLike[str], what: str, advice: str, *, limit: int | None = None
) -> bytes:
    """Return what is in a regular file.

    Args:
        path: of the file.
        what: names it in the sentence.
        advice: what to do, the end of the sentence.
        limit: most bytes that it may have.

    Raises:
        InputError: as of :func:`check_regular`; it cannot be read, or is larger than ``limit``.
    """
    check_regular(path, what, advice)
    try:
        with Path(path).open("rb") as file:
            if limit is None:
                data = file.read()
            else:  # Python asks for as much memory as it is to read
                stored = os.fstat(file.fileno()).st_size
                data = file.read(min(stored, limit) + 1)
                if stored < len(data) <= limit:  # it grew, or nobody knows its size
                    data += file.read(limit + 1 - len(data))
    except OSError as error:
        raise InputError(
            f"The {what} {os.fspath(path)!r} cannot be read ({error.strerror or error}); {advice}."
        ) from None
    if limit is not None and len(data) > limit:
        size = f"{limit >> 20} MiB" if limit >> 20 else f"{limit} bytes"
        raise InputError(f"The {what} {os.fspath(path)!r} is larger than {size}; {advice}.")
    return data


@contextlib.contextmanager
def guarded(what: str, advice: str, *, damage: Damage = ()) -> Iterator[None]:
    """Turn whatever a reader raises into one ``InputError``, and tell whose fault it is.

    Only what the format's own checks say is told as damage of the file. Anything else, such as an
    ``AttributeError`` in a library, is told as what it is: a reader that failed.

    Args:
        what: the file as the subject of the sentence, such as ``"The image 'a.tif'"``.
        advice: what to do where the file is damaged or cannot be opened, the end of the sentence.
        damage: what the checks of this format raise. ``OSError`` is told by the system's reason,
            whether it is among these or not.

    Raises:
        InputError: the reader raised something; ours, ``MemoryError`` and interrupts pass.
    """
    try:
        yield
    except (CorrClipError, MemoryError):
        raise
    except damage as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise InputError(f"{what} cannot be read ({error.strerror}); {advice}.") from error
        raise InputError(f"{what} is damaged or cut short ({reason(error)}); {advice}.") from error
    except OSError as error:
        raise InputError(f"{what} cannot be read ({error.strerror or error}); {advice}.") from error
    except Exception as error:
        raise InputError(
            f"{what} could not be read, because its reader failed ({type(error).__name__}: "
            f"{reason(error)}); save it anew by another program, and please report this."
        ) from error


def reason(error: BaseException, limit: int = 200) -> str:
    """Return an error's text in one line of at most ``limit`` characters, or its type."""
    return " ".join(str(error).split())[:limit] or type(error).__name__
