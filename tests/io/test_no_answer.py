"""What stands for no answer, in every format; and labels spelled twice."""

from __future__ import annotations

import json
import warnings
from typing import ClassVar

import numpy as np
import polars as pl
import pytest

from helpers.exports import npy, parquet
from helpers.files import load, votes
from peerannot._no_answer import NO_ANSWER
from peerannot.aggregation import MajorityVote
from peerannot.errors import DataError, ParameterError

LONG = "task,worker,label\n"


def shares(imported):
    result = MajorityVote().fit(imported.answers)
    labels = dict(zip(imported.answers.tasks, result.task_table()["label"], strict=True))
    confidence = dict(zip(imported.answers.tasks, result.confidence.tolist(), strict=True))
    return {task: (labels[task], pytest.approx(confidence[task])) for task in labels}


def test_nan_in_a_long_table(tmp_path):
    text = LONG + "t1,w1,cat\nt1,w3,cat\nt2,w1,NaN\nt2,w2,dog\nt2,w3,dog\nt3,w1,nan\nt3,w2,NaN\n"
    got = load(tmp_path, text.encode())
    assert list(got.answers.classes) == ["cat", "dog"]
    assert list(got.answers.tasks) == ["t1", "t2", "t3"]
    assert got.report.dropped == {"no answer given": 3}
    assert (got.report.rows, got.report.kept) == (7, 4)
    assert got.abstained.rows() == [("t2", "w1"), ("t3", "w1"), ("t3", "w2")]
    assert "'NaN', 'nan' is read as no answer" in got.report.notes[0]


def test_na_of_r_in_a_wide_table(tmp_path):
    text = b"id,r1,r2,r3,r4\n1,0,1,NA,0\n2,2,2,2,NA\n3,1,1,NA,1\n"
    got = load(tmp_path, text, format="cleanlab")
    assert got.report.format == "cleanlab"
    assert shares(got) == {"1": ("0", 2 / 3), "2": ("2", 1), "3": ("1", 1)}
    # Nobody asked for the empty cells of a matrix, so they are no rows.
    assert (got.report.rows, got.report.kept, dict(got.report.dropped)) == (9, 9, {})


@pytest.mark.parametrize("word", sorted(NO_ANSWER - {""}))
def test_every_spelling_in_every_shape(tmp_path, word):
    rows = [("1", "a", "x"), ("1", "b", word), ("2", "a", "y"), ("2", "b", f" {word} ")]
    frame = pl.DataFrame(rows, schema=["task", "worker", "label"], orient="row")
    nested = {"1": {"a": "x", "b": word}, "2": {"a": "y", "b": word}}
    lists = [
        {"id": t, "annotators": ["a", "b"], "labels": [y, word]}
        for t, y in (("1", "x"), ("2", "y"))
    ]
    wide = f"id,a,b\n1,x,{word}\n2,y,{word}\n".encode()
    for content, options in (
        (frame.write_csv().encode(), {}),
        (parquet(frame), {}),
        (frame.write_ndjson().encode(), {}),
        (nested, {}),
        (lists, {"format": "huggingface"}),
        (wide, {"format": "cleanlab"}),
    ):
        got = load(tmp_path, content, **options)
        assert votes(got) == {("1", "a"): "x", ("2", "a"): "y"}
        # A class that the user names is one.
        named = load(tmp_path, content, classes=["x", "y", word, f" {word} "], **options)
        assert named.report.kept == 4


def test_named_values(tmp_path):
    text = LONG + "1,a,cat\n1,b,not sure\n1,c,not sure\n2,a,dog\n2,b,dog\n2,c,not sure\n"
    got = load(tmp_path, text.encode())
    assert "'not sure' is taken as a class" in got.report.notes[0]
    assert "--no-answer 'not sure'" in got.report.notes[0]
    got = load(tmp_path, text.encode(), no_answer=["not sure"])
    assert shares(got) == {"1": ("cat", 1), "2": ("dog", 1)}
    assert got.report.dropped == {"no answer given": 3}
    got = load(tmp_path, text.encode(), no_answer="not sur")
    assert "no label is so spelled; did you mean 'not sure'?" in got.report.notes[0]
    with pytest.raises(ParameterError, match="'cat' is named in --classes and in --no-answer"):
        load(tmp_path, text.encode(), no_answer=["cat"], classes=["cat", "dog", "not sure"])


def test_parallel_lists(tmp_path):
    rows = [
        {"id": "t1", "annotators": ["a1", "a2", "a3"], "labels_task1": ["YES", "NO", "YES"]},
        {"id": "t2", "annotators": ["a1", "a2"], "labels_task1": ["-", "NO"]},
        {"id": "t3", "annotators": ["a1", "a2"], "labels_task1": [None, ""]},
    ]
    text = "".join(json.dumps(row) + "\n" for row in rows).encode()
    got = load(
        tmp_path, text, format="huggingface", worker_col="annotators", label_col="labels_task1",
        no_answer=["-"],
    )  # fmt: skip
    assert list(got.answers.classes) == ["NO", "YES"]
    assert list(got.answers.tasks) == ["t1", "t2", "t3"]
    assert got.report.dropped == {"no answer given": 3}


