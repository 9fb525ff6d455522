"""Long tables: columns by name, ids as text, places in messages, scale."""

from __future__ import annotations

import gzip
import json
import warnings

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import peerannot
from peerannot.answers import Answers, Ids
from peerannot.errors import DataError, ParameterError
from peerannot.io import read, read_answers, read_classes
from peerannot.io._coding import encode

ROWS = [("1", "ann", "cat"), ("1", "bob", "dog"), ("2", "ann", "dog"), ("10", "bob", "cat")]
FRAME = pl.DataFrame(ROWS, schema=["task", "worker", "label"], orient="row")
EXPECTED = Answers.from_arrays(*zip(*ROWS, strict=True))


def csv_text(separator: str = ",", header: str = "task,worker,label") -> str:
    lines = [header, *(",".join(row) for row in ROWS)]
    return "\n".join(lines).replace(",", separator) + "\n"


def write(path, kind):
    if kind == "csv":
        path.write_text(csv_text())
    elif kind == "tsv":
        path.write_text(csv_text("\t"))
    elif kind == "semicolon":
        path.write_text(csv_text(";"))
    elif kind == "crlf-bom":
        path.write_bytes(b"\xef\xbb\xbf" + csv_text().replace("\n", "\r\n").encode())
    elif kind == "gz":
        path.write_bytes(gzip.compress(csv_text().encode()))
    elif kind == "blank-lines":
        path.write_text(csv_text().replace("2,ann", "\n,,\n2,ann") + "\n\n")
    elif kind == "parquet":
        FRAME.write_parquet(path)
    elif kind == "ints":
        FRAME.with_columns(pl.col("task").cast(pl.Int32)).write_parquet(path)
    elif kind == "categorical":
        FRAME.with_columns(pl.col("worker", "label").cast(pl.Categorical)).write_parquet(path)
    elif kind == "ndjson":
        FRAME.write_ndjson(path)
    elif kind == "records":
        path.write_text(json.dumps(FRAME.to_dicts()))
    elif kind == "answers-json":
        votes: dict[str, dict[str, str]] = {}
        for task, worker, label in ROWS:
            votes.setdefault(task, {})[worker] = label
        path.write_text(json.dumps(votes))


KINDS = [
    "csv",
    "tsv",
    "semicolon",
    "crlf-bom",
    "gz",
    "blank-lines",
    "parquet",
    "ints",
    "categorical",
    "ndjson",
    "records",
    "answers-json",
]


@pytest.mark.parametrize("kind", KINDS)
def test_every_shape_gives_the_same_answers(tmp_path, kind):
    # The name says nothing: what counts is the content.
    write(tmp_path / "votes.dat", kind)
    assert read_answers(tmp_path / "votes.dat") == EXPECTED


@pytest.mark.parametrize(
    "header", ["task,performer,label", "taskId,workerId,answer", "item,annotator,response"]
)
def test_usual_names_of_columns(tmp_path, header):
    (tmp_path / "a.csv").write_text(csv_text(header=header))
    assert peerannot.read_answers(tmp_path / "a.csv") == EXPECTED


def test_columns_by_name(tmp_path):
    (tmp_path / "a.csv").write_text(csv_text(header="a,b,c"))
    names = {"task_col": "a", "worker_col": "b", "label_col": "c"}
    assert read_answers(tmp_path / "a.csv", **names) == EXPECTED
    with pytest.raises(DataError, match=r"no column 'aa'; there are a, b, c; did you mean 'a'\?"):
        read_answers(tmp_path / "a.csv", **{**names, "task_col": "aa"})
    with pytest.raises(DataError, match="one column serves twice"):
        read_answers(tmp_path / "a.csv", **{**names, "task_col": "b"})


