"""Numbers are ordered as numbers, through every door; the order that was used is said."""

from __future__ import annotations

import json
import random

import polars as pl
import pytest

from peerannot.agreement import krippendorff_alpha
from peerannot.answers import Answers, Ids
from peerannot.io import read_answers
from peerannot.io.shards import code_shards

# The file of the case "ordinal-alpha-half-points".
HALF = [
    ["0.5", "1", "1.5", "2", "2.5"],
    ["1", "1.5", "1.5", "2.5", "2.5"],
    ["0.5", "1", "2", "2", "2"],
]
BELOW = [["-2", "-10", "0", "-1"], ["-1", "-10", "0", "-2"], ["-2", "-2", "0", "-1"]]
WORDED = [
    ["1 - poor", "10 - best", "5 - ok", "2 - bad"],
    ["2 - bad", "10 - best", "2 - bad", "1 - poor"],
]


def long_rows(rows: list[list[str]]) -> list[tuple[str, str, str]]:
    return [(f"t{i}", f"w{j}", x) for j, row in enumerate(rows) for i, x in enumerate(row)]


@pytest.mark.parametrize(
    ("names", "order"),
    [
        (["1", "2", "0.5", "1.5"], ["0.5", "1", "1.5", "2"]),
        (["1e3", "-2", "10", ".5"], ["-2", ".5", "10", "1e3"]),
        (["10 - best", "1 - poor", "2 - bad"], ["1 - poor", "2 - bad", "10 - best"]),
        (["9007199254740993", "9007199254740992.5"], ["9007199254740992.5", "9007199254740993"]),
        (["b", "10", "9", "0.5"], ["9", "10", "0.5", "b"]),
        (["1.0", "01", "1"], ["01", "1", "1.0"]),
        (["2", "1", "0"], ["0", "1", "2"]),
        (["nan", "1"], ["1", "nan"]),
    ],
)
def test_order_of_classes(names, order):
    random.Random(0).shuffle(names)
    assert list(Ids.of_classes(names)) == order


@pytest.mark.parametrize(
    ("rows", "order", "ordinal"),
    [
        (HALF, ["0.5", "1", "1.5", "2", "2.5"], 0.8192427),
        (BELOW, ["-10", "-2", "-1", "0"], None),
        (WORDED, ["1 - poor", "2 - bad", "5 - ok", "10 - best"], None),
    ],
)
def test_one_order_through_every_door(tmp_path, rows, order, ordinal):
    table = long_rows(rows)
    frame = pl.DataFrame(table, schema=["task", "worker", "label"], orient="row").sort("task")
    frame.write_csv(tmp_path / "v.csv")
    (tmp_path / "shards").mkdir()
    frame.write_parquet(tmp_path / "shards/v.parquet")
    answers = Answers.from_arrays(*zip(*table, strict=True))
    assert list(answers.classes) == order
    assert read_answers(tmp_path / "v.csv") == answers
    coded = code_shards(tmp_path / "shards", tmp_path / "scratch")
    assert list(coded.classes) == order
    assert coded.pair_label.max() == len(order) - 1
    found = krippendorff_alpha(answers, "ordinal")
    assert found.order == tuple(order)
    assert krippendorff_alpha(answers).order == ()
    # What it is when the order is named is what it is by itself.
    named = Answers.from_arrays(*zip(*table, strict=True), classes=order)
    assert krippendorff_alpha(named, "ordinal").value == found.value
    if ordinal is not None:
        assert found.value == pytest.approx(ordinal, abs=5e-8)


def test_numbers_of_a_float_column_are_ordered_too(tmp_path):
    table = [(t, w, float(x)) for t, w, x in long_rows(HALF)]
    pl.DataFrame(table, schema=["task", "worker", "label"], orient="row").write_parquet(
        tmp_path / "v.parquet"
    )
    assert read_answers(tmp_path / "v.parquet") == Answers.from_arrays(
        *zip(*long_rows(HALF), strict=True)
    )


def test_the_command_says_the_order(tmp_path, run):
    lines = "".join(",".join(row) + "\n" for row in long_rows(HALF))
    (tmp_path / "half.csv").write_text("task,worker,label\n" + lines)
    run("import", "half.csv", "--to", "d", cwd=tmp_path)
    asked = ("identify", "d", "-s", "krippendorffAlpha", "-P", "metric=ordinal")
    assert "order 0.5 < 1 < 1.5 < 2 < 2.5" in run(*asked, cwd=tmp_path).stderr
    found = json.loads(run(*asked, "--json", cwd=tmp_path).stdout)["summary"]
    assert found["order"] == ["0.5", "1", "1.5", "2", "2.5"]
    assert found["value"] == pytest.approx(0.8192427, abs=5e-8)