def test_numbers_named_and_gold(tmp_path):
    text = "task,worker,label,truth\n1,a,99,NA\n1,b,0,NA\n2,a,1,1\n"
    got = load(tmp_path, text.encode(), no_answer=["99"])
    assert (list(got.answers.classes), dict(got.gold)) == (["0", "1"], {"2": "1"})
    frame = pl.DataFrame({"task": [1, 1], "worker": [1, 2], "label": [99, 0]})
    got = load(tmp_path, parquet(frame), no_answer=["99"])
    assert list(got.answers.classes) == ["0"]


class TestMinusOne:
    TEXT = b"0 -1 2\n1 0 -1\n"

    def matrices(self):
        array = np.array([[0, -1, 2], [1, 0, -1]])
        yield self.TEXT, {}
        yield npy(array), {}
        yield b",x,y,z\n0,0,-1,2\n1,1,0,-1\n", {"format": "cleanlab"}

    def test_in_matrices_is_no_answer(self, tmp_path):
        for content, options in self.matrices():
            got = load(tmp_path, content, **options)
            assert list(got.answers.classes) == ["0", "1", "2"]
            assert got.report.rows == got.report.kept == 4
            assert "-1 is read as no answer" in got.report.notes[0]

    def test_is_a_class_where_the_user_says_so(self, tmp_path):
        for content, options in self.matrices():
            got = load(tmp_path, content, classes=["-1", "0", "1", "2"], **options)
            assert got.report.kept == 6

    def test_is_a_class_beside_other_text_and_in_long_tables(self, tmp_path):
        got = load(tmp_path, b"id,a,b\n1,-1,x\n2,x,-1\n", format="cleanlab")
        assert list(got.answers.classes) == ["-1", "x"]
        got = load(tmp_path, (LONG + "1,a,-1\n1,b,0\n2,a,1\n").encode())
        assert list(got.answers.classes) == ["-1", "0", "1"]
        assert "'-1' is taken as a class" in got.report.notes[0]

    def test_and_one_is_asked(self, tmp_path):
        for content in (b"1 -1\n-1 1\n", npy(np.array([[1, -1], [1, 1]]))):
            with pytest.raises(DataError, match="is -1 a class or no answer"):
                load(tmp_path, content)
            assert list(load(tmp_path, content, no_answer=["-1"]).answers.classes)[-1] == "1"
            assert list(load(tmp_path, content, classes=["-1", "1"]).answers.classes) == ["-1", "1"]


class TestTwins:
    ROWS: ClassVar = ["cat", " cat", "CAT", "cat", "caf\u00e9", "cafe\u0301", "dog"]

    def table(self, rows=ROWS, truth=""):
        head = LONG.strip() + (",truth\n" if truth else "\n")
        tail = f",{truth}" if truth else ""
        return (head + "".join(f"{i},w,{y}{tail}\n" for i, y in enumerate(rows))).encode()

    def test_are_noticed(self, tmp_path):
        got = load(tmp_path, self.table())
        assert len(got.answers.classes) == 6
        (note,) = got.report.notes
        assert "' cat', 'CAT', 'cat'" in note and "--normalize-labels" in note

    def test_are_merged(self, tmp_path):
        got = load(tmp_path, self.table(), normalize_labels=True)
        assert list(got.answers.classes) == ["caf\u00e9", "cat", "dog"]
        assert not got.report.notes
        named = load(tmp_path, self.table(), normalize_labels=True, classes=["Dog", "Cat", "CAFÉ"])
        assert list(named.answers.classes) == ["Dog", "Cat", "CAFÉ"]
        assert named.answers.n_answers == 7

    def test_gold_too(self, tmp_path):
        got = load(tmp_path, self.table(["cat", "dog"], truth=" Cat"))
        assert got.report.notes
        got = load(tmp_path, self.table(["cat", "dog"], truth=" Cat"), normalize_labels=True)
        assert set(got.gold.values()) == {"cat"}
        assert list(got.answers.classes) == ["cat", "dog"]

    def test_classes_that_are_twins_themselves(self, tmp_path):
        with pytest.raises(ParameterError, match="'A' and 'a' are one"):
            load(tmp_path, self.table(["a", "A"]), normalize_labels=True, classes=["a", "A"])

    def test_no_answer_of_any_spelling(self, tmp_path):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            got = load(tmp_path, self.table(["a", "Skip", " skip"]), no_answer=["skip", "Skip"])
        assert got.report.kept == 1
