"""What a report shows of the check of its model."""

from __future__ import annotations

from typing import Any

import pytest

from helpers.misfits import coin_crowd
from helpers.pages import document_of
from peerannot.aggregation import build
from peerannot.dataset import Dataset
from peerannot.report import Named, ReportSource, facts, read_source, render
from peerannot.report._check import model_check


def checked(*names: str, replicates: int | None = 19, **crowd: Any) -> ReportSource:
    answers, _ = coin_crowd(**crowd)
    results = {name: build(name).fit(answers) for name in names}
    found = model_check(answers, names, replicates, [])
    return ReportSource("crowd", answers, results, names[0], check=found)


def test_what_fails_is_told_where_and_what_to_use():
    source = checked("one-coin", replicates=39, n_tasks=108, biased=0.35, per_task=12, seed=4)
    document = facts(source)
    check = document["check"]
    assert check["strategy"] == "one-coin" and len(check["sentences"]) == 3
    skill = next(s for s in check["statistics"] if s["name"] == "labels of a worker")
    assert skill["rejected"] and skill["observed"] > skill["drawn"][-1] > skill["drawn"][0]
    worst = check["odd_workers"][0]
    assert document["workers"]["id"][worst["place"]] == worst["worker"]
    assert int(worst["worker"]) % 2 == 1  # odd workers are the biased ones
    assert "1,296 answers beside 39 replicates" in check["compared"]
    page = render(source).decode()
    assert 'href="#model"' in page and f'data-worker="{worst["place"]}">{worst["worker"]}<' in page


def test_hard_tasks_lead_to_the_explorer():
    document = facts(checked("one-coin", hard=0.25, n_tasks=200, n_classes=4, seed=1))
    tasks = document["check"]["hard_tasks"]
    assert 1 <= len(tasks) <= 5
    assert all(document["tasks"]["id"][t["place"]] == t["task"] for t in tasks)
    few = facts(checked("one-coin", hard=0.25, n_tasks=200, n_classes=4, seed=1), n_tasks=1)
    assert None in [t["place"] for t in few["check"]["hard_tasks"]]


def test_the_first_strategy_that_can_is_checked(crowd_folder):
    root = crowd_folder(n_tasks=40)
    source = read_source(Dataset.open(root), strategies=("MV", "DS"), main="MV", check=19)
    assert source.check is not None and source.check.strategy == "dawid-skene"
    source = read_source(Dataset.open(root), strategies=("MV",), check=19)
    assert source.check is None
    assert "no check of a model: majority-vote has no model of answers" in source.notes
    page = render(source)
    assert document_of(page)["check"] is None and b'id="model"' not in page


def test_none_is_made_where_it_is_not_wanted_or_cannot_be():
    answers, _ = coin_crowd(20, 5, 3)
    assert read_source(Named("n", answers), strategies=("DS",), check=0).check is None
    alone, _ = coin_crowd(20, 5, 1)
    source = read_source(Named("n", alone), strategies=("DS",))
    assert source.check is None and "no task has answers of two workers" in source.notes[0]


@pytest.mark.parametrize(("replicates", "n"), [(None, 39), (19, 19)])
def test_how_many_replicates(replicates, n):
    source = checked("one-coin", replicates=replicates, n_tasks=20)
    assert source.check is not None and source.check.replicates == n


def test_the_option(run, crowd_folder):
    root = crowd_folder(n_tasks=40)
    page = root / "report.html"
    run("report", root, "-s", "DS", "--check", "19")
    assert "beside 19 replicates" in document_of(page.read_bytes())["check"]["compared"]
    run("report", root, "-s", "DS", "--check", "0")
    assert document_of(page.read_bytes())["check"] is None
    done = run("report", root, "-s", "DS", "--check", "5", code=2)
    assert "replicates must be at least 19" in done.stderr
