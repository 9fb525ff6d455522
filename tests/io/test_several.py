"""Several exports of one crowd: read as one, and added to a dataset that is there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from helpers.exports import annotation, cvat
from peerannot.dataset import Dataset
from peerannot.errors import DataError, ParameterError
from peerannot.io import read, write_dataset


@pytest.fixture
def put(tmp_path):
    def write(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def rows(imported) -> list[tuple[str, str, str]]:
    a = imported.answers
    return [(a.tasks[t], a.workers[w], a.classes[c])
            for t, w, c in zip(a.task, a.worker, a.label, strict=True)]  # fmt: skip


def test_formats_may_differ_and_a_worker_is_named_for_each(put):
    table = put("a.csv", "item,worker,label\n1,ann,cat\n2,ann,dog\n")
    studio = put("b.json", json.dumps(
        [{"id": 1, "data": {}, "annotations": [annotation("bob", "dog")]}]))  # fmt: skip
    got = read([table, studio], task_col="item")
    assert rows(got) == [("1", "ann", "cat"), ("1", "bob", "dog"), ("2", "ann", "dog")]
    assert got.report.format == "table, label-studio"
    assert "1 of 2 tasks in several" in got.report.notes[0]
    one, two = put("1.xml", cvat("", ("a", "cat"))), put("2.xml", cvat("", ("a", "dog")))
    assert rows(read([one, two], worker=["x", "y"])) == [("a", "x", "cat"), ("a", "y", "dog")]
    with pytest.raises(ParameterError, match="2 workers for 3 sources"):
        read([one, two, table], worker=["x", "y"])
    with pytest.raises(ParameterError, match="none of cvat has an option 'colour'"):
        read([one, two], worker="x", colour="red")
    with pytest.raises(ParameterError, match="a source is given twice"):
        read([one, one])


def test_the_later_source_is_the_later_answer(put):
    first, second = put("a.csv", "task,worker,label\n1,x,old\n"), put("b.csv", "task,worker,label\n1,x,new\n")  # fmt: skip  # noqa: E501
    assert rows(read([first, second])) == [("1", "x", "new")]
    assert rows(read([first, second], duplicates="first")) == [("1", "x", "old")]
    message = r"b\.csv line 2: worker 'x' gave 'new' to task '1', but 'old' at .*a\.csv line 2"
    with pytest.raises(DataError, match=message):
        read([first, second], duplicates="error")
    timed = put("c.csv", "task,worker,label,at\n1,x,timed,2024-01-01\n")
    again = put("d.csv", "task,worker,label,at\n1,x,older,2023-01-01\n")
    assert rows(read([timed, again], time_col="at")) == [("1", "x", "timed")]


def test_positions_and_names_meet_by_the_classes(put):
    names = put("a.csv", "task,worker,label\n1,x,dog\n")
    codes = put("b.json", json.dumps({"1": {"y": 1}, "2": {"y": 0}}))
    with pytest.raises(DataError, match=r"b\.json: labels are positions .*--classes"):
        read([names, codes])
    got = read([names, codes], classes=["cat", "dog"])
    assert rows(got) == [("1", "x", "dog"), ("1", "y", "dog"), ("2", "y", "cat")]
    more = put("c.json", json.dumps({"3": {"y": 2}}))
    assert [c for *_, c in rows(read([codes, more]))] == ["1", "0", "2"]
    with pytest.raises(DataError, match=r"c\.json: task '3', worker 'y': label 2 is not in 0\.\.1"):
        read([names, more], classes=["cat", "dog"])


def test_known_labels_that_contradict_are_refused(put):
    a = put("a.csv", "task,worker,label,gold\n1,x,cat,cat\n2,x,dog,dog\n")
    b = put("b.csv", "task,worker,label,gold\n1,y,dog,dog\n2,y,dog,dog\n")
    with pytest.raises(DataError, match=r"b\.csv: task '1' has the gold label 'dog', but 'cat' in"):
        read([a, b])


def test_append_keeps_positions_weights_and_keys(run, put, tmp_path):
    first = put("a.csv", "task,worker,label,w\n1,ann,dog,0.5\n2,ann,elk,1\n2,zoe,,1\n")
    later = put("b.csv", "task,worker,label,w\n2,bob,ant,0.25\n3,bob,dog,1\n")
    home = tmp_path / "d"
    run("import", first, "--to", home, "--weight-col", "w")
    done = run("import", later, "--to", home, "--append", "--weight-col", "w", "--json")
    assert "1 labels are none of the 2 classes, and are put after them: ant" in done.stderr
    assert json.loads(done.stdout)["classes"] == ["dog", "elk", "ant"]
    dataset = Dataset.open(home)
    assert dataset.answers().weight.tolist() == [0.5, 1.0, 0.25, 1.0]
    assert dataset.details().abstained().rows() == [("2", "zoe")]
    assert json.loads((home / "answers.json").read_text()) == {
        "1": {"ann": 0}, "2": {"ann": 1, "bob": 2}, "3": {"bob": 0}}  # fmt: skip
    refused = run("import", later, "--to", home, "--append", "--classes", "ant,dog,elk", code=2)
    assert "has dog, elk, ant; name these first" in refused.stderr
    assert run("import", later, "--to", tmp_path / "no", "--append", code=2).stderr.count(
        "no dataset to add to") == 1  # fmt: skip
    assert not (tmp_path / "no").exists()


def test_append_is_the_same_as_all_at_once(put, tmp_path):
    a = put("a.csv", "task,worker,label\n1,x,b\n1,x,a\n2,y,a\n")
    b = put("b.csv", "task,worker,label\n2,x,a\n3,y,b\n")
    for policy in ("last", "all"):
        home = tmp_path / policy
        write_dataset(read(a, duplicates=policy), home)
        write_dataset(read([home, b]), home, append=True)
        assert rows(read(home)) == rows(read([a, b], duplicates=policy))


def test_images_and_their_keys_stay(run, put, tmp_path):
    for name in ("x-1.png", "y.png"):
        Image.new("RGB", (4, 4)).save(tmp_path / name)
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    (tmp_path / "x-1.png").rename(pictures / "x-1.png")
    home = tmp_path / "d"
    run("import", put("a.csv", "task,worker,label\nx-1.png,w,cat\n"), "--to", home, "--images", pictures)  # fmt: skip  # noqa: E501
    before = sorted(p.relative_to(home) for p in home.glob("train/*/*"))
    run("import", put("b.csv", "task,worker,label\nx-1.png,v,cat\n"), "--to", home, "--append")
    assert sorted(p.relative_to(home) for p in home.glob("train/*/*")) == before
    (tmp_path / "y.png").rename(pictures / "y.png")
    later = put("c.csv", "task,worker,label\na.b,w,cat\ny.png,w,dog\n")
    done = run("import", later, "--to", home, "--append", "--images", pictures)
    assert "1 tasks have none" in done.stderr
    assert set(before) < {p.relative_to(home) for p in home.glob("train/*/*")}
    assert rows(read(home)) == [
        ("a.b", "w", "cat"), ("x-1.png", "v", "cat"), ("x-1.png", "w", "cat"), ("y.png", "w", "dog")
    ]  # fmt: skip


def test_a_dataset_is_a_source_with_all_that_it_holds(put, tmp_path):
    text = "task,worker,label,gold,w\na b,x,cat,cat,0.5\na b,y,dog,cat,1\nc-d,x,dog,,1\nc-d,y,,,1\n"
    known = read(put("a.csv", text), weight_col="w")
    Image.new("RGB", (4, 4)).save(tmp_path / "a b.png")
    folder = write_dataset(known, tmp_path / "d", images=tmp_path)
    assert folder.numbered
    again = read(tmp_path / "d")
    assert again.report.format == "dataset"
    assert again.answers.digest() == known.answers.digest()
    assert again.gold == known.gold == {"a b": "cat"}
    assert again.abstained.rows() == known.abstained.rows() == [("c-d", "y")]
