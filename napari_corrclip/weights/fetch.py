"""From a :class:`NetworkSpec` to a file on this machine.

A file that lies at its place in the cache is used as it is and no socket is opened. Otherwise the
hub's own client says where a hub file lies, and :mod:`urllib` fetches it; a file appears at its place
only when it is complete and what was published.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import logging
import os
import re
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from email.message import Message
from pathlib import Path

from filelock import FileLock, Timeout

from napari_corrclip.errors import WeightsError
from napari_corrclip.progress import Progress, Steps
from napari_corrclip.weights.cache import CACHE_VARIABLE, cache_folder, is_offline
from napari_corrclip.weights.presets import NetworkSpec

_log = logging.getLogger(__name__)

DOWNLOAD = "download"
"""How the stage of a download begins; its units are bytes."""

_CHUNK = 1 << 20
_POLL_S = 0.1
_TIMEOUT_S = 20.0


def fetch(
    spec: NetworkSpec,
    cache: str | os.PathLike[str] | None = None,
    *,
    offline: bool | None = None,
) -> Steps[Path]:
    """Return the local file of ``spec``'s weights and download it where it is missing.

    Args:
        spec: the network.
        cache: the cache folder; ``None`` as in :func:`~napari_corrclip.weights.cache.cache_folder`.
        offline: open no socket; a missing file is an error. ``None``: as the environment says, see
            :func:`~napari_corrclip.weights.cache.is_offline`.

    Yields:
        progress in bytes. What was fetched when the generator is closed, or the connection cut, stays
        beside the file's place, and the next try goes on there.

    Raises:
        WeightsError: the file is not there and cannot be fetched, or is not what was published.
    """
    if not spec.source:
        path = file_path(spec, cache)
        if not path.is_file():
            raise WeightsError(
                f"The weights file {path} for {spec.library}'s {spec.architecture} does not exist; "
                "check the path."
            )
        return path
    path = file_path(spec, cache)
    if path.is_file():
        return path
    if is_offline() if offline is None else offline:
        raise _missing(spec, path, "offline mode opens no connection")
    # Off a terminal nobody sees the progress, and the licence is to be known before the first byte.
    _log.warning("Fetching %s: %.0f MB, licence %s.", spec.title, spec.size / 1e6, spec.licence)
    lock = path.with_name(f".{path.name}.lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        held = yield from _hold(lock, spec)
    except OSError as error:
        raise _unwritable(path.parent, error) from None
    try:
        if not path.is_file():  # another process may have fetched it meanwhile
            if spec.from_url:
                yield from _from_url(spec, path, _Address(spec.source, spec.sha256, {}))
            else:
                yield from _from_hub(spec, path)
    finally:
        held.release()
    with contextlib.suppress(OSError):
        lock.unlink()
    return path


def file_path(spec: NetworkSpec, cache: str | os.PathLike[str] | None = None) -> Path:
    """Return where ``spec``'s file lies or belongs; networks of the demo have none.

    Args:
        spec: the network.
        cache: the cache folder; ``None`` as in :func:`~napari_corrclip.weights.cache.cache_folder`.
    """
    if spec.source:
        return cache_folder(cache) / spec.place
    return Path(spec.pretrained).expanduser()


def part_path(path: Path) -> Path:
    """Return where a download of ``path`` is kept until it is complete."""
    return path.with_name(f"{path.name}.part")


def checksum_path(path: Path) -> Path:
    """Return where the SHA-256 of a downloaded ``path`` lies, as ``sha256sum --check`` reads it."""
    return path.with_name(f"{path.name}.sha256")


def missing(
    networks: Iterable[NetworkSpec], cache: str | os.PathLike[str] | None = None
) -> tuple[NetworkSpec, ...]:
    """Return those of ``networks`` whose files are not in the cache, each file once; asks no network.

    Args:
        networks: for example :attr:`Preset.networks`.
        cache: the cache folder; ``None`` as in :func:`~napari_corrclip.weights.cache.cache_folder`.
    """
    folder = cache_folder(cache)
    files = {spec.place: spec for spec in networks if spec.source}
    return tuple(spec for place, spec in files.items() if not (folder / place).is_file())


def download_stage(spec: NetworkSpec) -> str:
    """Return what the progress of ``spec``'s download is called; its units are bytes."""
    name = spec.filename if spec.from_url else spec.architecture
    return f"{DOWNLOAD} {name} ({spec.licence})"