def test_shards_in_a_folder_and_by_pattern(tmp_path):
    for i in range(3):
        FRAME[i + i // 2 : i + 1 + (i + 1) // 2].write_parquet(tmp_path / f"part-{i}.parquet")
    assert read_answers(tmp_path).n_answers > 0
    FRAME[:2].write_parquet(tmp_path / "part-0.parquet")
    FRAME[2:].write_parquet(tmp_path / "part-1.parquet")
    (tmp_path / "part-2.parquet").unlink()
    assert read_answers(tmp_path) == EXPECTED
    assert read_answers(f"{tmp_path}/part-*.parquet") == EXPECTED
    with pytest.raises(DataError, match="no file matches"):
        read_answers(f"{tmp_path}/*.csv")


def test_csv_files_by_pattern_name_the_file(tmp_path):
    (tmp_path / "a.csv").write_text(csv_text())
    (tmp_path / "b.csv").write_text("task,worker,label\n7,ann,cat\n8,,cat\n")
    with pytest.raises(DataError, match=r"b\.csv line 3: the worker is missing"):
        read_answers(f"{tmp_path}/*.csv")


BAD = {
    "unknown label": (
        csv_text().replace("10,bob,cat", "10,bob,dgo"),
        r"a\.csv line 5: label 'dgo' is not one of cat, dog; did you mean 'dog'\?",
    ),
    "near name": (
        csv_text(header="task,wroker,label"),
        r"no column for the worker .* there are task, wroker, label; did you mean 'wroker'\?",
    ),
    "no task": (csv_text().replace("2,ann,dog", ",ann,dog"), r"line 4: the task is missing"),
    "quoted empty": (csv_text().replace("2,ann,dog", '2,"",dog'), "line 4: the worker is missing"),
    "after a quoted newline": (
        csv_text().replace("1,bob,dog", '1,"b\nob",dog').replace("2,ann,dog", "2,,dog"),
        r"line 5: the worker is missing",
    ),
    "short row": (csv_text().replace("2,ann,dog", "2,ann"), r"line 4: 2 cells, the header has 3"),
    "long row": (csv_text().replace("2,ann,dog", "2,ann,dog,x"), r"line 4: 4 cells"),
    "latin-1": (
        csv_text().replace("bob,dog", "b\xe9b,dog").encode("latin-1"),
        r"line 3: not UTF-8",
    ),
    "open quote": (csv_text().replace("2,ann", '2,"ann'), r"line 4: not CSV"),
    "twice": (csv_text(header="task,worker,worker"), "the column 'worker' occurs twice"),
    "only a header": ("task,worker,label\n", "there are column names but no answers"),
    "empty": ("", "the file is empty"),
    "blank": ("\n \n", "the file is empty"),
}


@pytest.mark.parametrize("case", BAD)
def test_faults_have_file_and_line(tmp_path, case):
    text, message = BAD[case]
    path = tmp_path / "a.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(DataError, match=message) as caught:
        read_answers(path, classes=["cat", "dog"])
    assert "a.csv" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_faults_in_ndjson_and_parquet(tmp_path):
    (tmp_path / "a.json").write_text('{"task":1,"worker":2,"label":0}\n{"task":1,"label":1}\n')
    with pytest.raises(DataError, match="line 2: the worker is missing"):
        read_answers(tmp_path / "a.json")
    (tmp_path / "a.json").write_text('{"task":1,"worker":2,"label":0}\n{"task":1,"wor\n')
    with pytest.raises(DataError, match="line 2: not JSON"):
        read_answers(tmp_path / "a.json")
    FRAME.write_parquet(tmp_path / "0.parquet")
    FRAME.with_columns(worker=pl.lit(None, pl.String)).write_parquet(tmp_path / "1.parquet")
    with pytest.raises(DataError, match=r"1\.parquet row 1: the worker is missing"):
        read_answers(f"{tmp_path}/*.parquet")
    damaged = tmp_path / "damaged.parquet"
    damaged.write_bytes((tmp_path / "0.parquet").read_bytes()[:-30])
    with pytest.raises(DataError, match="Parquet"):
        read_answers(damaged)


def test_classes_by_number_name_or_position(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("task,worker,label\na,x,0\nb,x,1\n")
    assert list(read_answers(path, classes=3).classes) == ["0", "1", "2"]
    named = read_answers(path, classes=["cat", "dog"])
    assert list(named.classes) == ["cat", "dog"]
    assert named.label.tolist() == [0, 1]
    # Names that are numbers are names.
    assert read_answers(path, classes=["1", "0"]).label.tolist() == [1, 0]
    with pytest.raises(DataError, match=r"line 3: label '1' is not in 0\.\.0"):
        read_answers(path, classes=1)
    (tmp_path / "classes.txt").write_text("cat\ndog\n")
    assert read_classes(str(tmp_path / "classes.txt")) == read_classes("cat,dog") == ["cat", "dog"]
    assert read_classes("4") == 4
    with pytest.raises(DataError, match="'a' occurs twice"):
        read_classes("a,a")


def test_ids_are_text_and_floats_are_whole(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("task,worker,label\n01,1.0,0\n1,2,1\n")
    answers = read_answers(path)
    assert list(answers.tasks) == ["01", "1"]
    # 1.0 is 1, since all ids of the column are whole numbers; 01 is not 1.
    assert list(answers.workers) == ["1", "2"]
    frame = pl.DataFrame({"task": [3.0, 4.0], "worker": [1, 2], "label": [True, False]})
    frame.write_parquet(tmp_path / "a.parquet")
    answers = read_answers(tmp_path / "a.parquet")
    assert list(answers.tasks) == ["3", "4"]
    assert list(answers.classes) == ["false", "true"]


def test_weights_and_gold(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("task,worker,label,truth,w\na,x,0,1,.5\na,y,1,1,1\nb,x,1,,2\n")
    imported = read(path, weight_col="w")
    assert imported.answers.weight.tolist() == [0.5, 1, 2]
    assert dict(imported.gold) == {"a": "1"}
    assert imported.report.gold == 1
    path.write_text("task,worker,label,truth\na,x,0,1\na,y,1,0\n")
    with pytest.raises(DataError, match="line 3: task a has two gold labels, 1 and 0"):
        read(path)
    path.write_text("task,worker,label,w\na,x,0,1\na,y,1,-1\n")
    with pytest.raises(DataError, match="line 3: the weight '-1' is not a number >= 0"):
        read(path, weight_col="w")


def test_duplicates_follow_the_policy_and_are_reported(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("task,worker,label\na,x,0\na,x,1\na,y,0\na,y,0\n")
    imported = read(path)
    assert imported.answers.label.tolist() == [1, 0]
    assert imported.report.rows == 4
    assert imported.report.kept == 2
    assert imported.report.dropped == {
        "the same answer of the same worker again": 1,
        "contradicts a later answer of the same worker": 1,
    }
    assert imported.report.contradicting == 1
    everything = read(path, duplicates="all").report
    assert (everything.kept, everything.contradicting) == (4, 1)
    assert everything.notes == ("2 repeated answers kept, 1 of them contradict (duplicates=all)",)
    message = (
        r"a\.csv line 3: worker 'x' gave '1' to task 'a', but '0' at .*a\.csv line 2; give --dup"
    )
    with pytest.raises(DataError, match=message):
        read(path, duplicates="error")


def test_an_option_of_another_format_is_refused(tmp_path):
    (tmp_path / "a.csv").write_text(csv_text())
    with pytest.raises(ParameterError, match="no option 'colour'"):
        read(tmp_path / "a.csv", format="csv", colour="red")
    with pytest.raises(ParameterError, match="unknown format 'exel'"):
        read(tmp_path / "a.csv", format="exel")


def test_missing_file(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        read(tmp_path / "nothing.csv")


texts = st.one_of(
    st.integers(-30, 30).map(str),
    st.text(alphabet="a0-é", min_size=1, max_size=3),
    st.sampled_from(["01", "1", "-0", "0", str(10**30), "9" * 19, "-", "--1"]),
)


@given(st.lists(texts, min_size=1, max_size=40))
def test_coding_equals_sorted_ids(values):
    codes, ids = encode(pl.Series(values))
    expected = Ids.sorted(values)
    assert ids == expected
    assert hash(ids) == hash(expected)
    assert codes.tolist() == expected.codes(values).tolist()
    assert [ids[int(c)] for c in codes] == values


@given(st.lists(st.integers(-(2**62), 2**62) | st.integers(0, 9), min_size=1, max_size=40))
def test_coding_of_numbers_equals_sorted_ids(values):
    codes, ids = encode(pl.Series(values, dtype=pl.Int64))
    expected = Ids.sorted(map(str, values))
    assert ids == expected
    assert codes.tolist() == expected.codes([str(v) for v in values]).tolist()
    assert ids.numbers().tolist() == sorted(set(values))


@given(st.lists(texts, min_size=1, max_size=20, unique=True))
def test_a_column_of_ids_behaves_as_a_tuple_of_ids(values):
    column, plain = Ids.of_column(pl.Series(values)), Ids(values)
    assert column == plain and list(column) == list(plain) and len(column) == len(plain)
    assert column[0] == plain[0] and column[-1] == plain[-1] and column[1:3] == plain[1:3]
    assert values[-1] in column and "nothing" not in column
    some = np.arange(len(values))[::-2]
    assert column.take(some) == plain.take(some)
    assert column.codes([*values, "nothing"]).tolist() == [*range(len(values)), -1]


@given(st.data())
def test_order_of_rows_with_many_and_few_answers_a_task(data):
    # One task over the limit of the insertion sort takes the other path to the same order.
    n = data.draw(st.sampled_from([5, 300]))
    rng = np.random.default_rng(data.draw(st.integers(0, 100)))
    task = np.r_[np.zeros(n, int), rng.integers(0, 4, 20)]
    worker, label = rng.integers(0, 400, n + 20), rng.integers(0, 3, n + 20)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        answers = Answers.from_arrays(task, worker, label, classes=3)
    last = {
        (t, w): y for t, w, y in zip(task.tolist(), worker.tolist(), label.tolist(), strict=True)
    }
    numbers = answers.workers.numbers()
    got = {
        (int(answers.tasks[int(t)]), int(numbers[w])): int(y)
        for t, w, y in zip(answers.task, answers.worker, answers.label, strict=True)
    }
    assert got == last
    rows = list(zip(answers.task.tolist(), answers.worker.tolist(), strict=True))
    assert rows == sorted(rows)


@given(st.permutations([("a", "x", 0), ("a", "x", 1), ("a", "x", 1), ("a", "w", 2), ("b", "x", 0)]))
def test_order_of_rows_does_not_matter_where_all_are_kept(rows):
    columns = list(zip(*rows, strict=True))
    answers = Answers.from_arrays(*columns, classes=3, duplicates="all")
    assert answers.worker.tolist() == [0, 1, 1, 1, 1]
    assert answers.label.tolist() == [2, 0, 1, 1, 0]
