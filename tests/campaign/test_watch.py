"""``peerannot watch`` on files that others write."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from helpers.waiting import PATIENCE, eventually
from peerannot.aggregation import build
from peerannot.io import read

N, M = 30, 6


def crowd_rows(seed: int = 0) -> list[dict[str, str]]:
    """Answers of six workers to thirty tasks, in the order in which they come."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(2, size=N)
    skill = rng.uniform(0.6, 0.95, M)
    rows = []
    for place in rng.permutation(N * M):
        task, worker = divmod(int(place), M)
        label = truth[task] if rng.random() < skill[worker] else 1 - truth[task]
        rows.append({"task": f"t{task}", "worker": f"w{worker}", "label": ("cat", "dog")[label]})
    return rows


def lines(rows: list[dict[str, str]], kind: str = "csv") -> str:
    if kind == "csv":
        return "".join(f"{r['task']},{r['worker']},{r['label']}\n" for r in rows)
    return "".join(json.dumps(r) + "\n" for r in rows)


HEADER = {"csv": "task,worker,label\n", "ndjson": ""}


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as handle:
        return list(csv.DictReader(handle))


@pytest.fixture
def once(run, tmp_path):
    """One round in a folder: its document, and what was said."""

    def call(votes="votes.csv", *more, code=0):
        done = run(
            "watch", votes, "--once", "--no-check", "--next", "next.csv", "--labels", "labels.csv",
            "--json", *more, cwd=tmp_path, code=code,
        )  # fmt: skip
        return json.loads(done.stdout), done.stderr

    return call


@pytest.mark.parametrize("kind", ["csv", "ndjson"])
def test_a_file_that_grows_by_lines(kind, once, tmp_path):
    rows, path = crowd_rows(), tmp_path / f"votes.{kind}"
    path.write_text(HEADER[kind] + lines(rows[:60], kind) + lines(rows[60:61], kind)[:-4])
    facts, said = once(path.name)
    assert facts["schema"] == "peerannot/watch/1"
    assert (facts["round"]["number"], facts["round"]["n_answers"]) == (1, 60)
    assert "round 1: 60 answers (+60), " in said
    path.write_text(HEADER[kind] + lines(rows[:100], kind))
    facts, said = once(path.name)
    assert (facts["round"]["number"], facts["round"]["n_new"]) == (2, 40)
    # The labels are those of the file, whatever came when.
    path.write_text(HEADER[kind] + lines(rows[:100], kind))
    result = build("one-coin").fit(read(path).answers)
    assert {r["task"]: r["label"] for r in table(tmp_path / "labels.csv")} == dict(
        zip(result.tasks, result.label_names(), strict=True)
    )
    asked = {(r["task"], r["worker"]) for r in table(tmp_path / "next.csv")}
    assert asked and not asked & {(r["task"], r["worker"]) for r in rows[:100]}


def test_nothing_new_changes_no_file(once, tmp_path):
    (tmp_path / "votes.csv").write_text(HEADER["csv"] + lines(crowd_rows()[:60]))
    first, _ = once()
    paths = [p for p in tmp_path.rglob("*") if p.is_file()]
    before = {p: (p.stat().st_ino, p.stat().st_mtime_ns) for p in paths}
    again, _ = once()
    assert again == first and len(paths) == 5
    assert {p: (p.stat().st_ino, p.stat().st_mtime_ns) for p in tmp_path.rglob("*")
            if p.is_file()} == before  # fmt: skip


def test_a_row_whose_quotes_are_open_waits(once, tmp_path):
    (tmp_path / "votes.csv").write_text(
        'task,worker,label\na,u,"x, y"\na,v,z\nb,v,z\nb,u,"two\nlines'
    )
    facts, _ = once()
    assert facts["round"]["n_answers"] == 3


def test_a_folder_that_files_come_to(once, tmp_path):
    rows, folder = crowd_rows(), tmp_path / "votes"
    folder.mkdir()
    facts, said = once("votes")
    assert facts["round"] is None and "votes: no answers yet; waiting" in said
    (folder / "a.csv").write_text(HEADER["csv"] + lines(rows[:40]))
    (folder / "empty.csv").write_text("")
    (folder / "header.csv").write_text(HEADER["csv"])
    (folder / ".hidden.csv").write_text("nothing,of,ours\n1,2\n")
    (folder / "c.csv.part").write_text("nothing,of,ours\n1,2\n")
    assert once("votes")[0]["round"]["n_answers"] == 40
    pl.DataFrame(rows[40:70]).write_parquet(folder / "b.parquet")
    (folder / "c.ndjson").write_text(lines(rows[70:90], "ndjson"))
    assert once("votes")[0]["round"]["n_answers"] == 90
    # What is written into the folder is not read back as votes.
    inside = ["--next", "votes/next.csv", "--labels", "votes/labels.csv"]
    for _ in range(2):
        assert once("votes", *inside)[0]["round"]["n_answers"] == 90
    assert (folder / "labels.csv").exists()


