"""A local server for the page on which a person corrects labels."""

from __future__ import annotations

import hmac
import json
import secrets
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from peerannot.answers import Ids
from peerannot.errors import DataError, PeerannotError, StorageError
from peerannot.report._gold import read_gold, save_correction

__all__ = ["Explorer"]

_LONGEST = 65_536  # bytes of a request; a correction takes a hundred


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

    Raises
    ------
    StorageError
        The port cannot be listened on.
    """

    def __init__(self, page: bytes, gold: Path, tasks: Ids, classes: Ids, port: int = 0) -> None:
        self.page, self.gold, self.tasks, self.classes = page, gold, tasks, classes
        self.token = secrets.token_urlsafe(24)
        explorer = self

        class Handler(_Handler):
            explorer_ = explorer

        try:
            self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
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
        return save_correction(self.gold, task, label, self.tasks)


class _Handler(BaseHTTPRequestHandler):
    """Two addresses: the page itself, and ``/gold`` to read and to correct."""

    explorer_: Explorer
    server_version = "peerannot"
    sys_version = ""
    timeout = 30

    def do_GET(self) -> None:
        place = urlsplit(self.path)
        if place.path == "/":
            given = parse_qs(place.query).get("token", [""])[0]
            if self._allowed(given):
                self._reply(HTTPStatus.OK, self.explorer_.page, "text/html; charset=utf-8")
        elif place.path == "/gold":
            if self._allowed(self.headers.get("X-Peerannot-Token", "")):
                try:
                    self._json(HTTPStatus.OK, read_gold(self.explorer_.gold))
                except PeerannotError as error:
                    self._json(HTTPStatus.INTERNAL_SERVER_ERROR, {"error": str(error)})
        else:
            self._json(HTTPStatus.NOT_FOUND, {"error": "no such page"})

    def do_POST(self) -> None:
        # What is refused unread would be taken for the next request.
        self.close_connection = True
        if urlsplit(self.path).path != "/gold":
            self._json(HTTPStatus.NOT_FOUND, {"error": "no such page"})
            return
        if not self._allowed(self.headers.get("X-Peerannot-Token", "")):
            return
        try:
            task, label = self._correction()
            self._json(HTTPStatus.OK, {"gold": self.explorer_.correct(task, label)})
        except (DataError, ValueError) as error:
            self._json(HTTPStatus.BAD_REQUEST, {"error": str(error)})
        except PeerannotError as error:
            self._json(HTTPStatus.INTERNAL_SERVER_ERROR, {"error": str(error)})

    def _correction(self) -> tuple[str, str | None]:
        length = int(self.headers.get("Content-Length") or 0)
        if not 0 < length <= _LONGEST:
            raise ValueError("the request is empty or too long")
        document = json.loads(self.rfile.read(length))
        task = document.get("task") if isinstance(document, dict) else None
        label = document.get("label", 0) if isinstance(document, dict) else 0
        if not isinstance(task, str) or not (label is None or isinstance(label, str)):
            raise ValueError('expected {"task": text, "label": text or null}')
        return task, label

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

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: the terminal belongs to the person."""
