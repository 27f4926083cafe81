"""The image that a session belongs to."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from napari_corrclip.errors import InputError
from napari_corrclip.storage.text_files import load_json


@dataclass(frozen=True, slots=True)
class Source:
    """The file, or the part of it, that is corrected.

    Attributes:
        path: absolute path of the file, or whatever else names the image.
        size: bytes; 0 where it is no file.
        mtime: when it was last changed, in nanoseconds since 1970; 0 where it is no file.
        level: of a multiscale image.
        slice: the index along each axis that is not shown.
        channels: the layers that were taken as red, green and blue, by file or name, or the one of several
            layers that the file gave; empty for one image.
        crop: the rows and columns ``(top, left, bottom, right)`` of the level that are corrected, the
            last ones excluded; ``None`` for all.
        former: by which earlier versions knew a file that is shown in a stack of several: its place there. It
            says where else a session may lie, and is not written down.
    """

    path: str
    size: int = 0
    mtime: int = 0
    level: int = 0
    slice: tuple[int, ...] = ()
    channels: tuple[str, ...] = ()
    crop: tuple[int, int, int, int] | None = None
    former: Source | None = field(default=None, compare=False)

    @classmethod
    def of(
        cls,
        path: str | os.PathLike[str],
        *,
        level: int = 0,
        slice: tuple[int, ...] = (),  # noqa: A002
        channels: tuple[str, ...] = (),
        crop: tuple[int, int, int, int] | None = None,
    ) -> Source:
        """Return the source that the file ``path`` is now.

        Raises:
            InputError: there is no such file.
        """
        try:
            found = Path(path).resolve().stat()
        except (OSError, ValueError) as error:
            raise InputError(
                f"The image {os.fspath(path)!r} cannot be found ({error}); check the path."
            ) from None
        return cls(
            str(Path(path).resolve()),
            found.st_size,
            found.st_mtime_ns,
            level,
            tuple(slice),
            tuple(channels),
            crop,
        )

    @property
    def key(self) -> str:
        """A short name of the image, level, slice and crop that is fit for a folder; the same after the
        file was changed, so that its session is found.

        The key of a crop is the key of the whole and the crop's numbers, so that the crops of an image
        are found by their names.
        """  # noqa: D205
        return self._key([self.path], self.channels)

    def key_below(self, root: Path) -> str:
        """Return :attr:`key` by the place inside the folder ``root``, so that it moves with its images.

        The key of an image that lies elsewhere is the same as ever.

        Args:
            root: an absolute path, as :meth:`of` resolves it.
        """
        path = _inside(self.path, root)
        if path == self.path:
            return self.key
        return self._key(["inside", path], tuple(_inside(name, root) for name in self.channels))

    def _key(self, path: list[str], channels: tuple[str, ...]) -> str:
        parts = [*path, self.level, self.slice, *([channels] if channels else [])]
        whole = hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:24]
        return "-".join([whole, *(str(number) for number in self.crop or ())])

    def part(self, crop: tuple[int, int, int, int] | None) -> Source:
        """Return the source of a part of the same image; of all of it where ``crop`` is ``None``."""
        former = None if self.former is None else self.former.part(crop)
        return replace(self, crop=crop, former=former)

    def is_unchanged_since(self, then: Source | None) -> bool:
        """Whether the file, not a folder, is the one that it was then, by its size and time."""
        if then is None or not self.mtime or Path(self.path).is_dir():
            return False
        return (then.size, then.mtime) == (self.size, self.mtime)

    def difference(self, other: Source) -> str | None:
        """Return a sentence on how ``other`` is not what this was; ``None`` where it is the same."""
        if other.key != self.key:
            return (
                f"The session belongs to {_name(self)}, not to {_name(other)}; open it with its own "
                "image."
            )
        if (other.size, other.mtime) != (self.size, self.mtime):
            return (
                f"{self.path!r} was changed after the session was saved; look whether its regions still "
                "fit."
            )
        return None

    def to_json(self) -> str:
        """Return it as JSON."""
        document = asdict(replace(self, former=None))
        del document["former"]
        return json.dumps(document)

    @classmethod
    def from_json(cls, text: str) -> Source:
        """Return what :meth:`to_json` wrote.

        Raises:
            InputError: it is something else.
        """
        try:
            found = load_json(text, "the session's source", surrogates=True)
            crop = found.get("crop")
            if crop is not None:
                top, left, bottom, right = (int(value) for value in crop)
                crop = top, left, bottom, right
            return cls(
                str(found["path"]),
                int(found["size"]),
                int(found["mtime"]),
                int(found["level"]),
                tuple(int(index) for index in found["slice"]),
                tuple(str(channel) for channel in found.get("channels", ())),
                crop,
            )
        except (AttributeError, InputError, KeyError, TypeError, ValueError):
            raise InputError("The session's source cannot be read; open its image again.") from None


def _inside(name: str, root: Path) -> str:
    """Return the path of a file inside ``root``, the same on every system; anything else as it is."""
    path = Path(name)
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else name


def _name(source: Source) -> str:
    parts = [repr(source.path)]
    if source.level:
        parts.append(f"level {source.level}")
    if source.slice:
        parts.append(f"slice {source.slice}")
    if source.channels:
        parts.append(f"channels {', '.join(source.channels)}")
    if source.crop:
        top, left, bottom, right = source.crop
        parts.append(f"rows {top} to {bottom - 1} and columns {left} to {right - 1}")
    return ", ".join(parts)
