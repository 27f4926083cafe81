"""Servers that do not keep to HTTP, or mean harm: every download ends, in one sentence."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from napari_corrclip.errors import WeightsError
from napari_corrclip.progress import finish
from napari_corrclip.weights import connection
from napari_corrclip.weights import fetch as fetching
from napari_corrclip.weights.connection import Refused, check_way
from napari_corrclip.weights.fetch import fetch, file_path, part_path
from napari_corrclip.weights.presets import NetworkSpec

CONTENT = bytes(range(256)) * 400
HALF = len(CONTENT) // 2

Answer = Callable[[BaseHTTPRequestHandler], None]


@contextlib.contextmanager
def answering(answer: Answer, folder: Path | None = None) -> Iterator[tuple[str, list[str]]]:
    """Answer every request by ``answer``; gives the address and what was asked for of each.

    With a folder that has a certificate the server speaks https.
    """
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            asked.append(self.headers.get("Range") or "")
            self.close_connection = True
            with contextlib.suppress(ConnectionError):
                answer(self)

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        if folder is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
            http.socket = context.wrap_socket(http.socket, server_side=True)
        scheme = "http" if folder is None else "https"
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"{scheme}://127.0.0.1:{http.server_port}", asked
        finally:
            http.shutdown()
            thread.join()


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")


def spec(url: str, **values: object) -> NetworkSpec:
    one = NetworkSpec(
        "timm", "vit", "x", f"{url}/a.pth", "a.pth", "MIT", len(CONTENT),
        hashlib.sha256(CONTENT).hexdigest(),
    )  # fmt: skip
    return replace(one, **values)  # type: ignore[arg-type]


def reply(
    handler: BaseHTTPRequestHandler, status: int, headers: dict[str, str], body: bytes = b""
) -> None:
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(body)


def begin(one: NetworkSpec, cache: Path, version: str = '"1"') -> Path:
    """Half of the file, as a download that was cut leaves it."""
    part = part_path(file_path(one, cache))
    part.parent.mkdir(parents=True)
    part.write_bytes(CONTENT[:HALF])
    part.with_name(f"{part.name}.version").write_text(version)
    return part


def piece(start: int, total: int | str = len(CONTENT), tag: str = '"1"') -> Answer:
    """Answers every request with the same piece."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        body = CONTENT[start:]
        where = f"bytes {start}-{len(CONTENT) - 1}/{total}"
        headers = {"Content-Range": where, "Content-Length": str(len(body)), "ETag": tag}
        reply(handler, 206, headers, body)

    return answer


def always(status: int, headers: dict[str, str], body: bytes = b"") -> Answer:
    return lambda handler: reply(handler, status, headers, body)


def told(one: NetworkSpec, cache: Path) -> str:
    """What a download is refused with."""
    with pytest.raises(WeightsError) as caught:
        finish(fetch(one, cache))
    message = str(caught.value)
    assert "\n" not in message
    assert not file_path(one, cache).exists()
    return message


@pytest.mark.parametrize(
    "answer",
    {
        "another place": piece(7),
        "a place that moves": lambda handler: piece(int(time.monotonic_ns() % 1000) + 1)(handler),
        "no place": always(206, {"Content-Length": "5"}, b"12345"),
        "a place that is no number": always(
            206, {"Content-Range": f"bytes {'9' * 5000}-1/2", "Content-Length": "5"}, b"12345"
        ),
    }.items(),
    ids=lambda one: one[0],
)
@pytest.mark.parametrize("begun", [True, False])
def test_a_server_that_sends_other_pieces_is_asked_a_few_times(
    answer: tuple[str, Answer], begun: bool, tmp_path: Path
) -> None:
    with answering(answer[1]) as (url, asked):
        if begun:
            begin(spec(url), tmp_path)
        assert "it sent other parts of the file than it was asked for" in told(spec(url), tmp_path)
    assert len(asked) <= 3


def test_no_piece_will_do_for_a_server_that_never_has_one(tmp_path: Path) -> None:
    with answering(always(416, {"Content-Range": "bytes */3", "Content-Length": "0"})) as (
        url,
        asked,
    ):
        begin(spec(url), tmp_path)
        assert "Range Not Satisfiable" in told(spec(url), tmp_path).title()
    assert len(asked) == 2


def test_the_rest_of_a_file_that_is_called_otherwise_now_is_not_joined(tmp_path: Path) -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        # It does not look at If-Range.
        start = HALF if handler.headers.get("Range") else 0
        body = CONTENT[::-1][start:]
        where = f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}"
        headers = {"Content-Range": where, "Content-Length": str(len(body)), "ETag": '"2"'}
        reply(handler, 206 if start else 200, headers, body)

    with answering(answer) as (url, _):
        one = spec(url, sha256=None)
        begin(one, tmp_path)
        assert finish(fetch(one, tmp_path)).read_bytes() == CONTENT[::-1]


