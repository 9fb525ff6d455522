"""Each model against its definition, by frequencies at fixed seeds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.special import expit
from scipy.stats import chi2

from peerannot.simulation import SIMULATIONS, Simulation, simulate

SIZES: dict[str, Any] = {"n_worker": 20, "n_task": 6000, "n_classes": 4, "feedback": 5}


def counts(simulation: Simulation) -> np.ndarray[Any, Any]:
    """Answers by (worker, true, answered)."""
    answers = simulation.answers
    table = np.zeros((answers.n_workers, answers.n_classes, answers.n_classes))
    np.add.at(table, (answers.worker, simulation.truth[answers.task], answers.label), 1)
    return table


def fits(observed: np.ndarray[Any, Any], probability: np.ndarray[Any, Any]) -> float:
    """Chi-square p-value of counts (..., K) against distributions (..., K)."""
    expected = observed.sum(axis=-1, keepdims=True) * probability
    assert observed[expected == 0].sum() == 0
    used = expected >= 5
    statistic = ((observed - expected)[used] ** 2 / expected[used]).sum()
    freedom = np.maximum(used.sum(axis=-1) - 1, 0).sum()
    return float(chi2.sf(statistic, freedom))


@pytest.mark.parametrize(
    "model, options",
    [
        ("hammer-spammer", {"ratio": 0.4}),
        ("student-teacher", {"ratio": 0.5}),
        ("independent-confusion", {}),
        ("adversaries", {"ratio": 0.4}),
        ("adversaries", {"ratio": 0.4, "kind": "shift", "power": 1.0}),
        ("collusion", {"loyalty": 0.8}),
        ("ordinal", {}),
        ("correlated-judges", {"within": 0.0, "across": 0.0}),
        ("mixed-crowd", {"spammers": 0.2, "constants": 2, "hard": 0.0}),
        ("mixed-crowd", {"hard": 0.5}),
    ],
)
def test_answers_follow_the_confusion_matrices(model: str, options: dict[str, Any]) -> None:
    simulation = simulate(model, **SIZES, **options, stream="fast", seed=3)
    assert simulation.matrices is not None
    assert np.allclose(simulation.matrices.sum(axis=2), 1)
    assert fits(counts(simulation), simulation.matrices) > 1e-3


@pytest.mark.parametrize("model", SIMULATIONS)
def test_another_law_is_noticed_and_seeds_act(model: str) -> None:
    """The check above can fail; and a seed gives one simulation, another seed another."""
    one, same, other = (simulate(model, **SIZES, seed=s) for s in (1, 1, 2))
    assert one.answers == same.answers and one.answers != other.answers
    assert all((same.arrays()[k] == v).all() for k, v in one.arrays().items())
    if one.matrices is not None and model != "hammer-spammer":
        assert fits(counts(one), np.full_like(one.matrices, 0.25)) < 1e-6


@pytest.mark.parametrize("model", ["hammer-spammer", "student-teacher", "discrete-difficulty"])
def test_both_streams_draw_from_one_law(model: str) -> None:
    options = {"random": 0.2} if model == "discrete-difficulty" else {}
    slow = simulate(model, **SIZES, **options, stream="published", seed=5)
    fast = simulate(model, **SIZES, **options, stream="fast", seed=5)
    assert (slow.truth == fast.truth).all() and slow.answers != fast.answers
    assert all((fast.arrays()[k] == v).all() for k, v in slow.arrays().items())
    a, b = counts(slow), counts(fast)
    pooled = (a + b) / np.maximum((a + b).sum(axis=2, keepdims=True), 1)
    assert fits(b, pooled) > 1e-3
    load = [s.answers.answers_per_worker for s in (slow, fast)]
    assert abs(load[0] - load[1]).max() < 6 * np.sqrt(2 * 1500 * 0.75)


def test_diagonal_dominance_of_benevolent_workers() -> None:
    matrices = simulate("independent-confusion", n_worker=50, n_classes=6).matrices
    assert matrices is not None
    assert (matrices.argmax(axis=2) == np.arange(6)).all()
    # The largest of 6 uniform spacings has mean (1 + 1/2 + ... + 1/6) / 6.
    mean = sum(1 / i for i in range(1, 7)) / 6
    assert matrices[:, range(6), range(6)].mean() == pytest.approx(mean, abs=0.03)


def test_discrete_difficulty_levels() -> None:
    simulation = simulate(
        "discrete-difficulty", **SIZES, ratio=0.5, ratio_diff=3.0, random=0.2, stream="fast"
    )
    levels, answers = simulation.difficulties, simulation.answers
    assert levels is not None and simulation.matrices is not None
    shares = [(levels == level).mean() for level in ("easy", "hard", "random")]
    assert shares == pytest.approx([0.6, 0.2, 0.2], abs=0.02)
    right = answers.label == simulation.truth[answers.task]
    level = levels[answers.task]
    assert right[level == "easy"].all()
    assert right[level == "random"].mean() == pytest.approx(0.25, abs=0.02)
    diagonal = simulation.matrices[:, range(4), range(4)].mean()
    assert right[level == "hard"].mean() == pytest.approx(diagonal, abs=0.03)


def test_glad_follows_its_logistic_curve() -> None:
    simulation = simulate("glad", **SIZES, ability_sd=2.0, ease_mean=0.0)
    answers, beta = simulation.answers, simulation.difficulties
    assert beta is not None
    p = expit(simulation.extra["abilities"][answers.worker] * np.exp(beta[answers.task]))
    right = answers.label == simulation.truth[answers.task]
    cut = np.digitize(p, np.linspace(0, 1, 11)[1:-1])
    for bin_ in range(10):
        n = (cut == bin_).sum()
        assert n > 100
        assert right[cut == bin_].mean() == pytest.approx(p[cut == bin_].mean(), abs=4 / n**0.5 / 2)
    wrong = (answers.label - simulation.truth[answers.task])[~right] % 4
    assert fits(np.bincount(wrong, minlength=4)[None, 1:], np.full((1, 3), 1 / 3)) > 1e-3


@pytest.mark.parametrize("kind", ["wrong", "shift"])
def test_adversaries_attack_as_they_say(kind: str) -> None:
    simulation = simulate("adversaries", **SIZES, ratio=0.25, kind=kind, power=0.7)
    matrices = simulation.matrices
    assert matrices is not None
    spread = {"wrong": [0.3, 0.7 / 3, 0.7 / 3, 0.7 / 3], "shift": [0.3, 0.7, 0.0, 0.0]}[kind]
    for true in range(4):
        assert np.allclose(matrices[15:, true], np.roll(spread, true))
    assert matrices[:15, 0, 0].mean() == pytest.approx(0.8, abs=0.06)
    right = simulation.answers.label == simulation.truth[simulation.answers.task]
    assert right[simulation.answers.worker >= 15].mean() == pytest.approx(0.3, abs=0.02)


def together(simulation: Simulation, one: int, other: int) -> float:
    """Share of equal answers of two workers among the tasks that both answered."""
    answers = simulation.answers
    table = np.full((answers.n_tasks, answers.n_workers), -1)
    table[answers.task, answers.worker] = answers.label
    a, b = table[:, one], table[:, other]
    return float((a == b)[(a >= 0) & (b >= 0)].mean())


def test_colluders_agree_far_beyond_their_matrices() -> None:
    simulation = simulate(
        "collusion", n_worker=10, n_task=2000, n_classes=4, ratio=0.4, groups=2, loyalty=1.0
    )
    groups = simulation.extra["groups"]
    assert groups.tolist() == [-1] * 6 + [0, 1, 0, 1]
    assert together(simulation, 6, 8) == together(simulation, 7, 9) == 1.0
    # Two groups agree by chance: 0.3^2 + 0.7^2 / 3.
    assert together(simulation, 6, 7) == pytest.approx(0.3**2 + 0.7**2 / 3, abs=0.05)


def test_judges_are_wrong_together() -> None:
    simulation = simulate(
        "llm-judges", n_worker=4, n_task=20_000, n_classes=4, within=0.8, across=0.2, tempting=1.0
    )
    answers, accuracy = simulation.answers, simulation.extra["abilities"]
    wrong = (answers.label != simulation.truth[answers.task]).reshape(20_000, 4)
    assert (~wrong).mean(axis=0) == pytest.approx(accuracy, abs=0.02)
    correlation = np.corrcoef(wrong.T)
    assert simulation.extra["families"].tolist() == [0, 1, 0, 1]
    family, stranger = correlation[0, 2], correlation[0, 1]
    assert family > 0.45 > 0.2 > stranger > 0.05
    # All errors of a task are its distractor where everyone is tempted.
    labels = answers.label.reshape(20_000, 4)
    assert (labels[wrong] == np.repeat(simulation.extra["distractors"], 4)[wrong.ravel()]).all()


def test_ordinal_errors_are_near() -> None:
    simulation = simulate("ordinal", n_worker=200, n_task=500, n_classes=7, feedback=10)
    distance = np.abs(simulation.answers.label - simulation.truth[simulation.answers.task])
    shares = np.bincount(distance, minlength=7) / distance.size
    assert (np.diff(shares) <= 0).all() and shares[1] > 3 * shares[2] > 0
    lenient = simulation.extra["biases"] > 0.3
    assert simulation.matrices is not None
    mean = simulation.matrices[:, 3] @ np.arange(7)
    assert mean[lenient].min() > 3 > mean[simulation.extra["biases"] < -0.3].max()


def test_hard_tasks_of_the_mixed_crowd_look_like_their_pair() -> None:
    simulation = simulate(
        "mixed-crowd", **SIZES, pairs="0-3,1-2", spammers=0.0, constants=0, accuracy=0.9
    )
    plan, answers = simulation.plan, simulation.answers
    assert plan.hardness is not None and plan.lookalike is not None
    assert (plan.lookalike == 3 - simulation.truth).all()
    very = plan.hardness[answers.task] > 0.8
    alike = (answers.label == plan.lookalike[answers.task])[very].mean()
    assert alike == pytest.approx(0.5 * 0.85 + 0.15 * 0.06, abs=0.05)


def test_registry_names_and_option_names_are_apart() -> None:
    from dataclasses import fields

    from peerannot.simulation import Crowd

    published = {"hammer-spammer", "student-teacher", "independent-confusion"}
    assert published | {"discrete-difficulty"} == {
        n for n in SIMULATIONS if SIMULATIONS[n].published
    }
    assert SIMULATIONS["Discrete_Difficulty"] is SIMULATIONS["discrete-difficulty"]
    crowd = {f.name for f in fields(Crowd)}
    for name in SIMULATIONS:
        assert not crowd & {f.name for f in fields(SIMULATIONS[name])}
        assert "option" in next(iter(fields(SIMULATIONS[name]))).metadata
