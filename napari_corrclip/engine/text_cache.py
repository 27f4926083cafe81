"""Text features on disk, one small file for each (weights, dtype, templates, prompt)."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_corrclip.encoders.protocols import ImageTextEncoder
from napari_corrclip.encoders.text import text_features
from napari_corrclip.errors import InputError
from napari_corrclip.progress import Steps
from napari_corrclip.storage.arrays import read_header
from napari_corrclip.storage.files import write_bytes
from napari_corrclip.storage.untrusted import check_regular
from napari_corrclip.vocabulary.templates import SINGLE_TEMPLATES

LIMIT = 256 << 20
"""Bytes on the disk: about a hundred thousand prompts."""
MEMORY_LIMIT = 64 << 20
"""Bytes in memory."""
_CHECKSUM = hashlib.sha256().digest_size
_HEADER = 1 << 10  # NumPy writes 128 bytes before a row of numbers
_TOLERANCE = 1e-4


class TextCache:
    """The features on disk that are looked up before a text tower is asked.

    A feature depends on the weights, what the tower computes in, the templates and the prompt alone,
    and these are its key: nothing needs to be invalidated. A damaged or unwritable cache costs time,
    never a result: every file has a checksum, and what does not agree with it is removed and computed
    again.

    Above its limits it forgets what was used least recently, on the disk and in memory. Threads may share it.

    Args:
        folder: where the files lie; ``None`` keeps the features in memory only.
        limit: bytes on the disk.
        memory_limit: bytes in memory.
    """

    def __init__(
        self, folder: Path | None, *, limit: int = LIMIT, memory_limit: int = MEMORY_LIMIT
    ) -> None:
        self.folder = folder
        self.limit = limit
        self.memory_limit = memory_limit
        self._memory: dict[str, Tensor] = {}  # the least recently used first
        self._in_memory = 0
        self._lock = threading.RLock()  # of what is in memory
        self._on_disk: int | None = None  # bytes; not looked at yet

    def __getstate__(self) -> dict[str, Any]:
        """Return what is copied: all but the lock."""
        return {name: value for name, value in self.__dict__.items() if name != "_lock"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Be a copy, with a lock of its own."""
        self.__dict__.update(state)
        self._lock = threading.RLock()

    def features(
        self, encoder: ImageTextEncoder, queries: Sequence[str], templates: Sequence[str]
    ) -> Steps[Tensor]:
        """F_text (Q, D) float32 of unit length, on the CPU; only what is missing is encoded.

        Raises:
            InputError: a prompt in its template is longer than the text tower reads.
        """
        keys = {query: self._key(encoder, templates, query) for query in queries}
        # Held here: they may be more than the limit.
        found = {query: self._look_up(key, encoder.embed_dim) for query, key in keys.items()}
        known = {query: feature for query, feature in found.items() if feature is not None}
        missing = [query for query in keys if query not in known]
        if missing:
            encoded = yield from text_features(encoder, missing, templates)
            for query, feature in zip(missing, encoded, strict=True):
                known[query] = feature
                self._keep(keys[query], feature)
        rows = [known[query] for query in queries]
        return torch.stack(rows) if rows else torch.zeros(0, encoder.embed_dim, dtype=torch.float32)

    def missing(
        self, encoder: ImageTextEncoder, queries: Sequence[str], templates: Sequence[str]
    ) -> tuple[str, ...]:
        """Return those of ``queries`` that :meth:`features` would have to encode."""
        return tuple(
            query
            for query in dict.fromkeys(queries)
            if self._look_up(self._key(encoder, templates, query), encoder.embed_dim) is None
        )

    def quick_features(
        self, encoder: ImageTextEncoder, queries: Sequence[str], templates: Sequence[str]
    ) -> Steps[Tensor]:
        """F_text (Q, D) as far as it is known: a query that is missing is read in one template alone.

        That is ``a photo of a {}.`` where it is among ``templates``, else their first.
        """
        missing = self.missing(encoder, queries, templates)
        one = SINGLE_TEMPLATES if SINGLE_TEMPLATES[0] in templates else tuple(templates[:1])
        known = [query for query in queries if query not in missing]
        found = dict(zip(missing, (yield from self.features(encoder, missing, one)), strict=True))
        if known:
            whole = yield from self.features(encoder, known, templates)
            found |= dict(zip(known, whole, strict=True))
        return torch.stack([found[query] for query in queries])

    @staticmethod
    def _key(encoder: ImageTextEncoder, templates: Sequence[str], query: str) -> str:
        parts = [encoder.fingerprint, str(encoder.dtype), list(templates), query]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

    def _path(self, key: str) -> Path | None:
        return None if self.folder is None else self.folder / key[:2] / f"{key}.npy"

    def _look_up(self, key: str, length: int) -> Tensor | None:
        with self._lock:
            known = self._memory.pop(key, None)
            if known is not None:
                self._memory[key] = known  # used last
                return known
        path = self._path(key)
        data = None if path is None else _read(path, length)
        if path is None or data is None:
            return None
        feature = _unpack(data, length)
        if feature is None:
            with contextlib.suppress(OSError):  # a read-only folder, or a folder in its place
                path.unlink()
            return None
        with contextlib.suppress(OSError):  # a read-only folder
            os.utime(path)  # used last
        known = torch.from_numpy(feature)
        self._remember(key, known)
        return known

    def _remember(self, key: str, feature: Tensor) -> None:
        with self._lock:
            former = self._memory.pop(key, None)
            # A row of a batch would keep the whole batch in memory.
            self._memory[key] = feature = feature.clone()
            self._in_memory += feature.nbytes - (0 if former is None else former.nbytes)
            while self._in_memory > self.memory_limit:
                oldest = next(iter(self._memory))
                self._in_memory -= self._memory.pop(oldest).nbytes

    def _keep(self, key: str, feature: Tensor) -> None:
        self._remember(key, feature)
        path = self._path(key)
        if path is None:
            return
        data = _pack(feature.numpy())
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_bytes(path, data)
        except (OSError, InputError):
            # A read-only or full cache folder must not stop anybody's work.
            self.folder = None
            return
        if self._on_disk is None:
            self._on_disk = sum(size for _, size, _ in _files(path.parent.parent))
        else:
            self._on_disk += len(data)
        if self._on_disk > self.limit:
            self._make_room(path.parent.parent)

    def _make_room(self, folder: Path) -> None:
        """Remove the files that were used least recently, until a tenth of the limit is free."""
        files = sorted(_files(folder))
        total = sum(size for _, size, _ in files)
        for _, size, path in files:
            if total <= self.limit * 0.9:
                break
            with contextlib.suppress(OSError):  # another process has removed it, or holds it
                path.unlink()
            total -= size
        self._on_disk = total


