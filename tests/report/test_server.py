"""Correcting labels: never without the token, and never half a file."""

from __future__ import annotations

import http.client
import json
import socket
import struct
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from helpers.waiting import PATIENCE
from peerannot.answers import Ids
from peerannot.errors import DataError, StorageError
from peerannot.report import Explorer


@pytest.fixture
def explorer(tmp_path: Path) -> Iterator[Explorer]:
    served = Explorer(b"page", tmp_path / "gold.json", Ids(40), Ids(["cat", "dog"]))
    thread = threading.Thread(target=served.serve)
    thread.start()
    yield served
    served.close()
    thread.join()


def ask(explorer: Explorer, method: str, path: str, body: bytes | None = None, **headers: str):
    connection = http.client.HTTPConnection("127.0.0.1", explorer.port, timeout=PATIENCE)
    names = {k.replace("_", "-"): v for k, v in headers.items()}
    connection.request(method, path, body, names)
    reply = connection.getresponse()
    content = reply.read()
    connection.close()
    return reply, content


def correct(explorer: Explorer, task: object, label: object, **headers: str):
    body = json.dumps({"task": task, "label": label}).encode()
    return ask(explorer, "POST", "/gold", body, **headers)


def test_page_and_correction(explorer):
    reply, content = ask(explorer, "GET", explorer.url.partition(str(explorer.port))[2])
    assert (reply.status, content) == (200, b"page")
    assert reply.getheader("Cache-Control") == "no-store"
    token = {"X_Peerannot_Token": explorer.token}
    reply, content = correct(explorer, "7", "dog", **token)
    assert (reply.status, json.loads(content)) == (200, {"gold": 1})
    correct(explorer, "3", "cat", **token)
    assert json.loads(explorer.gold.read_text()) == {"3": "cat", "7": "dog"}
    assert json.loads(ask(explorer, "GET", "/gold", **token)[1]) == {"3": "cat", "7": "dog"}
    correct(explorer, "7", None, **token)
    assert json.loads(explorer.gold.read_text()) == {"3": "cat"}


def test_nothing_without_the_token(explorer):
    wrong = [{}, {"X_Peerannot_Token": ""}, {"X_Peerannot_Token": explorer.token[:-1]},
             {"X_Peerannot_Token": "ü" * 32}, {"Cookie": f"token={explorer.token}"}]  # fmt: skip
    for headers in wrong:
        raw = {k: v.encode("latin-1").decode("latin-1") for k, v in headers.items()}
        reply, _ = correct(explorer, "7", "dog", **raw)
        assert reply.status == 403
        assert ask(explorer, "GET", "/gold", **raw)[0].status == 403
    for path in ("/", "/?token=", f"/?token={explorer.token}x", f"/?other={explorer.token}"):
        assert ask(explorer, "GET", path)[0].status == 403
    assert ask(explorer, "POST", f"/gold?token={explorer.token}", b"{}")[0].status == 403
    assert not explorer.gold.exists()


def test_no_other_host_name(explorer):
    """A name of somebody else's that leads to 127.0.0.1 is refused, even with the token."""
    headers = {"X_Peerannot_Token": explorer.token, "Host": f"evil.example:{explorer.port}"}
    assert correct(explorer, "7", "dog", **headers)[0].status == 403
    assert not explorer.gold.exists()


def test_only_this_machine(explorer):
    assert explorer._server.server_address[0] == "127.0.0.1"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'{"task": 7, "label": "dog"}',
        b'{"task": "7"}',
        b'{"task": "99", "label": "dog"}',
        b'{"task": "7", "label": "cow"}',
        b'{"task": "7", "label": 1}',
        b"\xff\xfe",
        b" " * 70_000,
    ],
)
def test_bad_requests(explorer, body):
    reply, content = ask(explorer, "POST", "/gold", body, X_Peerannot_Token=explorer.token)
    assert reply.status == 400
    assert json.loads(content)["error"]
    assert not explorer.gold.exists()


def test_other_addresses_and_methods(explorer):
    token = {"X_Peerannot_Token": explorer.token}
    assert ask(explorer, "GET", "/../gold.json", **token)[0].status == 404
    assert ask(explorer, "POST", "/", b"{}", **token)[0].status == 404
    assert ask(explorer, "PUT", "/gold", b"{}", **token)[0].status == 501


def test_many_at_once_lose_nothing(explorer):
    with ThreadPoolExecutor(8) as pool:
        replies = pool.map(
            lambda t: correct(explorer, str(t), "cat", X_Peerannot_Token=explorer.token)[0].status,
            range(40),
        )
        assert set(replies) == {200}
    assert len(json.loads(explorer.gold.read_text())) == 40


def test_what_others_wrote_stays(explorer):
    explorer.gold.write_text('{"1": "dog"}')
    explorer.correct("2", "cat")
    assert json.loads(explorer.gold.read_text()) == {"1": "dog", "2": "cat"}


