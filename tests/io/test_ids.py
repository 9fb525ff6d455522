"""Ids are names: every digit is kept, arrays have a row for each, floats that mean 12 are 12."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest

from peerannot.answers import Answers, Ids
from peerannot.dataset import Dataset, read_removed
from peerannot.errors import DataError
from peerannot.io import read, read_answers, write_dataset
from peerannot.selection import read_truth

# The files of the case "big-worker-ids".
IDS = """task,worker,label
9007199254740993,76561198000000001,1
9007199254740992,76561198000000001,0
9007199254740993,76561198000000002,1
9007199254740992,76561198000000002,0
123456789012345678901234567890,76561198000000002,1
007,76561198000000003,1
7,76561198000000003,0
7.0,76561198000000003,0
"""
Z7 = (
    "task,worker,label\n101,2512345,spiral\n101,1876543,spiral\n102,2512345,ell\n102,44856123,ell\n"
)
BIGW = """task,worker,label
1,123456789012345678901234567890,a
2,123456789012345678901234567890,b
1,2,a
"""
METHODS = ("workers", "spam_score", "trace_confusion", "entropy", "krippendorffAlpha", "copies")


@pytest.mark.parametrize(("text", "n"), [(IDS, 3), (Z7, 3), (BIGW, 2)])
def test_ids_of_any_length_work_in_every_command(tmp_path, run, text, n):
    (tmp_path / "v.csv").write_text(text)
    run("import", "v.csv", "--to", "d", cwd=tmp_path)
    assert json.loads((tmp_path / "d/metadata.json").read_text())["n_workers"] == n
    for strategy in ("MV", "DS", "GLAD"):
        run("aggregate", "d", "-s", strategy, cwd=tmp_path)
    for method in METHODS:
        run("identify", "d", "-s", method, cwd=tmp_path)
    cards = pl.read_csv(tmp_path / "d/identification/workers.csv", infer_schema=False)
    assert cards.height == n
    rows = pl.read_csv(tmp_path / "d/identification/worker_ids.csv", infer_schema=False)
    scores = np.load(tmp_path / "d/identification/spam_score.npy")
    assert scores.shape == (n,)
    assert sorted(rows["worker"]) == sorted(cards["worker"])
    run("export", "d", "--to", "crowdkit", "-o", "x.csv", cwd=tmp_path)
    assert read_answers(tmp_path / "x.csv") == Dataset.open(tmp_path / "d").answers()


def test_every_digit_is_kept_and_leading_zeros_stay(tmp_path):
    (tmp_path / "ids.csv").write_text(IDS)
    found = read_answers(tmp_path / "ids.csv")
    assert list(found.tasks) == [
        "007", "7", "9007199254740992", "9007199254740993", "123456789012345678901234567890",
    ]  # fmt: skip
    frame = pl.read_csv(tmp_path / "ids.csv", infer_schema=False)
    frame = frame.with_columns(task=pl.col("task").str.replace(r"^7\.0$", "7"))
    frame.write_parquet(tmp_path / "ids.parquet")
    assert read_answers(tmp_path / "ids.parquet") == found
    frame.write_ndjson(tmp_path / "ids.ndjson")
    assert read_answers(tmp_path / "ids.ndjson") == found
    write_dataset(read(tmp_path / "ids.csv"), tmp_path / "d")
    assert Dataset.open(tmp_path / "d").answers() == found


def test_12_0_is_12_where_all_ids_are_whole(tmp_path):
    (tmp_path / "v.csv").write_text("task,worker,label\n1.0,12.0,a\n2,13.0,b\n")
    found = read_answers(tmp_path / "v.csv")
    assert (list(found.tasks), list(found.workers)) == (["1", "2"], ["12", "13"])
    (tmp_path / "v.csv").write_text("task,worker,label\n1.0,12.0,a\nx,13.5,b\n")
    found = read_answers(tmp_path / "v.csv")
    assert (list(found.tasks), list(found.workers)) == (["1.0", "x"], ["12.0", "13.5"])
    (tmp_path / "g.csv").write_text("task,label\n1.0,a\n2.0,b\n")
    known = Answers.from_arrays([1, 2], ["w", "w"], ["a", "b"])
    assert read_truth(tmp_path / "g.csv", known).codes.tolist() == [0, 1]
    assert list(Answers.from_arrays([1.0, 2.0], [12.0, 13.0], ["a", "b"]).workers) == ["12", "13"]


def test_floats_that_have_lost_digits_are_refused(tmp_path):
    lost = "lost digits"
    with pytest.raises(DataError, match=f"row 1: the worker .*{lost}"):
        Answers.from_arrays(["a"], [float(2**60)], ["x"])
    frame = pl.DataFrame({"task": [1.0, 2.0**60], "worker": ["u", "v"], "label": ["a", "b"]})
    frame.write_parquet(tmp_path / "v.parquet")
    with pytest.raises(DataError, match=f"row 2: the task 1.15.*{lost}"):
        read(tmp_path / "v.parquet")
    (tmp_path / "v.csv").write_text("task,worker,label\n1,7.6561198e+16,a\n2,7.6561199e+16,b\n")
    with pytest.raises(DataError, match=rf"line 2: the worker 7.6561198e\+16 .*{lost}"):
        read(tmp_path / "v.csv")


def test_whole_numbers_over_63_bits_in_parquet(tmp_path):
    big = [2**63 + 5, 3]
    frame = pl.DataFrame(
        {"task": [1, 2], "worker": pl.Series(big, dtype=pl.UInt64), "label": [0, 1]}
    )
    frame.write_parquet(tmp_path / "v.parquet")
    assert list(read_answers(tmp_path / "v.parquet").workers) == ["3", str(2**63 + 5)]


def test_floats_of_a_column_have_one_text_whatever_stands_beside(tmp_path):
    frame = pl.DataFrame({"task": ["a", "b"], "worker": ["u", "u"], "label": [0.5, 1.0]})
    frame.write_parquet(tmp_path / "v.parquet")
    assert list(read_answers(tmp_path / "v.parquet").classes) == ["0.5", "1"]


def test_rows_by_id_only_where_ids_are_near_their_number():
    assert Ids(["0", "2", "5"]).span() == 6
    assert Ids(["0", "76"]).span() is None
    assert Ids(["007", "8"]).span() is None
    assert Ids(["-1", "8"]).span() is None
    assert Ids(["a", "8"]).span() is None
    assert Ids([str(2**63)]).numbers() is None
    assert Ids([str(2**63 - 1)]).numbers().tolist() == [2**63 - 1]


def test_keys_to_remove_keep_every_digit(tmp_path):
    (tmp_path / "r.txt").write_text("0 9007199254740993\n3.0e+00 007\n-1 7.000e+00\n")
    assert read_removed(tmp_path / "r.txt")[1] == ["9007199254740993", "007", "7"]
