"""Run in an environment with the core alone: every core module imports, the first command works.

``python tests/core_only.py FOLDER``; FOLDER is made.
"""

from __future__ import annotations

import importlib.util
import json
import pkgutil
import subprocess
import sys
from pathlib import Path

import peerannot

EXTRA = (
    "peerannot.checks.end_to_end",
    "peerannot.demo",
    "peerannot.distributed",
    "peerannot.learning",
    "peerannot.report",
)


def main(folder: Path) -> None:
    for module in pkgutil.walk_packages(peerannot.__path__, "peerannot."):
        if not module.name.startswith(EXTRA) and not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    for absent in ("torch", "matplotlib", "sklearn", "dask"):
        assert importlib.util.find_spec(absent) is None, f"{absent} is no part of the core"
    folder.mkdir(parents=True)
    votes = {str(t): {str(w): (t + w) % 2 for w in range(3)} for t in range(5)}
    (folder / "answers.json").write_text(json.dumps(votes))
    (folder / "metadata.json").write_text(json.dumps({"name": "tiny", "n_classes": 2}))
    command = [sys.executable, "-m", "peerannot"]
    subprocess.run([*command, "aggregate", folder, "-s", "DS"], check=True)
    assert (folder / "labels" / "labels_tiny_DS.npy").exists()
    done = subprocess.run(
        [*command, "train", folder, "--labels", folder / "labels" / "labels_tiny_DS.npy"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 4, (done.returncode, done.stderr)
    assert "peerannot[deep]" in done.stderr
    assert "Traceback" not in done.stderr
    print("the core works on its own")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
