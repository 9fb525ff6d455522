"""What a report says of judges."""

from __future__ import annotations

import numpy as np

from helpers.crowds import crowd_of, diagonal
from peerannot.aggregation import build
from peerannot.dataset import Dataset
from peerannot.report import ReportSource, facts, read_source, render


def test_models_have_a_paragraph() -> None:
    answers, truth = crowd_of([diagonal(3, s) for s in [0.7] * 4 + [0.95, 0.4]], 300, 6, seed=0)
    results = {"MV": build("MV").fit(answers)}
    kinds = ["human"] * 4 + ["model"] * 2
    words = facts(ReportSource("s", answers, results, "MV", truth=truth, kinds=kinds))["words"]
    assert words[-1].startswith("2 workers of 6 are models. Their 2 votes are worth")
    assert "1 of 2 models may stand for a human; the first is 4" in words[-1]
    plain = facts(ReportSource("s", answers, results, "MV", truth=truth))["words"]
    assert plain == words[:-1]


def test_the_page_has_a_table_of_judges() -> None:
    answers, truth = crowd_of([diagonal(3, s) for s in [0.7] * 4 + [0.95, 0.4]], 300, 6, seed=0)
    results = {"MV": build("MV").fit(answers)}
    kinds = ["human"] * 4 + ["model"] * 2
    source = ReportSource("s", answers, results, "MV", truth=truth, kinds=kinds)
    document = facts(source)
    found = document["judges"]
    assert [row["judge"] for row in found["judges"]] == ["4", "5"]
    able, weak = found["judges"]
    assert able["passes"] and not weak["passes"] and able["humans"] == 4
    assert able["low"] < able["advantage"] < able["high"]
    assert document["workers"]["id"][able["place"]] == "4"
    assert [row["group"] for row in found["groups"]] == ["all workers", "kind human", "kind model"]
    assert found["groups"][0]["size"] == 6 and found["known_labels"] == 300
    assert found["together"]["names"] == ["4", "5"]
    ((first, second, value),) = found["together"]["cells"]
    assert {first, second} == {0, 1} and abs(value) < 0.3
    page = render(source).decode()
    assert 'href="#judges"' in page and 'id="together"' in page
    assert facts(ReportSource("s", answers, results, "MV", truth=truth))["judges"] is None


def test_few_answers_say_only_who_is_a_model() -> None:
    answers, _ = crowd_of([diagonal(2, 0.8)] * 3, 10, 3, seed=0)
    results = {"MV": build("MV").fit(answers)}
    kinds = ["human", "human", "model"]
    words = facts(ReportSource("s", answers, results, "MV", kinds=kinds))["words"]
    assert words[-1] == "1 worker of 3 is a model."
    (row,) = facts(ReportSource("s", answers, results, "MV", kinds=kinds))["judges"]["judges"]
    assert row["judge"] == "2" and row["passes"] is row["winning_rate"] is None


def test_the_roster_of_the_folder_is_read(crowd_folder) -> None:
    root = crowd_folder(n_tasks=200)
    (root / "workers.csv").write_text("worker,kind,group\nw0,model,a\nw9,model,b\n")
    source = read_source(Dataset.open(root), strategies=("MV",))
    assert np.flatnonzero(np.array(source.kinds) == "model").tolist() == [0]
    assert source.groups == {"w0": "a"}
