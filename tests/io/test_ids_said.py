"""What is said of ids that look alike, or like none; and of answers.json of other types."""

from __future__ import annotations

import pytest

from peerannot.errors import DataError
from peerannot.io import read


def test_twins_and_missing_ids_are_said(tmp_path):
    file = tmp_path / "v.csv"
    file.write_text('task,worker,label\n1,amy,x\n 1,"amy ",y\nnan,Amy,x\n2,NA,x\nA,u,x\na,u,x\n')
    notes = " ".join(read(file).report.notes)
    assert "tasks '1', ' 1' differ only in spaces" in notes
    assert "workers 'Amy', 'amy', 'amy ' differ only in letter case" in notes
    assert "task 'nan' is read as an id" in notes
    assert "worker 'NA' is read as an id" in notes
    assert "'A'" not in notes
    file.write_text("task,worker,label\n1,amy,x\n2,bob,y\n")
    assert read(file).report.notes == ()


@pytest.mark.parametrize(
    ("text", "classes"),
    [
        ('{"a": {"x": 1.0, "y": 0.0}}', ["0", "1"]),
        ('{"a": {"x": true, "y": false}}', ["false", "true"]),
    ],
)
def test_whole_floats_and_booleans_of_json(tmp_path, text, classes):
    (tmp_path / "a.json").write_text(text)
    assert list(read(tmp_path / "a.json").answers.classes) == classes


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            '{"a": {"x": 0.5}}',
            "task 'a', worker 'x': the label 0.5 is no name or number of a class",
        ),
        ("{}", "a.json: no answers in it"),
        ("[]", "a.json: no answers in it"),
    ],
)
def test_what_cannot_be_read_is_said(tmp_path, text, said):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(DataError, match=said):
        read(tmp_path / "a.json")


@pytest.mark.parametrize("more", ["1700000001000", "1700000001000000"])
def test_times_in_two_units_are_refused(tmp_path, more):
    file = tmp_path / "v.csv"
    file.write_text(f"task,worker,label,time\n1,a,x,1700000000\n1,a,y,{more}\n")
    with pytest.raises(DataError, match="line 3: time: times are in two units"):
        read(file, time_col="time")
    file.write_text("task,worker,label,time\n1,a,x,1\n1,a,y,1700000001000\n")
    assert read(file, time_col="time").answers.n_answers == 1
