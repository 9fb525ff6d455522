"""Being told by a server that something happened, instead of asking it every so often."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from peerannot.errors import AwayError, ParameterError, ServerError, StorageError
from peerannot.label_studio.client import Client

__all__ = ["listening", "place_of"]

_PATH = "/peerannot/"
_ACTIONS = (
    "ANNOTATION_CREATED", "ANNOTATIONS_CREATED", "ANNOTATION_UPDATED", "ANNOTATIONS_DELETED",
    "TASKS_CREATED", "TASKS_DELETED",
)  # fmt: skip
_GATHER = 1.0  # seconds, so that answers that come together are one round


def place_of(text: str) -> tuple[str, int]:
    """Host and port of ``[HOST:]PORT``.

    Raises
    ------
    ParameterError
    """
    host, _, port = text.rpartition(":")
    if not port.isascii() or not port.isdecimal() or int(port) > 65535:
        raise ParameterError(f"--webhook {text}: expected PORT or HOST:PORT")
    return host or "127.0.0.1", int(port)


@contextmanager
def listening(
    client: Client, project: int, host: str, port: int, wake: Callable[[], None]
) -> Iterator[str]:
    """Have the server tell of what happens in a project, and ``wake`` whoever waits.

    What a call says is not read: it is a reason to look, no more. The address has a random part
    that only the server knows. Calls that come within a second wake once. At the end the webhook
    is removed; one that was left by somebody who was killed, at the beginning.

    Raises
    ------
    StorageError
        The port cannot be listened on.
    ServerError, AwayError
        The server takes no webhook.
    """
    path = f"{_PATH}{secrets.token_urlsafe(18)}"
    bell = _Bell(wake)

    class Handler(_Handler):
        path_, bell_ = path, bell

    try:
        server = _Server((host, port), Handler)
    except (OSError, OverflowError) as error:
        raise StorageError(
            f"cannot listen on {host}:{port}: {error}; choose another port"
        ) from None
    with server:
        threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True).start()
        try:
            base = f"http://{host}:{server.server_address[1]}{_PATH}"
            _forget(client, project, base)
            client.post(
                "api/webhooks/",
                {
                    "project": project, "url": f"http://{host}:{server.server_address[1]}{path}",
                    "send_payload": False, "send_for_all_actions": False, "actions": _ACTIONS,
                    "is_active": True,
                },
                f"webhooks of project {project}",
            )  # fmt: skip
            try:
                yield base
            finally:
                with suppress(ServerError, AwayError):
                    _forget(client, project, base)
        finally:
            server.shutdown()
            bell.stop()


def _forget(client: Client, project: int, base: str) -> None:
    hooks = client.get("api/webhooks/", f"webhooks of project {project}", project=project)
    for hook in hooks if isinstance(hooks, list) else ():
        if str(hook.get("url", "")).startswith(base):
            client.delete(f"api/webhooks/{hook['id']}/")


class _Bell:
    """Rings once for calls that come together."""

    def __init__(self, ring: Callable[[], None]) -> None:
        self._ring, self._line = ring, threading.Lock()
        self._timer: threading.Timer | None = None

    def push(self) -> None:
        with self._line:
            if self._timer is None:
                self._timer = threading.Timer(_GATHER, self._rung)
                self._timer.daemon = True
                self._timer.start()

    def _rung(self) -> None:
        with self._line:
            self._timer = None
        self._ring()

    def stop(self) -> None:
        with self._line:
            if self._timer is not None:
                self._timer.cancel()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: the terminal belongs to the campaign, and the caller has gone."""


class _Handler(BaseHTTPRequestHandler):
    path_: str
    bell_: _Bell
    server_version = "peerannot"
    sys_version = ""
    timeout = 10

    def do_POST(self) -> None:
        right = secrets.compare_digest(self.path.encode(), self.path_.encode())
        if right:
            self.bell_.push()
        self.close_connection = True
        self.send_response(204 if right else 404)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: the terminal belongs to the campaign."""
