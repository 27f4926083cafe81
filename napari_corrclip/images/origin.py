"""The origin of a result: where its image's file lies, and what is in it.

An image is a name in a folder. Links to the folder are followed, the file's own is not: tools that keep equal
files once (git-annex, DVC, DataLad) put links in their places, and two frames with the same pixels are two
images all the same. Folders are moved and mounted elsewhere; an image is known again by its content, and by
where it lies as seen from its result.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_PIECE = 1 << 16
_PIECES = 64
"""Of so many bytes, so many pieces of a large file are looked at: 4 MiB, spread over all of it."""


@dataclass(frozen=True, slots=True)
class Origin:
    """The image of a result.

    Attributes:
        image: absolute path of the file or zarr folder, or whatever else names the image.
        digest: checksum of the content; of a large file and of a zarr folder, of its size and of samples.
            Empty where it is not known, as in results of earlier versions.
        position: where the image lies as seen from the result's folder; empty where it is not known.
    """

    image: str
    digest: str = ""
    position: str = ""

    @classmethod
    def of(cls, image: str | os.PathLike[str], folder: str | os.PathLike[str]) -> Origin:
        """Return the origin of the result of ``image`` in ``folder``; what cannot be read has no digest."""
        place = place_of(image)
        return cls(escaped(place), digest_of(place), position_of(place, folder))

    @classmethod
    def from_document(cls, document: Mapping[str, object]) -> Origin:
        """Return what a result's ``provenance.json`` says, whoever wrote it; what is no text is left out."""
        said = (document.get(name) for name in ("image", "image_digest", "image_position"))
        return cls(*(text if isinstance(text, str) else "" for text in said))

    def is_of(self, image: str | os.PathLike[str], folder: str | os.PathLike[str]) -> bool:
        """Whether a result that is now in ``folder`` is of ``image``.

        It is if the image lies where it lay. If it lies elsewhere, its content must be the same, and the
        two have been moved together, or the other file is there no more (or is this one, by another way).

        Args:
            image: path of a file or zarr folder.
            folder: of the result.
        """
        place = place_of(image)
        if self.image == escaped(place):
            return True
        if not self.digest:
            return False
        together = bool(self.position) and self.position == position_of(place, folder)
        if not (together or _gone(self.image) or _same_file(self.image, place)):
            return False
        return self.digest == digest_of(place)

    def find(self, folder: str | os.PathLike[str] | None) -> Path | None:
        """Return where the image of a result lies; ``None``: it is gone, or another one is there.

        First where it lies as seen from the result: where both were copied, the copies belong together.

        Args:
            folder: of the result; ``None``: it is in none.
        """
        places = [Path(folder) / self.position] if self.position and folder is not None else []
        places += [Path(self.image)] if self.image else []
        for place in places:
            if os.path.lexists(place):
                image = place_of(place)
                if not self.digest or self.digest == digest_of(image):
                    return image
        return None

    def may_be_of(self, image: str | os.PathLike[str]) -> bool:
        """Whether a result that knows no content is likely of ``image``: a file of that name that is gone."""
        return not self.digest and _gone(self.image) and _name(self.image) == _name(str(image))


def place_of(image: str | os.PathLike[str]) -> Path:
    """Return the absolute path of an image, links of folders followed, one in the image's own place not."""
    path = Path(image)
    try:
        if path.name in ("", ".."):
            return path.resolve()
        return path.parent.resolve() / path.name
    except (OSError, RuntimeError, ValueError):  # a loop of links, a NUL: reading it tells why
        return path.absolute()


def escaped(place: str | Path) -> str:
    """Return a path as text; bytes of a name that are no text are escaped, for JSON is UTF-8."""
    return str(place).encode(errors="backslashreplace").decode()


def position_of(place: Path, folder: str | os.PathLike[str]) -> str:
    """Return where ``place`` lies as seen from ``folder``, with ``/``; empty on another drive."""
    try:
        return escaped(Path(os.path.relpath(place, Path(folder).resolve()))).replace(os.sep, "/")
    except (OSError, RuntimeError, ValueError):
        return ""


def digest_of(place: Path) -> str:
    """Return the checksum of an image's content, 32 hex digits; empty where it cannot be read.

    Links are followed. A file up to 4 MiB is read as a whole; a larger one, and a zarr folder, by samples.
    """
    found = hashlib.sha256()
    try:
        _look_at(place, found, depth=12)
    except (OSError, RuntimeError, ValueError):
        return ""
    return found.hexdigest()[:32]


def _look_at(place: Path, found: hashlib._Hash, depth: int) -> None:
    if place.is_dir():  # the first, the last and the middle one of its entries
        names = sorted(os.listdir(place))  # noqa: PTH208
        found.update(f"{len(names)} entries;".encode())
        some = {0, len(names) // 2, len(names) - 1} if names and depth else ()
        for name in sorted({names[at] for at in some}):
            found.update(os.fsencode(name) + b";")
            _look_at(place / name, found, depth - 1)
        return
    if not place.is_file():  # a pipe would wait for a writer
        raise OSError("it is no regular file")
    with place.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        found.update(f"{size} bytes;".encode())
        if size <= _PIECE * _PIECES:
            found.update(file.read(_PIECE * _PIECES))
            return
        for piece in range(_PIECES):
            file.seek(piece * (size - _PIECE) // (_PIECES - 1))
            found.update(file.read(_PIECE))


def _gone(image: str) -> bool:
    try:
        return bool(image) and not os.path.lexists(image)
    except ValueError:
        return True


def _same_file(image: str, place: Path) -> bool:
    """Whether the same entry of the same folder is meant, as through another mount; links are others."""
    other = Path(image)
    try:
        return other.name == place.name and other.parent.samefile(place.parent)
    except (OSError, ValueError):
        return False


def _name(image: str) -> str:
    return image.replace("\\", "/").rstrip("/").rpartition("/")[2]
