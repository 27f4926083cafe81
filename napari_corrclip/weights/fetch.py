"""From a :class:`NetworkSpec` to a file on this machine.

A file that lies at its place in the cache is used as it is and no socket is opened. Otherwise hub
files come through the hub's own client and files with a URL through :mod:`urllib`; a file appears
at its place only when it is complete.
"""

from __future__ import annotations

import hashlib
import http.client
import logging
import os
import urllib.error
import urllib.request
from pathlib import Path
from typing import BinaryIO

from napari_corrclip.errors import WeightsError
from napari_corrclip.files import atomic_path
from napari_corrclip.progress import Progress, Steps
from napari_corrclip.weights.cache import CACHE_VARIABLE, cache_folder
from napari_corrclip.weights.presets import NetworkSpec

_log = logging.getLogger(__name__)

_CHUNK = 1 << 20
_TIMEOUT_S = 20.0


def fetch(
    spec: NetworkSpec,
    cache: str | os.PathLike[str] | None = None,
    *,
    offline: bool = False,
) -> Steps[Path]:
    """Return the local file of ``spec``'s weights and download it where it is missing.

    Args:
        spec: the network.
        cache: the cache folder; ``None`` as in :func:`~napari_corrclip.weights.cache.cache_folder`.
        offline: open no socket; a missing file is an error.

    Yields:
        progress in bytes. Closing the generator removes what was fetched of a file with a URL.

    Raises:
        WeightsError: the file is not there and cannot be fetched, or is not what was published.
    """
    if not spec.source:
        path = Path(spec.pretrained).expanduser()
        if not path.is_file():
            raise WeightsError(
                f"The weights file {path} for {spec.library}'s {spec.architecture} does not exist; "
                "check the path."
            )
        return path
    path = cache_folder(cache) / spec.place
    if path.is_file():
        return path
    if offline:
        raise _missing(spec, path, "offline mode opens no connection")
    # Off a terminal nobody sees the progress, and the licence is to be known before the first byte.
    _log.warning("Fetching %s: %.0f MB, licence %s.", spec.title, spec.size / 1e6, spec.licence)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(path.parent, error) from None
    if spec.from_url:
        yield from _from_url(spec, path)
    else:
        yield from _from_hub(spec, path)
    return path


def file_url(spec: NetworkSpec) -> str:
    """Return the address of ``spec``'s file, for a person or another program to fetch it."""
    if spec.from_url or not spec.source:
        return spec.source
    from huggingface_hub import hf_hub_url

    return hf_hub_url(spec.source, spec.filename, endpoint=_hub_endpoint())


def _hub_endpoint() -> str | None:
    # The client reads the variable once, when it is imported; a mirror set later should count too.
    return os.environ.get("HF_ENDPOINT") or None


def _from_hub(spec: NetworkSpec, path: Path) -> Steps[None]:
    from huggingface_hub import hf_hub_download

    reason = _unreachable(file_url(spec))
    if reason:
        raise _missing(spec, path, reason)
    stage = f"download {spec.architecture} ({spec.licence})"
    yield Progress(stage, 0, spec.size)
    try:
        # Of what the client raises, much is from libraries below it; all of it means: not fetched.
        hf_hub_download(spec.source, spec.filename, local_dir=path.parent, endpoint=_hub_endpoint())
    except Exception as error:
        raise _missing(spec, path, _first_sentence(error)) from error
    yield Progress(stage, spec.size, spec.size)


def _unreachable(url: str) -> str | None:
    """Return why no server answers at ``url``, or ``None`` where one does.

    The hub's client tries a closed door six times over half a minute before it says so.
    """
    try:
        with urllib.request.urlopen(_request(url, method="HEAD"), timeout=_TIMEOUT_S):
            return None
    except urllib.error.HTTPError:
        return None  # a server that answers; the client knows better what the answer means
    except urllib.error.URLError as error:
        # Of certificates the client may know more than urllib.
        is_connection = isinstance(error.reason, (ConnectionError, TimeoutError)) or (
            type(error.reason).__name__ == "gaierror"
        )
        return _first_sentence(error.reason) if is_connection else None
    except (OSError, http.client.HTTPException):
        return None


def _from_url(spec: NetworkSpec, path: Path) -> Steps[None]:
    try:
        response = urllib.request.urlopen(_request(spec.source), timeout=_TIMEOUT_S)
    except (OSError, http.client.HTTPException) as error:
        raise _missing(spec, path, _first_sentence(error)) from None
    # What is raised in the block, closing this generator included, removes the unfinished file.
    with response, atomic_path(path) as part:
        with part.open("wb") as file:
            digest = yield from _copy(spec, path, response, file)
        if spec.sha256 is not None and digest != spec.sha256:
            raise WeightsError(
                f"What {spec.source} sent is not the published {spec.filename} (SHA-256 "
                f"{digest[:12]}… instead of {spec.sha256[:12]}…) and was removed; try again, "
                f"or get the file by other means and put it at {path}."
            )


def _copy(
    spec: NetworkSpec, path: Path, response: http.client.HTTPResponse, file: BinaryIO
) -> Steps[str]:
    """Copy ``response`` to ``file`` and return the bytes' SHA-256."""
    announced = int(response.headers.get("Content-Length") or 0)
    stage = f"download {spec.filename} ({spec.licence})"
    total, done, digest = announced or spec.size, 0, hashlib.sha256()
    yield Progress(stage, 0, total)
    while True:
        try:
            chunk = response.read(_CHUNK)
        except (OSError, http.client.HTTPException) as error:
            raise _missing(spec, path, _first_sentence(error)) from None
        if not chunk:
            break
        digest.update(chunk)
        done += len(chunk)
        try:
            file.write(chunk)
        except OSError as error:
            raise _unwritable(path.parent, error) from None
        yield Progress(stage, done, total)
    if announced and done != announced:
        raise _missing(spec, path, f"the connection ended after {done} of {announced} bytes")
    return digest.hexdigest()


def _request(url: str, method: str = "GET") -> urllib.request.Request:
    return urllib.request.Request(url, method=method, headers={"User-Agent": "napari-corrclip"})


def _first_sentence(error: object) -> str:
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    text = str(reason).strip().splitlines()
    first = text[0].rstrip(". ") if text else type(error).__name__
    return first.partition(". ")[0]


def _missing(spec: NetworkSpec, path: Path, reason: str) -> WeightsError:
    megabytes = f"{spec.size / 1e6:.0f} MB, " if spec.size else ""
    return WeightsError(
        f"The weights of {spec.title} ({megabytes}{spec.licence}) are not at {path} and could not "
        f"be fetched ({reason}); get {file_url(spec)} by other means and put it there, or name a "
        f"folder that has it in {CACHE_VARIABLE}."
    )


def _unwritable(folder: Path, error: OSError) -> WeightsError:
    return WeightsError(
        f"Weights cannot be written to {folder} ({error.strerror or error}); make room or give "
        f"permission there, or name another folder in {CACHE_VARIABLE}."
    )
