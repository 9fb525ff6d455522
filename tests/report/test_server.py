"""Correcting labels: never without the token, and never half a file."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

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
    connection = http.client.HTTPConnection("127.0.0.1", explorer.port, timeout=30)
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
