"""What answers.json cannot hold survives an import: weights, repeats, abstentions."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peerannot.dataset import Dataset
from peerannot.errors import DataError
from peerannot.io import read, write_dataset

SOFT = "task,worker,label,confidence\n1,a,cat,0.9\n1,b,dog,0.55\n1,c,dog,0.2\n"


def imported(tmp_path: Path, text: str, **options) -> Path:
    (tmp_path / "a.csv").write_text(text)
    write_dataset(read(tmp_path / "a.csv", **options), tmp_path / "d", force=True)
    return tmp_path / "d"


def test_weights_count_in_every_command(run, tmp_path):
    (tmp_path / "a.csv").write_text(SOFT)
    run("import", tmp_path / "a.csv", "--to", tmp_path / "d", "--weight-col", "confidence")
    run("aggregate", tmp_path / "d", "-s", "WMV")
    label, confidence = (tmp_path / "d/labels/labels_d_WMV.csv").read_text().split()[1].split(",")[1:3]  # fmt: skip  # noqa: E501
    assert label == "cat"
    assert float(confidence) == pytest.approx(0.9 / 1.65)
    run("export", tmp_path / "d", "--to", "crowdkit", "-o", tmp_path / "b.csv")
    again = read(tmp_path / "b.csv", weight_col="weight").answers
    assert again.digest() == Dataset.open(tmp_path / "d").answers().digest()


def test_there_is_no_sidecar_where_there_is_nothing_to_keep(tmp_path):
    folder = imported(tmp_path, SOFT, weight_col="confidence")
    assert (folder / "details.parquet").exists()
    imported(tmp_path, SOFT)
    assert not (folder / "details.parquet").exists()
    assert "details" not in json.loads((folder / "metadata.json").read_text())
    assert Dataset.open(folder).details() is None


def test_repeats_and_abstentions_are_kept(run, tmp_path):
    text = "task,worker,label\n1,a,cat\n1,a,dog\n1,a,dog\n2,b,cat\n2,c,\n3,c,\n"
    folder = imported(tmp_path, text, duplicates="all")
    dataset = Dataset.open(folder)
    answers = dataset.answers()
    assert [answers.classes[c] for c in answers.label] == ["cat", "dog", "dog", "cat"]
    assert list(answers.tasks) == ["1", "2", "3"]
    assert dataset.details().abstained().rows() == [("2", "c"), ("3", "c")]
    assert dataset.details().duplicates == "all"
    run("export", folder, "--to", "crowdkit", "-o", tmp_path / "b.csv")
    again = read(tmp_path / "b.csv", duplicates="all")
    assert again.answers.digest() == answers.digest()
    assert again.abstained.rows() == [("2", "c"), ("3", "c")]


def test_changed_answers_are_refused_with_the_way_out(run, tmp_path):
    folder = imported(tmp_path, SOFT, weight_col="confidence")
    answers = folder / "answers.json"
    answers.write_text(json.dumps({"1": {"a": 0, "b": 1, "c": 0}}))
    done = run("aggregate", folder, code=3)
    assert "changed since details.parquet was written" in done.stderr
    metadata = json.loads((folder / "metadata.json").read_text())
    (folder / "metadata.json").write_text(json.dumps({**metadata, "details": None}))
    assert Dataset.open(folder).answers().weight is None


@pytest.mark.parametrize("damage", ["gone", "text", "class", "outside"])
def test_a_damaged_sidecar_is_one_line(tmp_path, damage):
    folder = imported(tmp_path, SOFT, weight_col="confidence")
    path = folder / "details.parquet"
    if damage == "gone":
        path.unlink()
    elif damage == "text":
        path.write_text("no parquet")
    elif damage == "class":
        import polars as pl

        pl.read_parquet(path).with_columns(label=pl.lit(7)).write_parquet(path)
    else:
        metadata = json.loads((folder / "metadata.json").read_text())
        metadata["details"]["file"] = "../details.parquet"
        (folder / "metadata.json").write_text(json.dumps(metadata))
    with pytest.raises(DataError, match=r"details") as caught:
        Dataset.open(folder).answers()
    assert "\n" not in str(caught.value)


ROWS = st.lists(
    st.tuples(st.sampled_from("xyz"), st.sampled_from("abc"), st.sampled_from(["p", "q", ""]),
              st.sampled_from([0.0, 0.25, 1.0])),
    min_size=1, max_size=12,
)  # fmt: skip


@given(rows=ROWS, policy=st.sampled_from(["last", "first", "all"]), weighted=st.booleans())
def test_what_was_read_is_what_the_folder_holds(tmp_path_factory, rows, policy, weighted):
    tmp_path = tmp_path_factory.mktemp("d")
    rows = [("x", "w", "p", 1.0), *rows]
    (tmp_path / "a.csv").write_text(
        "task,worker,label,weight\n" + "".join(",".join(map(str, row)) + "\n" for row in rows)
    )
    extra = {"weight_col": "weight"} if weighted else {}
    known = read(tmp_path / "a.csv", duplicates=policy, **extra)
    write_dataset(known, tmp_path / "d")
    dataset = Dataset.open(tmp_path / "d")
    assert dataset.answers().digest() == known.answers.digest()
    details = dataset.details()
    assert known.abstained.rows() == ([] if details is None else details.abstained().rows())
