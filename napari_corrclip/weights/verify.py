"""The check whether the files that are here are those that were published."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from napari_corrclip.progress import Steps
from napari_corrclip.storage.places import is_file
from napari_corrclip.weights.fetch import (
    checksum_path,
    file_path,
    file_url,
    published_sha256,
    sha256_of,
)
from napari_corrclip.weights.files import WebFile

State = Literal["intact", "unchecked", "missing", "damaged"]


@dataclass(frozen=True, slots=True)
class FileCheck:
    """The check of one file.

    Attributes:
        spec: the file.
        path: where its file lies or belongs.
        state: ``intact``: as published, or, where nobody published a checksum, as it was downloaded;
            ``unchecked``: there, and nobody knows its checksum;
            ``missing``; ``damaged``: it cannot be read or is not what was published.
        detail: what to know and to do, in a sentence; empty where it is intact.
    """

    spec: WebFile
    path: Path
    state: State
    detail: str = ""

    @property
    def good(self) -> bool:
        """Whether nothing speaks against using the file."""
        return self.state in ("intact", "unchecked")


def verify(
    spec: WebFile,
    cache: str | os.PathLike[str] | None = None,
    *,
    offline: bool | None = None,
) -> Steps[FileCheck]:
    """Compare ``spec``'s file with its published checksum; changes nothing.

    Args:
        spec: the weights of a network, which those of the demo have not, or one of its companions.
        cache: the cache folder; ``None`` as in :func:`~napari_corrclip.weights.cache.cache_folder`.
        offline: do not ask the hub for a checksum that is not known here. ``None``: as the environment
            says.

    Yields:
        progress in bytes.
    """
    path = file_path(spec, cache)
    if not is_file(path):
        where = f"get {file_url(spec)} and put it" if spec.source else "put it"
        return FileCheck(spec, path, "missing", f"{path} is missing; {where} there.")
    try:
        expected = published_sha256(spec, path, offline=offline)
        if expected is None:
            return _without_checksum(spec, path)
        found = yield from sha256_of(path)
    except OSError as error:
        reason = error.strerror or error
        return FileCheck(spec, path, "damaged", f"{path} cannot be read ({reason}); replace it.")
    if found == expected:
        return FileCheck(spec, path, "intact")
    return FileCheck(
        spec,
        path,
        "damaged",
        f"{path} is not the published file (SHA-256 {found[:12]}… instead of {expected[:12]}…); "
        "remove it and fetch it again.",
    )


def _without_checksum(spec: WebFile, path: Path) -> FileCheck:
    if path.suffix == ".safetensors":
        from safetensors import SafetensorError, safe_open

        try:
            # Its header tells how long the file must be.
            with safe_open(path, framework="numpy"):
                pass
        except SafetensorError as error:
            detail = f"{path} is damaged ({error}); remove it and fetch it again."
            return FileCheck(spec, path, "damaged", detail)
    return FileCheck(
        spec,
        path,
        "unchecked",
        f"{path} is there, and its checksum is not known; write it to {checksum_path(path).name} beside "
        "it, if you have it.",
    )