@pytest.mark.parametrize(
    ("status", "headers", "says"),
    [
        (200, {"Content-Length": "many"}, "it gave 'many' as the file's length"),
        (200, {"Content-Length": "-5"}, "it gave '-5' as the file's length"),
        (200, {"Content-Length": "9" * 30}, "as the file's length"),
        (200, {"Content-Length": str(1 << 45)}, "far more than such a file has"),
        (200, {"Content-Encoding": "gzip"}, "in the coding 'gzip'"),
        (302, {"Location": "/a.pth"}, "infinite loop"),
        (302, {"Location": "file:///etc/passwd"}, "it leads to 'file' instead of https"),
        (301, {"Location": "ftp://127.0.0.1/a.pth"}, "it leads to 'ftp' instead of https"),
        (307, {"Location": "data:,a"}, "it leads to 'data' instead of https"),
        (302, {"Location": "http://[oh/a.pth"}, "it leads to an address that is none"),
        (500, {}, "Internal Server Error"),
    ],
)
@pytest.mark.parametrize("known", [True, False])
def test_what_no_file_has_is_refused(
    status: int, headers: dict[str, str], says: str, known: bool, tmp_path: Path
) -> None:
    with answering(always(status, headers, CONTENT)) as (url, asked):
        one = spec(url) if known else spec(url, sha256=None, size=0)
        assert says in told(one, tmp_path)
    assert len(asked) <= 12


def endless(handler: BaseHTTPRequestHandler) -> None:
    reply(handler, 200, {})
    while True:
        handler.wfile.write(bytes(1 << 16))


def test_a_body_without_end_is_left_where_the_file_must_have_ended(tmp_path: Path) -> None:
    with answering(endless) as (url, _):
        assert "bytes and no end" in told(spec(url), tmp_path)
    assert not part_path(file_path(spec(url), tmp_path)).exists()


def test_a_body_without_end_or_size_is_left_at_a_size_that_no_file_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari_corrclip.weights.files._MOST", 1 << 20)
    with answering(endless) as (url, _):
        assert "more than 1048576 bytes and no end" in told(
            spec(url, size=0, sha256=None), tmp_path
        )


def test_a_redirect_s_own_body_is_not_read(tmp_path: Path) -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        if handler.path == "/b.pth":
            reply(handler, 200, {"Content-Length": str(len(CONTENT))}, CONTENT)
            return
        reply(handler, 302, {"Location": "/b.pth"})
        while True:
            handler.wfile.write(bytes(1 << 16))

    with answering(answer) as (url, _):
        assert finish(fetch(spec(url), tmp_path)).read_bytes() == CONTENT


def test_a_short_body_is_told_and_goes_on_later(tmp_path: Path) -> None:
    headers = {"Content-Length": str(len(CONTENT))}
    with answering(always(200, headers, CONTENT[:HALF])) as (url, _):
        said = f"the connection ended after {HALF} of {len(CONTENT)} bytes"
        assert said in told(spec(url), tmp_path)
        assert part_path(file_path(spec(url), tmp_path)).read_bytes() == CONTENT[:HALF]


def test_a_body_without_length_is_taken_to_its_end(tmp_path: Path) -> None:
    with answering(always(200, {}, CONTENT)) as (url, _):
        assert finish(fetch(spec(url), tmp_path)).read_bytes() == CONTENT


@pytest.mark.parametrize("where", ["headers", "body"])
def test_what_trickles_in_is_given_up(
    where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "PATIENCE_S", 0.3)
    monkeypatch.setattr(fetching, "PATIENCE_S", 0.3)

    def answer(handler: BaseHTTPRequestHandler) -> None:
        if where == "body":
            reply(handler, 200, {"Content-Length": str(len(CONTENT))})
        else:
            handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        for _ in range(200):
            handler.wfile.write(b"x")
            time.sleep(0.02)

    with answering(answer) as (url, _):
        began = time.monotonic()
        message = told(spec(url), tmp_path)
        assert time.monotonic() - began < 3
    assert "did not begin within" in message if where == "headers" else "bytes came in" in message


@pytest.mark.parametrize(
    ("before", "after", "downgrade", "good"),
    [
        ("https://a/b", "https://c/d", False, True),
        ("https://a/b", "http://c/d", False, False),
        ("HTTPS://a/b", "HTTP://c/d", False, False),
        ("https://a/b", "http://c/d", True, True),
        ("http://a/b", "http://c/d", False, True),
        ("http://a/b", "https://c/d", False, True),
        ("https://a/b", "file:///c", True, False),
        ("https://a/b", "/c", True, False),
    ],
)
def test_https_is_left_for_http_only_where_a_checksum_is_known(
    before: str, after: str, downgrade: bool, good: bool
) -> None:
    with contextlib.nullcontext() if good else pytest.raises(Refused):
        check_way(before, after, downgrade=downgrade)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificate")
def test_a_real_server_of_https_leads_to_http(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    subprocess.run(
        [
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
            "-nodes", "-keyout", "key.pem", "-out", "cert.pem", "-days", "2", "-subj", "/CN=127.0.0.1",
            "-addext", "subjectAltName=IP:127.0.0.1",
        ],
        cwd=tmp_path, check=True, capture_output=True,
    )  # fmt: skip
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
    headers = {"Content-Length": str(len(CONTENT))}
    with (
        answering(always(200, headers, CONTENT)) as (plain, asked),
        answering(always(302, {"Location": f"{plain}/a.pth"}), tmp_path) as (url, _),
    ):
        message = told(spec(url, sha256=None), tmp_path)
        assert "https leads to plain http at 127.0.0.1" in message
        assert asked == []
        assert finish(fetch(spec(url), tmp_path)).read_bytes() == CONTENT


def test_the_hub_may_not_lead_elsewhere_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret")
    one = NetworkSpec("timm", "vit", "x", "a/b", "model.safetensors")
    monkeypatch.setattr(fetching, "_ask_hub", lambda *_: (f"file://{secret}", None))
    assert "it leads to 'file' instead of https" in told(one, tmp_path)
    monkeypatch.setattr(fetching, "_ask_hub", lambda *_: ("http://127.0.0.1:9/a", None))
    assert "https leads to plain http" in told(one, tmp_path)
