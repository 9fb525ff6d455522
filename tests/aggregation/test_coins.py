"""Models where all wrong classes are alike: one-coin, ZenCrowd, by class, and MACE."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from helpers.crowds import uneven_crowd
from helpers.examples import examples
from peerannot.aggregation import STRATEGIES
from peerannot.aggregation.passes.coins import Coins
from peerannot.aggregation.passes.support import Support
from peerannot.answers import Answers

OneCoin, ZenCrowd = STRATEGIES["one-coin"], STRATEGIES["ZC"]
ClassOneCoin, MACE = STRATEGIES["class-one-coin"], STRATEGIES["mace"]


def evidence(
    answers: Answers, log_right: NDArray[np.float64], log_wrong: NDArray[np.float64], rho: Any
) -> tuple[float, NDArray[np.float64]]:
    """Log-likelihood and posterior from the log-probability of each answer, right or wrong."""
    logit = np.tile(np.log(rho), (answers.n_tasks, 1))
    weight = np.ones(answers.n_answers) if answers.weight is None else answers.weight
    for c in range(answers.n_classes):
        term = weight * np.where(answers.label == c, log_right, log_wrong)
        np.add.at(logit[:, c], answers.task, term)
    total = np.logaddexp.reduce(logit, axis=1)
    return float(total[answers.answers_per_task > 0].sum()), np.exp(logit - total[:, None])


@pytest.mark.parametrize("n_classes", [2, 3, 8])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("even", [False, True])
def test_the_compiled_pass_equals_its_twin(n_classes: int, weighted: bool, even: bool) -> None:
    answers, truth = uneven_crowd(70, 8, n_classes, 4, weighted=weighted)
    gold = np.where(np.arange(70) % 9 == 0, truth, -1).astype(np.int32)
    rng = np.random.default_rng(0)
    bonus = rng.normal(1, 2, 8)
    rho = np.full(n_classes, 1 / n_classes) if even else rng.dirichlet(np.ones(n_classes))
    coins = Coins.of(answers, Support.of(answers), gold, answers.worker, 8)
    right, mass, gain = coins.step(bonus, rho)
    zero = np.zeros(answers.n_answers)
    _, z = evidence(answers, bonus[answers.worker], zero, rho)
    z[gold >= 0] = np.eye(n_classes)[gold[gold >= 0]]
    weight = np.ones(answers.n_answers) if answers.weight is None else answers.weight
    expected = np.bincount(answers.worker, weight * z[answers.task, answers.label], 8)
    assert right == pytest.approx(expected)
    counted = (answers.answers_per_task > 0) | (gold >= 0)
    assert mass == pytest.approx(z[counted].sum(0))
    assert coins.posterior(bonus, rho) == pytest.approx(z, abs=1e-12)
    none = np.full(70, -1, np.int32)
    free = Coins.of(answers, Support.of(answers), none, answers.worker, 8).step(bonus, rho)[2]
    assert free == pytest.approx(evidence(answers, bonus[answers.worker], zero, rho)[0])
    assert gain != free


@pytest.mark.parametrize("prior", ["uniform", "estimated"])
def test_one_coin_says_what_its_parameters_say(prior: str) -> None:
    answers, _ = uneven_crowd(80, 9, 4, 5)
    result = OneCoin(prior=prior, tol=1e-12, max_iter=3000).fit(answers)
    p = result.skill[answers.worker]
    loglik, posterior = evidence(answers, np.log(p), np.log((1 - p) / 3), result.prior)
    assert result.posterior == pytest.approx(posterior, abs=1e-6)
    assert result.diagnostics.objective[-1] == pytest.approx(loglik, abs=1e-4)
    right = np.bincount(answers.worker, posterior[answers.task, answers.label], 9)
    assert result.skill == pytest.approx(right / answers.answers_per_worker, abs=1e-4)
    if prior == "uniform":
        assert (result.prior == 0.25).all()


@examples(25)
@given(seed=st.integers(0, 10**6), n_classes=st.integers(1, 6), weighted=st.booleans())
@pytest.mark.parametrize(
    "strategy",
    [
        OneCoin(tol=0.0, max_iter=25),
        OneCoin(tol=0.0, max_iter=25, prior="estimated"),
        ZenCrowd(tol=0.0, max_iter=25),
        ClassOneCoin(tol=0.0, max_iter=25),
        MACE(tol=0.0, max_iter=25, restarts=1),
    ],
    ids=lambda s: s.name,
)
def test_the_objective_never_falls(
    strategy: Any, seed: int, n_classes: int, weighted: bool
) -> None:
    answers, _ = uneven_crowd(20, 5, n_classes, 3, seed=seed, weighted=weighted)
    path = strategy.fit(answers).diagnostics.objective
    # The floor under probabilities of one-coin models moves the likelihood by about this.
    assert (np.diff(path) >= -1e-6).all()


def test_thousands_of_classes_cost_nothing() -> None:
    answers, truth = uneven_crowd(300, 20, 3, 5)
    many = Answers(
        answers.task, answers.worker, answers.label, answers.tasks, answers.workers,
        Answers.from_arrays([0], [0], [0], classes=1_000_000).classes,
    )  # fmt: skip
    for strategy in (OneCoin(), ClassOneCoin()):
        result = strategy.fit(many, gold={"0": 999_999})
        assert not isinstance(result.posterior, np.ndarray)
        assert result.labels[0] == 999_999
        answered = (answers.answers_per_task > 0) & (np.arange(300) > 0)
        assert (result.labels[answered] == truth[answered]).mean() > 0.85
        assert result.posterior.sum(1)[answered] == pytest.approx(1.0)


def test_zencrowd_starts_from_equal_workers() -> None:
    answers, _ = uneven_crowd(60, 8, 3, 5)
    low = ZenCrowd(reliability=0.5, max_iter=1, tol=0.0).fit(answers)
    high = ZenCrowd(reliability=0.99, max_iter=1, tol=0.0).fit(answers)
    assert np.abs(low.skill - high.skill).max() > 0.01
    assert ZenCrowd().fit(answers).posterior == pytest.approx(
        OneCoin().fit(answers).posterior, abs=0.02
    )


def test_class_one_coin_tells_the_classes_that_a_worker_knows() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(3, size=600)
    task, worker = np.arange(600).repeat(6), np.argsort(rng.random((600, 12)), 1)[:, :6].ravel()
    blind = (worker < 4) & (truth[task] == 2)
    guess = blind | (rng.random(task.size) < 0.1)
    label = np.where(guess, rng.integers(3, size=task.size), truth[task])
    result = ClassOneCoin().fit(Answers.from_arrays(task, worker, label, classes=3))
    p = np.zeros((12, 3))
    p[result.extra["unit_worker"], result.extra["unit_class"]] = result.extra["unit_right"]
    assert p[:4, 2] == pytest.approx(1 / 3, abs=0.1)
    assert p[4:] == pytest.approx(0.93, abs=0.1)


@pytest.mark.parametrize("method", ["vb", "em"])
def test_mace_finds_spammers(method: str) -> None:
    rng = np.random.default_rng(1)
    truth = rng.integers(4, size=400)
    task, worker = np.arange(400).repeat(6), np.argsort(rng.random((400, 15)), 1)[:, :6].ravel()
    competence = np.where(np.arange(15) < 4, 0.0, 0.8)
    style = np.where(worker % 2, 1, rng.integers(4, size=task.size))
    label = np.where(rng.random(task.size) < competence[worker], truth[task], style)
    result = MACE(method=method).fit(Answers.from_arrays(task, worker, label, classes=4))
    assert (result.labels == truth).mean() > 0.97
    assert result.worker_columns["competence"] == pytest.approx(competence, abs=0.1)


def test_mace_starts_differ_and_the_best_is_kept() -> None:
    answers, _ = uneven_crowd(60, 10, 4, 4, accuracy=(0.0, 0.9), seed=6)
    told: list[str] = []
    result = MACE(restarts=8, max_iter=2, tol=0.0).fit(
        answers, progress=lambda done, total=None, text="": told.append(text)
    )
    firsts, lasts = told[::2], [float(text.split()[-1]) for text in told[1::2]]
    assert len({text.split()[-1] for text in firsts}) == 8
    assert result.diagnostics.objective[-1] == pytest.approx(max(lasts), abs=1e-4)


def test_random_starts_do_not_depend_on_names() -> None:
    answers, _ = uneven_crowd(60, 10, 4, 4, accuracy=(0.0, 0.9), seed=6)
    backwards = Answers.from_arrays(
        [f"t{99 - i}" for i in answers.task], [f"w{99 - j}" for j in answers.worker],
        [3 - c for c in answers.label], tasks=[f"t{99 - i}" for i in range(60)][::-1],
        workers=[f"w{99 - i}" for i in range(10)][::-1], classes=4, duplicates="all",
    )  # fmt: skip
    for name in ("mace", "ebcc"):
        strategy = STRATEGIES[name](max_iter=5, tol=0.0, restarts=4)
        here, there = strategy.fit(answers), strategy.fit(backwards)
        assert there.posterior[::-1, ::-1] == pytest.approx(here.posterior, abs=1e-6)


def test_gold_is_clamped() -> None:
    answers, truth = uneven_crowd(90, 9, 3, 4)
    for cls in (OneCoin, ZenCrowd, ClassOneCoin, MACE):
        result = cls().fit(answers, gold=truth)
        assert (result.labels == truth).all()
        right = np.bincount(answers.worker, answers.label == truth[answers.task])
        if cls is OneCoin:
            assert result.skill == pytest.approx(right / answers.answers_per_worker)
