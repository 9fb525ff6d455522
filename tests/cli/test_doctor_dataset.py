"""``peerannot doctor DATASET``: what is sound, what is mended, and what to run again."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from peerannot import _file_set
from peerannot._file_set import file_set
from peerannot.dataset import examine


@pytest.fixture
def home(run, tmp_path: Path) -> Path:
    (tmp_path / "v.csv").write_text("task,worker,label,gold\na,w,x,x\nb,w,y,\nb,v,x,\n")
    run("import", tmp_path / "v.csv", "--to", tmp_path / "D")
    run("aggregate", tmp_path / "D", "-s", "DS", "--save-state")
    return tmp_path / "D"


def test_a_sound_data_set(home, run):
    before = {p: p.read_bytes() for p in home.rglob("*") if p.is_file()}
    done = json.loads(run("doctor", home, "--json").stdout)
    assert done["sound"] and (done["sets"], done["files"]) == (4, 8)
    assert not done["mended"] + done["wrong"] + done["notes"]
    (home / "gold.json").write_text('{"a": "y"}')  # a person may correct these
    assert run("doctor", home).stdout == ""
    assert {p: p.read_bytes() for p in before} == {**before, home / "gold.json": b'{"a": "y"}'}


def test_what_was_changed_or_is_absent_is_named(home, run):
    (home / "answers.json").write_text('{"a": {"w": 0}}')
    (home / "labels" / "labels_D_DS.csv").unlink()
    state = home / "identification" / "dawid-skene" / "state"
    next(state.glob("arrays-*.npz")).write_bytes(b"")
    done = run("doctor", home, code=3)
    lines = done.stdout.splitlines()
    assert [line.split(": ")[1] for line in lines] == [
        "answers.json",
        "labels/labels_D_DS.csv",
        "identification/dawid-skene/state/manifest.json",
    ]
    assert f"run 'peerannot aggregate {home} -s \"DS\"' again" in lines[1]
    assert "--save-state" in lines[2]
    done = json.loads(run("doctor", home, "--json", code=3).stdout)
    assert not done["sound"] and len(done["wrong"]) == 3
    run("aggregate", home, "-s", "DS", "--save-state")
    run("doctor", home, "--accept")
    assert run("doctor", home).stdout == ""
    assert not run("aggregate", home).stderr.startswith(f"{home}/answers.json")


def test_what_interrupted_writers_left_is_mended(home, monkeypatch):
    code = (
        "import os, sys; from pathlib import Path; from peerannot._files import atomic_write\n"
        "with atomic_write(Path(sys.argv[1])): os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code, home / "labels" / "x.csv"])
    monkeypatch.setattr(_file_set, "_finish", lambda _: None)
    with file_set(home) as files:
        files.add("sub/a", "new")
    monkeypatch.undo()
    (home / _file_set.STAGED / "new").mkdir(parents=True)
    (home / ".install.partial").mkdir()
    (home / "labels" / ".y.csv.000000-1-01234567.tmp").touch()
    found = examine(home)
    assert len(found.mended) == 4 and not found.wrong and len(found.notes) == 1
    assert (home / "sub" / "a").read_text() == "new"
    hidden = {p.name for p in home.rglob(".*")}
    assert hidden == {".peerannot.json", ".y.csv.000000-1-01234567.tmp"}
    assert not examine(home).mended


def test_an_interrupted_fit_of_shards_is_named(tmp_path, run):
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks" / "part-00000.parquet").touch()
    assert "interrupted" in run("doctor", tmp_path, code=3).stdout


def test_wrong_use(tmp_path, run):
    assert "no such folder" in run("doctor", tmp_path / "x", code=3).stderr
    assert "--accept" in run("doctor", "--accept", code=2).stderr
    assert not list(tmp_path.iterdir())
