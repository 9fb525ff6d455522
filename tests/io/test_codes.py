"""A whole number means a position or a name by its type, and what is written says which."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.examples import examples
from peerannot._no_answer import NO_ANSWER
from peerannot.aggregation import MajorityVote
from peerannot.answers import Answers, gold_labels
from peerannot.dataset import Dataset
from peerannot.errors import DataError, ParameterError
from peerannot.io import Export, export, read, read_answers, write_dataset
from peerannot.io.numbers import one_number
from peerannot.selection import read_truth

WORDS = ["007", "7", "-1", "1.0", "1", "0", "2", "10", "0.5", "1e3", "cat", "Ünï 名", "a,b", "no"]


def table(path: Path, rows: list[tuple[str, str, Any]]) -> Path:
    path.write_text("task,worker,label\n" + "".join(f"{t},{w},{x}\n" for t, w, x in rows))
    return path


def said(answers: Answers) -> dict[tuple[str, str], str]:
    """Names that workers gave, by task and worker."""
    return {
        (answers.tasks[int(t)], answers.workers[int(w)]): answers.classes[int(k)]
        for t, w, k in zip(answers.task, answers.worker, answers.label, strict=True)
    }


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        ([1, 0, 2], ["2", "1", "0"]),
        ([1, 3, 5], None),
        ([0, 2, 0], None),
        ([-1, 1, 0], None),
        (["007", "7", "1.0"], None),
    ],
)
def test_what_is_imported_is_read_again(tmp_path, labels, classes):
    source = read(
        table(tmp_path / "r.csv", [(t, "w", x) for t, x in zip("abc", labels, strict=True)]),
        classes=classes,
    )
    write_dataset(source, tmp_path / "set")
    again = Dataset.open(tmp_path / "set").answers()
    assert again == source.answers
    assert said(again) == {(t, "w"): str(x) for t, x in zip("abc", labels, strict=True)}


def test_the_case_of_swapped_labels(tmp_path, run):
    table(tmp_path / "r0.csv", [("a", "w", 1), ("b", "w", 0), ("c", "w", 2)])
    run("import", "r0.csv", "--to", "D", "--classes", "2,1,0", cwd=tmp_path)
    run("aggregate", "D", "-s", "MV", cwd=tmp_path)
    rows = pl.read_csv(tmp_path / "D/labels/labels_D_MV.csv", infer_schema=False)
    assert rows.select("task", "label").rows() == [("a", "1"), ("b", "0"), ("c", "2")]
    assert json.loads((tmp_path / "D/metadata.json").read_text())["labels"] == "codes"


def as_read(votes: dict[Any, str], classes: Any = ()) -> dict[Any, str]:
    """Names as they are read where only ``classes`` are known: whole numbers alone lose .0."""
    merged = one_number(set(votes.values()), classes)
    return {key: merged.get(label, label) for key, label in votes.items()}


names = st.lists(st.sampled_from(WORDS), min_size=1, max_size=6, unique=True)


@st.composite
def crowds(draw):
    """Class names in some order, and votes for them by task and worker."""
    classes = draw(st.permutations(draw(names)))
    keys = st.tuples(st.sampled_from(["t1", "007", "7", "x y"]), st.sampled_from(["u", "1", "01"]))
    votes = draw(st.dictionaries(keys, st.sampled_from(classes), min_size=1, max_size=9))
    return classes, votes


def sources(folder: Path, votes: dict[tuple[str, str], str]) -> dict[str, Path]:
    """The same votes in every format that holds names."""
    rows = [{"task": t, "worker": w, "label": label} for (t, w), label in votes.items()]
    by_task: dict[str, dict[str, str]] = {}
    by_worker: dict[str, dict[str, str]] = {}
    for (t, w), label in votes.items():
        by_task.setdefault(t, {})[w] = label
        by_worker.setdefault(w, {})[t] = label
    files = {name: folder / name for name in ("v.csv", "v.parquet", "v.ndjson", "v.json", "w.json")}
    frame = pl.DataFrame(rows, schema=dict.fromkeys(("task", "worker", "label"), pl.String))
    frame.write_csv(files["v.csv"])
    frame.write_parquet(files["v.parquet"])
    files["v.ndjson"].write_text("".join(json.dumps(row) + "\n" for row in rows))
    files["v.json"].write_text(json.dumps(by_task))
    files["w.json"].write_text(json.dumps(by_worker))
    return files


def read_any(path: Path, classes: Any) -> Any:
    # One line of NDJSON alone looks like a JSON object, and no file says that workers stand first.
    known = {"v.ndjson": "ndjson", "w.json": "worker-first"}
    return read(path, classes=classes, format=known.get(path.name))


@examples(40)
@given(crowds(), st.booleans())
def test_import_read_and_export_keep_every_name(crowd, listed):
    classes, votes = crowd
    wanted = classes if listed else None
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file in sources(folder, votes).values():
            imported = read_any(file, wanted)
            assert said(imported.answers) == (votes if listed else as_read(votes))
            if listed:
                assert list(imported.answers.classes) == classes
            home = folder / f"set-{file.name}"
            write_dataset(imported, home)
            again = Dataset.open(home).answers()
            assert again == imported.answers
            result = MajorityVote().fit(again)
            for task, code in zip(result.tasks, result.labels.tolist(), strict=True):
                votes_of = [label for (t, _), label in said(again).items() if t == task]
                assert votes_of.count(result.classes[code]) == max(map(votes_of.count, votes_of))
            back_and_forth(again, folder / file.name.replace(".", "-"))


def back_and_forth(answers: Answers, folder: Path) -> None:
    """Every export that holds all votes reads back to the same answers."""
    folder.mkdir()
    known = list(answers.classes)
    for ending in ("csv", "parquet"):
        export(Export(answers), folder / f"x.{ending}", "table")
        assert read_answers(folder / f"x.{ending}", classes=known) == answers
    for to in ("answers-json", "worker-first"):
        for meaning in ("codes", "names"):
            file = folder / f"{to}-{meaning}.json"
            export(Export(answers), file, to, labels=meaning)
            assert read_answers(file, format=to, classes=known, labels=meaning) == answers
            if meaning == "names":
                assert said(read_answers(file, format=to)) == as_read(said(answers))


def test_numbers_of_json_are_positions_and_texts_names(tmp_path):
    (tmp_path / "codes.json").write_text('{"a": {"w": 1}, "b": {"w": 0}, "c": {"w": 2}}')
    (tmp_path / "names.json").write_text('{"a": {"w": "1"}, "b": {"w": "0"}, "c": {"w": "2"}}')
    names = ["2", "1", "0"]
    with pytest.raises(DataError, match=r"task 'b', worker 'w': label 0 .* of class '2'; give"):
        read_answers(tmp_path / "codes.json", classes=names)
    positions = read_answers(tmp_path / "codes.json", classes=names, labels="codes")
    assert said(positions)[("b", "w")] == "2"
    assert said(read_answers(tmp_path / "names.json", classes=names))[("b", "w")] == "0"
    for labels, file in (("names", "codes.json"), (None, "codes.json")):
        numbers = read_answers(tmp_path / file, classes=[2, 1, 0], labels=labels)
        assert said(numbers)[("b", "w")] == "0"
    with pytest.raises(ParameterError, match="codes or names"):
        read_answers(tmp_path / "codes.json", labels="both")


@pytest.mark.parametrize("kind", ["json", "npy", "txt", "several"])
def test_numbers_that_may_be_positions_or_names_are_asked_about(tmp_path, kind):
    path: Any = tmp_path / f"v.{kind}"
    if kind == "npy":
        np.save(path, [[1, 1], [4, 4]])
    elif kind == "txt":
        path.write_text("1 1 -1\n4 4 -1\n")
    else:
        path.write_text('{"0": {"x": 1, "y": 1}, "1": {"x": 4, "y": 4}}')
    if kind == "several":
        path = [path, table(tmp_path / "more.csv", [("0", "z", 1)])]
    with pytest.raises(DataError, match=r"label 1 may be .*; give --labels codes or --labels nam"):
        read(path, classes=list("12345"))
    for labels, found in (("codes", "25"), ("names", "14")):
        answers = read_answers(path, classes=list("12345"), labels=labels)
        assert [answers.classes[k] for k in np.unique(answers.label)[-2:]] == list(found)
    # Position and name are one: no question, nothing to say. Words: positions, which is said.
    if kind != "several":
        assert "labels" not in read(path, classes=list("01234")).report.guessed
        assert read(path, classes=list("abcde")).report.guessed["labels"] == "codes"


def test_positions_that_nobody_gave_are_classes_and_said(tmp_path):
    (tmp_path / "v.json").write_text('{"a": {"w": 4}, "b": {"w": 1}}')
    found = read(tmp_path / "v.json")
    assert list(found.answers.classes) == list("01234")
    assert "--labels names" in found.report.notes[0]
    named = read(tmp_path / "v.json", labels="names")
    assert list(named.answers.classes) == ["1", "4"]
    assert named.report.notes == ()
    (tmp_path / "ids.json").write_text('{"a": {"w": 4000000000}, "b": {"w": 1}}')
    with pytest.raises(DataError, match=r"would make 4000000001 classes, of which 2 occur"):
        read(tmp_path / "ids.json")
    assert list(read_answers(tmp_path / "ids.json", labels="names").classes) == ["1", "4000000000"]


def test_a_mixture_of_numbers_and_names_is_refused(tmp_path):
    (tmp_path / "v.json").write_text('{"a": {"w": "cat"}, "b": {"w": 1}}')
    with pytest.raises(DataError, match=r"task 'b', worker 'w': label 1 is a number where others"):
        read(tmp_path / "v.json", classes=["cat", "dog"])
    assert set(read_answers(tmp_path / "v.json", labels="names").classes) == {"1", "cat"}
    rows = table(tmp_path / "v.csv", [("a", "w", "cat"), ("b", "w", 1)])
    with pytest.raises(DataError, match=r"v.csv line 3: label '1' is not one of cat, dog"):
        read(rows, classes=["cat", "dog"])
    with pytest.raises(DataError, match="label 1 is a number and label 'cat' a name"):
        Answers.from_arrays(["a", "b"], ["w", "w"], ["cat", 1], classes=["cat", "dog"])


def test_cells_are_positions_only_where_no_class_is_a_number(tmp_path):
    rows = table(tmp_path / "v.csv", [("a", "w", 1), ("b", "w", 0)])
    found = read(rows, classes=["cat", "dog"])
    assert said(found.answers) == {("a", "w"): "dog", ("b", "w"): "cat"}
    assert found.report.guessed["labels"] == "codes"
    assert any("labels=codes" in line for line in found.report.notes)
    assert "labels" not in read(rows, classes=2).report.guessed
    assert said(read_answers(rows, classes=["1", "0"]))[("a", "w")] == "1"
    assert said(read_answers(rows, classes=["1", "0"], labels="codes"))[("a", "w")] == "0"
    with pytest.raises(DataError, match="label '1' is not one of cat, dog"):
        read(rows, classes=["cat", "dog"], labels="names")
    with pytest.raises(DataError, match=r"label '1' is not one of 0.5, 1.5"):
        read(rows, classes=["0.5", "1.5"])


def test_published_folders_of_labels_from_1_say_the_two_ways_out(tmp_path):
    (tmp_path / "answers.json").write_text('{"0": {"0": 1, "1": 4}, "1": {"0": 2}}')
    facts = {"name": "k", "n_classes": 4}
    (tmp_path / "metadata.json").write_text(json.dumps(facts))
    with pytest.raises(DataError) as caught:
        Dataset.open(tmp_path).answers()
    assert '"labels": "names"' in str(caught.value)
    assert "--labels names" in str(caught.value)
    facts |= {"class_names": ["4", "3", "2", "1"], "labels": "names"}
    (tmp_path / "metadata.json").write_text(json.dumps(facts))
    answers = Dataset.open(tmp_path).answers()
    assert said(answers) == {("0", "0"): "1", ("0", "1"): "4", ("1", "0"): "2"}
    (tmp_path / "metadata.json").write_text(json.dumps(facts | {"labels": "both"}))
    with pytest.raises(DataError, match='labels must be "codes" or "names"'):
        Dataset.open(tmp_path).answers()


def test_in_python_the_type_of_the_classes_says_what_an_int_is():
    rows = (["a", "b"], ["w", "w"], [2, 0])
    assert said(Answers.from_arrays(*rows, classes=[2, 1, 0]))[("a", "w")] == "2"
    assert said(Answers.from_arrays(*rows, classes=np.array([2, 1, 0])))[("a", "w")] == "2"
    assert said(Answers.from_arrays(*rows, classes=["2", "1", "0"]))[("a", "w")] == "0"
    assert said(Answers.from_arrays(*rows, classes=3))[("a", "w")] == "2"
    assert list(Answers.from_arrays(*rows).classes) == ["0", "2"]
    halves = Answers.from_arrays(*rows[:2], [0.5, 1.0], classes=[1.0, 0.5])
    assert said(halves) == {("a", "w"): "0.5", ("b", "w"): "1"}


def test_gold_by_the_same_rule(tmp_path):
    answers = Answers.from_arrays(["a", "b", "c"], ["w"] * 3, ["2", "1", "0"], classes=list("210"))
    (tmp_path / "codes.json").write_text('{"a": 0, "b": 1, "c": 2}')
    (tmp_path / "names.json").write_text('{"a": "0", "b": "1", "c": "2"}')
    (tmp_path / "names.csv").write_text("task,label\na,0\nb,1\nc,2\n")
    np.save(tmp_path / "codes.npy", [0, 1, 2])
    for name, codes in (
        ("codes.json", [0, 1, 2]),
        ("codes.npy", [0, 1, 2]),
        ("names.json", [2, 1, 0]),
        ("names.csv", [2, 1, 0]),
    ):
        said = "codes" if name.startswith("codes") else None
        assert read_truth(tmp_path / name, answers, labels=said).codes.tolist() == codes
    for name in ("codes.json", "codes.npy"):
        with pytest.raises(DataError, match=r"label 0 may be the name .* give --labels codes or"):
            read_truth(tmp_path / name, answers)
        named = read_truth(tmp_path / name, answers, labels="names")
        assert named.codes.tolist() == [2, 1, 0]
    pets = Answers.from_arrays(["a", "b"], ["w"] * 2, ["cat", "dog"])
    (tmp_path / "p.csv").write_text("task,label\na,1\nb,0\n")
    assert read_truth(tmp_path / "p.csv", pets).codes.tolist() == [1, 0]
    (tmp_path / "p.csv").write_text("task,label\na,1\nb,dog\n")
    with pytest.raises(DataError, match="line 2: label '1' is not one of cat, dog"):
        read_truth(tmp_path / "p.csv", pets)
    assert gold_labels(answers, {"a": "2"}).tolist() == [0, -1, -1]
    # In Python an int that is the name of another class could be meant either way.
    with pytest.raises(DataError, match="may be the class '2' or the one at position 2"):
        gold_labels(answers, {"a": 2})


def test_gold_of_a_folder_by_its_types(tmp_path, run):
    table(tmp_path / "r.csv", [("a", "w", 1), ("b", "w", 0), ("c", "w", 2)])
    run("import", "r.csv", "--to", "D", "--classes", "2,1,0", cwd=tmp_path)
    for gold in ({"a": "1", "b": "0", "c": "2"}, {"a": 1, "b": 2, "c": 0}):
        (tmp_path / "D/gold.json").write_text(json.dumps(gold))
        done = run("compare", "D", "-s", "MV", "--json", cwd=tmp_path)
        assert json.loads(done.stdout)["results"][0]["scores"]["accuracy"] == 1


def test_updates_hold_positions_in_json_and_names_in_tables(tmp_path, run):
    table(tmp_path / "r.csv", [("a", "w", 1), ("b", "w", 0), ("c", "w", 2)])
    table(tmp_path / "more.csv", [("d", "w", 2), ("d", "v", 2)])
    (tmp_path / "more.json").write_text('{"e": {"w": 2, "v": 2}}')
    run("import", "r.csv", "--to", "D", "--classes", "2,1,0", cwd=tmp_path)
    run("aggregate", "D", "-s", "MV", "--save-state", cwd=tmp_path)
    update = ("aggregate", "D", "-s", "MV", "--update")
    run(*update, "more.csv", cwd=tmp_path)
    assert "--labels codes or" in run(*update, "more.json", cwd=tmp_path, code=3).stderr
    run(*update, "more.json", "--labels", "codes", cwd=tmp_path)
    rows = pl.read_csv(tmp_path / "D/labels/labels_D_MV.csv", infer_schema=False)
    assert dict(rows.select("task", "label").rows()) == {
        "a": "1", "b": "0", "c": "2", "d": "2", "e": "0",
    }  # fmt: skip


def test_names_of_classes_stand_beside_exported_positions(tmp_path, run):
    table(tmp_path / "r.csv", [("a", "w", "dog"), ("b", "w", "cat")])
    done = run("export", "r.csv", "--to", "answers-json", "-o", "x.json", cwd=tmp_path)
    assert "their names are in x.json.classes.json" in done.stderr
    back = ("aggregate", "x.json", "--classes", "x.json.classes.json")
    assert run(*back, cwd=tmp_path).stdout == run("aggregate", "r.csv", cwd=tmp_path).stdout


def test_counted_classes_from_one_are_told_how_to_be_named(tmp_path):
    rows = table(tmp_path / "r.csv", [(str(i), "w", i) for i in range(1, 6)])
    with pytest.raises(DataError, match=r"not in 0..4; if .* name them: --classes 1,2,3,4,5$"):
        read(rows, classes=5)
    (tmp_path / "v.json").write_text('{"a": {"x": 1, "y": 5}}')
    with pytest.raises(DataError, match=r"--classes 1,2,3,4,5 --labels names$"):
        read(tmp_path / "v.json", classes=5)
    assert read(rows, classes=list("12345")).answers.n_classes == 5


@pytest.mark.parametrize("to", ["text-matrix", "cleanlab", "answers-json", "worker-first"])
def test_an_export_of_positions_says_how_to_read_it_back(tmp_path, run, to):
    table(tmp_path / "r.csv", [("0", "0", 1), ("1", "0", 0), ("2", "0", 2)])
    run("import", "r.csv", "--to", "Q", "--classes", "2,1,0", cwd=tmp_path)
    out = "x" + {"text-matrix": ".txt", "cleanlab": ".csv"}.get(to, ".json")
    done = run("export", "Q", "--to", to, "-o", out, cwd=tmp_path)
    way = f"--classes {out}.classes.json --labels codes"
    assert f"read back with {way}" in done.stderr
    bare = run("aggregate", out, "--format", to, cwd=tmp_path)
    assert f"which were not read; give --classes {out}.classes.json --labels codes" in " ".join(
        bare.stderr.split()
    )
    back = run("aggregate", out, "--format", to, *way.split(), cwd=tmp_path)
    assert [line.split(",")[1] for line in back.stdout.splitlines()[1:4]] == ["1", "0", "2"]
    assert "not read" not in back.stderr


assert not NO_ANSWER & set(WORDS)
