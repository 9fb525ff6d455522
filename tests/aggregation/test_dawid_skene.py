"""Dawid-Skene: the published table, the twin of the kernel, and what must always hold."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from helpers.crowds import uneven_crowd
from helpers.examples import examples
from peerannot._threads import with_threads
from peerannot.aggregation import STRATEGIES, build
from peerannot.aggregation.passes.confusions import EM
from peerannot.aggregation.passes.known_confusions import LEAST_PROBABILITY
from peerannot.answers import Answers
from peerannot.errors import ConvergenceWarning

DS = STRATEGIES["DS"]
WDS = STRATEGIES["WDS"]


@pytest.fixture(scope="module")
def anaesthetists() -> Answers:
    """Table 1 of Dawid and Skene (1979): 45 patients, 5 observers, the first one three times."""
    with (Path(__file__).parent / "anaesthetists.csv").open() as file:
        rows = [
            (line["patient"], column.split("_")[1][0], grade)
            for line in csv.DictReader(file)
            for column, grade in line.items()
            if column != "patient"
        ]
    return Answers.from_arrays(*zip(*rows, strict=True), duplicates="all")


def test_the_published_table(anaesthetists: Answers) -> None:
    # Dawid and Skene print (.40, .42, .11, .07) and for observer 1 (.89, .11, 0, 0); the further
    # digits are those of independent implementations.
    result = DS(tol=1e-10).fit(anaesthetists)
    assert result.prior == pytest.approx([0.3996, 0.4220, 0.1118, 0.0667], abs=5e-5)
    assert result.diagnostics.objective[-1] == pytest.approx(-192.8909, abs=5e-5)
    assert result.confusion[0, 0] == pytest.approx([0.889, 0.111, 0, 0], abs=1e-3)
    assert result.confusion[0, 1] == pytest.approx([0.071, 0.876, 0.053, 0], abs=1e-3)


def test_thousands_of_answers_on_a_task_do_not_underflow() -> None:
    rng = np.random.default_rng(0)
    label = np.where(rng.random(1500) < 0.5, 2, rng.integers(0, 4, 1500))
    task = np.concatenate((np.zeros(1500, int), np.arange(1, 301).repeat(5)))
    worker = np.concatenate((np.arange(1500), np.arange(1500)))
    labels = np.concatenate((label, np.arange(1500) // 5 % 4))
    result = DS().fit(Answers.from_arrays(task, worker, labels, classes=4))
    assert np.isfinite(result.posterior).all()
    assert result.posterior.sum(1) == pytest.approx(1.0)
    assert result.labels[0] == 2


@examples(40)
@given(seed=st.integers(0, 10**6), n_classes=st.integers(1, 9), weighted=st.booleans())
def test_the_likelihood_never_falls(seed: int, n_classes: int, weighted: bool) -> None:
    answers, _ = uneven_crowd(20, 4, n_classes, 3, seed=seed, weighted=weighted)
    path = DS(tol=0.0, max_iter=25).fit(answers).diagnostics.objective
    # The floor of log-probabilities moves the likelihood by about this at most.
    assert (np.diff(path) >= -1e-6).all()


def twin(
    em: EM, table: NDArray[np.float64], log_prior: NDArray[np.float64], hard: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64], float, NDArray[np.float64]]:
    """The fused pass, written plainly."""
    answers, k = em.answers, log_prior.size
    weight = np.ones(answers.n_answers) if answers.weight is None else answers.weight
    logit = np.tile(log_prior, (answers.n_tasks, 1))
    np.add.at(logit, answers.task, weight[:, None] * table[em.pairs.of_answer])
    posterior = np.exp(logit - logit.max(1, keepdims=True))
    total = posterior.sum(1)
    known = em.gold >= 0
    rows = np.arange(answers.n_tasks)
    evidence = np.where(known, logit[rows, em.gold], logit.max(1) + np.log(total))
    posterior /= total[:, None]
    posterior[known] = np.eye(k)[em.gold[known]]
    counted = answers.answers_per_task > 0
    z = posterior
    if hard:
        z = (posterior >= posterior.max(1, keepdims=True) * (1 - 1e-9)).astype(float)
        z /= z.sum(1, keepdims=True)
    counts = np.zeros((len(em.pairs), k))
    np.add.at(counts, em.pairs.of_answer, weight[:, None] * z[answers.task])
    return counts, z[counted | known].sum(0), evidence[counted | known].sum(), posterior


@pytest.mark.parametrize("n_classes", [1, 2, 3, 4, 7, 8, 10, 16, 17, 33])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("hard", [False, True])
def test_the_compiled_pass_equals_its_twin(n_classes: int, weighted: bool, hard: bool) -> None:
    answers, truth = uneven_crowd(80, 9, n_classes, 4, seed=n_classes, weighted=weighted)
    gold = np.where(np.arange(80) % 9 == 0, truth, -1).astype(np.int32)
    em = EM.of(answers, gold, model="test")
    rng = np.random.default_rng(1)
    table = np.log(rng.dirichlet(np.ones(n_classes + 1), len(em.pairs))[:, :n_classes])
    log_prior = np.log(rng.dirichlet(np.ones(n_classes)))
    counts, mass, loglik = em.step(table, log_prior, hard=hard)
    slow_counts, slow_mass, slow_loglik, slow_posterior = twin(em, table, log_prior, hard)
    assert counts == pytest.approx(slow_counts, rel=1e-10, abs=1e-12)
    assert mass == pytest.approx(slow_mass, rel=1e-10, abs=1e-12)
    assert loglik == pytest.approx(slow_loglik, rel=1e-10)
    assert em.posterior(table, log_prior) == pytest.approx(slow_posterior, rel=1e-9, abs=1e-12)


def test_the_start_equals_its_twin() -> None:
    answers, truth = uneven_crowd(40, 6, 3, 4, weighted=True)
    gold = np.where(np.arange(40) % 7 == 0, truth, -1).astype(np.int32)
    em = EM.of(answers, gold, model="test")
    counts, mass = em.first()
    votes = np.zeros((40, 3))
    np.add.at(votes, (answers.task, answers.label), answers.weight)
    total = votes.sum(1, keepdims=True)
    z = np.where(total > 0, votes / np.where(total > 0, total, 1), 0)
    z[gold >= 0] = np.eye(3)[gold[gold >= 0]]
    slow = np.zeros((len(em.pairs), 3))
    np.add.at(slow, em.pairs.of_answer, answers.weight[:, None] * z[answers.task])
    assert counts == pytest.approx(slow)
    assert mass == pytest.approx(z.sum(0))


def test_one_iteration_by_hand() -> None:
    # a: x, x, y by workers 0, 1, 2; b: y, y by workers 0, 1.
    answers = Answers.from_arrays(
        ["a", "a", "a", "b", "b"], [0, 1, 2, 0, 1], ["x", "x", "y", "y", "y"]
    )
    result = DS(max_iter=1, tol=0.0).fit(answers)
    # Start: a = (2/3, 1/3), b = (0, 1). Workers 0 and 1 say x given x: 1, given y: 1/4.
    a = np.array([1 / 3, 2 / 3]) * np.array([1 * 1 * 1, 1 / 4 * 1 / 4 * 1])
    b = np.array([1 / 3 * LEAST_PROBABILITY**2, 2 / 3 * 9 / 16])
    first = np.array([a / a.sum(), b / b.sum()])
    evidence = np.log(a.sum()) + np.log(b.sum())
    assert result.diagnostics.objective[0] == pytest.approx(evidence)
    # The confusions are those of the next M-step, from that posterior.
    assert result.confusion[0, 1, 0] == pytest.approx(first[0, 1] / first[:, 1].sum())
    assert result.prior == pytest.approx(first.mean(0))


def test_gold_is_clamped_and_teaches() -> None:
    answers, truth = uneven_crowd(200, 10, 3, 4, seed=3)
    gold = np.where(np.arange(200) < 60, truth, -1)
    result = DS().fit(answers, gold=gold)
    assert (result.labels[:60] == truth[:60]).all()
    assert result.posterior[np.arange(60), truth[:60]] == pytest.approx(1.0)


def test_init_is_the_start() -> None:
    answers, _ = uneven_crowd(100, 8, 3, 5, seed=4)
    done = DS(tol=1e-9, max_iter=2000).fit(answers)
    again = DS(tol=1e-6).fit(answers, init=done)
    assert again.diagnostics.n_iter <= 3
    assert again.posterior == pytest.approx(done.posterior, abs=1e-4)


def test_it_says_when_it_did_not_converge() -> None:
    answers, _ = uneven_crowd(100, 8, 3, 5)
    with pytest.warns(ConvergenceWarning, match="dawid-skene stopped after 2 iterations"):
        result = DS(max_iter=2).fit(answers)
    assert not result.diagnostics.converged


def test_a_diagonal_prior_pulls_to_the_diagonal() -> None:
    answers, _ = uneven_crowd(100, 8, 3, 5)
    plain = DS().fit(answers).skill
    firm = DS(diagonal=1000.0, off_diagonal=1.0).fit(answers).skill
    assert (firm > 0.98).all() and (plain < 0.97).all()


def test_wds_weighs_each_vote_by_its_diagonal() -> None:
    answers, _ = uneven_crowd(60, 6, 3, 5)
    result = WDS().fit(answers)
    fitted = DS().fit(answers)
    votes = np.zeros((60, 3))
    trust = fitted.confusion[answers.worker, answers.label, answers.label]
    np.add.at(votes, (answers.task, answers.label), trust)
    answered = answers.answers_per_task > 0
    expected = votes[answered] / votes[answered].sum(1, keepdims=True)
    assert result.posterior[answered] == pytest.approx(expected)
    assert (result.posterior[~answered] == 1 / 3).all()


def test_more_threads_give_the_same_bits() -> None:
    answers, _ = uneven_crowd(400, 20, 4, 6)
    with with_threads(3):
        both = build("DS").fit(answers)
    with with_threads(1):
        one = build("DS").fit(answers)
    assert np.array_equal(one.posterior, both.posterior)
    assert np.array_equal(one.confusion, both.confusion)
