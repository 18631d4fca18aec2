"""A small server for pages on this machine alone: 127.0.0.1, an address that nobody can guess, nothing from outside.

`serving` takes `routes`, functions from a `Request` to an `Answer`, and `files`, what may be read from the disk. Each
address begins with a random token, so neither another page in the browser nor another user of the machine can ask. The
name of the host is checked against DNS rebinding, and the origin of what is sent against foreign pages. A policy keeps
the pages from loading or sending anything elsewhere. Errors are one sentence as JSON: ``{"error": "..."}``.
"""

from __future__ import annotations

import hmac
import json
import mimetypes
import os
import secrets
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from partreg.errors import PartregError
from partreg.files import inside, parse_json

HOST = "127.0.0.1"
LARGEST = 64 * 2**20  # bytes of a body, unless the caller says otherwise
DISCARDED = 2**30  # bytes of a body that is too large, read and dropped so that a browser hears why
PIECE = 2**16
PATIENCE = 60  # seconds without a byte, after which a connection is closed
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}


@dataclass(frozen=True)
class Request:
    """What a route is given: the words after "?" in the address, and the body that was sent (b"" of a GET)."""

    query: Mapping[str, str]
    body: bytes = b""

    def json(self) -> Any:
        """The body as JSON.

        Raises:
            PartregError: it is none.
        """
        try:
            return parse_json(self.body.decode(), "the request")
        except UnicodeDecodeError as error:
            raise PartregError("the request: expected JSON in UTF-8; send it so.") from error


@dataclass(frozen=True)
class Answer:
    """What a route gives: bytes, and of which kind they are."""

    body: bytes
    kind: str = "application/json"
    status: HTTPStatus = HTTPStatus.OK


def as_json(value: Any, status: HTTPStatus = HTTPStatus.OK) -> Answer:
    """An answer of JSON; NaN, which no browser reads, raises ValueError."""
    return Answer(json.dumps(value, allow_nan=False).encode(), status=status)


Route = Callable[[Request], Answer]
Routes = Mapping[tuple[str, str], Route]  # ("GET" or "POST", path as "/boxes") to what answers


@contextmanager
def serving(
    routes: Routes, files: Mapping[str, Path] | None = None, port: int = 0, largest: int = LARGEST
) -> Iterator[str]:
    """Serve while the block runs; gives the address of the page "/", with the token in it.

    Routes are called one at a time, so they need no locks. A `PartregError` of a route becomes its sentence.

    Args:
        routes: what answers, by method and path.
        files: a file by its path ("/": page.html), or a folder by a path that ends in "/" ("/pictures/"). Only regular
            files that lie in the folder after links are followed are given.
        port: any free one if 0.
        largest: bytes that may be sent in a body.

    Raises:
        PartregError: the port is taken.
    """
    token = secrets.token_urlsafe(24)
    given = {"routes": routes, "files": files or {}, "token": token, "largest": largest}
    handler: type[_Handler] = type("Handler", (_Handler,), given)
    try:
        server = ThreadingHTTPServer((HOST, port), handler)
    except (OSError, OverflowError) as error:
        raise PartregError(f"port {port} of {HOST} cannot be used ({error}); choose another one, or 0.") from error
    handler.port = server.server_port
    server.daemon_threads, server.block_on_close = True, False
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://{HOST}:{server.server_port}/{token}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def wait() -> None:
    """Wait until Ctrl-C."""
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        return


