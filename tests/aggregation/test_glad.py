"""GLAD: its twin, its optimum, and that it neither falls nor diverges."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import minimize

from helpers.crowds import uneven_crowd
from helpers.examples import examples
from peerannot.aggregation import STRATEGIES
from peerannot.answers import Answers

GLAD = STRATEGIES["glad"]


def log_posterior(
    answers: Answers, alpha: NDArray[np.float64], beta: NDArray[np.float64], k: int
) -> tuple[float, NDArray[np.float64]]:
    """Log-posterior of the parameters, and the posterior of the classes, written plainly."""
    logit = np.zeros((answers.n_tasks, k))
    weight = np.ones(answers.n_answers) if answers.weight is None else answers.weight
    x = alpha[answers.worker] * np.exp(beta[answers.task])
    right, wrong = -np.logaddexp(0, -x), -np.logaddexp(0, x) - np.log(max(k - 1, 1))
    for c in range(k):
        term = weight * np.where(answers.label == c, right, wrong)
        np.add.at(logit[:, c], answers.task, term)
    evidence = np.logaddexp.reduce(logit, axis=1)
    posterior = np.exp(logit - evidence[:, None])
    counted = answers.answers_per_task > 0
    prior = -0.5 * ((alpha - 1) ** 2).sum() - 0.5 * ((beta[counted] - 1) ** 2).sum()
    return float((evidence - np.log(k))[counted].sum() + prior), posterior


@pytest.mark.parametrize("n_classes", [2, 3, 6])
@pytest.mark.parametrize("weighted", [False, True])
def test_posterior_and_objective_are_those_of_the_model(n_classes: int, weighted: bool) -> None:
    answers, _ = uneven_crowd(50, 8, n_classes, 4, weighted=weighted)
    result = GLAD(tol=1e-12, max_iter=3000).fit(answers)
    objective, posterior = log_posterior(
        answers, result.worker_columns["alpha"], result.task_columns["beta"], n_classes
    )
    assert result.posterior == pytest.approx(posterior, rel=1e-7, abs=1e-10)
    assert result.diagnostics.objective[-1] == pytest.approx(objective, abs=1e-6)


def test_it_ends_in_an_optimum() -> None:
    answers, _ = uneven_crowd(40, 6, 3, 5, seed=2)
    result = GLAD(tol=1e-13, max_iter=5000).fit(answers)
    alpha, beta = result.worker_columns["alpha"], result.task_columns["beta"]

    def loss(x: NDArray[np.float64]) -> float:
        return -log_posterior(answers, x[:6], x[6:], 3)[0]

    found = minimize(loss, np.concatenate((alpha, beta)), method="L-BFGS-B")
    assert found.fun == pytest.approx(-result.diagnostics.objective[-1], abs=1e-3)
    assert found.x[:6] == pytest.approx(alpha, abs=0.02)


@examples(30)
@given(seed=st.integers(0, 10**6), n_classes=st.integers(1, 6), weighted=st.booleans())
def test_the_objective_never_falls(seed: int, n_classes: int, weighted: bool) -> None:
    answers, _ = uneven_crowd(
        25, 5, n_classes, 4, accuracy=(0.0, 1.0), seed=seed, weighted=weighted
    )
    path = GLAD(tol=0.0, max_iter=40).fit(answers).diagnostics.objective
    assert (np.diff(path) >= -1e-9 * np.abs(path[:-1])).all()


def test_able_workers_and_easy_tasks_are_told_apart() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(4, size=300)
    ability, log_easy = np.linspace(-1, 4, 30), rng.normal(0, 1, 300)
    worker = np.argsort(rng.random((300, 30)), axis=1)[:, :12].ravel()
    task = np.arange(300).repeat(12)
    right = rng.random(task.size) < 1 / (1 + np.exp(-ability[worker] * np.exp(log_easy[task])))
    wrong = (truth[task] + rng.integers(1, 4, task.size)) % 4
    answers = Answers.from_arrays(task, worker, np.where(right, truth[task], wrong), classes=4)
    result = GLAD().fit(answers)
    assert (result.labels == truth).mean() > 0.9
    assert np.corrcoef(result.worker_columns["alpha"], ability)[0, 1] > 0.9
    assert np.corrcoef(result.task_columns["beta"], log_easy)[0, 1] > 0.5
    assert result.worker_columns["alpha"][0] < 0  # the adversary


def test_large_inputs_do_not_diverge() -> None:
    rng = np.random.default_rng(0)
    n = 100_000
    truth = rng.integers(3, size=n)
    worker = rng.integers(300, size=3 * n)
    right = rng.random(3 * n) < rng.uniform(0.3, 1.0, 300)[worker]
    label = np.where(right, truth.repeat(3), rng.integers(3, size=3 * n))
    answers = Answers.from_arrays(
        np.arange(n).repeat(3), worker, label, classes=3, duplicates="all"
    )
    result = GLAD().fit(answers)
    assert result.diagnostics.converged
    assert np.abs(result.worker_columns["alpha"]).max() < 20
    assert np.abs(result.task_columns["beta"]).max() < 10
    assert (result.labels == truth).mean() > (label[::3] == truth).mean()


def test_gold_is_clamped_even_where_nobody_answered() -> None:
    answers, truth = uneven_crowd(100, 10, 3, 3)
    result = GLAD().fit(answers, gold=truth)
    assert (result.labels == truth).all()
    right = answers.label == truth[answers.task]
    expected = np.bincount(answers.worker, weights=right) / answers.answers_per_worker
    assert result.skill == pytest.approx(expected)


def test_init_is_the_start() -> None:
    answers, truth = uneven_crowd(100, 8, 3, 5, seed=4)
    upside_down = np.eye(3)[(truth + 1) % 3]
    flipped = GLAD(max_iter=1, tol=0.0).fit(answers, init=upside_down)
    assert flipped.worker_columns["alpha"].mean() < 1 - 0.3


def test_side_files_carry_ids_that_are_numbers() -> None:
    answers = Answers.from_arrays([10, 10, 30], ["ann", "bob", "bob"], ["x", "y", "y"])
    strategy = GLAD()
    result = strategy.fit(answers)
    files = strategy.side_files(result)
    assert set(files) == {"difficulties.npy", "abilities.npy"}
    assert files["difficulties.npy"][:, 0].tolist() == [10, 30]
    assert files["difficulties.npy"][:, 1] == pytest.approx(result.task_columns["beta"])
    assert files["abilities.npy"][:, 0].tolist() == [0, 1]


@pytest.mark.parametrize("alpha_mean", [0.0, 1e-6, -1e-6])
def test_a_start_that_knows_nothing_is_left_by_the_votes(alpha_mean: float) -> None:
    # All parameters at their means give every class 1/2, and every derivative is zero.
    answers, truth = uneven_crowd(200, 10, 2, 5, accuracy=(0.7, 0.95))
    result = GLAD(alpha_mean=alpha_mean).fit(answers)
    usual = GLAD().fit(answers)
    assert (result.labels == truth).mean() == pytest.approx(
        (usual.labels == truth).mean(), abs=0.03
    )
    assert result.posterior.max(1).mean() > 0.9
    assert result.diagnostics.n_iter > 2
    assert "saddle" in result.diagnostics.notes["start"]
    assert not usual.diagnostics.notes
    assert (np.diff(result.diagnostics.objective) >= -1e-9).all()


def test_a_start_that_is_given_leaves_the_saddle_too() -> None:
    answers, truth = uneven_crowd(200, 10, 2, 5, accuracy=(0.7, 0.95))
    upside_down = np.eye(2)[1 - truth] * 0.8 + 0.1
    result = GLAD(alpha_mean=0.0).fit(answers, init=upside_down)
    assert (result.labels == truth).mean() < 0.2
    assert not result.diagnostics.notes
