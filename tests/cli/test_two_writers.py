"""Two at once, one after another, and what the second finds of the first."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from helpers.waiting import PATIENCE
from peerannot._lock import LOCK_FILE, LOCK_SECONDS


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    home = tmp_path / "D"
    home.mkdir()
    votes = {str(t): {str(w): (t + w // 3) % 3 for w in range(5)} for t in range(20)}
    (home / "answers.json").write_text(json.dumps(votes))
    (home / "metadata.json").write_text(json.dumps({"name": "e", "n_classes": 3}))
    for n in (1, 2, 3):
        (tmp_path / f"u{n}.json").write_text(json.dumps({str(90000 + n): {"1": 0}}))
    return home


def start(*args: object, **env: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "peerannot", *map(str, args)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, **env},
    )  # fmt: skip


def test_updates_at_once_are_all_kept(folder, run, tmp_path):
    run("aggregate", folder, "-s", "MV", "--save-state")
    several = [
        start("aggregate", folder, "-s", "MV", "--update", tmp_path / f"u{n}.json")
        for n in (1, 2, 3)
    ]
    for process in several:
        out, err = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0, (out, err)
    rows = (folder / "labels" / "labels_e_MV.csv").read_text().splitlines()[1:]
    assert {row.partition(",")[0] for row in rows} >= {"90001", "90002", "90003"}
    state = json.loads((folder / "identification/majority-vote/state/manifest.json").read_text())
    assert state["updates"] == 4 and state["n_answers"] == 103
    assert not list(folder.rglob("*.tmp")) and not (folder / LOCK_FILE).exists()


def test_a_writer_that_waits_too_long_says_for_whom(folder, run, tmp_path):
    code = (
        "import sys; from pathlib import Path; from peerannot._lock import locked\n"
        "with locked(Path(sys.argv[1])):\n"
        "    print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None and holder.stdout.readline() == b"held\n"
        for more in (["-s", "MV"], ["-s", "MV", "--update", tmp_path / "u1.json"]):
            done = run("aggregate", folder, *more, code=1, **{LOCK_SECONDS: "0.2"})
            waiting, error = done.stderr.splitlines()[-2:]
            assert waiting == (
                f"waiting for another peerannot that writes to {folder} (pid {holder.pid})"
            )
            assert error.startswith(f"Error: {folder}: another peerannot (pid {holder.pid})")
            assert LOCK_SECONDS in error
        assert not (folder / "labels").exists()
        assert holder.stdin is not None
        holder.stdin.close()


def test_import_with_force_leaves_no_gold_of_the_data_before(run, tmp_path):
    (tmp_path / "g1.csv").write_text("task,worker,label,gold\na,w,x,x\nb,w,y,y\n")
    (tmp_path / "g2.csv").write_text("task,worker,label\na,w,1\nb,w,2\n")
    home = tmp_path / "D"
    run("import", tmp_path / "g1.csv", "--to", home)
    assert (home / "gold.json").exists()
    run("import", tmp_path / "g2.csv", "--to", home, "--force")
    visible = sorted(p.name for p in home.iterdir() if p.name[0] != ".")
    assert visible == ["answers.json", "metadata.json"]


def test_import_with_force_keeps_what_a_person_corrected_aside(run, tmp_path):
    (tmp_path / "g1.csv").write_text("task,worker,label,gold\na,w,x,x\nb,w,y,y\n")
    home = tmp_path / "D"
    run("import", tmp_path / "g1.csv", "--to", home)
    (home / "gold.json").write_text('{"a": "y"}')
    run("import", tmp_path / "g1.csv", "--to", home, "--force")
    assert json.loads((home / "gold.json").read_text()) == {"a": "x", "b": "y"}
    assert json.loads((home / "gold.json.bak").read_text()) == {"a": "y"}


def test_votes_that_were_changed_by_hand_are_used_and_named(run, tmp_path):
    (tmp_path / "g.csv").write_text("task,worker,label\na,w,cat\nb,w,dog\n")
    home = tmp_path / "D"
    run("import", tmp_path / "g.csv", "--to", home)
    assert "not as peerannot wrote it" not in run("aggregate", home).stderr
    (home / "answers.json").write_text('{"a": {"w": 0}}')
    told = run("aggregate", home).stderr.splitlines()
    assert f"{home}/answers.json: not as peerannot wrote it; " in told[0]
    assert "1 tasks" in told[-1]
