"""Files for tests of reading, and what is read from them."""

from __future__ import annotations

import json

from peerannot.io import read


def put(folder, files):
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def votes(imported):
    a = imported.answers
    return {
        (a.tasks[int(t)], a.workers[int(w)]): a.classes[int(y)]
        for t, w, y in zip(a.task, a.worker, a.label, strict=True)
    }


def load(tmp_path, content, name="x", **options):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return read(path, **options)
