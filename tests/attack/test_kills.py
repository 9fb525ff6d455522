"""A command that is killed and run again leaves what it leaves when nobody kills it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

KILLING = Path(__file__).with_name("killing.py")


def votes(tasks: range) -> dict[str, dict[str, int]]:
    return {str(i): {str(j): (i * 7 + j * j) % 3 for j in range(i % 4, 5)} for i in tasks}


def killed(home: Path, args: list[str], **plan: Any) -> dict[str, Any]:
    """Kill the command in ``home/before`` at every step; see `killing.sweep`."""
    (home / "plan.json").write_text(json.dumps({"args": args, **plan}))
    done = subprocess.run(
        [sys.executable, KILLING, home / "plan.json"], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert not found["faults"], "\n".join(found["faults"])
    assert found["steps"] > 1
    return found


@pytest.fixture
def before(tmp_path: Path) -> Path:
    folder = tmp_path / "before"
    folder.mkdir()
    (folder / "metadata.json").write_text('{"name": "d", "n_classes": 3}')
    (folder / "answers.json").write_text(json.dumps(votes(range(20))))
    (folder / "late.json").write_text(json.dumps(votes(range(15, 30))))
    return folder


@pytest.mark.parametrize(("strategy", "begun"), [("MV", True), ("DS", True), ("LA", False)])
def test_update(before: Path, run: Any, strategy: str, begun: bool) -> None:
    if begun:
        run("aggregate", before, "-s", strategy, "--save-state")
    killed(before.parent, ["aggregate", ".", "-s", strategy, "--update", "late.json"], most=16)
