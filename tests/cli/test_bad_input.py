"""Broken data sets: one helpful line, the documented exit code, nothing half written."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

VOTES: dict[str, Any] = {"0": {"0": 0, "1": 1}, "1": {"0": 1, "2": 1}, "2": {"1": 0}}
META: dict[str, Any] = {"name": "tiny", "n_classes": 2, "n_workers": 3}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "set"
    root.mkdir()
    (root / "answers.json").write_text(json.dumps(VOTES))
    (root / "metadata.json").write_text(json.dumps(META))
    return root


def answers(value: Any) -> Callable[[Path], None]:
    text = value if isinstance(value, str) else json.dumps(value)
    return lambda root: (root / "answers.json").write_text(text) and None


def metadata(value: Any) -> Callable[[Path], None]:
    text = value if isinstance(value, str) else json.dumps(value)
    return lambda root: (root / "metadata.json").write_text(text) and None


BROKEN: dict[str, tuple[Callable[[Path], Any], list[str], int, str]] = {
    "no answers": (lambda r: (r / "answers.json").unlink(), [], 3, "answers.json: no such file"),
    "empty answers": (answers(""), [], 3, "the file is empty"),
    "truncated answers": (answers('{"0": {"0": 1'), [], 3, "answers.json line 1 column"),
    "answers as a list": (answers([1, 2]), [], 3, "expected {task: {worker: label}}"),
    "task without workers": (answers({"0": 1}), [], 3, "task '0' has 1 instead of"),
    "label too large": (answers({"4": {"9": 2}}), [], 3, "worker '9': label 2 is not in 0..1"),
    "negative label": (answers({"4": {"9": -1}}), [], 3, "label -1 is not in 0..1"),
    "fractional label": (answers({"4": {"9": 0.5}}), [], 3, "label '0.5' is not one of"),
    "NaN label": (answers('{"4": {"9": NaN}}'), [], 3, "answers.json: no answers in it"),
    "task twice": (
        answers('{"0": {"0": 1},\n "1": {"0": 1},\n "0": {"1": 0}}'), [], 3,
        "answers.json line 3: the key '0' occurs twice",
    ),
    "worker twice": (
        answers('{"0": {"7": 1, "7": 0}}'), [], 3, "answers.json line 1: the key '7' occurs twice",
    ),
    "metadata twice": (
        metadata('{"name": "t",\n"n_classes": 2,\n"n_classes": 3}'), [], 3,
        "metadata.json line 3: the key 'n_classes' occurs twice",
    ),
    "gold twice": (
        lambda r: (r / "gold.json").write_text('{"0": 0, "1": 1, "0": 1}'), [], 3,
        "gold.json line 1: the key '0' occurs twice",
    ),
    "no metadata": (lambda r: (r / "metadata.json").unlink(), [], 3, "needs metadata.json with"),
    "truncated metadata": (metadata('{"name":'), [], 3, "metadata.json line 1 column"),
    "no n_classes": (metadata({"name": "t"}), [], 3, "n_classes is missing"),
    "n_classes as text": (metadata({"name": "t", "n_classes": "2"}), [], 3, "a whole number"),
    "names of other length": (
        metadata({**META, "class_names": ["a"]}), [], 3, "has 1 names for n_classes = 2",
    ),
    "slash in the name": (metadata({**META, "name": "a/b"}), [], 3, "without slashes"),
    "unknown strategy": (lambda r: None, ["-s", "DSS"], 2, "did you mean 'DS'"),
    "unknown option": (lambda r: None, ["-s", "DS[iter=3]"], 2, "no option 'iter'"),
    "option out of range": (lambda r: None, ["-s", "DS[max_iter=0]"], 2, "must be at least 1"),
    "open bracket": (lambda r: None, ["-s", "DS[max_iter=3"], 2, "bracket is not closed"),
    "no pruning file": (lambda r: None, ["--path-remove", "no.txt"], 3, "no.txt: no such file"),
    "pruning of unknown tasks": (
        lambda r: Path("drop.txt").write_text("-1 77\n"), ["--path-remove", "drop.txt"], 3, "77",
    ),
    "labels is a file": (lambda r: (r / "labels").write_text(""), [], 1, "is a file, not a folder"),
}  # fmt: skip


def left(root: Path) -> dict[str, bytes]:
    return {str(p): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}


@pytest.mark.parametrize("kind", BROKEN)
def test_one_line_and_nothing_written(folder, run, kind, monkeypatch):
    monkeypatch.chdir(folder.parent)
    breakage, arguments, code, message = BROKEN[kind]
    breakage(folder)
    before = left(folder)
    done = run("aggregate", folder, *arguments, code=code, cwd=folder.parent)
    assert done.stderr.startswith("Error: ")
    assert done.stderr.count("\n") == 1
    assert message in done.stderr
    assert done.stdout == ""
    assert left(folder) == before


def fill(root: Path) -> None:
    votes = {str(t): {"0": t % 2} for t in range(3000)}
    (root / "answers.json").write_text(json.dumps(votes))
    (root / "metadata.json").write_text(json.dumps(META))


def test_full_disk(small_disk, run):
    fill(small_disk)
    before = left(small_disk)
    done = run("aggregate", small_disk, "-s", "MV", code=1)
    assert done.stderr.count("\n") == 1
    assert "no space left on the disk" in done.stderr
    assert left(small_disk) == before


def test_read_only_folder(small_disk, run):
    (small_disk / "answers.json").write_text(json.dumps(VOTES))
    (small_disk / "metadata.json").write_text(json.dumps(META))
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    done = run("aggregate", small_disk, "-s", "MV", code=1)
    assert "read-only" in done.stderr
    assert done.stderr.count("\n") == 1


def test_file_size_limit(folder):
    fill(folder)
    before = left(folder)
    done = subprocess.run(
        [sys.executable, "-m", "peerannot", "aggregate", folder],
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096)),
    )
    assert done.returncode == 1, done.stderr
    assert "cannot write" in done.stderr
    assert "Traceback" not in done.stderr
    assert left(folder) == before


def test_killed_between_files_leaves_no_part_of_the_set(folder, run):
    fill(folder)
    before = left(folder)
    script = (
        "import os, sys\n"
        "from peerannot import _file_set\n"
        "write, done = _file_set.write_content, []\n"
        "def die(*a, **k):\n"
        "    if done: os.kill(os.getpid(), 9)\n"
        "    done.append(write(*a, **k))\n"
        "_file_set.write_content = die\n"
        f"sys.argv = ['peerannot', 'aggregate', {str(folder)!r}]\n"
        "from peerannot.cli import main\nmain()"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True)
    assert done.returncode == -9
    assert {n: b for n, b in left(folder).items() if "/.peerannot" not in n} == before
    run("aggregate", folder)
    labels = folder / "labels" / "labels_tiny_majority_voting.npy"
    assert np.load(labels).shape == (3000, 2)
    assert not list(folder.glob(".peerannot*"))
