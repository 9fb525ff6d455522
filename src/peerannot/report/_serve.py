"""A local server for the page on which a person corrects labels."""

from __future__ import annotations

import hmac
import json
import secrets
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson

from peerannot._text import one_line
from peerannot.answers import Ids
from peerannot.errors import DataError, PeerannotError, StorageError
from peerannot.report._gold import read_gold, save_correction

__all__ = ["Explorer"]

_LONGEST = 65_536  # bytes of a request; a correction takes a hundred
_DRAINED = 2**24  # bytes of a request that is refused


class Explorer:
    """Serves a page on 127.0.0.1 and saves corrected labels as gold.

    Nothing is read or written without the random token that stands in `url`: not by another
    program or page on this machine, and not under another host name.

    Parameters
    ----------
    page
        The page, from `render` with ``editable=True``.
    gold
        File of the corrected labels, ``{task: class name}``; made on the first correction.
    tasks, classes
        What can be corrected, to what.
    port
        Port to listen on; 0 for a free one.

    Attributes
    ----------
    page : bytes
    version : str
        Tells one page from another, where it changes.

    Raises
    ------
    StorageError
        The port cannot be listened on.
    """

    def __init__(self, page: bytes, gold: Path, tasks: Ids, classes: Ids, port: int = 0) -> None:
        self.page, self.gold, self.tasks, self.classes = page, gold, tasks, classes
        self.version = ""
        self.token = secrets.token_urlsafe(24)
        self._line = threading.Lock()
        explorer = self

        class Handler(_Handler):
            explorer_ = explorer

        try:
            self._server = _Server(("127.0.0.1", port), Handler)
        except (OSError, OverflowError) as error:
            raise StorageError(
                f"cannot listen on port {port}: {error}; choose another with --port"
            ) from error
        self.port = int(self._server.server_address[1])

    @property
    def url(self) -> str:
        """Address of the page, with the token."""
        return f"http://127.0.0.1:{self.port}/?token={self.token}"

    def serve(self) -> None:
        """Answer requests until `close` is called from another thread, or an interrupt."""
        with self._server:
            self._server.serve_forever(poll_interval=0.1)

    def close(self) -> None:
        """Make `serve` return."""
        self._server.shutdown()

    def correct(self, task: str, label: str | None) -> int:
        """Save the right class of a task, or with None forget it; the number of gold labels.

        The file is read again each time, so that what others wrote to it stays.

        Raises
        ------
        DataError
            The task or the class is unknown, or the file is damaged.
        StorageError
            The file cannot be written.
        """
        if task not in self.tasks:
            raise DataError(f"there is no task {task!r}")
        if label is not None and label not in self.classes:
            raise DataError(f"there is no class {label!r}")
        # Posts that come together stand in line here, not at the lock between processes.
        with self._line:
            return self.save(task, label)

    def known(self) -> dict[str, str]:
        """What is saved by now, task to class name."""
        return read_gold(self.gold, self.classes)

    def save(self, task: str, label: str | None) -> int:
        """Save a class that `correct` has checked; the number of labels saved."""
        return save_correction(self.gold, task, label, self.tasks, self.classes)