class _RefusedError(Exception):
    """What is answered with this status and sentence."""

    def __init__(self, status: HTTPStatus, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


class _Handler(BaseHTTPRequestHandler):
    """Checks a request, finds its route or file, and answers."""

    protocol_version = "HTTP/1.1"
    server_version, sys_version = "partreg", ""
    timeout = PATIENCE
    one_at_a_time = threading.Lock()
    routes: Routes
    files: Mapping[str, Path]
    token: str
    port: int
    largest: int

    def handle(self) -> None:
        """A browser that goes on to another picture leaves a connection in the middle, which is no fault."""
        with suppress(ConnectionError):
            super().handle()

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: the addresses have the token in them."""

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What the standard library refuses, as JSON too."""
        self.close_connection = True
        self._send(_said(HTTPStatus(code), message or HTTPStatus(code).phrase))

    def _answer(self) -> None:
        try:
            found = self._found()
        except _RefusedError as refused:
            self.close_connection = True
            found = _said(refused.status, str(refused))
        except PartregError as error:
            found = _said(HTTPStatus.BAD_REQUEST, str(error))
        except (TimeoutError, ConnectionError):
            raise
        except Exception as error:  # a page must hear of a fault, whatever it is
            traceback.print_exc()
            what = f"{type(error).__name__} in partreg; the terminal says where."
            found = _said(HTTPStatus.INTERNAL_SERVER_ERROR, what)
        self._send(found)

    def _found(self) -> Answer:
        self._ours()
        try:
            address = urlsplit(self.path)
            path = unquote(address.path, errors="strict")
            query = dict(parse_qsl(address.query, keep_blank_values=True, errors="strict", max_num_fields=100))
        except ValueError as error:  # UnicodeDecodeError is one
            raise _RefusedError(HTTPStatus.BAD_REQUEST, "expected an address in UTF-8.") from error
        token, slash, rest = path.removeprefix("/").partition("/")
        if not slash or not hmac.compare_digest(token.encode(), self.token.encode()):
            raise _RefusedError(HTTPStatus.FORBIDDEN, "the token is missing; use the address that the terminal shows.")
        body = self._body()
        if route := self.routes.get((self.command, f"/{rest}")):
            with self.one_at_a_time:
                return route(Request(query, body))
        if self.command != "GET":
            raise _RefusedError(HTTPStatus.NOT_FOUND, "nothing at this address takes what is sent.")
        return _file(self.files, f"/{rest}")

    def _ours(self) -> None:
        """Refuse what another page, or another name of this machine, asks for."""
        names = {f"{name}:{self.port}" for name in (HOST, "localhost")}
        if len(hosts := self.headers.get_all("Host", [])) != 1 or hosts[0] not in names:
            raise _RefusedError(HTTPStatus.FORBIDDEN, "another host's name; use the address that the terminal shows.")
        origins = self.headers.get_all("Origin", [])
        if self.command == "POST" and any(origin.removeprefix("http://") not in names for origin in origins):
            raise _RefusedError(HTTPStatus.FORBIDDEN, "sent by another page; use the one that the terminal shows.")

    def _body(self) -> bytes:
        lengths = self.headers.get_all("Content-Length", [])
        if self.headers.get("Transfer-Encoding") or len(lengths) > 1:
            raise _RefusedError(HTTPStatus.LENGTH_REQUIRED, "expected one Content-Length.")
        if not lengths and self.command == "GET":
            return b""
        if not lengths or not (lengths[0].isascii() and lengths[0].isdigit() and len(lengths[0]) < 16):
            raise _RefusedError(HTTPStatus.LENGTH_REQUIRED, "expected the length of the body in Content-Length.")
        if (length := int(lengths[0])) > self.largest:
            self._discard(length)
            what = f"{length:,} bytes were sent, expected at most {self.largest:,}; send a smaller file."
            raise _RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, what)
        body = self.rfile.read(length)
        if len(body) < length:
            raise _RefusedError(HTTPStatus.BAD_REQUEST, f"expected {length} bytes, received {len(body)}.")
        return body

    def _discard(self, length: int) -> None:
        left = min(length, DISCARDED)
        while left and (piece := self.rfile.read(min(PIECE, left))):
            left -= len(piece)

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        kind = answer.kind
        self.send_header("Content-Type", f"{kind}; charset=utf-8" if kind.startswith("text/") else kind)
        self.send_header("Content-Length", str(len(answer.body)))
        for name, value in HEADERS.items():
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(answer.body)


def _said(status: HTTPStatus, sentence: str) -> Answer:
    return as_json({"error": sentence}, status)


def _file(files: Mapping[str, Path], path: str) -> Answer:
    """The file at a path; one that lies elsewhere once links are followed counts as none."""
    absent = _RefusedError(HTTPStatus.NOT_FOUND, "nothing is at this address.")
    found = files.get(path)
    if found is None:
        folders = [folder for folder in files if folder.endswith("/") and path.startswith(folder)]
        if not folders:
            raise absent
        folder = max(folders, key=len)
        found = _within(files[folder], path.removeprefix(folder))
    if found is None or not os.path.isfile(found):
        raise absent
    kind = {".js": "text/javascript", ".mjs": "text/javascript"}.get(found.suffix.lower())
    kind = kind or mimetypes.guess_type(found.name)[0] or "application/octet-stream"
    return Answer(found.read_bytes(), kind)


def _within(root: Path, name: str) -> Path | None:
    """The file ``name`` under ``root``, links followed; None if it leads out of it."""
    if "\0" in name:
        return None
    try:
        found = Path(os.path.realpath(inside(root, name)))
    except (PartregError, OSError):
        return None
    return found if found.is_relative_to(os.path.realpath(root)) else None