def test_a_file_of_parquet_is_whole_or_waited_for(once, tmp_path):
    rows, path = crowd_rows(), tmp_path / "votes.parquet"
    pl.DataFrame(rows[:50]).write_parquet(path)
    assert once(path.name)[0]["round"]["n_answers"] == 50
    whole = path.read_bytes()
    path.write_bytes(whole[:-100])
    facts, said = once(path.name, code=1)
    assert facts["error"]["kind"] == "AwayError" and "not whole yet" in said
    pl.DataFrame(rows[:80]).write_parquet(path)
    assert once(path.name)[0]["round"]["n_answers"] == 80


@pytest.mark.parametrize("left", ["shorter", "rotated", "gone"])
def test_a_file_that_shrank_is_one_line_and_loses_nothing(left, once, tmp_path):
    rows, path = crowd_rows(), tmp_path / "votes.csv"
    path.write_text(HEADER["csv"] + lines(rows[:60]))
    once()
    labels = (tmp_path / "labels.csv").read_bytes()
    if left == "gone":
        path.unlink()
    else:
        path.write_text(HEADER["csv"] + lines(rows[:50] if left == "shorter" else rows[60:65]))
    facts, said = once(code=1)
    rest = {"shorter": "50 rows where there were 60", "rotated": "5 rows where there were 60",
            "gone": "no such file yet"}[left]  # fmt: skip
    assert facts["error"]["kind"] == "AwayError" and rest in facts["error"]["message"]
    assert said.count("\n") == 1 and (tmp_path / "labels.csv").read_bytes() == labels
    path.write_text(HEADER["csv"] + lines(rows[:61]))
    assert once()[0]["round"]["n_new"] == 1


def test_answers_that_were_corrected_in_the_file_count(once, tmp_path):
    rows, path = crowd_rows(), tmp_path / "votes.csv"
    path.write_text(HEADER["csv"] + lines(rows[:60]))
    once()
    rows[0]["label"] = {"cat": "dog", "dog": "cat"}[rows[0]["label"]]
    path.write_text(HEADER["csv"] + lines(rows[:60]))
    facts, _ = once()
    assert (facts["round"]["number"], facts["round"]["n_new"]) == (2, 0)
    result = build("one-coin").fit(read(path).answers)
    assert [r["label"] for r in table(tmp_path / "labels.csv")] == result.label_names()


def test_from_no_label_with_lists_of_tasks_workers_and_classes(once, tmp_path):
    (tmp_path / "tasks.csv").write_text("task\n" + "".join(f"t{i}\n" for i in range(N)))
    (tmp_path / "workers.csv").write_text("worker,price\n" + "".join(f"w{j},2\n" for j in range(M)))
    lists = ["--tasks", "tasks.csv", "--workers", "workers.csv", "--cost", "price", "--classes",
             "cat,dog", "--batch", "12", "--per-task", "6", "--budget", "100", "--stop",
             "sure=0.95"]  # fmt: skip
    path, given = tmp_path / "votes.csv", {(r["task"], r["worker"]): r for r in crowd_rows()}
    path.write_text(HEADER["csv"])
    facts, _ = once("votes.csv", *lists)
    assert (facts["round"]["n_tasks"], facts["round"]["asked"]) == (N, 12)
    while not facts["round"]["over"]:
        with path.open("a") as handle:
            for row in table(tmp_path / "next.csv"):
                handle.write(lines([given[row["task"], row["worker"]]]))
        facts, said = once("votes.csv", *lists)
    assert facts["round"]["over"] == "the budget of 100 is spent"
    assert facts["round"]["n_answers"] == 50 and facts["round"]["spent"] == 100
    assert "over: the budget of 100 is spent" in said and "answers saved" in said
    assert (tmp_path / "next.csv").read_text() == "task,worker,gain,cost,reason\n"
    assert len(table(tmp_path / "labels.csv")) == N


