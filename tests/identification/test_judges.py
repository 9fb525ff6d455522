"""Judges: who is a model, whether they err together, what their votes are worth."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from helpers.crowds import crowd_of, diagonal
from peerannot.aggregation.confusion.latent_factor import LatentFactor
from peerannot.answers import Answers
from peerannot.dataset.workers import named_models, read_roster
from peerannot.errors import DataError, ParameterError
from peerannot.identification import METHODS, Evidence, effective_votes, shared_errors
from peerannot.simulation import SIMULATIONS, Crowd

Identify = Callable[..., Any]


def judges(seed: int, k: int = 2, n_task: int = 1000, **options: Any) -> Any:
    model = SIMULATIONS["correlated-judges"](
        **{"families": 4, "largest": 2 / 3, "accuracy": 0.75, "within": 0.7, "across": 0.0}
        | options
    )
    return model.draw(Crowd(n_worker=9, n_task=n_task, n_classes=k, feedback=9, seed=seed))


def errors(drawn: Any) -> Any:
    """Whether each judge is wrong, (n_tasks, n_workers); all judges answer all tasks."""
    label = drawn.answers.label.reshape(drawn.answers.n_tasks, -1)
    return (label != drawn.truth[:, None]).astype(float)


def kish(wrong: Any) -> float:
    return float(wrong.shape[1] ** 2 / np.corrcoef(wrong.T).sum())


def test_effective_votes() -> None:
    assert effective_votes(9, 0.0) == 9
    assert effective_votes(9, 1.0) == 1
    assert effective_votes(5, 0.25) == 2.5
    assert effective_votes(5, -0.1) == 5


@pytest.mark.parametrize("k", [2, 4])
def test_effective_votes_of_simulated_judges(k: int) -> None:
    ratios = []
    for seed in range(3):
        drawn = judges(seed, k)
        found = METHODS["dependence"]().run(Evidence(drawn.answers))
        ratios.append(found.summary["effective_votes"] / kish(errors(drawn)))
    assert abs(np.median(ratios) - 1) < 0.2


def test_known_labels_count_errors() -> None:
    drawn = judges(0, 3, across=0.4)
    wrong, answers = errors(drawn), drawn.answers
    found = shared_errors(answers, LatentFactor().fit(answers), labels=drawn.truth)
    expected = np.corrcoef(wrong.T)[found.first, found.second]
    np.testing.assert_allclose(found.correlation, expected, atol=1e-9)
    assert found.known
    np.testing.assert_array_equal(found.shared, answers.n_tasks)
    mean = np.average(found.beyond)
    *_, correlation, votes = found.among(np.ones(9, bool))
    assert correlation == pytest.approx(mean)
    assert votes == pytest.approx(effective_votes(9, mean))
    some = METHODS["dependence"]().run(Evidence(answers, labels=drawn.truth))
    assert some.summary["known_labels"] == answers.n_tasks
    assert some.summary["effective_votes"] == pytest.approx(votes, rel=0.02)


def test_confusions_explain_errors_on_a_hard_class() -> None:
    hard = np.array([[0.95, 0.05], [0.45, 0.55]])
    answers, truth = crowd_of([hard] * 4, 4000, 4, seed=1)
    found = shared_errors(answers, LatentFactor().fit(answers, gold=truth), labels=truth)
    assert found.correlation.min() > 0.1
    assert np.abs(found.beyond).max() < 0.06


def test_groups_and_kinds_have_rows() -> None:
    drawn = judges(2)
    kinds = ["model"] * 6 + ["human"] * 3
    groups = {str(j): "big" for j in range(6)}
    found = METHODS["dependence"]().run(Evidence(drawn.answers, kinds=kinds, groups=groups))
    rows = found.files["identification/dependence_groups.csv"]
    assert rows["group"] == ["all", "kind human", "kind model", "big"]
    assert rows["n_workers"] == [9, 3, 6, 6]
    assert rows["n_pairs"] == [36, 3, 15, 15]
    assert rows["effective_votes"][3] < rows["effective_votes"][1]
    assert (np.diff(found.table["beyond"]) <= 0).all()


def test_without_pairs_it_says_so() -> None:
    answers, _ = crowd_of([diagonal(2, 0.8)] * 4, 30, 2, seed=0)
    with pytest.raises(DataError, match="no two workers answered the same 100 tasks"):
        METHODS["dependence"]().run(Evidence(answers))
    with pytest.raises(DataError, match="known tasks"):
        METHODS["dependence"]().run(Evidence(answers, labels=np.full(30, -1)))


def test_a_roster_is_read_and_checked(tmp_path: Path) -> None:
    path = tmp_path / "workers.csv"
    assert read_roster(path).kinds == {}
    path.write_text("worker,kind,group\na,model,g\nb,,\nc,Human,\n")
    roster = read_roster(path)
    assert roster.kinds == {"a": "model", "b": "human", "c": "human"}
    assert roster.groups == {"a": "g"}
    answers = Answers.from_arrays([0, 0, 0], ["a", "b", "z"], [0, 1, 1], classes=2)
    assert roster.of(answers.workers) == ["model", "human", "human"]
    named = named_models(["z"], answers.workers, roster)
    assert named.of(answers.workers) == ["human", "human", "model"]
    with pytest.raises(ParameterError, match="no answers of a worker 'q'"):
        named_models(["q"], answers.workers, roster)
    for text, said in (
        ("worker,kind\na,robot\n", "line 2: kind must be human or model, not 'robot'"),
        ("worker,kind\na,model\na,human\n", "line 3: 'a' a second time"),
        ("worker,kind\n,model\n", "line 2: a row without a worker"),
        ("who,kind\na,model\n", "needs columns worker and kind, has who, kind"),
    ):
        path.write_text(text)
        with pytest.raises(DataError, match=said):
            read_roster(path)


def votes_of(folder: Path, drawn: Any) -> Path:
    """A data set of the answers, of whose judges two are models."""
    answers, votes = drawn.answers, {}
    for i, j, y in zip(answers.task, answers.worker, answers.label, strict=True):
        votes.setdefault(str(i), {})[str(j)] = int(y)
    folder.mkdir()
    (folder / "answers.json").write_text(json.dumps(votes))
    facts = {"name": "judged", "n_classes": answers.n_classes}
    (folder / "metadata.json").write_text(json.dumps(facts))
    (folder / "workers.csv").write_text("worker,kind\n0,model\n1,model\n")
    return folder


def test_the_command_knows_models(identify: Identify, tmp_path: Path) -> None:
    folder = votes_of(tmp_path / "set", judges(0, n_task=200))
    done = identify(folder, "-s", "dependence", "--json")
    summary = json.loads(done.stdout)["summary"]
    assert summary["n_workers"] == 9
    home = folder / "identification"
    rows = pl.read_csv(home / "dependence_groups.csv")
    assert rows["n_workers"][:3].to_list() == [9, 7, 2]
    kinds = pl.read_csv(home / "dependence_workers.csv")["kind"].to_list()
    assert kinds == ["model"] * 2 + ["human"] * 7
    identify(folder, "-s", "dependence", "--models", "3, 4,5")
    kinds = pl.read_csv(home / "dependence_workers.csv")["kind"].to_list()
    assert kinds == ["human"] * 3 + ["model"] * 3 + ["human"] * 3
    bad = identify(folder, "-s", "dependence", "--models", "x", code=2)
    assert "no answers of a worker 'x'" in bad.stderr
