"""A local mirror, and copies of the recipes."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest
from local_mirror import Mirror, handler

DATASETS = Path(__file__).resolve().parents[2] / "datasets"


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mirror]:
    """A local mirror; everything downloaded in the test comes from it and is cached in tmp."""
    folder = tmp_path / "mirror"
    folder.mkdir()
    state = Mirror(folder)
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler(state))
    state.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    monkeypatch.setenv("PEERANNOT_MIRROR", state.url)
    monkeypatch.setenv("PEERANNOT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("peerannot.dataset._download._PAUSE", 0.001)
    yield state
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def recipe_copy(tmp_path: Path) -> Callable[[str], Path]:
    """Copy a recipe of the repository into its own folder in tmp and return its path."""

    def copy(name: str) -> Path:
        target = tmp_path / "sets" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        return Path(shutil.copyfile(DATASETS / name, target))

    return copy