def test_a_dataset_folder(run, once, tmp_path):
    rows = crowd_rows()
    (tmp_path / "a.csv").write_text(HEADER["csv"] + lines(rows[:50]))
    (tmp_path / "b.csv").write_text(HEADER["csv"] + lines(rows[50:80]))
    run("import", "a.csv", "--to", "D", cwd=tmp_path)
    assert once("D")[0]["round"]["n_answers"] == 50
    run("import", "b.csv", "--to", "D", "--append", cwd=tmp_path)
    assert once("D")[0]["round"]["n_answers"] == 80


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (["--target-accuracy", "0.9"], 2, "--target-accuracy needs --tasks FILE"),
        (["--budget", "0"], 2, "budget must be above 0"),
        (["--cost", "price"], 2, "--cost is a column of --workers"),
        (["--labels", "votes.csv"], 2, "votes.csv: has the votes"),
        (["--labels", "labels.txt"], 2, "the name must end in"),
        (["--stop", "sure"], 2, "'sure' is not key=value"),
        (["--online"], 2, "one-coin cannot learn from batches"),
        (["--classes", "x,y"], 3, "'cat'"),
    ],
)
def test_what_cannot_be_is_one_line(args, code, said, run, tmp_path):
    (tmp_path / "votes.csv").write_text(HEADER["csv"] + lines(crowd_rows()[:20]))
    done = run("watch", "votes.csv", "--once", *args, cwd=tmp_path, code=code)
    assert said in done.stderr.splitlines()[-1]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["votes.csv"]


def test_a_bad_row_is_named_in_the_file_it_is_in(run, tmp_path):
    (tmp_path / "votes.csv").write_text(HEADER["csv"] + "a,u,x\na,v\nb,u,y\n")
    done = run("watch", "votes.csv", "--once", cwd=tmp_path, code=3)
    assert done.stderr.startswith("Error: votes.csv line 3: ")


class Watched:
    """``peerannot watch`` as a process of its own."""

    def __init__(self, folder: Path, *args: str) -> None:
        self.said = folder / "said.txt"
        with self.said.open("a") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "peerannot", "watch", "votes.csv", "--every", "0.05",
                 "--no-check", "--next", "next.csv", "--labels", "labels.csv", *args],
                cwd=folder, stderr=out, stdout=subprocess.DEVNULL,
            )  # fmt: skip

    def end(self, how: int) -> int:
        self.process.send_signal(how)
        return self.process.wait(PATIENCE)

    def has_said(self, text: str) -> bool:
        return text in self.said.read_text()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_signals_end_it_with_the_state_written(how, tmp_path):
    rows, path = crowd_rows(), tmp_path / "votes.csv"
    path.write_text(HEADER["csv"] + lines(rows[:40]))
    watched = Watched(tmp_path)
    eventually(lambda: watched.has_said("round 1: 40 answers"))
    assert watched.end(how) == 0
    assert watched.said.read_text().endswith("the same command goes on with votes.csv.campaign\n")
    assert "Traceback" not in watched.said.read_text()
    facts = json.loads((tmp_path / "votes.csv.campaign" / "manifest.json").read_text())
    assert (facts["round"], facts["n_answers"]) == (1, 40)


def test_another_process_writes_while_this_one_is_killed_again_and_again(once, tmp_path):
    """Killed three times while answers come in pieces, it ends as one that saw them all at once."""
    rows, path = crowd_rows(), tmp_path / "votes.csv"
    text = lines(rows)
    path.write_text(HEADER["csv"] + text[:200])
    writer = subprocess.Popen(
        [sys.executable, "-c",
         "import sys, time\ntext = sys.argv[2]\n"
         "for i in range(200, len(text), 37):\n"
         "    with open(sys.argv[1], 'a') as f: f.write(text[i:i + 37])\n"
         "    time.sleep(.02)\n", str(path), text],
    )  # fmt: skip
    try:
        for _ in range(3):
            watched = Watched(tmp_path)
            seen = watched.said.read_text().count("round ")
            eventually(lambda w=watched, n=seen: w.said.read_text().count("round ") > n)
            watched.end(signal.SIGKILL)
        assert writer.wait(PATIENCE) == 0
        watched = Watched(tmp_path)
        eventually(lambda: watched.has_said(f": {len(rows)} answers"))
        watched.end(signal.SIGTERM)
    finally:
        writer.kill()
        watched.process.kill()
    assert "Traceback" not in watched.said.read_text()
    result = {name: (tmp_path / name).read_bytes() for name in ("next.csv", "labels.csv")}
    other = tmp_path / "other"
    other.mkdir()
    os.link(path, other / "votes.csv")
    once(other / "votes.csv", "--next", other / "next.csv", "--labels", other / "labels.csv")
    assert result == {name: (other / name).read_bytes() for name in result}
    left = {p.name for p in tmp_path.iterdir() if p.is_file()}
    assert left == {"votes.csv", "next.csv", "labels.csv", "said.txt"}
    assert len(list((tmp_path / "votes.csv.campaign").iterdir())) == 2
