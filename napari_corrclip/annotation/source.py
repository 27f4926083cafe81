"""What image a session belongs to."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from napari_corrclip.errors import InputError


@dataclass(frozen=True, slots=True)
class Source:
    """The file, or the part of it, that is corrected.

    Attributes:
        path: absolute path of the file, or whatever else names the image.
        size: bytes; 0 where it is no file.
        mtime: when it was last changed, in nanoseconds since 1970; 0 where it is no file.
        level: of a multiscale image.
        slice: the index along each axis that is not shown.
    """

    path: str
    size: int = 0
    mtime: int = 0
    level: int = 0
    slice: tuple[int, ...] = ()

    @classmethod
    def of(
        cls,
        path: str | os.PathLike[str],
        *,
        level: int = 0,
        slice: tuple[int, ...] = (),  # noqa: A002
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
        return cls(str(Path(path).resolve()), found.st_size, found.st_mtime_ns, level, tuple(slice))

    @property
    def key(self) -> str:
        """A short name of the image, level and slice that is fit for a folder; the same after the
        file was changed, so that its session is found.
        """  # noqa: D205
        text = json.dumps([self.path, self.level, self.slice])
        return hashlib.sha256(text.encode()).hexdigest()[:24]

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
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Source:
        """Return what :meth:`to_json` wrote.

        Raises:
            InputError: it is something else.
        """
        try:
            found = json.loads(text)
            return cls(
                str(found["path"]),
                int(found["size"]),
                int(found["mtime"]),
                int(found["level"]),
                tuple(int(one) for one in found["slice"]),
            )
        except (KeyError, TypeError, ValueError):
            raise InputError("The session's source cannot be read; open its image again.") from None


def _name(source: Source) -> str:
    parts = [repr(source.path)]
    if source.level:
        parts.append(f"level {source.level}")
    if source.slice:
        parts.append(f"slice {source.slice}")
    return ", ".join(parts)
