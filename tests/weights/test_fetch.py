"""Downloads, from real servers on this machine."""

from __future__ import annotations

import hashlib
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from napari_corrclip.errors import WeightsError
from napari_corrclip.progress import finish
from napari_corrclip.storage.locks import Lock, take
from napari_corrclip.weights.cache import cache_folder
from napari_corrclip.weights.catalogue import get_preset
from napari_corrclip.weights.fetch import (
    checksum_path,
    fetch,
    file_path,
    file_url,
    missing,
    part_path,
)
from napari_corrclip.weights.presets import NetworkSpec
from napari_corrclip.weights.verify import verify
from tests.weights.serving import Server, serving

CONTENT = bytes(range(256)) * 12_000  # three chunks
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with serving() as state:
        yield state


@pytest.fixture
def closed_port(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a port that is taken and at which nobody listens."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


def url_spec(base: str) -> NetworkSpec:
    return NetworkSpec(
        library="segment_anything",
        architecture="vit_b",
        pretrained="test",
        source=f"{base}/sam/small.pth",
        filename="small.pth",
        licence="Apache-2.0",
        size=len(CONTENT),
        sha256=DIGEST,
    )


HUB_SPEC = NetworkSpec(
    library="timm",
    architecture="vit_tiny_patch16_224",
    pretrained="test",
    source="somebody/vit_tiny.test",
    filename="model.safetensors",
    licence="MIT",
    size=len(CONTENT),
)
HUB_PATH = "/somebody/vit_tiny.test/resolve/main/model.safetensors"


def files_in(folder: Path) -> list[str]:
    """Names of all files but locks, checksums and versions."""
    names = (path.name for path in folder.rglob("*") if path.is_file())
    return sorted(name for name in names if not name.endswith((".lock", ".sha256", ".version")))


def place(base: str, cache: Path) -> Path:
    """Where the file of :func:`url_spec` lies, in a folder that is there."""
    path = cache / url_spec(base).place
    path.parent.mkdir(exist_ok=True)
    return path


def test_a_url_is_fetched_once_with_progress_in_bytes(server: Server, tmp_path: Path) -> None:
    server.files["/sam/small.pth"] = CONTENT
    spec = url_spec(server.url)
    steps = fetch(spec, tmp_path)
    events = []
    try:
        while True:
            events.append(next(steps))
    except StopIteration as stop:
        path = stop.value
    assert path == place(server.url, tmp_path)
    assert path.parent.name.startswith(f"web-{server.url[7:].replace(':', '-')}-sam+")
    assert path.read_bytes() == CONTENT
    download = f"download small.pth ({spec.licence})"
    assert [*dict.fromkeys(event.stage for event in events)] == [download, "check small.pth"]
    assert {event.total for event in events} == {len(CONTENT)}
    done = [event.done for event in events if event.stage == download]
    assert done == sorted(done)
    assert (done[0], done[-1]) == (0, len(CONTENT))
    assert len(done) >= 4

    asked = len(server.requests)
    assert finish(fetch(spec, tmp_path)) == path
    assert len(server.requests) == asked
    assert files_in(tmp_path) == ["small.pth"]
    # As sha256sum writes it.
    assert checksum_path(path).read_text() == f"{DIGEST}  small.pth\n"


def test_a_wrong_checksum_leaves_nothing(server: Server, tmp_path: Path) -> None:
    server.files["/sam/small.pth"] = b"something else"
    with pytest.raises(WeightsError, match=r"is not the published small\.pth \(SHA-256 .* removed"):
        finish(fetch(url_spec(server.url), tmp_path))
    assert files_in(tmp_path) == []


@pytest.mark.parametrize("ranges", [True, False])
def test_a_cut_download_goes_on_where_it_was_cut(
    server: Server, tmp_path: Path, ranges: bool
) -> None:
    server.files["/sam/small.pth"] = CONTENT
    server.ranges = ranges
    server.cut = 1_500_000
    with pytest.raises(WeightsError, match="could not be fetched"):
        finish(fetch(url_spec(server.url), tmp_path))
    assert files_in(tmp_path) == ["small.pth.part"]
    kept = part_path(place(server.url, tmp_path)).stat().st_size
    assert 0 < kept <= 1_500_000
    server.cut = None
    steps = fetch(url_spec(server.url), tmp_path)
    assert next(steps).done == (kept if ranges else 0)
    assert finish(steps).read_bytes() == CONTENT
    assert server.requests[-1] == f"GET /sam/small.pth bytes={kept}-"
    assert files_in(tmp_path) == ["small.pth"]


def test_a_cancelled_download_goes_on_later(server: Server, tmp_path: Path) -> None:
    server.files["/sam/small.pth"] = CONTENT
    steps = fetch(url_spec(server.url), tmp_path)
    while next(steps).done == 0:
        pass
    steps.close()
    assert files_in(tmp_path) == ["small.pth.part"]
    assert finish(fetch(url_spec(server.url), tmp_path)).read_bytes() == CONTENT
    assert "bytes=" in server.requests[-1]


def without_checksum(base: str) -> NetworkSpec:
    return replace(url_spec(base), sha256=None)


def begun(spec: NetworkSpec, folder: Path) -> bytes:
    """Fetch a part, and return it."""
    steps = fetch(spec, folder)
    while next(steps).done < 1_000_000:
        pass
    steps.close()
    return part_path(file_path(spec, folder)).read_bytes()


def test_what_was_cancelled_while_it_was_checked_is_not_fetched_again(
    server: Server, tmp_path: Path
) -> None:
    server.files["/sam/small.pth"] = CONTENT
    for spec in (url_spec(server.url), without_checksum(server.url)):
        steps = fetch(spec, tmp_path)
        while not next(steps).stage.startswith("check "):
            pass
        steps.close()
        part = part_path(file_path(spec, tmp_path))
        before = part.stat()
        assert before.st_size == len(CONTENT)
        path = finish(fetch(spec, tmp_path))
        assert server.requests[-1] == f"GET /sam/small.pth bytes={len(CONTENT)}-"
        assert path.stat().st_ino == before.st_ino  # it was moved to its place
        assert path.read_bytes() == CONTENT
        assert [one.name for one in path.parent.iterdir() if "part" in one.name] == []
        path.unlink()


@pytest.mark.parametrize("size", [len(CONTENT), len(CONTENT) // 2, 1000])
@pytest.mark.parametrize("known", [True, False])
def test_the_rest_of_another_version_is_not_joined(
    server: Server, tmp_path: Path, known: bool, size: int
) -> None:
    server.files["/sam/small.pth"] = CONTENT[::-1]
    spec = without_checksum(server.url)
    assert begun(spec, tmp_path) == CONTENT[::-1][: 1 << 20]
    server.files["/sam/small.pth"] = CONTENT[:size]
    if known:
        spec = replace(spec, sha256=hashlib.sha256(CONTENT[:size]).hexdigest())
    assert finish(fetch(spec, tmp_path)).read_bytes() == CONTENT[:size]
    assert finish(verify(spec, tmp_path)).state == "intact"


def test_where_nobody_can_tell_versions_apart_it_begins_anew(
    server: Server, tmp_path: Path
) -> None:
    server.named = False
    server.files["/sam/small.pth"] = CONTENT[::-1]
    begun(without_checksum(server.url), tmp_path)
    server.files["/sam/small.pth"] = CONTENT
    path = finish(fetch(without_checksum(server.url), tmp_path))
    assert path.read_bytes() == CONTENT
    assert server.requests[-1] == "GET /sam/small.pth"
    # A checksum tells them apart in the end.
    path.unlink()
    begun(url_spec(server.url), tmp_path)
    assert finish(fetch(url_spec(server.url), tmp_path)).read_bytes() == CONTENT
    assert "bytes=" in server.requests[-1]


def test_another_piece_than_what_was_asked_for_is_not_joined(
    server: Server, tmp_path: Path
) -> None:
    server.files["/sam/small.pth"] = CONTENT
    begun(url_spec(server.url), tmp_path)
    server.shift = 10
    assert finish(fetch(url_spec(server.url), tmp_path)).read_bytes() == CONTENT
    assert server.requests[-1] == "GET /sam/small.pth"


def test_what_was_left_of_a_longer_file_is_fetched_anew(server: Server, tmp_path: Path) -> None:
    server.files["/sam/small.pth"] = CONTENT
    part_path(place(server.url, tmp_path)).write_bytes(CONTENT + b"more")
    assert finish(fetch(url_spec(server.url), tmp_path)).read_bytes() == CONTENT


def test_what_was_left_of_another_file_is_refused_and_removed(
    server: Server, tmp_path: Path
) -> None:
    server.files["/sam/small.pth"] = CONTENT
    part_path(place(server.url, tmp_path)).write_bytes(b"another")
    with pytest.raises(WeightsError, match="is not the published"):
        finish(fetch(url_spec(server.url), tmp_path))
    assert files_in(tmp_path) == []
    assert finish(fetch(url_spec(server.url), tmp_path)).read_bytes() == CONTENT


def test_two_processes_fetch_a_file_once(server: Server, tmp_path: Path) -> None:
    server.files["/sam/small.pth"] = CONTENT
    server.pause = 0.02
    code = (
        "from pathlib import Path\n"
        "from napari_corrclip.progress import finish\n"
        "from napari_corrclip.weights.fetch import fetch\n"
        "from napari_corrclip.weights.presets import NetworkSpec\n"
        f"finish(fetch({url_spec(server.url)!r}, Path({str(tmp_path)!r})))"
    )
    both = [
        subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE) for _ in range(2)
    ]
    for process in both:
        _, told = process.communicate(timeout=120)
        assert process.returncode == 0, told
    assert place(server.url, tmp_path).read_bytes() == CONTENT
    assert server.requests == ["GET /sam/small.pth"]


@pytest.mark.skipif(os.name == "nt", reason="an open file cannot be removed there")
def test_the_lock_is_still_held_when_its_file_is_removed(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else it were the next one's lock that is removed, and a third could take it, too."""
    server.files["/sam/small.pth"] = CONTENT
    taken: list[Lock | None] = []
    remove = Path.unlink

    def unlink(path: Path, missing_ok: bool = False) -> None:
        if path.suffix == ".lock":
            taken.append(take(path))
        remove(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", unlink)
    path = finish(fetch(url_spec(server.url), tmp_path))
    assert taken == [None]
    assert not list(path.parent.glob(".*.lock"))


def test_whoever_waits_for_another_download_is_told_and_can_cancel(
    server: Server, tmp_path: Path
) -> None:
    server.files["/sam/small.pth"] = CONTENT
    path = place(server.url, tmp_path)
    held = take(path.with_name(f".{path.name}.lock"))
    assert held is not None
    waiting = fetch(url_spec(server.url), tmp_path)
    assert [next(waiting).stage for _ in range(2)] == ["wait for another download of small.pth"] * 2
    waiting.close()
    held.release()
    assert finish(fetch(url_spec(server.url), tmp_path)).read_bytes() == CONTENT


def test_a_url_that_is_gone_says_so(server: Server, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"could not be fetched.*Not Found"):
        finish(fetch(url_spec(server.url), tmp_path))


def test_without_network_a_url_says_which_file_from_where_and_where_to_put_it(
    closed_port: str, tmp_path: Path
) -> None:
    spec = url_spec(closed_port)
    with pytest.raises(WeightsError) as caught:
        finish(fetch(spec, tmp_path))
    message = str(caught.value)
    assert message.startswith("The weights of vit_b/test (3.1 MB, Apache-2.0) are not at ")
    assert str(place(closed_port, tmp_path)) in message
    assert spec.source in message
    assert "refused" in message
    assert "NAPARI_CORRCLIP_CACHE" in message
    assert "\n" not in message


def test_a_hub_file_is_fetched_to_its_place(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    server.files[HUB_PATH] = CONTENT
    path = finish(fetch(HUB_SPEC, tmp_path))
    assert path == tmp_path / "somebody--vit_tiny.test" / "model.safetensors"
    assert path.read_bytes() == CONTENT
    asked = len(server.requests)
    assert finish(fetch(HUB_SPEC, tmp_path)) == path
    assert len(server.requests) == asked


def test_a_hub_file_comes_with_progress_in_bytes_and_goes_on_after_a_cancel(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    server.files[HUB_PATH] = CONTENT
    server.pause = 0.02
    steps = fetch(HUB_SPEC, tmp_path)
    stage = f"download vit_tiny_patch16_224 ({HUB_SPEC.licence})"
    while (event := next(steps)).done == 0:
        pass
    assert (event.stage, event.total) == (stage, len(CONTENT))
    assert event.done < len(CONTENT)
    steps.close()
    assert "model.safetensors" not in files_in(tmp_path)
    server.pause = 0.0
    steps, done = fetch(HUB_SPEC, tmp_path), []
    try:
        while True:
            event = next(steps)
            if event.stage == stage:
                done.append(event.done)
    except StopIteration as stop:
        path = stop.value
    assert path.read_bytes() == CONTENT
    assert done == sorted(done)
    assert done[-1] == len(CONTENT)
    assert "bytes=" in server.requests[-1]


def test_a_hub_file_is_held_against_the_checksum_that_the_hub_tells(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    server.files[HUB_PATH] = CONTENT
    part = tmp_path / "somebody--vit_tiny.test" / "model.safetensors.part"
    part.parent.mkdir()
    part.write_bytes(b"another")
    with pytest.raises(WeightsError, match="is not the published"):
        finish(fetch(HUB_SPEC, tmp_path))
    assert files_in(tmp_path) == []


def test_a_hub_file_that_is_gone_says_so(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    with pytest.raises(WeightsError, match=r"vit_tiny_patch16_224/test .* could not be fetched"):
        finish(fetch(HUB_SPEC, tmp_path))


def test_without_network_a_hub_file_says_which_file_from_where_and_where_to_put_it(
    closed_port: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", closed_port)
    with pytest.raises(WeightsError) as caught:
        finish(fetch(HUB_SPEC, tmp_path))
    message = str(caught.value)
    assert str(tmp_path / "somebody--vit_tiny.test" / "model.safetensors") in message
    assert f"{closed_port}{HUB_PATH}" in message
    assert "refused" in message
    assert "\n" not in message


def test_a_file_put_at_its_place_by_hand_is_used(closed_port: str, tmp_path: Path) -> None:
    spec = without_checksum(closed_port)
    path = file_path(spec, tmp_path)
    path.parent.mkdir()
    path.write_bytes(b"mine")
    assert finish(fetch(spec, tmp_path)).read_bytes() == b"mine"
    # Where a checksum is known, it is looked at.
    place(closed_port, tmp_path).write_bytes(CONTENT)
    assert finish(fetch(url_spec(closed_port), tmp_path)).read_bytes() == CONTENT


def test_a_checksum_is_looked_at_whoever_put_the_file_there(
    closed_port: str, tmp_path: Path
) -> None:
    spec, path = url_spec(closed_port), place(closed_port, tmp_path)
    path.write_bytes(CONTENT)
    read = [event.stage for event in fetch(spec, tmp_path)]
    assert read
    assert [event.stage for event in fetch(spec, tmp_path)] == []  # once in a process
    before = path.stat()
    path.write_bytes(CONTENT[::-1])
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(WeightsError) as caught:
        finish(fetch(spec, tmp_path))
    message = str(caught.value)
    assert message.startswith(f"The weights file {path} is not the one that the preset means (SHA-")
    assert "is not used; remove it and fetch it again" in message
    assert path.read_bytes() == CONTENT[::-1]  # it may be somebody's own
    path.write_bytes(CONTENT)
    assert finish(fetch(spec, tmp_path)) == path


def test_files_of_one_host_are_told_apart(server: Server, tmp_path: Path) -> None:
    files = {f"/files/{number}": bytes([number]) * 100 for number in (1, 2)}
    server.files |= files
    specs = [
        replace(without_checksum(server.url), source=f"{server.url}{path}", filename="a.pth")
        for path in files
    ]
    for spec, content in zip(specs, files.values(), strict=True):
        assert finish(fetch(spec, tmp_path)).read_bytes() == content
    assert missing(specs, tmp_path) == ()


def test_what_an_earlier_version_fetched_is_found_by_its_checksum(
    closed_port: str, tmp_path: Path
) -> None:
    spec = url_spec(closed_port)
    assert spec.former_place is not None
    former = tmp_path / spec.former_place
    former.parent.mkdir()
    former.write_bytes(CONTENT)
    # Nothing tells whose file it is.
    assert missing([spec], tmp_path) == (spec,)
    checksum_path(former).write_text(f"{DIGEST}  small.pth\n")
    assert missing([spec], tmp_path) == ()
    assert file_path(spec, tmp_path) == former == finish(fetch(spec, tmp_path))
    assert finish(verify(spec, tmp_path)).state == "intact"
    # Of another address, or without a checksum, it may be anything.
    for other in (without_checksum(closed_port), replace(spec, sha256="1" * 64)):
        assert missing([other], tmp_path) == (other,)
    former.write_bytes(b"replaced")
    with pytest.raises(WeightsError, match="is not used"):
        finish(fetch(spec, tmp_path))


def test_offline_asks_nobody(server: Server, tmp_path: Path) -> None:
    server.files["/sam/small.pth"] = CONTENT
    with pytest.raises(WeightsError, match="offline mode opens no connection"):
        finish(fetch(url_spec(server.url), tmp_path, offline=True))
    assert server.requests == []


@pytest.mark.parametrize("variable", ["NAPARI_CORRCLIP_OFFLINE", "HF_HUB_OFFLINE"])
def test_offline_may_be_said_by_the_environment(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "1")
    with pytest.raises(WeightsError, match="offline mode opens no connection"):
        finish(fetch(url_spec(server.url), tmp_path))
    assert server.requests == []


def test_missing_files_are_named_without_network(tmp_path: Path) -> None:
    networks = get_preset("vit-b-16").networks
    assert missing(networks, tmp_path) == networks
    assert missing([*networks, *networks], tmp_path) == networks
    place = tmp_path / networks[2].place
    place.write_bytes(b"")
    assert missing(networks, tmp_path) == networks[:2]
    assert missing(get_preset("demo").networks, tmp_path) == ()


@pytest.mark.parametrize("source", ["url", "hub"])
def test_a_cache_that_cannot_be_written_is_named(
    source: str, server: Server, tmp_path: Path
) -> None:
    # A file in the way stops the superuser too, which missing permissions do not.
    blocked = tmp_path / "blocked"
    blocked.write_text("in the way")
    spec = url_spec(server.url) if source == "url" else HUB_SPEC
    with pytest.raises(WeightsError, match=r"Weights cannot be written to .*blocked.*give"):
        finish(fetch(spec, blocked))


def test_a_local_checkpoint_is_its_own_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.pth"
    spec = NetworkSpec.local("timm", "vit_tiny_patch16_224", path)
    with pytest.raises(WeightsError, match=r"mine\.pth for timm's vit_tiny_patch16_224 does not"):
        finish(fetch(spec))
    path.write_bytes(b"")
    assert finish(fetch(spec)) == path


def test_the_address_of_a_hub_file_follows_the_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "https://mirror.example")
    assert file_url(HUB_SPEC) == f"https://mirror.example{HUB_PATH}"
    assert file_url(replace(HUB_SPEC, source="https://a.example/b")) == "https://a.example/b"


def test_the_cache_is_the_argument_else_the_variable_else_the_users(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NAPARI_CORRCLIP_CACHE", raising=False)
    assert cache_folder().name == "napari-corrclip"
    monkeypatch.setenv("NAPARI_CORRCLIP_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    assert cache_folder(tmp_path / "other") == tmp_path / "other"
    monkeypatch.setenv("NAPARI_CORRCLIP_CACHE", "~/weights")
    assert cache_folder() == Path.home() / "weights"
