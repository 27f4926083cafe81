"""The fetching of a network's files to this machine.

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
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from email.message import Message
from pathlib import Path

from napari_corrclip.errors import WeightsError
from napari_corrclip.progress import Progress, Steps
from napari_corrclip.storage.locks import Lock, take
from napari_corrclip.storage.places import expanded, is_file
from napari_corrclip.weights.cache import CACHE_VARIABLE, cache_folder, is_offline
from napari_corrclip.weights.connection import PATIENCE_S, Refused, check_way, open_url
from napari_corrclip.weights.files import WebFile
from napari_corrclip.weights.presets import NetworkSpec
from napari_corrclip.wording.amounts import size_text

_log = logging.getLogger(__name__)

DOWNLOAD = "download"
"""How the stage of a download begins; its units are bytes."""

_CHUNK = 1 << 20
_POLL_S = 0.1
_TRIES = 3
_LEAST_A_SECOND = 1024


def fetch(
    spec: WebFile,
    cache: str | os.PathLike[str] | None = None,
    *,
    offline: bool | None = None,
) -> Steps[Path]:
    """Return where ``spec`` lies, and download it where it is missing.

    Args:
        spec: the weights of a network, or one of its companions.
        cache: the cache folder; ``None`` as in :func:`~napari_corrclip.weights.cache.cache_folder`.
        offline: open no socket; a missing file is an error. ``None``: as the environment says, see
            :func:`~napari_corrclip.weights.cache.is_offline`.

    Yields:
        progress in bytes. What was fetched when the generator is closed, or the connection cut, stays
        beside the file's place, and the next try goes on there.

    Raises:
        WeightsError: the file is not there and cannot be fetched, or is not what was published.
    """
    path = file_path(spec, cache)
    if is_file(path):
        yield from _check(spec, path)
        return path
    if isinstance(spec, NetworkSpec) and not spec.source:
        raise WeightsError(
            f"The weights file {path} for {spec.library}'s {spec.architecture} does not exist; "
            "check the path."
        )
    if is_offline() if offline is None else offline:
        raise _missing(spec, path, "offline mode opens no connection")
    # Off a terminal nobody sees the progress, and the licence is to be known before the first byte.
    _log.warning("Fetching %s: %s, %s.", spec.title, size_text(spec.size), spec.terms)
    lock = path.with_name(f".{path.name}.lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        held = yield from _hold(lock, spec)
    except OSError as error:
        raise _unwritable(path.parent, error) from None
    try:
        if is_file(path):  # another process fetched it meanwhile
            yield from _check(spec, path)
        else:
            if spec.from_url:
                yield from _from_url(spec, path, _Address(spec.source, spec.sha256, {}))
            else:
                yield from _from_hub(spec, path)
    finally:
        held.release()
    return path


def file_path(spec: WebFile, cache: str | os.PathLike[str] | None = None) -> Path:
    """Return where ``spec``'s file lies or belongs; networks of the demo have none.

    What an earlier version kept elsewhere is found there, if its checksum was written down and is that of
    ``spec``: files of other addresses may have had the same place.

    Args:
        spec: as of :func:`fetch`.
        cache: the cache folder; ``None`` as in :func:`~napari_corrclip.weights.cache.cache_folder`.
    """
    if isinstance(spec, NetworkSpec) and not spec.source:
        return expanded(spec.pretrained, "The checkpoint")
    folder = cache_folder(cache)
    path = folder / spec.place
    if spec.sha256 and spec.former_place and not is_file(path):
        former = folder / spec.former_place
        if is_file(former) and _written_sha256(former) == spec.sha256:
            return former
    return path


def part_path(path: Path) -> Path:
    """Return where a download of ``path`` is kept until it is complete."""
    return path.with_name(f"{path.name}.part")


def checksum_path(path: Path) -> Path:
    """Return where the SHA-256 of a downloaded ``path`` lies, as ``sha256sum --check`` reads it."""
    return path.with_name(f"{path.name}.sha256")


def missing(
    networks: Iterable[NetworkSpec], cache: str | os.PathLike[str] | None = None
) -> tuple[WebFile, ...]:
    """Return those files of ``networks`` that are not in the cache, each once; asks no network.

    A checkpoint of one's own is none of them, the companions of its architecture may be.

    Args:
        networks: for example :attr:`Preset.networks`.
        cache: the cache folder; ``None`` as in :func:`~napari_corrclip.weights.cache.cache_folder`.
    """
    files = (file for spec in networks for file in spec.files if file.source)
    places = {file_path(file, cache): file for file in files}
    return tuple(file for path, file in places.items() if not is_file(path))


def check_offline(files: Sequence[WebFile], cache: str | os.PathLike[str] | None = None) -> None:
    """Raise WeightsError where several files are to be fetched and no connection is allowed; names all.

    Of a single one :func:`fetch` says it.

    Args:
        files: that are missing.
        cache: as of :func:`missing`.
    """
    if len(files) < 2 or not is_offline():
        return
    ways = "; ".join(f"{file_url(file)} to {file_path(file, cache)}" for file in files)
    raise WeightsError(
        f"{len(files)} files are missing and offline mode opens no connection; get them by other means: "
        f"{ways}; or name a folder that has them in {CACHE_VARIABLE}."
    )


def is_here(spec: NetworkSpec, cache: str | os.PathLike[str] | None = None) -> bool:
    """Whether a network can be loaded without a download: its files are in the cache, or where they were.

    Args:
        spec: the network.
        cache: as of :func:`missing`.
    """
    return all(is_file(file_path(file, cache)) for file in spec.files)


def download_stage(spec: WebFile) -> str:
    """Return what the progress of ``spec``'s download is called; its units are bytes."""
    return f"{DOWNLOAD} {spec.stage} ({spec.licence_text})"


