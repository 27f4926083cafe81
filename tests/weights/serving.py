"""A real file server on this machine, in the layouts of the real sources."""

from __future__ import annotations

import contextlib
import hashlib
import re
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Server:
    """A file server.

    Attributes:
        url: where it answers.
        files: path to content.
        cut: ends every answer after so many bytes.
        ranges: whether it sends parts.
        named: whether it tells versions of files apart, by tags.
        shift: how many bytes a part begins before the place that was asked for.
        store: whether files of the hub lie in a store that the hub only names, as large ones do.
        pause: seconds to wait after every 64 KiB.
        requests: what was asked, such as ``GET /a``, with the range where there was one.
    """

    url: str
    files: dict[str, bytes] = field(default_factory=dict)
    cut: int | None = None
    ranges: bool = True
    named: bool = True
    shift: int = 0
    store: bool = False
    pause: float = 0.0
    requests: list[str] = field(default_factory=list)


@contextlib.contextmanager
def serving() -> Iterator[Server]:
    """Serve files until the end of the block."""

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.answer(with_body=False)

        def do_GET(self) -> None:
            self.answer(with_body=True)

        def answer(self, *, with_body: bool) -> None:
            asked = self.headers.get("Range") or ""
            state.requests.append(f"{self.command} {self.path} {asked}".strip())
            path = self.path
            if path.startswith("/store/"):
                repository, _, name = path[6:].rpartition("/")
                path = next(
                    p
                    for p in state.files
                    if p.startswith(f"{repository}/resolve/") and p.endswith(f"/{name}")
                )
            content = state.files.get(path)
            if content is None:
                self.send_error(404)
                return
            if state.store and "/resolve/" in self.path:
                store = state.url.replace("127.0.0.1", "localhost") + "/store"  # another host
                self.send_response(302)
                repository, _, name = self.path.partition("/resolve/")
                self.send_header("Location", f"{store}{repository}/{name.rpartition('/')[2]}")
                self.send_header("X-Linked-ETag", f'"{hashlib.sha256(content).hexdigest()}"')
                self.send_header("X-Linked-Size", str(len(content)))
                self.send_header("X-Repo-Commit", "0" * 40)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            tag = f'"{hashlib.sha256(content).hexdigest()}"'
            of = self.headers.get("If-Range")
            same = of is None or (state.named and of == tag)
            part = re.fullmatch(r"bytes=(\d+)-", asked) if state.ranges and same else None
            start = int(part[1]) if part else 0
            if start and start >= len(content):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(content)}")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            start = max(0, start - state.shift)
            self.send_response(206 if part else 200)
            if part:
                self.send_header(
                    "Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}"
                )
            self.send_header("Content-Length", str(len(content) - start))
            # What the hub sends besides.
            if state.named:
                self.send_header("ETag", tag)
            self.send_header("X-Repo-Commit", "0" * 40)
            self.end_headers()
            if with_body:
                self.send(content[start:][: state.cut])

        def send(self, content: bytes) -> None:
            with contextlib.suppress(ConnectionError):
                for first in range(0, len(content), 1 << 16):
                    self.wfile.write(content[first : first + (1 << 16)])
                    time.sleep(state.pause)

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        state = Server(f"http://127.0.0.1:{http.server_port}")
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield state
        finally:
            http.shutdown()
            thread.join()
