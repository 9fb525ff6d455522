"""IBCC, EBCC, Fast Dawid-Skene, LFC and CROWDLAB."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import digamma

from helpers.crowds import uneven_crowd
from helpers.examples import examples
from peerannot.aggregation import STRATEGIES, build, label_quality
from peerannot.answers import Answers
from peerannot.errors import DataError, ParameterError
from peerannot.identification import crowdlab

IBCC, EBCC, FDS = STRATEGIES["ibcc"], STRATEGIES["ebcc"], STRATEGIES["FDS"]


def plain_ibcc(answers: Answers, n_iter: int) -> NDArray[np.float64]:
    """Variational inference with dense counts."""
    n, w, k = answers.n_tasks, answers.n_workers, answers.n_classes
    z = np.zeros((n, k))
    np.add.at(z, (answers.task, answers.label), 1)
    empty = answers.answers_per_task == 0
    z /= np.maximum(z.sum(1, keepdims=True), 1)
    for _ in range(n_iter + 1):
        counts = np.tile(np.ones((k, k)) + 3 * np.eye(k), (w, 1, 1))
        np.add.at(counts.transpose(0, 2, 1), (answers.worker, answers.label), z[answers.task])
        mass = z[~empty].sum(0) + 1
        logs = digamma(counts) - digamma(counts.sum(2, keepdims=True))
        z = np.tile(digamma(mass) - digamma(mass.sum()), (n, 1))
        np.add.at(z, answers.task, logs[answers.worker, :, answers.label])
        z = np.exp(z - z.max(1, keepdims=True))
        z /= z.sum(1, keepdims=True)
    return z


def test_ibcc_equals_its_twin() -> None:
    answers, _ = uneven_crowd(70, 8, 4, 4)
    result = IBCC(max_iter=6, tol=0.0).fit(answers)
    assert result.posterior == pytest.approx(plain_ibcc(answers, 6), abs=1e-10)


def test_one_subtype_is_ibcc() -> None:
    answers, _ = uneven_crowd(70, 8, 4, 4)
    one = EBCC(subtypes=1, restarts=1, tol=0.0, max_iter=8, alpha=1.0).fit(answers)
    plain = IBCC(tol=0.0, max_iter=8).fit(answers)
    assert one.posterior == pytest.approx(plain.posterior)
    assert one.confusion == pytest.approx(plain.confusion)
    assert one.diagnostics.objective == pytest.approx(plain.diagnostics.objective)


@examples(25)
@given(seed=st.integers(0, 10**6), n_classes=st.integers(1, 5), weighted=st.booleans())
@pytest.mark.parametrize(
    "strategy",
    [IBCC(tol=0.0, max_iter=20), EBCC(tol=0.0, max_iter=20, restarts=1, subtypes=3)],
    ids=lambda s: s.name,
)
def test_the_evidence_bound_never_falls(
    strategy: Any, seed: int, n_classes: int, weighted: bool
) -> None:
    answers, _ = uneven_crowd(20, 5, n_classes, 3, seed=seed, weighted=weighted)
    assert (np.diff(strategy.fit(answers).diagnostics.objective) >= -1e-8).all()


def test_ebcc_begins_with_the_vote_shares_as_prior() -> None:
    answers = Answers.from_arrays(
        list("aaabbccd"), [0, 1, 2, 0, 1, 0, 1, 0], [0, 0, 1, 1, 1, 0, 1, 0], classes=3,
        tasks=list("abcde"),
    )  # fmt: skip
    shares = np.array([2 / 3 + 1 / 2 + 1, 1 / 3 + 1 + 1 / 2, 0.01])
    # Of one subtype and pseudo-counts that outweigh the answers, the prior is all that is left.
    given: dict[str, Any] = {"subtypes": 1, "restarts": 1, "tol": 0.0, "diagonal": 1e9}
    given["off_diagonal"] = 1e9
    result = EBCC(**given).fit(answers)
    rho = shares + [result.posterior[:4, k].sum() for k in range(3)]
    assert result.prior == pytest.approx(rho / rho.sum(), rel=1e-4)
    gold = EBCC(**given).fit(answers, gold={"a": 2})
    known = shares - [2 / 3, 1 / 3, 0.01] + [0, 0, 1] + gold.posterior[:4].sum(0)
    assert gold.prior == pytest.approx(known / known.sum(), rel=1e-4)


def test_ebcc_sees_workers_who_err_together() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(2, size=400)
    hard = rng.random(400) < 0.4
    gains = []
    for skill in (np.where(hard, 0.4, 0.95), np.full(400, 0.75)):
        label = np.where(rng.random((10, 400)) < skill, truth, 1 - truth)
        worker, task = np.indices(label.shape)
        answers = Answers.from_arrays(task.ravel(), worker.ravel(), label.ravel(), classes=2)
        subtypes = EBCC(restarts=5).fit(answers).diagnostics.objective[-1]
        gains.append(subtypes - IBCC().fit(answers).diagnostics.objective[-1])
    # Evidence for subtypes where errors come together, and none where they do not.
    assert gains[0] > 20 and gains[1] < 1


def test_gold_is_clamped() -> None:
    answers, truth = uneven_crowd(90, 9, 3, 4)
    gold = np.where(np.arange(90) % 2 == 0, truth, -1)
    for strategy in (IBCC(), EBCC(restarts=2), FDS(), STRATEGIES["LFC"]()):
        result = strategy.fit(answers, gold=gold)
        assert (result.labels[::2] == truth[::2]).all()
        assert result.posterior[np.arange(0, 90, 2), truth[::2]] == pytest.approx(1.0)


def test_ebcc_refuses_what_does_not_fit() -> None:
    answers = Answers.from_arrays([0], [0], [0], classes=40_000, tasks=map(str, range(10_000)))
    with pytest.raises(ParameterError, match=r"ebcc needs .* GiB .*use ibcc"):
        EBCC().fit(answers)


def test_fast_is_hard_and_stops_soon() -> None:
    answers, truth = uneven_crowd(300, 12, 3, 5)
    result = FDS().fit(answers)
    assert result.diagnostics.converged and result.diagnostics.n_iter < 20
    # Confusions come from whole tasks: counts are whole numbers, or shares of ties.
    counts = result.confusion * np.bincount(answers.worker)[:, None, None]
    assert (result.labels == truth).mean() > 0.8
    assert counts.shape == (12, 3, 3)


def test_hybrid_lies_between() -> None:
    answers, _ = uneven_crowd(200, 10, 3, 4, seed=5)
    soft = STRATEGIES["DS"](tol=0.0, max_iter=30).fit(answers)
    never = FDS(switch=1e-300, tol=0.0, max_iter=30).fit(answers)
    assert never.posterior == pytest.approx(soft.posterior, abs=1e-6)
    hybrid = build("hybrid-ds").fit(answers)
    assert hybrid.diagnostics.n_iter < STRATEGIES["DS"]().fit(answers).diagnostics.n_iter


def test_crowdlab_by_hand(tmp_path: Path) -> None:
    answers = Answers.from_arrays(
        list("aaabbbccd"), [0, 1, 2, 0, 1, 2, 0, 1, 2], [0, 0, 1, 1, 1, 1, 0, 1, 1], classes=2
    )
    p = np.array([[0.6, 0.4], [0.2, 0.8], [0.7, 0.3], [0.9, 0.1]])
    np.save(tmp_path / "p.npy", p)
    result = build("crowdlab", {"probabilities": str(tmp_path / "p.npy")}).fit(answers)
    # Consensus a 0, b 1, c 0 (tie, by the classifier), on three tasks with many answers.
    likely = (2 / 3 + 1 + 1 / 2) / 3
    agree = np.array([(1 + 2 + 0) / (2 + 2 + 1), (1 + 2 + 0) / (2 + 2 + 1), (0 + 2) / (2 + 2)])
    baseline = 1 / 3
    weight = np.maximum(1 - (1 - agree) / baseline, 1e-6)
    model = 1.0 * np.sqrt(9 / 4)
    assert result.skill == pytest.approx(agree)
    assert result.worker_columns["weight"] == pytest.approx(weight)
    assert result.extra["classifier_weight"] == pytest.approx(model)
    row = model * p[3] + weight[2] * np.array([1 - likely, likely])
    assert result.posterior[3] == pytest.approx(row / row.sum())


RARE = np.array(
    [
        [1, np.nan, 2, np.nan], [np.nan, 1, 1, np.nan], [0, 0, np.nan, np.nan],
        [np.nan, np.nan, 0, 1], [np.nan, np.nan, np.nan, 0], [np.nan, 0, 2, 0],
        [0, 0, np.nan, 2], [np.nan, 0, np.nan, np.nan],
    ]
)  # fmt: skip
RARE_CHANCE = np.array(
    [
        [.02, .33, .65], [.14, .55, .31], [.62, .03, .35], [.2, .75, .05], [.32, .03, .65],
        [.17, .18, .65], [.32, .18, .5], [.77, .18, .05],
    ]
)  # fmt: skip
# Consensus, its quality, annotators' quality and weights, the model's weight, by cleanlab 2.9.0.
OF_CLEANLAB: dict[str, tuple[list[int], list[float], list[float], list[float], float]] = {
    "majority_vote": (
        [2, 1, 0, 1, 0, 0, 0, 0],
        [.649999, .621337, .662342, .749999, .320001, .398738, .486606, .75021],
        [.53835, .692548, .483308, .510133], [1e-6, 1 / 3, 1e-6, 1e-6], .4714045,
    ),
    "best_quality": (
        [2, 1, 0, 1, 2, 2, 0, 0],
        [.557807, .587377, .63933, .749999, .65, .495151, .463594, .736894],
        [.54283, .603174, .535811, .412332], [.25, .5, 1e-6, 1e-6], 1.0606602,
    ),
}  # fmt: skip


@pytest.mark.parametrize("consensus", OF_CLEANLAB)
def test_there_is_one_crowdlab(consensus: Any) -> None:
    """Rare classes, where workers weigh least: all ways to it give the numbers of cleanlab."""
    chosen, quality, of_workers, weights, model = OF_CLEANLAB[consensus]
    task, worker = np.nonzero(~np.isnan(RARE))
    answers = Answers.from_arrays(task, worker, RARE[task, worker].astype(int), classes=3)
    result = STRATEGIES["crowdlab"](consensus=consensus).fit(answers, init=RARE_CHANCE)
    assert result.task_columns["consensus"].tolist() == chosen
    assert result.posterior[np.arange(8), chosen] == pytest.approx(quality, abs=1e-6)
    assert result.worker_columns["weight"] == pytest.approx(weights)
    assert result.extra["classifier_weight"] == pytest.approx(model)
    table = label_quality(answers, RARE_CHANCE, consensus=consensus)
    assert list(map(int, table["label_quality"]["consensus_label"])) == chosen
    assert list(table["label_quality"]["consensus_quality_score"]) == pytest.approx(
        quality, abs=1e-6
    )
    stats = table["annotator_stats"]
    by_worker = dict(zip(stats["worker"], stats["annotator_quality"], strict=True))
    assert [by_worker[str(j)] for j in range(4)] == pytest.approx(of_workers, abs=1e-6)
    if consensus == "majority_vote":
        found = crowdlab(answers, RARE_CHANCE)
        assert found.consensus.tolist() == chosen
        assert found.task_quality == pytest.approx(quality, abs=1e-6)
        assert found.worker_quality == pytest.approx(of_workers, abs=1e-6)
        assert found.worker_weight == pytest.approx(weights)
        assert found.classifier_weight == pytest.approx(model)


def test_crowdlab_says_what_it_needs(tmp_path: Path) -> None:
    answers, _ = uneven_crowd(10, 4, 3)
    with pytest.raises(ParameterError, match=r"crowdlab\[probabilities=FILE.npy\]"):
        build("crowdlab").fit(answers)
    wrong = tmp_path / "wrong.npy"
    np.save(wrong, np.ones((10, 2)))
    with pytest.raises(DataError, match=r"expected numbers of shape \(10, 3\)"):
        build("crowdlab", {"probabilities": str(wrong)}).fit(answers)
    np.save(wrong, np.full((10, 3), np.nan))
    with pytest.raises(DataError, match="row 0 is not a distribution"):
        build("crowdlab", {"probabilities": str(wrong)}).fit(answers)