def _hold(path: Path, spec: WebFile) -> Steps[Lock]:
    """Wait until no other process fetches the same file."""
    while (held := take(path)) is None:
        yield Progress(f"wait for another download of {spec.filename}", 0, 1)
        time.sleep(_POLL_S)
    return held


def file_url(spec: WebFile) -> str:
    """Return the address of ``spec``'s file, for a person or another program to fetch it."""
    if spec.from_url or not spec.source:
        return spec.source
    from huggingface_hub import hf_hub_url

    return hf_hub_url(spec.source, spec.filename, revision=spec.revision, endpoint=_hub_endpoint())


def _hub_endpoint() -> str | None:
    # The client reads the variable once, when it is imported; a mirror set later should count too.
    return os.environ.get("HF_ENDPOINT") or None


def _from_hub(spec: WebFile, path: Path) -> Steps[None]:
    """Ask the hub's own client where the file lies and what it is, and fetch it from there.

    The client's own download begins anew after a cut and cannot be stopped in the middle.
    """
    from huggingface_hub import get_token

    url = file_url(spec)
    location, sha256 = _ask_hub(spec, path)
    try:
        check_way(url, location, downgrade=bool(spec.sha256 or sha256))
    except Refused as error:
        raise _missing(spec, path, str(error)) from None
    # A person's token is for the hub, and not for the store of files that it names.
    token = get_token() if _host(location) == _host(url) else None
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    yield from _from_url(spec, path, _Address(location, spec.sha256 or sha256, headers))


def _ask_hub(spec: WebFile, path: Path) -> tuple[str, str | None]:
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


def published_sha256(spec: WebFile, path: Path, *, offline: bool | None = None) -> str | None:
    """Return the SHA-256 that the file of ``spec`` at ``path`` must have; ``None``: nobody knows.

    What the preset says counts, else what was written down when the file was downloaded, else what the
    hub says, which is asked unless ``offline`` is true.
    """
    if spec.sha256:
        return spec.sha256
    written = _written_sha256(path)
    if written is not None:
        return written
    if spec.source and not spec.from_url and not (is_offline() if offline is None else offline):
        with contextlib.suppress(WeightsError):
            return _ask_hub(spec, path)[1]
    return None


def _written_sha256(path: Path) -> str | None:
    """Return the SHA-256 that was written beside ``path`` when it was downloaded."""
    with contextlib.suppress(OSError, UnicodeDecodeError):
        with checksum_path(path).open(encoding="ascii") as file:
            written = file.read(64)
        if re.fullmatch("[0-9a-f]{64}", written):
            return written
    return None


_Version = tuple[str, int, int, int, int, int]
_checked: dict[_Version, str] = {}
"""The SHA-256 of files as they were when this process read them."""


