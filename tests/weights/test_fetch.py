"""Downloads, from real servers on this machine."""

from __future__ import annotations

import hashlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from napari_corrclip.errors import WeightsError
from napari_corrclip.progress import finish
from napari_corrclip.weights.cache import cache_folder
from napari_corrclip.weights.fetch import fetch, file_url
from napari_corrclip.weights.presets import NetworkSpec

CONTENT = bytes(range(256)) * 12_000  # three chunks
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@dataclass
class Server:
    """A file server; ``cut`` ends every answer after so many bytes."""

    url: str
    files: dict[str, bytes] = field(default_factory=dict)
    cut: int | None = None
    requests: list[str] = field(default_factory=list)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.answer(with_body=False)

        def do_GET(self) -> None:
            self.answer(with_body=True)

        def answer(self, *, with_body: bool) -> None:
            state.requests.append(f"{self.command} {self.path}")
            content = state.files.get(self.path)
            if content is None:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            # What the hub sends besides.
            self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
            self.send_header("X-Repo-Commit", "0" * 40)
            self.end_headers()
            if with_body:
                self.wfile.write(content[: state.cut])

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        state = Server(f"http://127.0.0.1:{http.server_port}")
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield state
        http.shutdown()
        thread.join()


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
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


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
    assert path == tmp_path / "small.pth"
    assert path.read_bytes() == CONTENT
    assert {event.stage for event in events} == {f"download small.pth ({spec.licence})"}
    assert {event.total for event in events} == {len(CONTENT)}
    done = [event.done for event in events]
    assert done == sorted(done)
    assert (done[0], done[-1]) == (0, len(CONTENT))
    assert len(done) >= 4

    asked = len(server.requests)
    assert finish(fetch(spec, tmp_path)) == path
    assert len(server.requests) == asked
    assert files_in(tmp_path) == ["small.pth"]


def test_a_wrong_checksum_leaves_nothing(server: Server, tmp_path: Path) -> None:
    server.files["/sam/small.pth"] = b"something else"
    with pytest.raises(WeightsError, match=r"is not the published small\.pth \(SHA-256 .* removed"):
        finish(fetch(url_spec(server.url), tmp_path))
    assert files_in(tmp_path) == []


def test_a_cut_connection_leaves_nothing_and_the_next_try_works(
    server: Server, tmp_path: Path
) -> None:
    server.files["/sam/small.pth"] = CONTENT
    server.cut = 1_500_000
    with pytest.raises(WeightsError, match="could not be fetched"):
        finish(fetch(url_spec(server.url), tmp_path))
    assert files_in(tmp_path) == []
    server.cut = None
    assert finish(fetch(url_spec(server.url), tmp_path)).read_bytes() == CONTENT


def test_cancelling_in_the_middle_leaves_nothing(server: Server, tmp_path: Path) -> None:
    server.files["/sam/small.pth"] = CONTENT
    steps = fetch(url_spec(server.url), tmp_path)
    while next(steps).done == 0:
        pass
    assert len(files_in(tmp_path)) == 1
    steps.close()
    assert files_in(tmp_path) == []


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
    assert message.startswith("The weights of vit_b/test (3 MB, Apache-2.0) are not at ")
    assert str(tmp_path / "small.pth") in message
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
    assert path == tmp_path / "vit_tiny.test" / "model.safetensors"
    assert path.read_bytes() == CONTENT
    asked = len(server.requests)
    assert finish(fetch(HUB_SPEC, tmp_path)) == path
    assert len(server.requests) == asked


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
    assert str(tmp_path / "vit_tiny.test" / "model.safetensors") in message
    assert f"{closed_port}{HUB_PATH}" in message
    assert "refused" in message
    assert "\n" not in message


def test_a_file_put_at_its_place_by_hand_is_used(closed_port: str, tmp_path: Path) -> None:
    (tmp_path / "small.pth").write_bytes(b"mine")
    assert finish(fetch(url_spec(closed_port), tmp_path)).read_bytes() == b"mine"


def test_offline_asks_nobody(server: Server, tmp_path: Path) -> None:
    server.files["/sam/small.pth"] = CONTENT
    with pytest.raises(WeightsError, match="offline mode opens no connection"):
        finish(fetch(url_spec(server.url), tmp_path, offline=True))
    assert server.requests == []


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