def _hold(lock: Path, spec: NetworkSpec) -> Steps[FileLock]:
    """Wait until no other process fetches the same file."""
    held = FileLock(lock)
    while True:
        try:
            held.acquire(timeout=0)
        except Timeout:
            yield Progress(f"wait for another download of {spec.filename}", 0, 1)
            time.sleep(_POLL_S)
        else:
            return held


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
    """Ask the hub's own client where the file lies and what it is, and fetch it from there.

    The client's own download begins anew after a cut and cannot be stopped in the middle.
    """
    from huggingface_hub import get_token

    url = file_url(spec)
    location, sha256 = _ask_hub(spec, path)
    # A person's token is for the hub, and not for the store of files that it names.
    token = get_token() if _host(location) == _host(url) else None
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    yield from _from_url(spec, path, _Address(location, spec.sha256 or sha256, headers))


def _ask_hub(spec: NetworkSpec, path: Path) -> tuple[str, str | None]:
    """Return where the hub keeps ``spec``'s file, and its SHA-256 if the hub tells it."""
    from huggingface_hub import get_hf_file_metadata

    url = file_url(spec)
    reason = _unreachable(url)
    if reason:
        raise _missing(spec, path, reason)
    try:
        # Of what the client raises, much is from libraries below it; all of it means: not fetched.
        facts = get_hf_file_metadata(url, endpoint=_hub_endpoint())
    except Exception as error:
        raise _missing(spec, path, _first_sentence(error)) from error
    # Of large files the tag is the SHA-256.
    etag = facts.etag or ""
    return facts.location or url, etag if re.fullmatch("[0-9a-f]{64}", etag) else None


def published_sha256(spec: NetworkSpec, path: Path, *, offline: bool | None = None) -> str | None:
    """Return the SHA-256 that the file of ``spec`` at ``path`` must have; ``None``: nobody knows.

    What the preset says counts, else what was written down when the file was downloaded, else what the
    hub says, which is asked unless ``offline`` is true.
    """
    if spec.sha256:
        return spec.sha256
    with contextlib.suppress(OSError, UnicodeDecodeError):
        written = checksum_path(path).read_text(encoding="ascii")[:64]
        if re.fullmatch("[0-9a-f]{64}", written):
            return written
    if spec.source and not spec.from_url and not (is_offline() if offline is None else offline):
        with contextlib.suppress(WeightsError):
            return _ask_hub(spec, path)[1]
    return None


def _host(url: str) -> str:
    return urllib.parse.urlsplit(url).netloc


def _unreachable(url: str) -> str | None:
    """Return why no server answers at ``url``, or ``None`` where one does.

    The hub's client tries a closed door six times over half a minute before it says so.
    """
    opener = urllib.request.build_opener(_NoRedirect)
    try:
        with opener.open(_request(url, method="HEAD"), timeout=_TIMEOUT_S):
            return None
    except urllib.error.HTTPError as error:
        error.close()
        return None  # a server that answers; the client knows better what the answer means
    except urllib.error.URLError as error:
        # Of certificates the client may know more than urllib.
        is_connection = isinstance(error.reason, (ConnectionError, TimeoutError)) or (
            type(error.reason).__name__ == "gaierror"
        )
        return _first_sentence(error.reason) if is_connection else None
    except (OSError, http.client.HTTPException):
        return None


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Goes nowhere else: urllib would ask the hub's store for the file itself, by GET."""

    def redirect_request(self, *_: object) -> None:
        return None


@dataclass(frozen=True, slots=True)
class _Address:
    url: str
    sha256: str | None
    headers: Mapping[str, str]


def _from_url(spec: NetworkSpec, path: Path, address: _Address) -> Steps[None]:
    """Fetch into a file beside ``path`` that outlives a cut, so that the next try goes on there."""
    part = part_path(path)
    start, version = _begun(part)
    if version is None and address.sha256 is None:
        start = 0  # nobody could tell whether the rest is of the same file
    try:
        response = urllib.request.urlopen(_from(address, start, version), timeout=_TIMEOUT_S)
    except urllib.error.HTTPError as error:
        if not start or error.code != http.client.REQUESTED_RANGE_NOT_SATISFIABLE:
            raise _missing(spec, path, _first_sentence(error)) from None
        if _range(error.headers) != (None, start):  # else all of it is here, and was not checked
            _discard(part)  # longer than what the server has
            yield from _from_url(spec, path, address)
            return
    except (OSError, http.client.HTTPException) as error:
        raise _missing(spec, path, _first_sentence(error)) from None
    else:
        with response:
            if response.status != http.client.PARTIAL_CONTENT:
                start = 0  # a server that knows no ranges, or has another file now, sends all of it
            elif _range(response.headers)[0] != start:
                _discard(part)  # another piece than the one that was asked for
                yield from _from_url(spec, path, address)
                return
            if not start:
                _note_version(part, response.headers)
            yield from _copy(spec, path, part, response, start)
    found = yield from sha256_of(part)
    if address.sha256 not in (None, found):
        _discard(part)
        raise WeightsError(
            f"What {file_url(spec)} sent is not the published {spec.filename} (SHA-256 "
            f"{found[:12]}… instead of {address.sha256[:12]}…) and was removed; try again, "
            f"or get the file by other means and put it in {part.parent}."
        )
    try:
        checksum_path(path).write_text(f"{found}  {path.name}\n", encoding="ascii")
        os.replace(part, path)
        _discard(part)
    except OSError as error:
        raise _unwritable(path.parent, error) from None


