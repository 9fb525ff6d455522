"""A server that answers as Label Studio does, in this process, and that can be told to fail."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

__all__ = ["CONFIG", "PIXEL", "TOKEN", "FakeServer", "fake_server"]

TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJ0b2tlbl90eXBlIjoicmVmcmVzaCJ9.c2VjcmV0LXNpZ25hdHVyZQ"
CONFIG = """<View><Image name="img" value="$image"/>
<Choices name="cls" toName="img"><Choice value="cat"/><Choice value="dog"/></Choices></View>"""
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c4944415408d763"
    "f8cfc0000003010100c9fe92ef0000000049454e44ae426082"
)

Fault = Callable[["_Handler"], bool]


class FakeServer:
    """A project with tasks, and the faults to come.

    ``faults`` are asked one after the other whether they answer a request in its place; one that
    does is used up. ``requests`` has what was asked: method, path and header of the token.
    """

    def __init__(self) -> None:
        self.config = CONFIG
        self.title = "Animals"
        self.tasks: dict[int, dict[str, Any]] = {}
        self.users = {1: "ann@x.org", 2: "ben@x.org"}
        self.settings: dict[str, Any] = {"model_version": "", "sampling": "Sequential sampling"}
        self.faults: list[Fault] = []
        self.requests: list[tuple[str, str, str]] = []
        self.access = "access-0"
        self.renewals = 0
        self.clock = 0
        self.predictions = 0
        self.hooks: dict[int, dict[str, Any]] = {}
        self.lock = threading.RLock()
        self.url = ""

    def add(self, count: int, **data: Any) -> None:
        """Add tasks that nobody has answered."""
        for _ in range(count):
            number = len(self.tasks) + 11
            self.tasks[number] = {
                "id": number, "data": {"image": f"/data/upload/1/{number}.png", **data},
                "annotations": [], "predictions": [], "overlap": 1, "is_labeled": False,
                "updated_at": self.now(),
            }  # fmt: skip

    def now(self) -> str:
        self.clock += 1
        minutes, seconds = divmod(self.clock, 60)
        return f"2026-01-01T{minutes // 60:02d}:{minutes % 60:02d}:{seconds:02d}Z"

    def answer(self, task: int, who: int | None, label: str | None, **more: Any) -> None:
        """An annotation; ``label`` None is an empty one."""
        found = self.tasks[task]
        result = [] if label is None else [{
            "id": "r", "from_name": "cls", "to_name": "img", "type": "choices",
            "value": {"choices": [label]},
        }]  # fmt: skip
        found["annotations"].append({
            "id": sum(len(t["annotations"]) for t in self.tasks.values()) + 1, "completed_by": who,
            "result": result, "was_cancelled": False, "ground_truth": False,
            "created_at": self.now(), **more,
        })  # fmt: skip
        found["updated_at"] = self.now()
        found["is_labeled"] = len(found["annotations"]) >= found["overlap"]

    def held(self) -> list[tuple[int, str, float]]:
        """Task, label and score of every prediction, by number."""
        return sorted(
            (t["id"], p["result"][0]["value"]["choices"][0], p["score"])
            for t in self.tasks.values()
            for p in t["predictions"]
        )

    def asked(self, method: str, path: str = "") -> int:
        """How often something was asked."""
        return sum(m == method and p.startswith(path) for m, p, _ in self.requests)

    # Faults

    def fail(self, status: int, path: str = "/api/tasks", times: int = 1, **headers: str) -> None:
        """Answer with a status."""

        def fault(handler: _Handler) -> bool:
            if not handler.path.startswith(path):
                return False
            handler.reply(status, b'{"detail": "so it is"}', **headers)
            return True

        self.faults += [fault] * times

    def say(self, body: bytes, kind: str = "application/json", path: str = "/api/tasks",
            times: int = 1) -> None:  # fmt: skip
        """Answer with this, whatever was asked."""

        def fault(handler: _Handler) -> bool:
            if not handler.path.startswith(path):
                return False
            handler.reply(200, body, kind)
            return True

        self.faults += [fault] * times

    def hang_up(self, path: str, *, after: bool) -> None:
        """Close the connection without an answer, before or after the request has its effect."""

        def fault(handler: _Handler) -> bool:
            if not handler.path.startswith(path) or handler.command == "GET":
                return False
            if after:
                handler.mute = True
                handler.route()
            handler.close_connection = True
            handler.connection.close()
            return True

        self.faults.append(fault)


class _Handler(BaseHTTPRequestHandler):
    server_: FakeServer
    protocol_version = "HTTP/1.1"
    mute = False

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except (OSError, ValueError):
            self.close_connection = True

    def _any(self) -> None:
        fake = self.server_
        with fake.lock:
            length = int(self.headers.get("Content-Length") or 0)
            raw = self.rfile.read(length)
            self.body = json.loads(raw) if raw else None
            self.mute = False
            fake.requests.append((self.command, self.path, self.headers.get("Authorization", "")))
            for fault in fake.faults:
                if fault(self):
                    fake.faults.remove(fault)
                    return
            self.route()

    do_GET = do_POST = do_PATCH = do_DELETE = _any

    def reply(
        self, status: int, body: bytes, kind: str = "application/json", **headers: str
    ) -> None:
        if self.mute:
            return
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def json(self, document: Any, status: int = 200) -> None:
        self.reply(status, json.dumps(document).encode())

    def route(self) -> None:
        fake = self.server_
        place = urlsplit(self.path)
        path, query = place.path, {k: v[0] for k, v in parse_qs(place.query).items()}
        if path == "/api/token/refresh":
            fake.renewals += 1
            fake.access = f"access-{fake.renewals}"
            good = self.body == {"refresh": TOKEN}
            self.json({"access": fake.access} if good else {"detail": "no"}, 200 if good else 401)
        elif self.headers.get("Authorization") != f"Bearer {fake.access}":
            self.json({"detail": "Invalid token."}, 401)
        elif path.startswith("/data/upload/"):
            self.reply(200, PIXEL, "image/png")
        elif path == "/api/projects/1/model-versions/":
            self.json(self._versions())
        elif path == "/api/projects/1/":
            if self.command == "PATCH":
                if self.body.get("model_version", "") not in ("", *self._versions()):
                    return self.json({"detail": "Model version doesn't exist"}, 400)
                fake.settings |= self.body
            self.json({"id": 1, "title": fake.title, "label_config": fake.config, **fake.settings})
        elif path in ("/api/projects/1/annotators/", "/api/users/"):
            self.json([
                {"id": n, "email": e, "first_name": e.partition("@")[0].title(), "last_name": ""}
                for n, e in fake.users.items()
            ])  # fmt: skip
        elif path == "/api/projects/1/import/predictions":
            self._import()
        elif path == "/api/tasks/" and query.get("project") == "1":
            self._page(query)
        elif path == "/api/webhooks/" and self.command == "POST":
            fake.hooks[len(fake.hooks) + 1] = {**self.body, "id": len(fake.hooks) + 1}
            self.json({}, 201)
        elif path == "/api/webhooks/":
            self.json(list(fake.hooks.values()))
        elif path.startswith("/api/webhooks/"):
            fake.hooks.pop(int(path.split("/")[3]))
            self.reply(204, b"")
        elif path.startswith("/api/predictions/"):
            self._prediction(int(path.split("/")[3]))
        elif path.startswith("/api/tasks/") and int(path.split("/")[3]) in fake.tasks:
            task = fake.tasks[int(path.split("/")[3])]
            task |= self.body
            task["updated_at"] = fake.now()
            self.json(task)
        else:
            self.json({"detail": "Not found."}, 404)
        return None

    def _page(self, query: dict[str, str]) -> None:
        fake = self.server_
        tasks = [fake.tasks[n] for n in sorted(fake.tasks)]
        for item in json.loads(query["query"]).get("filters", {}).get("items", []):
            name, value = item["filter"].rpartition(":")[2], item["value"]
            keep = {
                "greater": lambda t, n=name, v=value: t[n] > v,
                "greater_or_equal": lambda t, n=name, v=value: t[n][:19] >= v[:19],
                "in_list": lambda t, n=name, v=value: t[n] in v,
            }[item["operator"]]
            tasks = [task for task in tasks if keep(task)]
        whole = sum(not a["was_cancelled"] for t in tasks for a in t["annotations"])
        page = tasks[: int(query["page_size"])]
        if query["fields"] != "all":
            page = [{"id": task["id"]} for task in page]
        self.json({"tasks": page, "total": len(tasks), "total_annotations": whole})

    def _versions(self) -> dict[str, int]:
        tasks = self.server_.tasks.values()
        return dict(Counter(p["model_version"] for task in tasks for p in task["predictions"]))

    def _import(self) -> None:
        fake = self.server_
        for given in self.body:
            fake.predictions += 1
            fake.tasks[given["task"]]["predictions"].append({**given, "id": fake.predictions})
        self.json({"created": len(self.body)}, 201)

    def _prediction(self, number: int) -> None:
        fake = self.server_
        for task in fake.tasks.values():
            for held in task["predictions"]:
                if held["id"] == number and self.command == "PATCH":
                    held |= self.body
                    task["updated_at"] = fake.now()
                    return self.json(held)
                if held["id"] == number and self.command == "DELETE":
                    task["predictions"].remove(held)
                    return self.reply(204, b"")
        return self.json({"detail": "Not found."}, 404)

    def log_message(self, format: str, *args: Any) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass


@contextmanager
def fake_server() -> Iterator[FakeServer]:
    """A fake on a free loopback port."""
    fake = FakeServer()

    class Handler(_Handler):
        server_ = fake

    with _Server(("127.0.0.1", 0), Handler) as server:
        fake.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield fake
        finally:
            server.shutdown()
            thread.join()
