"""A session as a folder, whole or not at all.

``session.safetensors``
    regions, prediction, decisions, vocabulary and source.
``history.bin``
    what can be undone and redone.
"""

from __future__ import annotations

import hashlib
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.annotation.files.packing import Damaged, pack_state, unpack_state
from napari_corrclip.annotation.files.records import pack_history, unpack_history
from napari_corrclip.annotation.history import LIMIT, History
from napari_corrclip.annotation.state import State
from napari_corrclip.errors import InputError
from napari_corrclip.images.source import Source
from napari_corrclip.results.provenance import Provenance, Stretch
from napari_corrclip.storage.folders import Locate, locate, read_whole, write_folder
from napari_corrclip.storage.text_files import load_json
from napari_corrclip.storage.untrusted import guarded

STATE_FILE = "session.safetensors"
HISTORY_FILE = "history.bin"
_HEADER = 1 << 24
"""Bytes that are read of a header, at most."""


def is_session(folder: str | os.PathLike[str]) -> bool:
    """Whether a session was saved in ``folder``, also when the process that did it was killed at its end.

    Raises:
        InputError: it cannot be found out now.
    """
    return locate(Path(folder), STATE_FILE).is_file()


Mark = tuple[tuple[int, int, int], ...]
"""What differs between the files of a session that was saved and those of another one in their place."""


def saved_mark(folder: Path) -> Mark | None:
    """Return the mark of what is saved in ``folder``; ``None``: nothing is, or not all of it."""
    try:
        found = [(folder / name).stat() for name in (STATE_FILE, HISTORY_FILE)]
    except OSError:
        return None
    return tuple((file.st_ino, file.st_size, file.st_mtime_ns) for file in found)


def save_parts(saved: Saved, folder: str | os.PathLike[str]) -> None:
    """Write what :func:`load_parts` reads; what else lies there stays, and nobody changes it meanwhile.

    Raises:
        InputError: it cannot be written; a session that was saved there before is as it was then.
    """
    if not os.fspath(folder):
        raise InputError("The folder has no name; give one to save the session in.")
    texts = {} if saved.source is None else {"source": saved.source.to_json()}
    if saved.image:
        texts["image"] = saved.image
    state = pack_state(saved.state, texts)
    history = pack_history(saved.history)
    write_folder(
        folder,
        {
            STATE_FILE: lambda path: path.write_bytes(state),
            HISTORY_FILE: lambda path: path.write_bytes(history),
        },
    )


@dataclass(eq=False)
class Saved:
    """The content of a session's folder; what follows from a journal's records is put into it.

    Attributes:
        state: maps, decisions, vocabulary.
        history: what can be undone and redone.
        source: the image's file as it was.
        image: digest of the image's pixels; empty where the session had none.
    """

    state: State
    history: History
    source: Source | None
    image: str

    @property
    def record(self) -> ImageRecord:
        """What it says of its image."""
        shape = self.state.regions.shape
        return ImageRecord(self.source, self.image, self.state.provenance.stretch, shape)


def image_record(folder: Path) -> ImageRecord | None:
    """Return what the session that was saved in ``folder`` says of its image; nothing else is read.

    ``None`` where it cannot be read, which is told when all of it is.
    """
    try:
        with locate(folder, STATE_FILE).open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            header = file.read(min(length, _HEADER)).decode()
        document = load_json(header, "the session")
        texts = document["__metadata__"]
        rows, columns = document["regions"]["shape"]
        source = Source.from_json(texts["source"]) if "source" in texts else None
        said = load_json(texts["provenance"], "its provenance", surrogates=True)
        stretch = Provenance.from_document(said).stretch
        return ImageRecord(source, texts.get("image", ""), stretch, (int(rows), int(columns)))
    except (OSError, AttributeError, ValueError, KeyError, TypeError, InputError):
        return None


@dataclass(frozen=True, slots=True)
class ImageRecord:
    """The image of a session, as the session says it.

    Attributes:
        source: the image's file as it was.
        digest: checksum of the pixels; empty where it had none.
        stretch: how they became 8 bits.
        shape: rows and columns.
    """

    source: Source | None
    digest: str
    stretch: tuple[Stretch | None, ...]
    shape: tuple[int, int]


def digest(image: NDArray[np.integer]) -> str:
    """Return a checksum of an image's shape and pixels."""
    found = hashlib.sha256(repr(image.shape).encode())
    found.update(np.ascontiguousarray(image).data)
    return found.hexdigest()[:32]


def load_parts(folder: str | os.PathLike[str], limit: int = LIMIT) -> Saved:
    """Read what :func:`save_parts` wrote; the files are taken as untrusted.

    Raises:
        InputError: something is missing, damaged, or of a newer version.
    """
    folder = Path(folder)

    def read(place: Locate) -> tuple[bytes, bytes]:
        return place(STATE_FILE).read_bytes(), place(HISTORY_FILE).read_bytes()

    try:
        data, steps = read_whole(folder, (STATE_FILE, HISTORY_FILE), read)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(
            f"There is no session in {str(folder)!r} ({reason}); give a folder that a session was saved to."
        ) from None
    with guarded(
        f"The session in {str(folder)!r}", "take a copy of it from a backup", damage=Damaged
    ):
        state, texts = unpack_state(data)
        history = unpack_history(steps, sys.maxsize, state.shape)
        source = Source.from_json(texts["source"]) if "source" in texts else None
    history.limit_to(limit)  # not before: what was undone last must be found among what was done
    return Saved(state, history, source, texts.get("image", ""))