def _begun(part: Path) -> tuple[int, str | None]:
    """Return how many bytes there are of a file, and of which version of it, as the server called it."""
    if not part.is_file():
        return 0, None
    version = None
    with contextlib.suppress(OSError, UnicodeDecodeError):
        version = _version_path(part).read_text(encoding="ascii").strip() or None
    return part.stat().st_size, version


def _note_version(part: Path, headers: Message) -> None:
    """Remember what the server calls the file, so that the rest is asked for of the same one alone."""
    tag = headers.get("ETag") or ""
    # A weak tag may stand for other bytes (RFC 9110, 13.1.5).
    version = (tag if not tag.startswith("W/") else "") or headers.get("Last-Modified") or ""
    with contextlib.suppress(OSError, UnicodeEncodeError):
        _version_path(part).unlink(missing_ok=True)
        if version:
            _version_path(part).write_text(version, encoding="ascii")


def _version_path(part: Path) -> Path:
    return part.with_name(f"{part.name}.version")


def _discard(part: Path) -> None:
    part.unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        _version_path(part).unlink(missing_ok=True)


def _range(headers: Message) -> tuple[int | None, int | None]:
    """Return the first byte and the length of the whole that a server tells of a piece."""
    found = re.fullmatch(
        r"bytes (?:(\d+)-\d+|\*)/(\d+|\*)", headers.get("Content-Range", "").strip()
    )
    if found is None:
        return None, None
    return int(found[1]) if found[1] else None, int(found[2]) if found[2] != "*" else None


def _copy(
    spec: NetworkSpec, path: Path, part: Path, response: http.client.HTTPResponse, start: int
) -> Steps[None]:
    """Copy ``response``, which begins at byte ``start`` of the file, to ``part``."""
    announced = int(response.headers.get("Content-Length") or 0)
    stage = download_stage(spec)
    total, done = (start + announced) if announced else spec.size, start
    yield Progress(stage, done, total)
    try:
        # Unbuffered: where the disk is full, closing must not try to write what is left once more.
        file = part.open("r+b" if start else "wb", buffering=0)
    except OSError as error:
        raise _unwritable(path.parent, error) from None
    with file:
        file.seek(start)
        while True:
            try:
                chunk = response.read(_CHUNK)
            except (OSError, http.client.HTTPException) as error:
                raise _missing(spec, path, _first_sentence(error)) from None
            if not chunk:
                break
            rest = memoryview(chunk)
            try:
                while rest:
                    rest = rest[file.write(rest) :]
            except OSError as error:
                raise _unwritable(path.parent, error) from None
            done += len(chunk)
            yield Progress(stage, done, total)
    if announced and done != total:
        raise _missing(spec, path, f"the connection ended after {done} of {total} bytes")


def sha256_of(path: Path) -> Steps[str]:
    """Return the SHA-256 of ``path``; yields progress in bytes."""
    digest, done, total = hashlib.sha256(), 0, path.stat().st_size
    name = path.name.removesuffix(".part")
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            done += len(chunk)
            yield Progress(f"check {name}", done, total)
    return digest.hexdigest()


def _request(url: str, method: str = "GET") -> urllib.request.Request:
    return urllib.request.Request(url, method=method, headers={"User-Agent": "napari-corrclip"})


def _from(address: _Address, start: int, version: str | None) -> urllib.request.Request:
    """Return the request for ``address`` from byte ``start`` on, of that version or else of all of it."""
    request = _request(address.url)
    if start:
        request.add_header("Range", f"bytes={start}-")
        if version is not None:
            request.add_header("If-Range", version)
    for name, value in address.headers.items():
        request.add_unredirected_header(name, value)
    return request


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
