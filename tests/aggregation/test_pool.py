"""The pool and its members, against slow transcriptions of their equations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from helpers.crowds import uneven_crowd
from helpers.examples import examples
from helpers.real_crowds import SETS, accuracy, real_crowd
from helpers.slow_pool import (
    slow_averages,
    slow_guessers,
    slow_received_averages,
    slow_received_types,
    slow_types,
)
from peerannot._progress import silent
from peerannot.aggregation import STRATEGIES, build
from peerannot.aggregation.partitions.parts import LocalParts
from peerannot.answers import Answers
from peerannot.io import read_answers
from peerannot.selection import evaluate

Array = NDArray[Any]
pytestmark = pytest.mark.filterwarnings("ignore::peerannot.errors.ConvergenceWarning")
crowds = st.tuples(
    st.integers(0, 10**6), st.integers(1, 25), st.integers(1, 6), st.integers(1, 5), st.booleans()
)


def crowd_of(drawn: tuple[int, int, int, int, bool]) -> tuple[Answers, dict[str, str], Array]:
    """Answers, gold labels of every fourth task, and the same as codes."""
    seed, n_tasks, n_workers, k, weighted = drawn
    answers, truth = uneven_crowd(n_tasks, n_workers, k, 4, seed=seed, weighted=weighted)
    gold = np.where(np.arange(n_tasks) % 4 == 0, truth, -1)
    named = {answers.tasks[i]: answers.classes[gold[i]] for i in np.flatnonzero(gold >= 0)}
    return answers, named, gold


@examples(25)
@given(drawn=crowds, n_types=st.integers(1, 3), n_rounds=st.integers(1, 8), uniform=st.booleans())
def test_hierarchical_dawid_skene_is_its_transcription(
    drawn: tuple[int, int, int, int, bool], n_types: int, n_rounds: int, uniform: bool
) -> None:
    answers, named, gold = crowd_of(drawn)
    prior = "uniform" if uniform else "estimated"
    rule = STRATEGIES["hierarchical-dawid-skene"](
        types=n_types, prior=prior, max_iter=n_rounds, tol=1e-300
    )
    found = rule.fit(answers, gold=named).posterior
    np.testing.assert_allclose(
        found, slow_types(answers, gold, n_types, n_rounds, uniform), rtol=0, atol=1e-9
    )


@examples(40)
@given(drawn=crowds, n_rounds=st.integers(1, 9))
def test_hierarchical_mace_is_its_transcription(
    drawn: tuple[int, int, int, int, bool], n_rounds: int
) -> None:
    answers, named, gold = crowd_of(drawn)
    rule = STRATEGIES["hierarchical-mace"](max_iter=n_rounds, tol=1e-300)
    found = rule.fit(answers, gold=named).posterior
    np.testing.assert_allclose(found, slow_guessers(answers, gold, n_rounds), rtol=0, atol=1e-9)


@examples(40)
@given(drawn=crowds, n_rounds=st.integers(1, 6))
def test_bwa_normalised_is_its_transcription(
    drawn: tuple[int, int, int, int, bool], n_rounds: int
) -> None:
    answers, named, gold = crowd_of(drawn)
    rule = STRATEGIES["bwa-normalised"](max_iter=n_rounds, tol=1e-300)
    found = rule.fit(answers, gold=named).posterior
    np.testing.assert_allclose(found, slow_averages(answers, gold, n_rounds), rtol=0, atol=1e-9)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("n_rounds", [1, 4, 8])
def test_of_many_classes_they_are_their_transcriptions(n_rounds: int, weighted: bool) -> None:
    answers, named, gold = crowd_of((n_rounds, 30, 6, 70, weighted))
    slows = {
        "hierarchical-dawid-skene": slow_received_types, "bwa-normalised": slow_received_averages
    }  # fmt: skip
    for name, slow in slows.items():
        rule = STRATEGIES[name](max_iter=n_rounds, tol=1e-300)
        found = rule.fit(answers, gold=named).posterior
        np.testing.assert_allclose(found, slow(answers, gold, n_rounds), rtol=0, atol=1e-9)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    "spec", ["pool", "hierarchical-dawid-skene", "hierarchical-mace", "bwa-normalised"]
)
def test_of_many_classes_partitions_give_what_one_machine_gives(spec: str, weighted: bool) -> None:
    answers, named, gold = crowd_of((7, 60, 9, 80, weighted))
    rule = build(spec)
    one = rule.fit(answers, gold=named)
    for n in (1, 2, 7):
        parts = LocalParts.of(answers, n, gold.astype(np.int32))
        fitted = rule.fit_parts(parts, silent)
        found = np.vstack([fitted.write(part, *fitted.given).posterior for part in parts])
        np.testing.assert_allclose(found, one.posterior, rtol=0, atol=1e-9)


def test_the_pool_is_the_mean_of_its_members() -> None:
    answers, _ = uneven_crowd(80, 9, 3, 5, accuracy=(0.4, 0.8), seed=1)
    members = ["hierarchical-dawid-skene", "hierarchical-dawid-skene[prior=uniform]"]
    members += ["hierarchical-mace", "bwa-normalised"]
    fits = [build(spec).fit(answers) for spec in members]
    pool = build("consensus").fit(answers)
    expected = np.mean([fit.posterior for fit in fits], axis=0)
    np.testing.assert_allclose(pool.posterior, expected, rtol=0, atol=1e-12)
    assert pool.strategy == "pool"
    assert pool.diagnostics.n_iter == max(fit.diagnostics.n_iter for fit in fits)
    np.testing.assert_allclose(pool.skill, np.mean([fit.skill for fit in fits[:3]], axis=0))


def test_two_types_of_workers_are_found() -> None:
    rng = np.random.default_rng(0)
    kind, truth = np.arange(40) % 2, rng.integers(3, size=500)
    worker, task = rng.integers(40, size=3000), np.arange(500).repeat(6)
    right = rng.random(3000) < np.array([0.95, 0.5])[kind][worker]
    label = np.where(right, truth[task], rng.integers(3, size=3000))
    answers = Answers.from_arrays(task, worker, label, classes=3, duplicates="all")
    result = build("hierarchical-dawid-skene[types=2]").fit(answers)
    of_type = result.worker_columns["type"]
    assert max((of_type == kind).mean(), (of_type != kind).mean()) >= 0.9
    assert result.extra["membership"].sum(1) == pytest.approx(1.0)
    assert result.extra["type_concentration"].shape == (2, 3, 3)
    assert (result.labels == truth).mean() > 0.95


@pytest.mark.parametrize(
    "spec", ["hierarchical-dawid-skene", "hierarchical-mace", "hierarchical-dawid-skene[types=1]"]
)
def test_no_task_confirms_itself(spec: str) -> None:
    """Of two who contradict each other everywhere, and are seen alike, none is believed."""
    task, worker = np.repeat(np.arange(30), 2), np.tile([0, 1], 30)
    label = (task + worker) % 2
    answers = Answers.from_arrays(task, worker, label, classes=2)
    assert build(spec).fit(answers).posterior == pytest.approx(0.5)


# Accuracy, ties shared, in the order of ``SETS``, of what equals the transcriptions above.
# fmt: off
MEASURED = {
    "pool":
        [.8533, .8043, .9162, .8162, .9363, .6592, .7958, .8889, .9288, .7024, .8752],
    "hierarchical-dawid-skene":
        [.8433, .7957, .9148, .8211, .9373, .6575, .7508, .8889, .9325, .7099, .8504],
    "hierarchical-dawid-skene[prior=uniform]":
        [.8000, .8014, .9150, .7642, .8410, .6592, .6637, .8981, .9312, .7046, .8636],
    "hierarchical-mace":
        [.8567, .8000, .9142, .8186, .9376, .6473, .7508, .8889, .9275, .7086, .8168],
    "bwa-normalised":
        [.8567, .7871, .9162, .8838, .9197, .6182, .7447, .7593, .9275, .6053, .8417],
}
# fmt: on


@pytest.mark.parametrize("spec", MEASURED)
def test_real_crowds(spec: str, real_data: Path) -> None:
    found, losses, gaps = [], [], []
    for name in SETS:
        answers, truth = real_crowd(real_data / "answers" / name)
        result = build(spec).fit(answers)
        found.append(accuracy(result, truth))
        scores = evaluate(result, {t: str(c) for t, c in truth.items() if t in answers.tasks})
        losses.append(scores.log_loss)
        gaps.append(scores.ece)
    assert found == pytest.approx(MEASURED[spec], abs=0.0021)
    if spec == "pool":
        # What was asked of it before it was written.
        assert np.mean(found) >= 0.832
        assert np.mean(losses) <= 0.56
        assert np.mean(gaps) <= 0.09


def test_cifar10s(cifar10s: Path) -> None:
    answers = read_answers(cifar10s / "answers.json")
    truth = np.load(cifar10s / "ground_truth.npy")
    known = {task: answers.classes[truth[int(task)]] for task in answers.tasks}
    assert evaluate(build("pool").fit(answers), known).accuracy >= 0.930