def _pack(feature: NDArray[np.float32]) -> bytes:
    """Return an ``.npy`` file with its SHA-256 behind it, which NumPy does not look at."""
    buffer = io.BytesIO()
    np.save(buffer, feature)
    data = buffer.getvalue()
    return data + hashlib.sha256(data).digest()


def _read(path: Path, length: int) -> bytes | None:
    """Return the bytes of a file, of one that is too long no more than show it.

    ``None``: it is not there or cannot be read now, which says nothing of what is in it.
    """
    try:
        check_regular(path, "kept feature", "remove it")
        with path.open("rb") as file:
            return file.read(_HEADER + 4 * length + _CHECKSUM + 1)
    except (OSError, InputError):
        return None


def _unpack(data: bytes, length: int) -> NDArray[np.float32] | None:
    """Return the feature in the bytes of a file, ``None`` where they are damaged.

    A file of an earlier version has no checksum; of its damage is seen what changes the feature's length,
    which is 1.
    """
    try:
        with io.BytesIO(data) as file:
            header = read_header(file, len(data), "it", "remove it")
    except InputError:
        return None
    end = header.offset + 4 * length
    whole = len(data) in (end, end + _CHECKSUM)
    if header.shape != (length,) or header.dtype != np.float32 or not whole:
        return None
    if len(data) > end and hashlib.sha256(data[:end]).digest() != data[end:]:
        return None
    feature = np.frombuffer(data, header.dtype, length, header.offset).astype(np.float32)
    norm = np.linalg.norm(feature.astype(np.float64))  # in which no square overflows
    # NaN is not below either
    return feature if abs(norm - 1) < _TOLERANCE else None


def _files(folder: Path) -> list[tuple[float, int, Path]]:
    """Return when each file of a cache was used last, its size and where it is."""
    found = []
    for path in folder.glob("??/*.npy"):
        with contextlib.suppress(OSError):  # removed meanwhile
            stat = path.stat()
            found.append((stat.st_mtime, stat.st_size, path))
    return found