class _Server(ThreadingHTTPServer):
    """A thread for each connection; those that come together wait, none is turned away."""

    request_queue_size = 128
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: the terminal belongs to the person, and the client has gone."""


class _Handler(BaseHTTPRequestHandler):
    """The page itself, ``/gold`` to read and to correct, ``/version`` to tell pages apart.

    Whatever else comes is answered with 400, 403 or 404, and nothing is said of it here.
    """

    explorer_: Explorer
    server_version = "peerannot"
    sys_version = ""
    timeout = 30

    def do_GET(self) -> None:
        self._answer(self._get)

    def do_POST(self) -> None:
        # What is refused unread would be taken for the next request.
        self.close_connection = True
        self._answer(self._post)

    def _answer(self, work: Callable[[], None]) -> None:
        try:
            work()
        except (ConnectionError, TimeoutError):
            self.close_connection = True
        except (DataError, ValueError, RecursionError) as error:
            self._json(HTTPStatus.BAD_REQUEST, {"error": one_line(str(error))})
        except (PeerannotError, OSError, MemoryError) as error:
            self._json(HTTPStatus.INTERNAL_SERVER_ERROR, {"error": one_line(str(error))})
        except Exception:
            self.close_connection = True
            self._json(HTTPStatus.BAD_REQUEST, {"error": "not a request that is understood"})

    def _get(self) -> None:
        place = urlsplit(self.path)
        if place.path == "/":
            given = parse_qs(place.query).get("token", [""])[0]
            if self._allowed(given):
                self._reply(HTTPStatus.OK, self.explorer_.page, "text/html; charset=utf-8")
        elif place.path == "/version":
            if self._allowed(self.headers.get("X-Peerannot-Token", "")):
                self._json(HTTPStatus.OK, {"version": self.explorer_.version})
        elif place.path == "/gold":
            if self._allowed(self.headers.get("X-Peerannot-Token", "")):
                try:
                    self._json(HTTPStatus.OK, self.explorer_.known())
                except DataError as error:
                    # The file is at fault, not the request.
                    self._json(HTTPStatus.INTERNAL_SERVER_ERROR, {"error": one_line(str(error))})
        else:
            self._json(HTTPStatus.NOT_FOUND, {"error": "no such page"})

    def _post(self) -> None:
        body = self._body()
        if urlsplit(self.path).path != "/gold":
            self._json(HTTPStatus.NOT_FOUND, {"error": "no such page"})
        elif self._allowed(self.headers.get("X-Peerannot-Token", "")):
            task, label = _correction(body)
            self._json(HTTPStatus.OK, {"gold": self.explorer_.correct(task, label)})

    def _body(self) -> bytes | None:
        """What was sent; None where it is too long to be looked at.

        It is read also where it is refused: a connection that is closed with something unread is
        reset, and the refusal with it.
        """
        stated = self.headers.get("Content-Length", "")
        length = int(stated) if stated.isascii() and stated.isdecimal() else 0
        if length <= _LONGEST:
            return self.rfile.read(length)
        left = min(length, _DRAINED)
        while left > 0 and (got := self.rfile.read(min(left, _LONGEST))):
            left -= len(got)
        return None

    def _allowed(self, token: str) -> bool:
        """Whether the token is right and the request is for this machine by its number.

        A page elsewhere can make a browser ask for any host name that it controls, but not for
        ours: the check of the host stops what rebinds a name to 127.0.0.1.
        """
        host = self.headers.get("Host", "")
        right = hmac.compare_digest(token.encode(), self.explorer_.token.encode())
        if right and host in (f"127.0.0.1:{self.explorer_.port}", "127.0.0.1"):
            return True
        self._json(
            HTTPStatus.FORBIDDEN,
            {"error": "not allowed without the token; open the address that explore printed"},
        )
        return False

    def _json(self, status: HTTPStatus, document: Any) -> None:
        self._reply(status, json.dumps(document).encode(), "application/json")

    def _reply(self, status: HTTPStatus, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("X-Frame-Options", "DENY")
        self.end_headers()
        self.wfile.write(body)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Refuse what could not even be parsed, without its words and with a line of status."""
        self.close_connection = True
        self.request_version = self.protocol_version
        self._json(HTTPStatus(code), {"error": HTTPStatus(code).phrase})

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: the terminal belongs to the person."""


def _correction(body: bytes | None) -> tuple[str, str | None]:
    if not body:
        raise ValueError("the request is empty or too long")
    # orjson refuses what is nested deeply, before it is built.
    document = orjson.loads(body)
    task = document.get("task") if isinstance(document, dict) else None
    label = document.get("label", 0) if isinstance(document, dict) else 0
    if not isinstance(task, str) or not (label is None or isinstance(label, str)):
        raise ValueError('expected {"task": text, "label": text or null}')
    return task, label
