"""The files of an export that is one archive, or what somebody unpacked of it; taken as untrusted.

A file of an archive is looked for by its name and read into memory. None is unpacked to the disk, so that no
name in it leads anywhere, and no more of it than the archive's list says, which is held against its bytes.
"""

from __future__ import annotations

import contextlib
import os
import struct
import zipfile
import zlib
from abc import ABC, abstractmethod
from pathlib import Path

from napari_corrclip.errors import InputError
from napari_corrclip.project.export.checks import inside
from napari_corrclip.storage.untrusted import check_regular, guarded, read_bytes

_LONGEST = 1 << 26
"""Bytes of a file that are read whatever it packs to; of a larger one the archive has a good part."""
_PACKED = 64
"""A file of a good archive, which holds packed pictures, unpacks to no more than so many times its bytes."""
_LARGEST = 1 << 31
"""Bytes of a file that lies there unpacked."""
_LOCAL = 30
"""Bytes in front of a file in an archive, before its name and what else is said of it."""
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError, struct.error)


class Files(ABC):
    """The files of an export, in an archive or as somebody unpacked it.

    Attributes:
        place: as a sentence calls it.
        advice: what to do where it is damaged, the end of a sentence.
    """

    place: str
    advice: str

    @abstractmethod
    def listed(self, folder: str, ending: str) -> list[str]:
        """Return the names of files that lie somewhere in a folder."""

    @abstractmethod
    def read(self, name: str, what: str) -> bytes | None:
        """Return a file; ``None``: there is none.

        Raises:
            InputError: it cannot be read, lies elsewhere, or unpacks to more than it ought to.
        """


class Unpacked(Files):
    """Files that somebody unpacked."""

    def __init__(self, folder: Path, advice: str) -> None:
        self._folder = folder
        self.place, self.advice = str(folder), advice

    def listed(self, folder: str, ending: str) -> list[str]:
        """Look through a folder."""
        top = self._folder / folder
        with guarded(f"The folder {str(top)!r}", "check its permissions"):
            found = [path.relative_to(self._folder) for path in top.rglob(f"*{ending}")]
        return sorted(path.as_posix() for path in found)

    def read(self, name: str, what: str) -> bytes | None:
        """Read a file that lies in the folder, by a link neither."""
        path = self._folder / name
        inside(self._folder, path, what)
        with guarded(f"The {what} {str(path)!r}", self.advice):
            if not path.is_file():
                return None
        return read_bytes(path, what, self.advice, limit=_LARGEST)


class Zipped(Files):
    """Files in an archive, whose list is read once."""

    def __init__(self, path: Path, advice: str) -> None:
        self._path = path
        self.place, self.advice = str(path), advice
        check_regular(path, "archive", self.advice)
        with self._told(), zipfile.ZipFile(path) as archive:
            self._entries = {info.filename: info for info in archive.infolist()}

    def listed(self, folder: str, ending: str) -> list[str]:
        """Look through the list."""
        begin = f"{folder}/"
        return sorted(
            name for name in self._entries if name.startswith(begin) and name.endswith(ending)
        )

    def read(self, name: str, what: str) -> bytes | None:
        """Unpack a file, no more of it than the list says."""
        info = self._entries.get(name)
        if info is None:
            return None
        where = f"The {what} {name!r} of {self.place!r}"
        if info.flag_bits & 1:
            raise InputError(f"{where} is encrypted; {self.advice}.")
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise InputError(f"{where} is packed in a way that is not read here; {self.advice}.")
        if info.file_size > max(_LONGEST, _PACKED * info.compress_size):
            raise InputError(
                f"{where} unpacks from {info.compress_size} to {info.file_size} bytes, which no such "
                f"file does; {self.advice}."
            )
        with self._told(), self._path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            file.seek(info.header_offset)
            head = file.read(_LOCAL)
            if len(head) < _LOCAL or not head.startswith(b"PK\x03\x04"):
                raise EOFError(name)
            file.seek(sum(struct.unpack("<HH", head[-4:])), os.SEEK_CUR)
            data = file.read(min(info.compress_size, size))
            if info.compress_type == zipfile.ZIP_DEFLATED:
                data = zlib.decompressobj(-15).decompress(data, info.file_size + 1)
            if len(data) != info.file_size or zlib.crc32(data) != info.CRC:
                raise zipfile.BadZipFile(name)
        return data

    def _told(self) -> contextlib.AbstractContextManager[None]:
        return guarded(f"The archive {self.place!r}", self.advice, damage=_DAMAGE)
