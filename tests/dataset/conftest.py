"""A local mirror, and copies of the recipes."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Callable, Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from helpers.custom_source import Source, votes_in
from helpers.local_mirror import Mirror, handler
from helpers.small_archives import picture

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


@pytest.fixture
def source(tmp_path: Path) -> Source:
    """Thirty images of three classes, listed in no order; each voted on by some of five."""
    base, into = tmp_path / "mine", tmp_path / "set"
    into.mkdir()
    rng = np.random.default_rng(1)
    names = []
    for i in range(30):
        kind, suffix = ("ant", "bee", "cat")[i % 3], (".jpg", ".PNG", ".jpeg")[i % 3]
        path = base / "images" / kind / f"pic-{i}{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture(i))
        names.append(path.name)
    rng.shuffle(names)
    matrix = rng.integers(-1, 3, (30, 5))
    matrix[4] = -1
    np.savetxt(base / "votes0", matrix, fmt="%d")
    tasks = {str(i): votes_in(row) for i, row in enumerate(matrix)}
    workers = {str(w): {t: r[str(w)] for t, r in tasks.items() if str(w) in r} for w in range(5)}
    (base / "votes1").write_text(json.dumps(tasks))
    (base / "votes2").write_text(json.dumps(workers))
    (base / "filenames.txt").write_text("\n".join(names) + "\n")
    (base / "labels.txt").write_text("ant\nbee\ncat\n")
    (base / "images/.DS_Store").write_text("x")
    (base / "images/ant/notes.txt").write_text("x")
    return Source(base, into, matrix)
