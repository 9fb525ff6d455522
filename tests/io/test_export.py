"""``peerannot export``: what is written reads back, and other tools can take it."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from helpers.examples import examples
from peerannot._no_answer import is_no_answer
from peerannot.aggregation import build
from peerannot.answers import Answers
from peerannot.errors import ParameterError
from peerannot.io import WRITERS, Export, export, read, read_answers

ROWS = [("1", "ann", "cat"), ("1", "bob", "dog"), ("2", "ann", "dog"), ("10", "bob", "cat")]
ANSWERS = Answers.from_arrays(*zip(*ROWS, strict=True))
RESULT = build("MV[ties=abstain]").fit(ANSWERS)
JOB = Export(ANSWERS, RESULT, name="animals")
OUTPUTS = {
    "crowdkit": "out.csv", "cleanlab": "out.csv", "answers-json": "out.json",
    "worker-first": "out.json", "text-matrix": "out.txt", "label-studio": "out.json",
    "coco": "out.json", "huggingface": "out", "imagefolder": "out",
}  # fmt: skip


def test_every_writer_is_tested():
    assert set(OUTPUTS) == set(WRITERS)


@pytest.mark.parametrize("name", ["out.csv", "out.tsv", "out.parquet"])
def test_long_table_round_trip(tmp_path, name):
    assert export(JOB, tmp_path / name, "crowdkit") == []
    assert read_answers(tmp_path / name) == ANSWERS


@pytest.mark.parametrize("name", ["answers-json", "worker-first"])
def test_mapping_round_trip(tmp_path, name):
    export(JOB, tmp_path / "o.json", name)
    assert read_answers(tmp_path / "o.json", format=name, classes=["cat", "dog"]) == ANSWERS


def test_cleanlab_round_trip_and_what_it_refuses(tmp_path):
    lonely = Answers.from_arrays(
        ["1", "2"], ["ann", "ann"], ["cat", "dog"], tasks=["1", "2", "3"], workers=["ann", "eve"]
    )
    job = Export(lonely, build("MV").fit(lonely))
    notes = export(job, tmp_path / "o.csv", "cleanlab")
    assert notes[:2] == ["1 tasks without answers left out", "1 workers without answers left out"]
    assert "--labels codes" in notes[2]
    assert len(notes) == 3
    assert (tmp_path / "o.csv").read_text() == "task,ann\n1,0\n2,1\n"
    assert json.loads((tmp_path / "o.csv.classes.json").read_text()) == ["cat", "dog"]
    assert np.load(tmp_path / "o.csv.pred_probs.npy").tolist() == [[1, 0], [0, 1]]
    export(JOB, tmp_path / "p.csv", "cleanlab")
    again = read_answers(tmp_path / "p.csv", format="cleanlab", classes=["cat", "dog"])
    assert again == ANSWERS
    huge = Answers.from_arrays([0], [0], [0], tasks=map(str, range(20_000)),
                               workers=map(str, range(20_000)), classes=1)  # fmt: skip
    with pytest.raises(ParameterError, match="dense matrix: 20000 tasks x 20000 workers"):
        export(Export(huge), tmp_path / "q.csv", "cleanlab")


def test_text_matrix_round_trip(tmp_path):
    numbers = Answers.from_arrays([0, 0, 1], [0, 1, 1], [2, 0, 1], classes=3)
    export(Export(numbers), tmp_path / "o.txt", "text-matrix")
    assert (tmp_path / "o.txt").read_text() == "2 0\n-1 1\n"
    assert read_answers(tmp_path / "o.txt", classes=3) == numbers


def test_label_studio_predictions(tmp_path):
    job = Export(ANSWERS, RESULT, original={"10": "77"}, sources={"1": "/data/a.png"})
    notes = export(job, tmp_path / "o.json", "label-studio", control="kind")
    assert notes == ["1 undecided tasks have no label"]
    first, second, third = json.loads((tmp_path / "o.json").read_text())
    assert first == {"id": 1, "data": {"image": "/data/a.png"}, "predictions": []}
    assert third["id"] == 77
    assert second["predictions"] == [
        {
            "model_version": "peerannot majority-vote",
            "score": 1.0,
            "result": [
                {
                    "from_name": "kind", "to_name": "image", "type": "choices",
                    "value": {"choices": ["dog"]},
                }
            ],
        }
    ]  # fmt: skip


def test_label_studio_gets_back_the_names_that_it_has(run, tmp_path):
    def answer(who, stars):
        value = {"rating": stars}
        given = {"from_name": "q", "to_name": "pic", "type": "rating", "value": value}
        return {"completed_by": who, "result": [given]}

    tasks = [
        {
            "id": n,
            "data": {"photo": f"/data/upload/{n}.png"},
            "annotations": [answer(1, n % 3 + 1), answer(2, n % 3 + 1)],
        }
        for n in (7, 8)
    ]
    (tmp_path / "ls.json").write_text(json.dumps(tasks))
    run("import", "ls.json", "--to", "set", cwd=tmp_path)
    for name, source in (("of_set", "set"), ("of_file", "ls.json")):
        run("export", source, "--to", "label-studio", "-o", f"{name}.json", cwd=tmp_path)
        first, _ = json.loads((tmp_path / f"{name}.json").read_text())
        assert first["predictions"][0]["result"] == [
            {"from_name": "q", "to_name": "pic", "type": "rating", "value": {"rating": 2}}
        ]
    assert json.loads((tmp_path / "of_set.json").read_text())[0]["data"] == {
        "photo": "/data/upload/7.png"
    }
    # Adding answers of another tool keeps what is known of the question.
    (tmp_path / "more.csv").write_text("task,worker,label\n7,3,2\n")
    run("import", "more.csv", "--to", "set", "--append", cwd=tmp_path)
    run("export", "set", "--to", "label-studio", "-o", "n.json", "-P", "form=predictions",
        cwd=tmp_path)  # fmt: skip
    one, two = json.loads((tmp_path / "n.json").read_text())
    assert (one["task"], two["task"]) == (7, 8) and one["result"][0]["from_name"] == "q"
    assert set(one) == {"task", "model_version", "score", "result"}


def test_coco(tmp_path):
    export(JOB, tmp_path / "o.json", "coco")
    document = json.loads((tmp_path / "o.json").read_text())
    assert [c["name"] for c in document["categories"]] == ["cat", "dog"]
    assert [i["file_name"] for i in document["images"]] == ["1", "2", "10"]
    assert [(a["image_id"], a["category_id"]) for a in document["annotations"]] == [(1, 1), (2, 0)]


def test_hugging_face_round_trip_with_names(tmp_path):
    export(JOB, tmp_path / "hub", "huggingface")
    again = read(tmp_path / "hub")
    assert again.report.format == "huggingface"
    assert again.answers == ANSWERS
    assert list(again.answers.classes) == ["cat", "dog"]
    frame = pl.read_parquet(tmp_path / "hub" / "data")
    assert frame["label"].to_list() == [-1, 1, 0]
    assert frame["probabilities"].to_list() == RESULT.dense_posterior().tolist()
    card = (tmp_path / "hub" / "README.md").read_text()
    assert "class_label" in card
    assert "'1': \"dog\"" in card


def test_image_folder(tmp_path):
    files = {}
    for task in ("1", "2"):
        files[task] = tmp_path / f"x-{task}.png"
        files[task].write_bytes(task.encode())
    notes = export(Export(ANSWERS, RESULT, files), tmp_path / "o", "imagefolder")
    assert notes == ["1 tasks without an image left out", "1 undecided tasks have no label"]
    assert sorted(str(p.relative_to(tmp_path / "o")) for p in (tmp_path / "o").rglob("*")) == [
        ".peerannot.json", "cat", "dog", "dog/x-2.png",
    ]  # fmt: skip
    export(Export(ANSWERS, RESULT, files), tmp_path / "l", "imagefolder", link=True)
    assert (tmp_path / "l" / "dog" / "x-2.png").is_symlink()
    with pytest.raises(ParameterError, match="images in train/"):
        export(JOB, tmp_path / "n", "imagefolder")


@pytest.mark.parametrize("name", OUTPUTS)
def test_never_overwrites_without_force_and_is_deterministic(tmp_path, name):
    picture = tmp_path / "x-2.png"
    picture.write_bytes(b"2")
    job = Export(ANSWERS, RESULT, {"2": picture})
    output = tmp_path / OUTPUTS[name]
    export(job, output, name)

    def content():
        files = (
            [output] if output.is_file() else sorted(p for p in output.rglob("*") if p.is_file())
        )
        return {p: p.read_bytes() for p in files}

    first = content()
    assert first
    with pytest.raises(ParameterError, match="--force"):
        export(job, output, name)
    export(job, output, name, force=True)
    assert content() == first


def test_faults(tmp_path):
    with pytest.raises(ParameterError, match="unknown export format 'coko'; did you mean 'coco'"):
        export(JOB, tmp_path / "o", "coko")
    with pytest.raises(ParameterError, match=r"must end in \.json"):
        export(JOB, tmp_path / "o.txt", "coco")
    with pytest.raises(ParameterError, match="give a result"):
        export(Export(ANSWERS), tmp_path / "o.json", "coco")
    with pytest.raises(ParameterError, match="no option 'controll'"):
        export(JOB, tmp_path / "o.json", "label-studio", controll="x")


ids = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=4)
labels = ids.filter(lambda text: not is_no_answer(text))
tables = st.lists(
    st.tuples(ids, ids, labels), min_size=1, max_size=8, unique_by=lambda row: row[:2]
)


@examples(
    50,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(tables, st.sampled_from(["o.csv", "o.tsv", "o.parquet"]))
def test_any_text_survives_a_long_table(tmp_path, table, name):
    answers = Answers.from_arrays(*zip(*table, strict=True))
    export(Export(answers), tmp_path / name, "crowdkit", force=True)
    assert read_answers(tmp_path / name, format="table") == answers


def test_command(tmp_path, run):
    (tmp_path / "votes.csv").write_text(
        "task,worker,label\n" + "".join(f"{t},{w},{y}\n" for t, w, y in ROWS)
    )
    run("export", "votes.csv", "--to", "crowdkit", "-o", "out.parquet", cwd=tmp_path)
    assert read_answers(tmp_path / "out.parquet") == ANSWERS
    pictures = tmp_path / "p"
    pictures.mkdir()
    for task in ("1", "2", "10"):
        (pictures / f"{task}.png").write_bytes(task.encode())
    run("import", "votes.csv", "--to", "set", "--images", "p", cwd=tmp_path)
    run("export", "set", "--to", "imagefolder", "-o", "tree", "-s", "DS", cwd=tmp_path)
    assert (tmp_path / "tree" / "dog" / "2-2.png").read_bytes() == b"2"
    done = run("export", "set", "--to", "label-studio", "-o", "ls.json", "--json", cwd=tmp_path)
    assert json.loads(done.stdout)["strategy"] == "majority-vote"
    assert len(json.loads((tmp_path / "ls.json").read_text())) == 3
    run("export", "set", "--to", "coco", "-o", "ls.json", cwd=tmp_path, code=2)