def _check(spec: WebFile, path: Path) -> Steps[None]:
    """Hold a file that is there against the preset's checksum, if it has one; once in a process.

    Whoever put it there: another preset, a person, an earlier version.

    Raises:
        WeightsError: it is another file, or cannot be read.
    """
    if spec.sha256 is None:
        return
    try:
        version = _version(path)
        found = _checked.get(version)
        if found is None:
            found = yield from sha256_of(path)
            _checked[version] = found
    except OSError as error:
        raise WeightsError(
            f"The weights file {path} cannot be read ({error.strerror or error}); give permission, or "
            "remove it and fetch it again."
        ) from None
    if found != spec.sha256:
        raise WeightsError(
            f"The weights file {path} is not the one that the preset means (SHA-256 {found[:12]}… instead "
            f"of {spec.sha256[:12]}…) and is not used; remove it and fetch it again, or correct the preset."
        )


def _version(path: Path) -> _Version:
    """Return what changes where a file is replaced or written to."""
    stat = path.stat()
    return (
        str(path), stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns
    )  # fmt: skip


def _host(url: str) -> tuple[str, str]:
    parts = urllib.parse.urlsplit(url)
    return parts.scheme, parts.netloc


def _unreachable(url: str) -> str | None:
    """Return why no server answers at ``url``, or ``None`` where one does.

    The hub's client tries a closed door six times over half a minute before it says so.
    """
    try:
        with open_url(_request(url, method="HEAD"), downgrade=True, follow=False):
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
    except Refused as error:
        return str(error)
    except (OSError, http.client.HTTPException):
        return None


@dataclass(frozen=True, slots=True)
class _Address:
    """The address of a file, and what is known of it."""

    url: str
    sha256: str | None
    headers: Mapping[str, str]


def _from_url(spec: WebFile, path: Path, address: _Address) -> Steps[None]:
    """Fetch into a file beside ``path`` that outlives a cut, so that the next try goes on there."""
    part = part_path(path)
    for _ in range(_TRIES):
        begun = _begun(part)
        if begun[1] is None and address.sha256 is None:
            begun = (0, None)  # nobody could tell whether the rest is of the same file
        if (yield from _rest(spec, path, address, *begun)):
            break
        _discard(part)
    else:
        raise _missing(spec, path, "it sent other parts of the file than it was asked for")
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
        _checked[_version(path)] = found
    except OSError as error:
        raise _unwritable(path.parent, error) from None


def _rest(
    spec: WebFile, path: Path, address: _Address, start: int, version: str | None
) -> Steps[bool]:
    """Ask once for the file from byte ``start`` on; return whether the part beside ``path`` is whole.

    It is not where the server answered with something that does not go on there.
    """
    part = part_path(path)
    try:
        response = open_url(_from(address, start, version), downgrade=address.sha256 is not None)
    except urllib.error.HTTPError as error:
        error.close()
        if not start or error.code != http.client.REQUESTED_RANGE_NOT_SATISFIABLE:
            raise _missing(spec, path, _first_sentence(error)) from None
        # All of it is here and was not checked, or more than what the server has.
        return _range(error.headers) == (None, start)
    except (OSError, http.client.HTTPException) as error:
        raise _missing(spec, path, _first_sentence(error)) from None
    with response:
        total = None
        if response.status == http.client.PARTIAL_CONTENT:
            first, total = _range(response.headers)
            others = version is not None and _server_version(response.headers) not in ("", version)
            if first != start or others:
                return False
        else:
            start = 0  # a server that knows no ranges, or has another file now, sends all of it
        if not start:
            _note_version(part, response.headers)
        yield from _copy(spec, path, part, response, start, total)
    return True


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
    version = _server_version(headers)
    with contextlib.suppress(OSError, UnicodeEncodeError):
        _version_path(part).unlink(missing_ok=True)
        if version:
            _version_path(part).write_text(version, encoding="ascii")


def _server_version(headers: Message) -> str:
    """Return what the server calls this version of the file; empty where it says nothing that holds."""
    tag = headers.get("ETag") or ""
    # A weak tag may stand for other bytes (RFC 9110, 13.1.5).
    return (tag if not tag.startswith("W/") else "") or headers.get("Last-Modified") or ""


def _version_path(part: Path) -> Path:
    return part.with_name(f"{part.name}.version")


def _discard(part: Path) -> None:
    part.unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        _version_path(part).unlink(missing_ok=True)


