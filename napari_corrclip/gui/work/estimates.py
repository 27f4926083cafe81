"""The estimate of a run's time, by those before it on this computer; none before the first."""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from napari_corrclip.engine.window_count import Size
from napari_corrclip.errors import InputError
from napari_corrclip.gui.work.choice import SAM, SUPERPIXELS, Choice
from napari_corrclip.storage.files import write_bytes
from napari_corrclip.storage.text_files import load_json, read_text
from napari_corrclip.storage.untrusted import guarded
from napari_corrclip.weights.cache import cache_folder

Key = tuple[str | int, ...]
Table = dict[Key, float]
_TABLES = ("window", "regions", "rest")
_CHECKSUM = "sha256"


class Estimates:
    """The seconds per window, and of regions: of SAM per grid of points, else per pixel.

    What comes after that, classifying and counting, goes by the pixels.

    Args:
        file: says where they are kept from one start to the next; what cannot be read or written there
            is forgotten. ``None``: they are not.
    """

    def __init__(self, file: Callable[[], Path] | None = None) -> None:
        self._file = file
        self._read = file is None
        self._window: Table = {}
        self._regions: Table = {}
        self._rest: Table = {}

    def note(
        self, choice: Choice, shape: Size, regions: float, encode: float, whole: float
    ) -> None:
        """Remember the seconds of a run on an image of ``shape``.

        Args:
            choice: what ran.
            shape: rows and columns.
            regions: of finding the regions.
            encode: of all windows.
            whole: of the run, from the loaded networks to the session.
        """
        self._read = self._file is None  # another process may have measured meanwhile
        self._recall()
        # Classifying and counting go by the pixels.
        self._rest[_towers(choice)] = max(0.0, whole - regions - encode) / math.prod(shape)
        self._window[_towers(choice)] = encode / math.prod(choice.recipe.windows(shape))
        self._regions[_source(choice)] = regions / _units(choice, shape)
        self._keep()

    def seconds(self, choice: Choice, shape: Size) -> float | None:
        """About how long a run takes; ``None``: there was none like it."""
        self._recall()
        window, regions = self._window.get(_towers(choice)), self._regions.get(_source(choice))
        if choice.given is not None:
            regions = 0.0
        if window is None or regions is None:
            return None
        rest = self._rest[_towers(choice)] * math.prod(shape)
        return (
            window * math.prod(choice.recipe.windows(shape))
            + regions * _units(choice, shape)
            + rest
        )

    @property
    def _tables(self) -> dict[str, Table]:
        return {"window": self._window, "regions": self._regions, "rest": self._rest}

    def _recall(self) -> None:
        """Read what other processes measured."""
        if self._read or self._file is None:
            return
        self._read = True
        path = self._file()
        if not path.exists():
            return
        try:
            found = _read(path)
        except InputError:  # measured again
            with contextlib.suppress(OSError):
                path.unlink()
            return
        for name, table in self._tables.items():
            table.update({**found[name], **table})

    def _keep(self) -> None:
        if self._file is None:
            return
        document: dict[str, Any] = {
            name: [[list(key), value] for key, value in table.items()]
            for name, table in self._tables.items()
        }
        document[_CHECKSUM] = _checksum(document)
        with contextlib.suppress(OSError, InputError):
            path = self._file()
            path.parent.mkdir(parents=True, exist_ok=True)
            write_bytes(path, json.dumps(document).encode())


def _read(path: Path) -> dict[str, Table]:
    """Return the measured seconds of a file.

    Raises:
        InputError: it is damaged, or has something else in it.
    """
    where = f"The measured times {str(path)!r}"
    document = load_json(read_text(path, "measured times"), where)
    # A file of an earlier version has no checksum.
    with guarded(where, "remove it", damage=(ValueError, TypeError, KeyError, AttributeError)):
        checksum = document.pop(_CHECKSUM, None)
        if checksum not in (None, _checksum(document)):
            raise ValueError("its checksum is another")
        found = {name: _table(document[name]) for name in _TABLES}
        if set(found["window"]) != set(found["rest"]):  # they are asked for together
            raise ValueError("its tables do not belong together")
        return found


def _checksum(document: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()


def _table(rows: Any) -> Table:
    table: Table = {}
    for key, value in rows:
        if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
            raise ValueError(f"{value!r} are no seconds")
        if not all(isinstance(part, str | int) for part in key):
            raise ValueError(f"{key!r} is nothing that was measured")
        table[tuple(key)] = float(value)
    return table


def _towers(choice: Choice) -> Key:
    return choice.recipe.name, choice.recipe.device, choice.recipe.settings.window


def _source(choice: Choice) -> Key:
    # Superpixels run on the CPU, whatever the preset.
    if choice.recipe.regions == SUPERPIXELS:
        return "", "", choice.recipe.regions
    return choice.recipe.name, choice.recipe.device, choice.regions


def _units(choice: Choice, shape: Size) -> int:
    # SAM sees every image at one size.
    return 1 if choice.recipe.regions == SAM else math.prod(shape)


def about(seconds: float) -> str:
    """``about 4 s``, ``about 3 min``."""
    if seconds < 90:
        return f"about {max(round(seconds), 1)} s"
    return f"about {seconds / 60:.0f} min"


ESTIMATES = Estimates(lambda: cache_folder() / "seconds.json")
"""Of this computer."""
