"""``peerannot audit`` as a user runs it."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

CLASSES = ["cat", "dog", "owl"]


@pytest.fixture
def crowd(tmp_path: Path) -> tuple[Path, dict[str, str]]:
    """A folder of 150 tasks and what they are."""
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 3, 150)
    votes = {}
    for t in range(150):
        who = rng.choice(8, 4, replace=False)
        said = np.where(rng.random(4) < 0.8, truth[t], rng.integers(0, 3, 4))
        votes[f"t{t}"] = {f"w{w}": int(y) for w, y in zip(who, said, strict=True)}
    root = tmp_path / "set"
    root.mkdir()
    (root / "answers.json").write_text(json.dumps(votes))
    meta = {"name": "set", "n_classes": 3, "class_names": CLASSES}
    (root / "metadata.json").write_text(json.dumps(meta))
    return root, {f"t{t}": CLASSES[k] for t, k in enumerate(truth)}


def fill(path: Path, truth: dict[str, str], n: int | None = None) -> None:
    with path.open(newline="") as handle:
        rows = list(csv.DictReader(handle))
    for row in rows[:n]:
        row["label"] = truth[row["task"]]
    with path.open("w", newline="") as handle:
        writer = csv.DictWriter(handle, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def tasks(path: Path) -> list[str]:
    with path.open(newline="") as handle:
        return [row["task"] for row in csv.DictReader(handle)]


def test_draw_fill_estimate_go_on(crowd, run, tmp_path):
    root, truth = crowd
    sheet = tmp_path / "audit.csv"
    done = run("audit", root, "--n", 40, "-o", sheet)
    assert done.stdout == f"{sheet}\n"
    assert "40 of 150 tasks to judge" in done.stderr
    fill(sheet, truth, 30)
    done = run("audit", root, "--result", sheet, "-s", "DS", "--width", 0.05)
    assert "labels right" in done.stdout and "class owl" in done.stdout and "w7" in done.stdout
    assert "30 tasks judged; 10 more are not judged yet" in done.stderr
    assert "they hold whatever the model is worth" in done.stderr
    assert "audit --extend SHEET --n " in done.stderr
    before = tasks(sheet)
    lines = sheet.read_text().splitlines()
    sheet.write_text("\n".join([f"{lines[0]},notes", *(f"{line},mine" for line in lines[1:])]))
    run("audit", root, "--extend", sheet, "--n", 90)
    assert sheet.read_text().count(",mine\n") == 40
    assert tasks(sheet)[:40] == before and len(tasks(sheet)) == 90
    facts = json.loads(run("audit", root, "--result", sheet, "--json").stdout)
    assert (facts["judged"], facts["waiting"]) == (30, 60)
    fill(sheet, truth)
    table = tmp_path / "estimates.csv"
    done = run("audit", root, "--result", sheet, "-s", "DS", "--json", "--width", 0.05, "-o", table)
    facts = json.loads(done.stdout)
    assert facts["schema"] == "peerannot/audit/1"
    assert (facts["judged"], facts["labels"], facts["design"]) == (90, "DS", "random")
    right = facts["right"]
    assert 0.7 < right["low"] < right["value"] < right["high"] < 1 and right["n"] == 90
    assert set(facts["classes"]) == set(CLASSES) and set(facts["workers"]) == set(
        map("w{}".format, range(8))
    )
    assert right["more"] > 0
    with table.open(newline="") as handle:
        rows = list(csv.DictReader(handle))
    assert [row["of"] for row in rows] == ["right"] + ["class"] * 3 + ["worker"] * 8
    assert float(rows[0]["low"]) == right["low"]


def test_the_same_seed_is_the_same_sheet(crowd, run, run_process, tmp_path):
    root, _ = crowd
    a, b, c = (tmp_path / name / "audit.csv" for name in "abc")
    options = ("--n", 20, "--design", "doubt", "-s", "DS", "--seed")
    run("audit", root, *options, 3, "-o", a)
    run_process("audit", root, *options, 3, "-o", b)
    run("audit", root, *options, 4, "-o", c)
    assert a.read_bytes() == b.read_bytes() != c.read_bytes()
    record = a.with_suffix(".design.json")
    assert record.read_bytes() == b.with_suffix(".design.json").read_bytes()
    assert json.loads(record.read_text())["strategy"] == "DS"


def test_doubt_is_remembered(crowd, run, tmp_path):
    """Estimates and extensions take the labels that doubt was of, unless others are named."""
    root, truth = crowd
    sheet = tmp_path / "audit.csv"
    run("audit", root, "--n", 30, "--design", "doubt", "-s", "DS", "-o", sheet)
    fill(sheet, truth)
    facts = json.loads(run("audit", root, "--result", sheet, "--json").stdout)
    assert facts["labels"] == "DS"
    facts = json.loads(run("audit", root, "--result", sheet, "--json", "-s", "MV").stdout)
    assert facts["labels"] == "MV"
    run("audit", root, "--extend", sheet, "--n", 50)
    assert len(tasks(sheet)) == 50
    done = run("audit", root, "--extend", sheet, "--n", 60, "-s", "MV", code=3)
    assert "doubt is of other labels" in done.stderr


def test_labels_of_a_file(crowd, run, tmp_path):
    root, truth = crowd
    run("aggregate", root, "-s", "DS")
    labels = root / "labels" / "labels_set_DS.npy"
    sheet = tmp_path / "audit.csv"
    run("audit", root, "--n", 30, "--design", "doubt", "--labels-file", labels, "-o", sheet)
    fill(sheet, truth)
    assert (
        "drawn by doubt of a file's labels" in run("audit", root, "--result", sheet, code=2).stderr
    )
    given = json.loads(
        run("audit", root, "--result", sheet, "--labels-file", labels, "--json").stdout
    )
    fitted = json.loads(run("audit", root, "--result", sheet, "-s", "DS", "--json").stdout)
    assert given["labels"].startswith("labels_set_DS.npy (")
    assert given["right"] == fitted["right"]


def test_votes_of_a_file(crowd, run, tmp_path):
    root, truth = crowd
    votes = json.loads((root / "answers.json").read_text())
    table = tmp_path / "votes.csv"
    table.write_text("task,worker,label\n" + "".join(
        f"{t},{w},{CLASSES[y]}\n" for t, each in votes.items() for w, y in each.items()
    ))  # fmt: skip
    sheet = tmp_path / "audit.csv"
    run("audit", table, "--n", 30, "-o", sheet)
    fill(sheet, truth)
    facts = json.loads(run("audit", table, "--result", sheet, "--json").stdout)
    assert (
        facts["judged"] == 30 and facts["reading"]["kept"] if "kept" in facts["reading"] else True
    )


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        ((), 2, "either --n to draw tasks, or --result"),
        (("--n", 5, "--result", "SHEET"), 2, "either --n to draw tasks, or --result"),
        (("--n", 151), 2, "between 1 and the 150 tasks"),
        (("--n", 0), 2, "0"),
        (("--n", 5, "--width", 0.1), 2, "--width is for --result"),
        (("--n", 5, "-s", "DS"), 2, "--strategy is for --design doubt, or for --result"),
        (("--n", 5, "--changed"), 2, "--changed is for --result or --extend"),
        (("--n", 5, "--extend", "SHEET", "--seed", 1), 2, "--seed is that of the sheet"),
        (("--result", "SHEET", "--seed", 1), 2, "--seed is for --n"),
        (("--result", "SHEET", "-s", "DS", "--labels-file", "SHEET"), 2, "either --strategy or"),
        (("--result", "SHEET", "--width", 0), 2, "0"),
        (("--n", 5, "-o", "x.txt"), 2, "must end in .csv"),
        (("--n", 5, "-o", "SHEET"), 2, "give --force"),
        (("--extend", "SHEET", "--n", 30, "-s", "DS"), 2, "was drawn at random"),
        (("--extend", "SHEET", "--n", 10), 3, "n is lower than it was"),
        (("--result", "SHEET"), 3, "no task is labelled yet"),
        (("--result", "none.csv"), 3, "no such file"),
        (("--result", "EMPTY"), 3, "the file is empty"),
    ],
)
def test_faults_are_one_line(crowd, run, tmp_path, options, code, said):
    root, _ = crowd
    sheet = tmp_path / "audit.csv"
    run("audit", root, "--n", 20, "-o", sheet)
    empty = tmp_path / "empty.csv"
    empty.write_text("")
    empty.with_suffix(".design.json").write_bytes(sheet.with_suffix(".design.json").read_bytes())
    before = sorted(tmp_path.iterdir())
    names = {"SHEET": sheet, "EMPTY": empty}
    done = run("audit", root, *(names.get(o, o) for o in options), code=code)
    errors = [line for line in done.stderr.splitlines() if line.startswith("Error: ")]
    assert len(errors) == 1 and said in errors[0]
    assert sorted(tmp_path.iterdir()) == before


def test_answers_that_changed(crowd, run, tmp_path):
    root, truth = crowd
    sheet = tmp_path / "audit.csv"
    run("audit", root, "--n", 20, "-o", sheet)
    fill(sheet, truth)
    votes = json.loads((root / "answers.json").read_text())
    votes["t3"]["new"] = 0
    (root / "answers.json").write_text(json.dumps(votes))
    done = run("audit", root, "--result", sheet, code=3)
    assert "--changed" in done.stderr
    run("audit", root, "--result", sheet, "--changed")
    votes["another"] = {"new": 0}
    (root / "answers.json").write_text(json.dumps(votes))
    done = run("audit", root, "--result", sheet, "--changed", code=3)
    assert "not the record of a drawing of these tasks" in done.stderr


def test_intervals_without_known_labels_promise_nothing(crowd, run, tmp_path):
    root, truth = crowd
    done = run("aggregate", root, "-s", "DS", "--intervals", "-o", tmp_path / "a.csv")
    assert "promise nothing where it is wrong" in done.stderr
    assert "'peerannot check' decides" in done.stderr and "'peerannot audit'" in done.stderr
    gold = tmp_path / "gold.json"
    gold.write_text(json.dumps({"t1": truth["t1"]}))
    done = run(
        "aggregate", root, "-s", "DS", "--intervals", "--gold", gold, "-o", tmp_path / "b.csv"
    )
    assert "promise nothing" not in done.stderr
