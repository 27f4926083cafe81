"""Text features on disk, one small file for each (weights, dtype, templates, prompt)."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from napari_corrclip.encoders.protocols import ImageTextEncoder
from napari_corrclip.encoders.text import text_features
from napari_corrclip.errors import InputError
from napari_corrclip.files import write_bytes
from napari_corrclip.progress import Steps
from napari_corrclip.templates import SINGLE_TEMPLATES


class TextCache:
    """Looks features up before a text tower is asked.

    A feature depends on the weights, what the tower computes in, the templates and the prompt alone,
    and these are its key: nothing needs to be invalidated. A damaged or unwritable cache costs time,
    never a result.

    Args:
        folder: where the files lie; ``None`` keeps the features in memory only.
    """

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self._memory: dict[str, Tensor] = {}

    def features(
        self, encoder: ImageTextEncoder, queries: Sequence[str], templates: Sequence[str]
    ) -> Steps[Tensor]:
        """F_text (Q, D) float32 of unit length, on the CPU; only what is missing is encoded.

        Raises:
            InputError: a prompt in its template is longer than the text tower reads.
        """
        keys = {query: self._key(encoder, templates, query) for query in queries}
        missing = [q for q, key in keys.items() if self._look_up(key, encoder.embed_dim) is None]
        if missing:
            encoded = yield from text_features(encoder, missing, templates)
            for query, feature in zip(missing, encoded, strict=True):
                self._keep(keys[query], feature)
        known = [self._memory[keys[query]] for query in queries]
        return torch.stack(known) if known else torch.zeros(0, encoder.embed_dim)

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
        if key in self._memory:
            return self._memory[key]
        path = self._path(key)
        if path is None:
            return None
        try:
            feature = np.load(path, allow_pickle=False)
        except (OSError, ValueError, EOFError):
            return None
        if (
            feature.shape != (length,)
            or feature.dtype != np.float32
            or not np.isfinite(feature).all()
        ):
            return None
        self._memory[key] = torch.from_numpy(feature)
        return self._memory[key]

    def _keep(self, key: str, feature: Tensor) -> None:
        self._memory[key] = feature
        path = self._path(key)
        if path is None:
            return
        buffer = io.BytesIO()
        np.save(buffer, feature.numpy())
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_bytes(path, buffer.getvalue())
        except (OSError, InputError):
            # A read-only or full cache folder must not stop anybody's work.
            self.folder = None
