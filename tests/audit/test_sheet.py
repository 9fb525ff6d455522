"""Sheets: what is written comes back, and what is wrong with one is said in a line."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest

from peerannot.answers import Answers, Ids
from peerannot.audit import doubt, draw, read_sheet, save_label, write_sheet
from peerannot.errors import DataError, ParameterError


@pytest.fixture
def made(known, tmp_path):
    """A crowd and its sheet of ten tasks."""
    crowd = known()
    path = tmp_path / "audit.csv"
    sizes = doubt(crowd.labelled.confidence)
    drawing = draw(200, 10, seed=4, sizes=sizes)
    write_sheet(path, crowd.answers, drawing, design="doubt", seed=4, strategy="DS")
    return crowd, path, drawing


def rows_of(path):
    with path.open(newline="") as handle:
        return list(csv.DictReader(handle))


def write(path, rows, **options):
    with path.open("w", newline="") as handle:
        writer = csv.DictWriter(handle, list(rows[0]), **options)
        writer.writeheader()
        writer.writerows(rows)


def test_round_trip(made):
    crowd, path, drawing = made
    sheet = read_sheet(path, crowd.answers)
    assert (sheet.design, sheet.seed, sheet.strategy, sheet.said) == ("doubt", 4, "DS", {})
    np.testing.assert_array_equal(sheet.drawing.tasks, drawing.tasks)
    np.testing.assert_allclose(sheet.drawing.probability, drawing.probability, rtol=0)
    rows = rows_of(path)
    assert [row["task"] for row in rows] == [f"t{i}" for i in drawing.tasks]
    assert [float(row["probability"]) for row in rows] == drawing.probability.tolist()
    assert {row["label"] for row in rows} == {""}


def test_the_same_drawing_is_the_same_files(made, tmp_path):
    crowd, path, drawing = made
    again = tmp_path / "b" / "audit.csv"
    write_sheet(again, crowd.answers, drawing, design="doubt", seed=4, strategy="DS")
    assert again.read_bytes() == path.read_bytes()
    assert (again.parent / "audit.design.json").read_bytes() == (
        path.parent / "audit.design.json"
    ).read_bytes()


def test_images_are_named(known, tmp_path):
    crowd = known()
    path = tmp_path / "audit.csv"
    drawing = draw(200, 3)
    first = int(drawing.tasks[0])
    write_sheet(path, crowd.answers, drawing, design="random", seed=0,
                images={first: tmp_path / "a-1.png"})  # fmt: skip
    assert [row["image"] for row in rows_of(path)] == [str(tmp_path / "a-1.png"), "", ""]


def test_what_an_expert_and_a_spreadsheet_do(made):
    """Rows in another order, columns added, semicolons, a byte order mark, spaces, NA."""
    crowd, path, _ = made
    rows = rows_of(path)
    first, second, third = (row["task"] for row in rows[:3])
    for row in rows:
        row["notes"] = "mine; really"
    rows[0]["label"], rows[1]["label"], rows[2]["label"] = " cat ", "?", "NA"
    write(path, rows[::-1], delimiter=";")
    path.write_text("\ufeff" + path.read_text(), encoding="utf-8")
    assert read_sheet(path, crowd.answers).said == {first: "cat", second: "?"}
    assert save_label(path, third, "owl") == 3
    assert read_sheet(path, crowd.answers).said == {first: "cat", second: "?", third: "owl"}
    assert {row["notes"] for row in rows_of(path)} == {"mine; really"}
    assert save_label(path, first, None) == 2


def edited(path, change):
    rows = rows_of(path)
    change(rows)
    write(path, rows)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda rows: rows.pop(), "1 of the 10 tasks drawn have no row"),
        (lambda rows: rows[0].update(task="t999"), "line 2: task 't999' was not drawn"),
        (lambda rows: rows[1].update(label="catt"), "line 3: label 'catt' is not one of .*'cat'"),
        (lambda rows: rows[0].update(label="0"), "label '0' is not one of"),
        (
            lambda rows: (rows[0].update(label="cat"), rows.append({**rows[0], "label": "dog"})),
            "line 12: task '.*' is 'dog' here and 'cat' in .* line 2; settle",
        ),
        (lambda rows: [row.pop("label") for row in rows], "no column 'label'"),
    ],
)
def test_what_is_wrong_with_a_sheet(made, change, said):
    crowd, path, _ = made
    edited(path, change)
    with pytest.raises(DataError, match=said) as error:
        read_sheet(path, crowd.answers)
    assert "\n" not in str(error.value)


def test_two_experts_who_agree_are_one(made):
    crowd, path, _ = made
    edited(path, lambda rows: rows.append({**rows[0], "label": "cat"}))
    assert list(read_sheet(path, crowd.answers).said.values()) == ["cat"]


@pytest.mark.parametrize("content", [b"", b"  \n", b"\xff\xfe\x00", b"{}", b"task\n"])
def test_files_that_are_no_sheet(made, content):
    crowd, path, _ = made
    path.write_bytes(content)
    with pytest.raises(DataError):
        read_sheet(path, crowd.answers)
    with pytest.raises(DataError):
        save_label(path, "t1", "cat")


def test_answers_that_changed(made):
    crowd, path, _ = made
    a = crowd.answers
    other = Answers(a.task, a.worker, (a.label + 1) % 3, a.tasks, a.workers, a.classes)
    with pytest.raises(DataError, match=r"not those that its tasks were drawn from.*--changed"):
        read_sheet(path, other)
    assert read_sheet(path, other, changed=True).strategy == "DS"
    fewer = a.of_tasks(np.arange(199))
    with pytest.raises(DataError, match="not the record of a drawing of these tasks"):
        read_sheet(path, fewer, changed=True)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("schema", "other/1"),
        ("tasks", ["t1"]),
        ("tasks", []),
        ("tasks", 3),
        ("sizes", [0.0] * 10),
        ("sizes", ["x"] * 10),
        ("heavy", None),
        ("design", "best"),
        ("seed", "0"),
        ("strategy", None),
    ],
)
def test_a_damaged_record(made, name, value):
    crowd, path, _ = made
    record = path.with_suffix(".design.json")
    document = json.loads(record.read_text())
    document[name] = value
    record.write_text(json.dumps(document))
    with pytest.raises(DataError, match="not the record of a drawing"):
        read_sheet(path, crowd.answers)
    record.unlink()
    with pytest.raises(DataError, match=r"says how the tasks of audit\.csv were drawn"):
        read_sheet(path, crowd.answers)


def test_what_cannot_be_written(known, tmp_path):
    crowd = known()
    drawing = draw(200, 3)
    with pytest.raises(ParameterError, match=r"must end in \.csv"):
        write_sheet(tmp_path / "audit.txt", crowd.answers, drawing, design="random", seed=0)
    odd = Answers.empty(Ids(3), Ids(1), Ids(["a", "?"]))
    with pytest.raises(DataError, match="means cannot say"):
        write_sheet(tmp_path / "audit.csv", odd, draw(3, 1), design="random", seed=0)
    assert list(tmp_path.iterdir()) == []