def _range(headers: Message) -> tuple[int | None, int | None]:
    """Return the first byte and the length of the whole that a server tells of a piece."""
    found = re.fullmatch(
        r"bytes (?:([0-9]{1,18})-[0-9]{1,18}|\*)/([0-9]{1,18}|\*)",
        headers.get("Content-Range", "").strip(),
    )
    if found is None:
        return None, None
    return int(found[1]) if found[1] else None, int(found[2]) if found[2] != "*" else None


def _announced(
    spec: WebFile, headers: Message, start: int, total: int | None
) -> tuple[int | None, int]:
    """Return how long the whole file is by its headers, if they tell, and the most that is taken.

    Args:
        spec: the network; its size in a preset is about that of the file.
        headers: of the answer.
        start: at which byte of the file the answer begins.
        total: the whole length, where the answer tells it beside the piece.

    Raises:
        Refused: they tell nonsense, or a file that no network has.
    """
    coding = (headers.get("Content-Encoding") or "identity").strip().lower()
    if coding != "identity":
        raise Refused(f"it sent the file in the coding {coding!r}, which was not asked for")
    said = headers.get("Content-Length")
    length = total
    if said is not None:
        if not re.fullmatch("[0-9]{1,18}", said.strip()):
            raise Refused(f"it gave {said.strip()[:40]!r} as the file's length")
        length = start + int(said)
        if total not in (None, length):
            raise Refused(f"it gave {length} and {total} bytes as the length of one file")
    if length is None:
        # Until the connection ends, or what the preset tells has come.
        return None, spec.size + spec.size // 64 + (1 << 20) if spec.size else spec.most
    if length > spec.most:
        raise Refused(f"it gave {length} bytes as the file's length, far more than such a file has")
    return length, length


def _copy(
    spec: WebFile,
    path: Path,
    part: Path,
    response: http.client.HTTPResponse,
    start: int,
    total: int | None,
) -> Steps[None]:
    """Copy ``response``, which begins at byte ``start`` of the file, to ``part``."""
    try:
        length, most = _announced(spec, response.headers, start, total)
    except Refused as error:
        raise _missing(spec, path, str(error)) from None
    stage = download_stage(spec)
    whole, done = spec.size if length is None else length, start
    yield Progress(stage, done, whole)
    try:
        # Unbuffered: where the disk is full, closing must not try to write what is left once more.
        file = part.open("r+b" if start else "wb", buffering=0)
    except OSError as error:
        raise _unwritable(path.parent, error) from None
    with file:
        file.seek(start)
        told, waited, since = done, 0.0, done
        while True:
            began = time.monotonic()
            try:
                # What is there now, and not only when all of it has trickled in.
                chunk = response.read1(_CHUNK - (done - told))
            except (OSError, http.client.HTTPException) as error:
                raise _missing(spec, path, _first_sentence(error)) from None
            if not chunk:
                break
            waited += time.monotonic() - began
            rest = memoryview(chunk)
            try:
                while rest:
                    rest = rest[file.write(rest) :]
            except OSError as error:
                raise _unwritable(path.parent, error) from None
            done += len(chunk)
            if done > most:
                break
            if waited > PATIENCE_S:
                if done - since < _LEAST_A_SECOND * waited:
                    raise _missing(spec, path, f"only {done - since} bytes came in {waited:.0f} s")
                waited, since = 0.0, done
            if done - told == _CHUNK or done == whole:
                yield Progress(stage, done, whole)
                told = done
    if done > most:
        _discard(part)
        raise _missing(spec, path, f"it sent more than {most} bytes and no end")
    if length is not None and done != length:
        raise _missing(spec, path, f"the connection ended after {done} of {length} bytes")
    if told != done:
        yield Progress(stage, done, whole)


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


def _missing(spec: WebFile, path: Path, reason: str) -> WeightsError:
    kind, are = ("The weights of", "are") if isinstance(spec, NetworkSpec) else ("The file", "is")
    return WeightsError(
        f"{kind} {spec.title} ({size_text(spec.size)}, {spec.licence_text}) {are} not at {path} and "
        f"could not be fetched ({reason}); get {file_url(spec)} by other means and put it there, or name a "
        f"folder that has it in {CACHE_VARIABLE}."
    )


def _unwritable(folder: Path, error: OSError) -> WeightsError:
    return WeightsError(
        f"Weights cannot be written to {folder} ({error.strerror or error}); make room or give "
        f"permission there, or name another folder in {CACHE_VARIABLE}."
    )
