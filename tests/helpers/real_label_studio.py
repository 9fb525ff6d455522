"""A real Label Studio server on loopback, without telemetry, with people who can answer."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import requests

from helpers.fake_label_studio import CONFIG
from helpers.waiting import PATIENCE
from peerannot.label_studio import Client

__all__ = ["Person", "RealServer", "real_server"]

# Nothing of this leaves the machine: no statistics, no search for versions, no reports of errors.
QUIET = {
    "COLLECT_ANALYTICS": "0", "LATEST_VERSION_CHECK": "0", "SENTRY_DSN": "",
    "FRONTEND_SENTRY_DSN": "", "LOG_LEVEL": "CRITICAL", "FEATURE_FLAGS_OFFLINE": "1",
    # A webhook of a test goes to loopback, which the server keeps away from by default.
    "SSRF_PROTECTION_ENABLED": "0",
}  # fmt: skip


class Person:
    """Somebody with an account: their number, tokens, and a client that speaks for them."""

    def __init__(self, url: str, name: str, known: Mapping[str, Any]) -> None:
        self.name, self.email, self.id = name, f"{name}@example.org", int(known["id"])
        self.token, self.legacy = str(known["jwt"]), str(known["legacy"])
        self.client = Client(url, self.token, pause=0.05)

    def answer(
        self, task: int, label: str | None, *, control: str = "cls", **more: Any
    ) -> dict[str, Any]:
        """Make an annotation; ``label`` None makes an empty one."""
        given = {
            "from_name": control, "to_name": "img", "type": "choices",
            "value": {"choices": [label]},
        }  # fmt: skip
        body = {"result": [] if label is None else [given], **more}
        found: dict[str, Any] = self.client.post(f"api/tasks/{task}/annotations/", body)
        return found

    def next_task(self, project: int) -> int | None:
        """The task that the server gives them, None where it has none for them."""
        from peerannot.errors import ServerError

        try:
            return int(self.client.get(f"api/projects/{project}/next/", "the next task")["id"])
        except ServerError as error:
            if "not found" in str(error):
                return None
            raise


class RealServer:
    """A running server: ``people`` by name, ``admin`` first."""

    def __init__(self, url: str, known: Mapping[str, Any]) -> None:
        self.url = url
        self.people = {name: Person(url, name, facts) for name, facts in known.items()}

    @property
    def admin(self) -> Client:
        return self.people["admin"].client

    def project(self, config: str = CONFIG, **settings: Any) -> int:
        """A new project; its number."""
        body = {"title": "Animals", "label_config": config, **settings}
        return int(self.admin.post("api/projects/", body)["id"])

    def tasks(self, project: int, data: Sequence[Mapping[str, Any]]) -> list[int]:
        """New tasks of a project; their numbers."""
        self.admin.post(f"api/projects/{project}/import", list(data))
        return self.numbers(project)

    def upload(self, project: int, files: Mapping[str, bytes]) -> list[int]:
        """New tasks of uploaded files."""
        for name, content in files.items():
            done = requests.post(
                f"{self.url}/api/projects/{project}/import",
                files={"file": (name, content, "image/png")},
                headers={"Authorization": f"Bearer {self.admin._renew()}"},
                timeout=PATIENCE,
            )
            done.raise_for_status()
        return self.numbers(project)

    def numbers(self, project: int) -> list[int]:
        page = self.admin.get("api/tasks/", project=project, page_size=100_000)
        return sorted(int(task["id"]) for task in page["tasks"])

    def predictions(self, project: int) -> list[tuple[int, str, float, str]]:
        """Task, label, score and version of every prediction."""
        return sorted(
            (p["task"], p["result"][0]["value"]["choices"][0], p["score"], p["model_version"])
            for p in self.admin.get("api/predictions/", project=project)
        )


@contextmanager
def real_server(python: Path, home: Path) -> Iterator[RealServer]:
    """Start the server that ``python`` has installed, with its data in ``home``; end it after."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    keys = home / "people.json"
    script = Path(__file__).with_name("serve_label_studio.py")
    inherited = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    env = {**inherited, **QUIET, "LABEL_STUDIO_BASE_DATA_DIR": str(home), "HOME": str(home)}
    url = f"http://127.0.0.1:{port}"
    # Half a minute of migrations is spent once an installation.
    migrated, database = python.parents[1] / "migrated.sqlite3", home / "label_studio.sqlite3"
    if migrated.exists():
        shutil.copyfile(migrated, database)
    with (home / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [str(python), str(script), str(port), str(keys)], cwd=home, env=env, stdout=log,
            stderr=log, start_new_session=True,
        )  # fmt: skip
    try:
        deadline = time.monotonic() + PATIENCE
        while not (keys.exists() and _answers(url)):
            if process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"no server: {(home / 'server.log').read_text()[-2000:]}")
            time.sleep(0.1)
        if not migrated.exists():
            shutil.copyfile(database, home / "copy")
            shutil.move(home / "copy", migrated)
        yield RealServer(url, json.loads(keys.read_text()))
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(10)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _answers(url: str) -> bool:
    try:
        with urlopen(f"{url}/health", timeout=5) as response:
            return bool(response.status == 200)
    except OSError:
        return False
