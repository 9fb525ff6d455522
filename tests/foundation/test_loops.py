"""The compiled loops are those of the sources beside them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import peerannot


def test_an_older_module_in_a_checkout_is_one_line(tmp_path: Path) -> None:
    package = Path(peerannot.__file__).parent
    copy = tmp_path / "src" / "peerannot"
    shutil.copytree(package, copy, ignore=shutil.ignore_patterns("__pycache__"))
    stub = copy / "_native.pyi"
    stub.write_text(stub.read_text() + "\ndef later() -> None: ...\n")

    def doctor() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "peerannot", "doctor"],
            capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(copy.parent)},
        )  # fmt: skip

    assert doctor().returncode == 0  # installed: nothing beside it can be newer
    (tmp_path / "native").mkdir()
    (tmp_path / "native" / "CMakeLists.txt").write_text("")
    told = doctor()
    assert (told.returncode, told.stdout) == (4, "")
    assert told.stderr == "Error: the compiled loops are of another version: run make native\n"
    stub.write_bytes((package / "_native.pyi").read_bytes())
    assert doctor().returncode == 0
