"""The place of an export: what is there already, and what of it a new export may take the place of.

It may take the place of the files that a former export has written, and of nothing else. That is looked at
before anything is read, and once more under the lock of the folder, before a file is moved: an export takes
its time, and a person or another export may put something there meanwhile.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from napari_corrclip.errors import InputError
from napari_corrclip.project.export.manifest import Manifest, files_of
from napari_corrclip.storage.untrusted import guarded

_Stamp = tuple[int, int]
"""Size and time of a file, by which a change is known."""
_Identity = tuple[int, int]


@dataclass(frozen=True, eq=False, slots=True)
class Place:
    """The folder of an export, as it was at one time.

    Attributes:
        folder: absolute; need not exist.
        owned: names in it that a former export has written, which the new one takes the place of.
        stamps: of all files of these names.
    """

    folder: Path
    owned: frozenset[str] = frozenset()
    stamps: Mapping[str, _Stamp] = field(default_factory=dict)

    @classmethod
    def of(cls, folder: Path, *, replace: bool) -> Place:
        """Return what is there.

        Args:
            folder: absolute.
            replace: whether a former export may be replaced.

        Raises:
            InputError: there is something that may not be replaced.
        """
        with guarded(f"The folder {str(folder)!r}", "check its permissions, or give another one"):
            return cls._of(folder, replace)

    @classmethod
    def _of(cls, folder: Path, replace: bool) -> Place:
        if not os.path.lexists(folder):
            return cls(folder)
        if not folder.is_dir():
            raise InputError(f"{str(folder)!r} is there and no folder; give another one.")
        if all(path.name.startswith(".") for path in folder.iterdir()):
            return cls(folder)
        former = Manifest.read(folder)
        if former is None:
            raise InputError(f"{str(folder)!r} is not empty; give a folder that is new.")
        if not replace:
            raise InputError(
                f"{str(folder)!r} has an export already ({former.kind}, {len(former.items)} images); give "
                "another folder, or say that it may be replaced (--replace)."
            )
        stamps, written = {}, former.written
        for path in files_of(folder, former.names):
            if path not in written:
                raise _not_ours(folder / path)
            found = (folder / path).lstat()
            stamps[path] = (found.st_size, found.st_mtime_ns)
        return cls(folder, former.names, stamps)

    def check_free(self, written: Iterable[str]) -> None:
        """Refuse names that somebody else's file or folder has.

        Args:
            written: names that the new export has in the folder.

        Raises:
            InputError: there is one.
        """
        if not self.owned:  # nothing but what is hidden was there
            return
        for name in sorted(set(written) - self.owned):
            if os.path.lexists(self.folder / name):
                raise _not_ours(self.folder / name)

    def check_same(self, written: Collection[str]) -> None:
        """Refuse what came or was changed since; the folder is locked.

        Args:
            written: as for :meth:`check_free`.

        Raises:
            InputError: there is something.
        """
        now = Place.of(self.folder, replace=bool(self.owned))
        for path, stamp in now.stamps.items():
            if stamp != self.stamps.get(path):
                raise InputError(
                    f"{str(self.folder / path)!r} was changed while the export ran, and nothing was "
                    "replaced; look at it, then export once more."
                )
        self.check_free(written)

    def check_apart(self, files: Iterable[Path]) -> None:
        """Refuse to replace images that somebody stands on: they may be the only ones.

        Args:
            files: of images, folders of zarr among them; need not exist.

        Raises:
            InputError: one lies in what would be replaced.
        """
        if not self.owned:
            return
        here = _identity(self.folder)
        owned = {_identity(self.folder / name) for name in self.owned} - {None}

        @cache  # of many images few folders are different ones
        def lies_in(folder: Path) -> bool:
            """Whether a folder is one that would be replaced, or in it, however its path is written."""
            real = folder.resolve()
            return any(_identity(each) in owned for each in (real, *real.parents))

        for file in files:
            for path in (file, file.resolve()) if file.is_symlink() else (file,):
                inside = lies_in(path.parent)
                itself = path.name in self.owned and _identity(path.parent) == here
                if inside or itself:
                    raise InputError(
                        f"The image {str(file)!r} lies in the export that is to be replaced, and would be "
                        "gone with it; give another folder."
                    )


def _not_ours(path: Path) -> InputError:
    return InputError(
        f"{str(path)!r} is no file of the export that is to be replaced; move it away."
    )


def _identity(path: Path) -> _Identity | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