def test_damaged_or_unwritable_file(explorer):
    explorer.gold.write_text("[]")
    with pytest.raises(DataError, match=r"expected \{task: class name\}"):
        explorer.correct("2", "cat")
    assert explorer.gold.read_text() == "[]"
    explorer.gold.unlink()
    explorer.gold = explorer.gold / "x" / "gold.json"
    (explorer.gold.parents[1]).write_text("a file")
    reply, content = correct(explorer, "2", "cat", X_Peerannot_Token=explorer.token)
    assert reply.status == 500
    assert "cannot" in json.loads(content)["error"]


def test_port_in_use(explorer):
    with pytest.raises(StorageError, match="choose another with --port"):
        Explorer(b"", explorer.gold, Ids(1), Ids(1), explorer.port)


def raw(explorer: Explorer, request: bytes, *, reset: bool = False) -> bytes:
    """Send bytes as they are; all that comes back, or nothing where the client resets first."""
    with socket.create_connection(("127.0.0.1", explorer.port), timeout=PATIENCE) as client:
        client.sendall(request)
        if reset:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return b""
        got = b""
        while part := client.recv(65_536):
            got += part
        return got


HOST = b"Host: 127.0.0.1\r\nConnection: close\r\n\r\n"


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET http://[ HTTP/1.1\r\n" + HOST, b" 400 "),
        (b"POST http://[ HTTP/1.1\r\n" + HOST, b" 400 "),
        (b"GET /?token=%ff%00[ HTTP/1.1\r\n" + HOST, b" 403 "),
        (b"GET //[ HTTP/1.1\r\n" + HOST, b" 40"),
        (b"\x00 \x01 HTTP/1.1 \x02\r\n" + HOST, b" 400 "),
        (b"GET / HTTP/9.9\r\n" + HOST, b" 505 "),
        (b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 200 + HOST, b" 431 "),
        (b"POST /gold HTTP/1.1\r\nContent-Length: -5\r\n" + HOST, b" 403 "),
        (b"POST /gold HTTP/1.1\r\nContent-Length: 9x\r\n" + HOST, b" 403 "),
        (b"POST /gold HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" + HOST, b" 403 "),
    ],
)
def test_what_is_unexpected_is_refused_and_silent(explorer, capfd, request_, status):
    assert status in raw(explorer, request_).partition(b"\n")[0] + b" "
    assert capfd.readouterr() == ("", "")
    assert not explorer.gold.exists()


def test_clients_that_go_away_are_not_spoken_of(explorer, capfd):
    for request in (b"", b"GET / HT", b"GET /?token=" + explorer.token.encode() + b" HTTP/1.1\r\n"
                    + HOST, b"POST /gold HTTP/1.1\r\nContent-Length: 100\r\n\r\n{"):  # fmt: skip
        raw(explorer, request, reset=True)
    reply, _ = correct(explorer, "7", "dog", X_Peerannot_Token=explorer.token)
    assert reply.status == 200
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("deep", [b"[" * 60_000, b'{"a":' * 12_000, b"[" * 900 + b"]" * 900])
def test_deep_documents(explorer, capfd, deep):
    reply, content = ask(explorer, "POST", "/gold", deep, X_Peerannot_Token=explorer.token)
    assert reply.status == 400 and json.loads(content)["error"]
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("token", ["right", "wrong"])
def test_a_long_body_gets_its_answer_and_no_reset(explorer, token):
    given = explorer.token if token == "right" else "x"
    reply, _ = ask(explorer, "POST", "/gold", b" " * 3_000_000, X_Peerannot_Token=given)
    assert reply.status == (400 if token == "right" else 403)


def test_posts_that_come_together_queue(explorer):
    start = threading.Barrier(40)

    def post(task: int) -> int:
        start.wait()
        return correct(explorer, str(task), "cat", X_Peerannot_Token=explorer.token)[0].status

    with ThreadPoolExecutor(40) as pool:
        assert set(pool.map(post, range(40))) == {200}
    assert len(json.loads(explorer.gold.read_text())) == 40


def test_a_full_disk_is_told_to_the_page(explorer, monkeypatch):
    import errno

    from peerannot import _files

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "full")

    token = {"X_Peerannot_Token": explorer.token}
    assert correct(explorer, "1", "cat", **token)[0].status == 200
    monkeypatch.setattr(_files.os, "fsync", full)
    reply, content = correct(explorer, "2", "cat", **token)
    assert reply.status == 500
    assert "no space left on the disk" in json.loads(content)["error"]
    assert json.loads(explorer.gold.read_text()) == {"1": "cat"}
    monkeypatch.undo()
    assert correct(explorer, "2", "cat", **token)[0].status == 200
