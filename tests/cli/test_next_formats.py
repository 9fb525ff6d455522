"""Files of ``peerannot next`` for other tools."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import polars as pl
import pytest

VOTES = """task,worker,label
a,ann,cat
a,bob,dog
b,ann,cat
b,bob,cat
c,ann,dog
c,bob,cat
"""
TASKS = """task,image_url,site
a,http://x/a.png,north
b,http://x/b.png,north
c,http://x/c.png,
d,http://x/d.png,south
"""


@pytest.fixture
def files(tmp_path):
    (tmp_path / "votes.csv").write_text(VOTES)
    (tmp_path / "tasks.csv").write_text(TASKS)
    (tmp_path / "workers.csv").write_text("worker\nann\nbob\neve\n")
    return tmp_path


@pytest.fixture
def ask(run, files):
    def call(output: str, *more, code=0):
        return run(
            "next", "votes.csv", "--budget", 4, "-p", "entropy", "--tasks", "tasks.csv",
            "--workers", "workers.csv", "-o", output, *more, cwd=files, code=code,
        )  # fmt: skip

    return call


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as handle:
        return list(csv.DictReader(handle))


def test_tables_and_lines_hold_the_same_and_the_data_of_tasks(ask, files):
    for name in ("n.csv", "n.tsv", "n.parquet", "n.ndjson", "n.jsonl"):
        ask(name)
    table = rows(files / "n.csv")
    assert list(table[0]) == ["task", "worker", "gain", "cost", "reason", "image_url", "site"]
    # A task that nobody has answered is asked, too.
    assert "d" in {row["task"] for row in table}
    assert {row["task"]: row["image_url"] for row in table} == {
        row["task"]: f"http://x/{row['task']}.png" for row in table
    }
    lines = [json.loads(line) for line in (files / "n.ndjson").read_text().splitlines()]
    assert lines == pl.read_parquet(files / "n.parquet").to_dicts()
    assert [(r["task"], r["worker"], r["site"]) for r in lines] == [
        (r["task"], r["worker"], r["site"]) for r in table
    ]
    assert lines[0]["cost"] == 1.0
    assert (files / "n.jsonl").read_bytes() == (files / "n.ndjson").read_bytes()


def test_a_batch_of_mturk_whose_results_come_back(ask, run, files):
    ask("batch.csv", "--to", "mturk")
    batch = rows(files / "batch.csv")
    assert list(batch[0]) == ["task", "image_url", "site"] and len(batch) == 4
    results = [
        {"HITId": f"H{i}", "WorkerId": "eve", **{f"Input.{k}": v for k, v in row.items()},
         "Answer.category.label": "cat"}
        for i, row in enumerate(batch)
    ]  # fmt: skip
    with (files / "results.csv").open("w", newline="") as handle:
        writer = csv.DictWriter(handle, list(results[0]))
        writer.writeheader()
        writer.writerows(results)
    run("import", "results.csv", "--task-col", "task", "--to", "D", cwd=files)
    votes = json.loads((files / "D" / "answers.json").read_text())
    listed = rows(files / "D" / "tasks.csv") if (files / "D" / "tasks.csv").exists() else []
    named = {r["key"]: r["task"] for r in listed}
    assert {named.get(k, k) for k in votes} == {row["task"] for row in batch}


def test_tasks_of_label_studio_with_predictions(ask, files):
    ask("n.json", "--to", "label-studio", "-P", "control=kind", "-P", "data_key=image_url")
    tasks = json.loads((files / "n.json").read_text())
    asked = [task["data"]["image_url"] for task in tasks]
    assert len(set(asked)) == len(asked) and "http://x/d.png" in asked
    by_url = dict(zip(asked, tasks, strict=True))
    (prediction,) = by_url["http://x/c.png"]["predictions"]
    assert 0 <= prediction["score"] <= 1
    assert prediction["result"][0]["from_name"] == "kind"
    # Nobody has answered it yet: there is nothing to predict.
    assert by_url["http://x/d.png"]["predictions"] == []
    ask("m.json")
    assert len(json.loads((files / "m.json").read_text())) == len(tasks)


@pytest.mark.parametrize(
    ("output", "more", "code", "said"),
    [
        ("n.txt", [], 2, "n.txt: the name must end in .csv, .tsv, .parquet"),
        ("n.csv", ["--to", "mturq"], 2, "no format 'mturq'; did you mean 'mturk'?"),
        ("n.csv", ["--to", "parquet"], 2, "n.csv: the name must end in .parquet"),
        ("n.csv", ["-P", "control=x"], 2, "csv has no options"),
        ("n.json", ["-P", "contrl=x"], 2, "no option 'contrl'"),
        ("n.csv", ["--to", "mturk", "--tasks", "odd.csv"], 2, "'image url' cannot be a variable"),
        ("n.csv", ["--tasks", "twice.csv"], 3, "'a' is there twice"),
    ],
)
def test_what_cannot_be_is_one_line(output, more, code, said, ask, files):
    (files / "odd.csv").write_text("task,image url\na,x\n")
    (files / "twice.csv").write_text("task\na\na\n")
    done = ask(output, *more, code=code)
    assert said in done.stderr.splitlines()[-1]
    assert not (files / output).exists()


def test_a_format_needs_a_file(run, files):
    done = run("next", "votes.csv", "--budget", 1, "--to", "mturk", cwd=files, code=2)
    assert "--to and -P are of --output" in done.stderr


def test_watch_writes_them_too(run, files):
    for _ in range(2):
        run("watch", "votes.csv", "--once", "--no-check", "--tasks", "tasks.csv", "--next",
            "batch.csv", "--to", "mturk", "--batch", 3, cwd=files)  # fmt: skip
    assert [row["task"] for row in rows(files / "batch.csv")] == ["d", "d"]
    done = run("watch", "votes.csv", "--once", "--to", "mturk", cwd=files, code=2)
    assert "--to and -P are of --next" in done.stderr
