"""The numbers of a report against slow calculations, and what it does with odd data."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from helpers.pages import document_of, write_votes
from peerannot import Answers, aggregate
from peerannot.dataset import Dataset
from peerannot.errors import DataError, ParameterError
from peerannot.report import ReportSource, facts, read_source, render
from peerannot.report._numbers import bars
from peerannot.report._thumbs import thumbnails
from peerannot.selection import choose


def source_of(root: Path, *strategies: str, **options) -> ReportSource:
    return read_source(Dataset.open(root), strategies=strategies or ("MV", "DS"), **options)


def test_numbers_by_hand(crowd_folder):
    root = crowd_folder(n_tasks=40)
    source = source_of(root, "MV", "DS", main="MV")
    document = facts(source)
    votes = json.loads((root / "answers.json").read_text())
    truth = np.load(root / "ground_truth.npy")
    labels = aggregate(source.answers, "MV").labels
    assert document["totals"]["accuracy"] == pytest.approx((labels == truth).mean(), abs=1e-4)
    assert document["totals"]["unanimous"] == sum(len(set(v.values())) == 1 for v in votes.values())
    workers = document["workers"]
    for place, worker in enumerate(workers["id"]):
        mine = [(int(t), v[worker]) for t, v in votes.items() if worker in v]
        right = sum(labels[t] == said for t, said in mine)
        assert workers["answers"][place] == len(mine)
        assert workers["agreement"][place] == pytest.approx(right / len(mine), abs=1e-3)
        cells = np.array(workers["confusion"][place]).reshape(-1, 3)
        assert {(a, b): n for a, b, n in cells.tolist()} == {
            pair: [(labels[t], s) for t, s in mine].count(pair)
            for pair in {(int(labels[t]), s) for t, s in mine}
        }
    tasks = document["tasks"]
    for place, task in enumerate(tasks["id"]):
        pairs = np.array(tasks["votes"][place]).reshape(-1, 2)
        assert {workers["id"][w]: label for w, label in pairs.tolist()} == votes[task]
    cells = np.array(document["confusion"]["cells"]).reshape(-1, 3)
    assert cells[:, 2].sum() == 160
    by = {s["name"]: s for s in document["strategies"]}
    dawid = aggregate(source.answers, "DS").labels
    assert by["DS"]["changed"] == (dawid != labels).sum()
    assert document["strategy_agreement"][0][1] == pytest.approx((dawid == labels).mean(), abs=1e-4)


def test_bad_worker_is_flagged_and_first(crowd_folder):
    document = facts(source_of(crowd_folder(n_tasks=200)))
    assert document["workers"]["id"][0] == "w5"
    assert "near-chance" in document["workers"]["flags"][0]
    assert document["totals"]["flagged"] == 1


def test_one_class_worker_is_flagged():
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 4, 120)
    rows = [(t, w, truth[t] if w else 2) for t in range(120) for w in range(4)]
    answers = Answers.from_arrays(*zip(*rows, strict=True), classes=4)
    results = {"MV": aggregate(answers, "MV")}
    workers = facts(ReportSource("x", answers, results, "MV"))["workers"]
    assert "one-class" in dict(zip(workers["id"], workers["flags"], strict=True))["0"]
    assert not any(workers["flags"][1:])


def test_same_bytes(crowd_folder):
    root = crowd_folder(images=True)
    assert render(source_of(root)) == render(source_of(root))


def test_worst_first_and_said_so(crowd_folder):
    root = crowd_folder(n_tasks=60)
    source = source_of(root)
    page = render(source, n_tasks=7)
    document = document_of(page)
    entropy = np.sort(source.result.entropy)[::-1]
    assert document["tasks"]["entropy"] == pytest.approx(entropy[:7], abs=1e-3)
    assert b"The 7 most uncertain of 60 tasks" in page
    assert b"Every task" in render(source)


def test_default_labels_by_the_number_of_answers(crowd_folder):
    few = read_source(Dataset.open(crowd_folder(n_tasks=8, k=5)))
    assert few.main == "glad"
    assert "are few" in few.why_main
    many = read_source(Dataset.open(crowd_folder(n_tasks=60, k=2)))
    assert many.main == "dawid-skene"
    assert source_of(crowd_folder(), "MV", main="MV").main == "MV"
    auto = source_of(crowd_folder(), "MV", "DS", main="auto")
    assert auto.main == choose(auto.answers, ["MV", "DS"])
    assert "held-out" in auto.why_main


@pytest.mark.parametrize("k", [2, 100])
def test_few_and_many_classes(crowd_folder, k):
    document = document_of(render(source_of(crowd_folder(n_tasks=150, k=k))))
    assert len(document["classes"]) == k
    assert len(document["confusion"]["classes"]) == min(k, 24)
    assert len(document["balance"]["answers"]) == k
    assert sum(document["balance"]["answers"]) == pytest.approx(1, abs=1e-2)


def test_very_many_tasks():
    n = 100_000
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 10, n)
    task = np.repeat(np.arange(n), 3)
    worker = (task + np.tile([0, 57, 131], n)) % 300
    label = np.where(rng.random(3 * n) < 0.8, truth[task], rng.integers(0, 10, 3 * n))
    answers = Answers.from_arrays(task, worker, label, classes=10)
    results = {name: aggregate(answers, name) for name in ("MV", "DS")}
    page = render(ReportSource("many", answers, results, "DS"))
    document = document_of(page)
    assert len(document["tasks"]["id"]) == 1000
    assert document["totals"]["tasks"] == n
    assert len(page) < 5_000_000


def test_task_without_answers_and_undecided(tmp_path):
    votes = {"0": {"a": 0, "b": 1}, "1": {}, "2": {"a": 1, "b": 1}}
    root = write_votes(tmp_path / "odd", votes, ["x", "y"])
    document = document_of(render(source_of(root, "MV[ties=abstain]", "DS")))
    assert document["totals"]["unanswered"] == 1
    assert document["totals"]["undecided"] == 1
    assert document["tasks"]["answers"].count(0) == 1
    assert "1 task got no answer" in document["words"][0]


def test_no_answers_at_all(tmp_path):
    root = write_votes(tmp_path / "none", {"0": {}, "1": {}}, ["x", "y"])
    document = document_of(render(source_of(root)))
    assert document["alpha"]["value"] is None
    assert document["words"] == ["2 tasks and no answers yet: there is nothing to tell."]


def test_truth_by_key_and_truth_that_does_not_fit(crowd_folder):
    root = crowd_folder(n_tasks=20)
    whole = source_of(root).truth
    votes = json.loads((root / "answers.json").read_text())
    for key in ("3", "7"):
        del votes[key]
    (root / "answers.json").write_text(json.dumps(votes))
    part = source_of(root).truth
    assert part.tolist() == [t for i, t in enumerate(whole) if i not in (3, 7)]
    np.save(root / "ground_truth.npy", whole[:5])
    source = source_of(root)
    assert source.truth is None
    assert "ground_truth.npy is left out" in source.notes[0]
    assert b"ground_truth.npy is left out" in render(source)


def test_gold_counts_where_there_is_no_truth(crowd_folder):
    root = crowd_folder()
    (root / "ground_truth.npy").unlink()
    (root / "gold.json").write_text(json.dumps({"4": "class 1", "9": "class 0"}))
    source = source_of(root)
    document = document_of(render(source))
    assert document["totals"]["known"] == 2
    assert document["totals"]["checked_by"] == "the labels checked by a person"
    gold = dict(zip(document["tasks"]["id"], document["tasks"]["gold"], strict=True))
    assert (gold["4"], gold["9"], gold["5"]) == (1, 0, -1)


@pytest.mark.parametrize("text", ["[1]", '{"4": 3}', '{"4": "no such"}', '{"x": "class 1"}', "{"])
def test_damaged_gold(crowd_folder, text):
    root = crowd_folder()
    (root / "gold.json").write_text(text)
    with pytest.raises(DataError, match="gold"):
        source_of(root)


def test_waum_is_read_where_it_is(crowd_folder):
    root = crowd_folder(n_tasks=5)
    assert source_of(root).waum is None
    home = root / "identification" / "net" / "waum_0.01_yang"
    home.mkdir(parents=True)
    (home / "waum.csv").write_text("index,task,waum\n0,3,0.25\n1,0,-1.5\n2,77,9\n")
    assert source_of(root).waum == pytest.approx([-1.5, np.nan, np.nan, 0.25, np.nan], nan_ok=True)
    (home / "waum.csv").write_text("other\n")
    source = source_of(root)
    assert source.waum is None
    assert "waum.csv is left out" in source.notes[0]


def test_images_missing_and_damaged(crowd_folder):
    root = crowd_folder(n_tasks=12, images=True)
    files = sorted((root / "train").rglob("*.png"))
    files[0].unlink()
    files[1].write_bytes(b"no image")
    page = render(source_of(root))
    pictures = document_of(page)["pictures"]
    assert sum(map(bool, pictures)) == 10
    assert b"1 of 12 tasks have no image" in page
    assert b"cannot be read, the first is " + files[1].name.encode() in page
    assert "pictures" not in document_of(render(source_of(root, images=False)))
    shutil.rmtree(root / "train")
    assert "pictures" not in document_of(render(source_of(root)))


def test_thumbnails_stay_in_the_budget(tmp_path):
    from PIL import Image

    rng = np.random.default_rng(0)
    paths = []
    for i in range(20):
        paths.append(tmp_path / f"{i}.png")
        Image.fromarray(rng.integers(0, 255, (160, 200, 3), dtype=np.uint8)).save(paths[-1])
    for budget in (400_000, 60_000, 20_000):
        pictures, lost = thumbnails([*paths, None], budget)
        assert sum(map(len, pictures)) <= budget
        assert all(pictures[:-1])
        assert pictures[-1] == ""
        assert lost == []
    pictures, _ = thumbnails(paths, 3_000)
    assert 0 < sum(map(len, pictures)) <= 3_000
    assert "" in pictures


def test_main_must_be_fitted(crowd_folder):
    source = source_of(crowd_folder())
    with pytest.raises(ParameterError, match="not one of the strategies"):
        ReportSource("x", source.answers, source.results, "GLAD")
    other = Answers.from_arrays(["a"], ["b"], ["c"])
    with pytest.raises(DataError, match="not of these answers"):
        ReportSource("x", other, source.results, "MV")


def test_bars_cover_everything():
    rng = np.random.default_rng(0)
    for values in (
        np.array([5, 5, 5]),
        rng.integers(0, 9, 50),
        rng.integers(10, 900, 500),
        np.array([1, 1, 2, 3, 4000]),
        np.array([0, 0, 1, 100_000]),
        np.array([3, 4, 5, 6, 90_000]),
    ):
        drawn = bars(values, whole=True)
        assert len(drawn) <= 26
        for low, high, n in drawn:
            assert n == ((values >= low) & (values <= high)).sum()
        assert sum(n for *_, n in drawn) == values.size
    assert bars(np.array([0.5, 1.0]))[-1] == [0.95, 1, 1]
    assert bars(np.array([])) == []
