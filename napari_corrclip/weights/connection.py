"""Connections for downloads: http and https alone, never less safe than was asked for, never endless."""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

TIMEOUT_S = 20.0
"""So long a server may be silent."""
PATIENCE_S = 60.0
"""So long the beginning of an answer may take, however it trickles in."""


class Refused(OSError):
    """An error: what a server asks for is not done; says why, as the middle of a sentence."""


def open_url(
    request: urllib.request.Request, *, downgrade: bool, follow: bool = True
) -> http.client.HTTPResponse:
    """Return the answer to ``request``.

    Args:
        request: of an http or https address.
        downgrade: whether a redirect may lead from https to http, as it may where a checksum is known.
        follow: whether redirects are followed at all; else they are an ``HTTPError``.

    Raises:
        OSError: nobody answers, or with an error; :class:`Refused` among them.
        http.client.HTTPException: the answer is none of HTTP.
    """
    check_scheme(request.full_url)
    opener = urllib.request.OpenerDirector()
    # Not build_opener: it opens file:, ftp: and data: addresses too.
    for handler in (
        urllib.request.ProxyHandler(),
        _Http(),
        _Https(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        _Redirects(downgrade=downgrade) if follow else _NoRedirect(),
    ):
        opener.add_handler(handler)
    try:
        response: http.client.HTTPResponse = opener.open(request, timeout=TIMEOUT_S)
    except ValueError as error:  # an address that is none, in a redirect
        raise Refused(f"it leads to an address that is none ({error})") from None
    return response


def check_scheme(url: str) -> None:
    """Raise :class:`Refused` where ``url`` is not of http or https."""
    scheme = url.partition(":")[0].lower()
    if scheme not in ("http", "https"):
        raise Refused(f"it leads to {scheme!r} instead of https")


def check_way(before: str, after: str, *, downgrade: bool) -> None:
    """Raise :class:`Refused` where one address must not lead to the other.

    Args:
        before: the address.
        after: where it leads.
        downgrade: whether that may be http where it was https.
    """
    check_scheme(after)
    schemes = [url.partition(":")[0].lower() for url in (before, after)]
    if schemes == ["https", "http"] and not downgrade:
        host = urllib.parse.urlsplit(after).netloc
        raise Refused(
            f"https leads to plain http at {host}, where anybody may change the file, and no checksum is "
            "known"
        )


class _Redirects(urllib.request.HTTPRedirectHandler):
    """A handler of redirects, none of which leads to a less safe connection."""

    def __init__(self, *, downgrade: bool) -> None:
        self._downgrade = downgrade

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: Any,
        code: int,
        msg: str,
        headers: Any,
        newurl: str,
    ) -> urllib.request.Request | None:
        fp.close()  # else urllib reads its body to the end, which may have none
        check_way(req.full_url, newurl, downgrade=self._downgrade)
        return super().redirect_request(req, fp, code, msg, headers, newurl)

    def http_error_302(
        self,
        req: urllib.request.Request,
        fp: Any,
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
    ) -> Any:
        try:
            # Before urllib does, which tells of other schemes as of an error of the server's.
            target = headers.get("location") or headers.get("uri") or ""
            if urllib.parse.urlsplit(target).scheme:
                check_scheme(target)
            return super().http_error_302(req, fp, code, msg, headers)
        except (Refused, ValueError):
            fp.close()
            raise

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A handler that goes nowhere else: urllib would ask the hub's store for the file itself, by GET."""

    def redirect_request(self, *_: object) -> None:
        return None


class _Patient(http.client.HTTPConnection):
    """A connection whose answer must begin in time; a byte now and then is no answer."""

    def getresponse(self) -> http.client.HTTPResponse:
        ended = threading.Event()

        def end() -> None:
            ended.set()
            with contextlib.suppress(OSError, AttributeError):
                self.sock.shutdown(socket.SHUT_RDWR)

        timer = threading.Timer(PATIENCE_S, end)
        timer.daemon = True
        timer.start()
        try:
            response = super().getresponse()
        except (OSError, http.client.HTTPException):
            if not ended.is_set():
                raise
            raise TimeoutError(f"its answer did not begin within {PATIENCE_S:.0f} s") from None
        finally:
            timer.cancel()
        if ended.is_set():
            response.close()
            raise TimeoutError(f"its answer did not begin within {PATIENCE_S:.0f} s")
        return response


class _PatientHttps(_Patient, http.client.HTTPSConnection):
    """A :class:`_Patient` connection by https."""


class _Http(urllib.request.HTTPHandler):
    """The handler of http."""

    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_Patient, req)


class _Https(urllib.request.AbstractHTTPHandler):
    """The handler of https."""

    # Not HTTPSHandler, which reads all certificates of the system for plain http too.
    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_PatientHttps, req)

    https_request = urllib.request.AbstractHTTPHandler.do_request_
