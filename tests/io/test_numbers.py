"""Labels that are one number in several spellings."""

from __future__ import annotations

import json

import polars as pl
import pytest

from peerannot.errors import DataError
from peerannot.io import read
from peerannot.selection import read_truth


def rows(labels: list[str]) -> list[dict[str, str]]:
    return [{"task": f"t{i}", "worker": "w", "label": x} for i, x in enumerate(labels)]


def doors(folder, labels):
    """The same labels through every kind of file."""
    table = pl.DataFrame(rows(labels))
    table.write_csv(folder / "long.csv")
    table.write_parquet(folder / "long.parquet")
    (folder / "v.ndjson").write_text("".join(json.dumps(r) + "\n" for r in rows(labels)))
    (folder / "v.json").write_text(json.dumps({r["task"]: {"w": r["label"]} for r in rows(labels)}))
    pl.DataFrame({"image": [f"t{i}" for i in range(len(labels))], "r1": labels, "r2": labels,
                  "r3": labels}).write_csv(folder / "wide.csv")  # fmt: skip
    return [folder / n for n in ("long.csv", "long.parquet", "v.ndjson", "v.json", "wide.csv")]


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        (["1", "1.0", "0.0"], ["0", "1"]),
        (["1.0", "0.0", "2.00"], ["0", "1", "2"]),
        (["0.5", "1", "1.0", "2.50", "2.5"], ["0.5", "1", "2.5"]),
        (["1", "1.0", "01"], ["01", "1"]),
    ],
)
def test_equal_numbers_are_one_label(tmp_path, labels, classes):
    for file in doors(tmp_path, labels):
        known = "cleanlab" if file.stem == "wide" else None
        assert sorted(read(file, format=known).answers.classes) == classes, file


@pytest.mark.parametrize(
    ("labels", "classes"),
    [(["0.5", "1.00", "1.0"], ["0.5", "1.0"]), (["1.0", "1", "cat"], ["1", "1.0", "cat"])],
)
def test_the_shortest_spelling_stays_and_names_do(tmp_path, labels, classes):
    for file in doors(tmp_path, labels)[:4]:
        assert sorted(read(file).answers.classes) == classes, file


def test_what_was_merged_is_said_and_twins_are_named(tmp_path):
    file = doors(tmp_path, ["1", "1.0", "01"])[0]
    notes = " ".join(read(file).report.notes)
    assert "labels '1' and '1.0' are one number: read as '1'" in notes
    assert "labels '01', '1' differ only" in notes
    assert list(read(file, normalize_labels=True).answers.classes) == ["1"]


def test_files_are_decided_together(tmp_path):
    pl.DataFrame(rows(["1", "0"])).write_csv(tmp_path / "a.csv")
    pl.DataFrame(rows(["1.0", "0.0"])).write_csv(tmp_path / "b.csv")
    pl.DataFrame(rows(["0.5", "1"])).write_csv(tmp_path / "c.csv")
    both = read([tmp_path / "a.csv", tmp_path / "b.csv"])
    assert list(both.answers.classes) == ["0", "1"]
    every = read([tmp_path / f"{n}.csv" for n in "abc"]).answers
    assert list(every.classes) == ["0", "0.5", "1"]


def test_names_that_are_given_are_reached(tmp_path):
    file = doors(tmp_path, ["1", "1.0", "0.0"])[0]
    for classes in (["1.0", "0.0"], ["0", "1"], 2):
        answers = read(file, classes=classes).answers
        assert list(answers.classes) == (["0", "1"] if classes == 2 else classes)
        assert answers.n_answers == 3
    both = read(file, classes=["1", "1.0", "0.0"]).answers
    assert both.classes[int(both.label[both.tasks.index_of["t1"]])] == "1.0"


def test_positions_are_no_numbers_to_spell(tmp_path):
    (tmp_path / "v.json").write_text('{"a": {"w": 1}, "b": {"w": 0}}')
    answers = read(tmp_path / "v.json", classes=["1.0", "2.0"]).answers
    assert [answers.classes[int(k)] for k in answers.label] == ["2.0", "1.0"]


def test_known_labels_by_the_same_rule(tmp_path):
    answers = read(doors(tmp_path, ["1.0", "0.0"])[0]).answers
    (tmp_path / "truth.csv").write_text("task,label\nt0,1.0\nt1,0.0\n")
    assert read_truth(tmp_path / "truth.csv", answers).codes.tolist() == [1, 0]


def test_ids_from_two_to_the_53_are_no_floats(tmp_path):
    (tmp_path / "v.csv").write_text("task,worker,label\n9007199254740992.0,a,1\n2.0,b,0\n")
    frame = pl.DataFrame({"task": [2.0**53, 2.0], "worker": ["a", "b"], "label": [1, 0]})
    for source in (tmp_path / "v.csv", frame):
        with pytest.raises(DataError, match="from 2\\*\\*53 on"):
            read(source)
    below = frame.with_columns(task=pl.Series([2.0**53 - 1, 2.0]))
    assert sorted(read(below).answers.tasks) == ["2", "9007199254740991"]
