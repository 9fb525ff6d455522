"""The pool and its members, against slow transcriptions of their equations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import digamma, gammaln

from helpers.crowds import uneven_crowd
from helpers.real_crowds import SETS, accuracy, real_crowd
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


def rows_of(answers: Answers) -> list[tuple[int, int, int, float]]:
    return list(
        zip(
            answers.task.tolist(), answers.worker.tolist(), answers.label.tolist(),
            answers.weights.tolist(), strict=True,
        )
    )  # fmt: skip


def shares(answers: Answers, gold: Array) -> Array:
    z = np.zeros((answers.n_tasks, answers.n_classes))
    for i, _, y, w in rows_of(answers):
        z[i, y] += w
    votes = z.sum(1) > 0
    z[votes] /= z[votes].sum(1, keepdims=True)
    z[~votes] = 1 / answers.n_classes
    return known(z, gold)


def known(z: Array, gold: Array) -> Array:
    for i in np.flatnonzero(gold >= 0):
        z[i] = np.eye(z.shape[1])[gold[i]]
    return z


def counted(answers: Answers, gold: Array) -> Array:
    return (answers.answers_per_task > 0) | (gold >= 0)


def log_chance(beta: Array, member: Array, n: Array, y: int, left_out: float) -> float:
    """Of a label, by rows of each type and the counts of a worker in that row."""
    cell, row = max(n[y] - left_out, 0.0), max(n.sum() - left_out, 0.0)
    each = [(b[y] + cell) / (b.sum() + row) for b in beta]
    return float(np.log(member @ each))


def slow_types(answers: Answers, gold: Array, n_types: int, n_rounds: int, uniform: bool) -> Array:
    """Hierarchical Dawid-Skene with every matrix written out, (true, answered)."""
    k, n_workers = answers.n_classes, answers.n_workers
    wrong = min(1.0, 9 / max(k - 1, 1))
    total = 4 + (k - 1) * wrong
    begun = np.empty((n_types, k, k))
    for t in range(n_types):
        right = 1 / k + (1 - 1 / k) * (t + 0.5) / n_types if n_types > 1 else 4 / total
        begun[t] = total * (1 - right) / max(k - 1, 1)
        np.fill_diagonal(begun[t], total * right)
    beta, tau = begun.copy(), np.full(n_types, 1 / n_types)
    z = shares(answers, gold)
    active = np.bincount(answers.worker, minlength=n_workers) > 0
    learns, moved = False, np.inf
    for turn in range(n_rounds + 1):
        counts = np.zeros((n_workers, k, k))
        for i, j, y, w in rows_of(answers):
            counts[j, :, y] += w * z[i]
        mass = z[counted(answers, gold)].sum(0)
        r = np.empty((n_workers, n_types))
        for j in range(n_workers):
            for t in range(n_types):
                score = np.log(tau[t])
                for c in range(k):
                    b, n = beta[t, c], counts[j, c]
                    score += gammaln(b.sum()) - gammaln((b + n).sum())
                    score += (gammaln(b + n) - gammaln(b)).sum()
                r[j, t] = score
        r = np.exp(r - r.max(1, keepdims=True))
        r /= r.sum(1, keepdims=True)
        tau = (r[active].sum(0) + 1 / n_types) / (active.sum() + 1)
        learns = learns or turn >= 5 or moved < 0.01
        if learns:
            new = np.empty_like(beta)
            for t in range(n_types):
                for c in range(k):
                    b = beta[t, c]
                    spent = sum(
                        r[j, t] * (digamma(b.sum() + counts[j, c].sum()) - digamma(b.sum()))
                        for j in range(n_workers)
                    )
                    for y in range(k):
                        met = sum(
                            r[j, t] * (digamma(b[y] + counts[j, c, y]) - digamma(b[y]))
                            for j in range(n_workers)
                        )
                        new[t, c, y] = (b[y] * met + begun[t, c, y]) / (spent + 1)
            beta = np.clip(new, np.minimum(1e-3, begun / 10), 1e4)

        frequency = np.ones(k) if uniform else mass + 1
        score = np.tile(np.log(frequency / frequency.sum()), (answers.n_tasks, 1))
        for i, j, y, w in rows_of(answers):
            for c in range(k):
                whole = min(max(counts[j, c, y], 1e-3), 1.0)
                here = beta[:, c], r[j], counts[j, c], y
                every, apart = log_chance(*here, 0.0), log_chance(*here, whole)
                score[i, c] += w * (every + min(w, 1.0) * z[i, c] * (apart - every) / whole)
        before, z = z, np.exp(score - score.max(1, keepdims=True))
        z = known(z / z.sum(1, keepdims=True), gold)
        there = counted(answers, gold)
        moved = np.abs(z - before)[there].sum() / 2 / max(there.sum(), 1)
    return z


@settings(max_examples=25, deadline=None)
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


def bonus(
    a: float, b: float, known_n: float, guessed: float, habit: float, habits: float, label: float,
    known_out: float, guessed_out: float,
) -> float:  # fmt: skip
    """What an answer adds for its class, with so much of it left out of the worker's counts."""
    one, none = a + max(known_n - known_out, 0.0), max(guessed - guessed_out, 0.0)
    chance = one / (one + b + none)
    guess = (habit + max(label - guessed_out, 0.0)) / (habits + none)
    return float(np.log1p(chance / ((1 - chance) * guess)))


def slow_guessers(answers: Answers, gold: Array, n_rounds: int) -> Array:
    """Hierarchical MACE, an answer at a time."""
    k, n_workers = answers.n_classes, answers.n_workers
    z = shares(answers, gold)
    said = np.zeros((n_workers, k))
    for _, j, y, w in rows_of(answers):
        said[j, y] += w
    first = (said.sum(0) + 1) / (said.sum() + k) * k * 0.5
    a, b, g = 2.0, 2.0, first.copy()
    knew = np.full((n_workers, k), 0.7)
    learns, moved = False, np.inf
    for turn in range(n_rounds + 1):
        right = np.zeros((n_workers, k))
        for i, j, y, w in rows_of(answers):
            right[j, y] += w * z[i, y]
        known_to = knew * right
        n1, n0 = known_to.sum(1), np.maximum(said.sum(1) - known_to.sum(1), 0)
        guessed = np.maximum(said - known_to, 0)
        learns = learns or turn >= 5 or moved < 0.01
        if learns:
            spent = (digamma(a + b + said.sum(1)) - digamma(a + b)).sum()
            new_a = (a * (digamma(a + n1) - digamma(a)).sum() + 2) / (spent + 1)
            new_b = (b * (digamma(b + n0) - digamma(b)).sum() + 2) / (spent + 1)
            spent = (digamma(g.sum() + n0) - digamma(g.sum())).sum()
            gain = np.where(said > 0, digamma(g + guessed) - digamma(g), 0).sum(0)
            new_g = (g * gain + first) / (spent + 1)
            a, b = np.clip([new_a, new_b], 1e-2, 1e4).tolist()
            g = np.clip(new_g, np.minimum(1e-3, first / 10), 1e4)
        theta = (a + n1) / (a + b + n1 + n0)
        guess = (1 - theta[:, None]) * (g + guessed) / (g.sum() + n0)[:, None]
        knew = theta[:, None] / (theta[:, None] + guess)
        known_to = knew * right
        n1 = known_to.sum(1)

        score = np.tile(np.log(z[counted(answers, gold)].sum(0) + 1), (answers.n_tasks, 1))
        for i, j, y, w in rows_of(answers):
            of_worker = (
                a,
                b,
                n1[j],
                said[j].sum() - n1[j],
                g[y],
                g.sum(),
                said[j, y] - known_to[j, y],
            )
            every, share = bonus(*of_worker, 0.0, 0.0), min(w, 1.0)
            wrong = bonus(*of_worker, 0.0, 1.0)
            sure = bonus(*of_worker, knew[j, y], 1 - knew[j, y])
            score[i, y] += w * (every + share * (wrong - every + z[i, y] * (sure - wrong)))
        before, z = z, np.exp(score - score.max(1, keepdims=True))
        z = known(z / z.sum(1, keepdims=True), gold)
        gaps = [w * abs(z[i, y] - before[i, y]) for i, _, y, w in rows_of(answers)]
        moved = sum(gaps) / max(said.sum(), 1.0)
    return z


@settings(max_examples=40, deadline=None)
@given(drawn=crowds, n_rounds=st.integers(1, 9))
def test_hierarchical_mace_is_its_transcription(
    drawn: tuple[int, int, int, int, bool], n_rounds: int
) -> None:
    answers, named, gold = crowd_of(drawn)
    rule = STRATEGIES["hierarchical-mace"](max_iter=n_rounds, tol=1e-300)
    found = rule.fit(answers, gold=named).posterior
    np.testing.assert_allclose(found, slow_guessers(answers, gold, n_rounds), rtol=0, atol=1e-9)


def slow_averages(answers: Answers, gold: Array, n_rounds: int) -> Array:
    """Normalised BWA, a class at a time."""
    k, n_workers = answers.n_classes, answers.n_workers
    z = shares(answers, np.full(answers.n_tasks, -1))
    n, of_worker = answers.weight_per_task, answers.weight_per_worker
    spread = np.array([(n * z[:, c] * (1 - z[:, c])).sum() for c in range(k)])
    rate = np.maximum(15 * spread / max(n.sum(), 1e-300) * 4 * (1 - 1 / k), 1e-9)
    z = known(z, gold)
    for _ in range(n_rounds + 1):
        mean = z[n > 0].sum(0) / z[n > 0].sum() if (n > 0).any() else np.full(k, 1 / k)
        wrong = np.zeros((n_workers, k))
        for i, j, y, w in rows_of(answers):
            for c in range(k):
                wrong[j, c] += w * ((y == c) - z[i, c]) ** 2
        v = (15 + of_worker[:, None]) / (rate + wrong)
        above, below = np.tile(mean, (answers.n_tasks, 1)), np.ones((answers.n_tasks, k))
        for i, j, y, w in rows_of(answers):
            above[i, y] += w * v[j, y]
            below[i] += w * v[j]
        z = np.maximum(above / below, 1e-12)
        z /= z.sum(1, keepdims=True)
        z[n == 0] = 1 / k
        z = known(z, gold)
    return z


@settings(max_examples=40, deadline=None)
@given(drawn=crowds, n_rounds=st.integers(1, 6))
def test_bwa_normalised_is_its_transcription(
    drawn: tuple[int, int, int, int, bool], n_rounds: int
) -> None:
    answers, named, gold = crowd_of(drawn)
    rule = STRATEGIES["bwa-normalised"](max_iter=n_rounds, tol=1e-300)
    found = rule.fit(answers, gold=named).posterior
    np.testing.assert_allclose(found, slow_averages(answers, gold, n_rounds), rtol=0, atol=1e-9)


def received(answers: Answers) -> Array:
    """Whether a task received a class, (n_tasks, K)."""
    got = np.zeros((answers.n_tasks, answers.n_classes), bool)
    got[answers.task, answers.label] = True
    return got


def on_received(answers: Answers, score: Array, gold: Array) -> Array:
    """Scores of the labels received as shares, those of known classes certain; the dense form."""
    got = received(answers)
    z = np.where(got, score, 0.0)
    answered = got.any(1)
    z[answered] /= z[answered].sum(1, keepdims=True)
    z[gold >= 0] = np.where(got, np.eye(z.shape[1])[np.maximum(gold, 0)], 0)[gold >= 0]
    return z


def mass_received(z: Array, gold: Array) -> Array:
    """Class sums of the tasks, a known class counting whether it was received or not."""
    known_ones = np.bincount(gold[gold >= 0], minlength=z.shape[1])
    return np.asarray(z[gold < 0].sum(0) + known_ones)


def slow_received_types(answers: Answers, gold: Array, n_rounds: int) -> Array:
    """Hierarchical Dawid-Skene of many classes, with matrices of two numbers a type."""
    k, n_workers, n_types = answers.n_classes, answers.n_workers, 4
    total = 4 + 9.0
    right = 1 / k + (1 - 1 / k) * (np.arange(n_types) + 0.5) / n_types
    begun = np.stack((total * right, total * (1 - right) / (k - 1)), 1)
    alpha, tau, diagonal = begun.copy(), np.full(n_types, 1 / n_types), np.eye(k, dtype=bool)
    got = received(answers)
    z = on_received(answers, shares(answers, np.full(gold.size, -1)), gold)
    active = np.bincount(answers.worker, minlength=n_workers) > 0
    learns, moved = False, np.inf
    for turn in range(n_rounds + 1):
        counts, cell = np.zeros((n_workers, k, k)), np.zeros((n_workers, k, k), bool)
        for i, j, y, w in rows_of(answers):
            counts[j, :, y] += w * z[i]
            cell[j, got[i], y] = True
        row, met_row = counts.sum(2), cell.any(2)
        full = np.where(diagonal, alpha[:, 0, None, None], alpha[:, 1, None, None])
        sums = full.sum(2)
        r = np.tile(np.log(tau), (n_workers, 1))
        for t in range(n_types):
            gain = gammaln(full[t] + counts) - gammaln(full[t])
            lost = gammaln(sums[t]) - gammaln(sums[t] + row)
            r[:, t] += np.where(cell, gain, 0).sum((1, 2)) + np.where(met_row, lost, 0).sum(1)
        r = np.exp(r - r.max(1, keepdims=True))
        r /= r.sum(1, keepdims=True)
        tau = (r[active].sum(0) + 1 / n_types) / (active.sum() + 1)
        learns = learns or turn >= 5 or moved < 0.01
        if learns:
            for t in range(n_types):
                gain = np.where(cell, digamma(full[t] + counts) - digamma(full[t]), 0)
                gain *= r[:, t, None, None]
                spent = np.where(met_row, digamma(sums[t] + row) - digamma(sums[t]), 0)
                spent = (r[:, t, None] * spent).sum() * np.array([1.0, k - 1.0])
                said = np.array([gain[:, diagonal].sum(), gain[:, ~diagonal].sum()])
                alpha[t] = (alpha[t] * said + begun[t]) / (spent + 1)
            alpha = np.clip(alpha, np.minimum(1e-3, begun / 10), 1e4)
        mass = np.where((gold < 0)[:, None], z, 0).sum(0) + np.bincount(
            gold[gold >= 0], minlength=k
        )
        score = np.tile(np.log((mass + 1) / (mass + 1).sum()), (gold.size, 1))
        full = np.where(diagonal, alpha[:, 0, None, None], alpha[:, 1, None, None])
        for i, j, y, w in rows_of(answers):
            for c in np.flatnonzero(got[i]):
                n = counts[j, c]
                whole = min(max(n[y], 1e-3), 1.0)
                here = full[:, c], r[j], n, y
                every, apart = log_chance(*here, 0.0), log_chance(*here, whole)
                score[i, c] += w * (every + min(w, 1.0) * z[i, c] * (apart - every) / whole)
        best = np.where(got, score, -np.inf).max(1, keepdims=True)
        before, z = (
            z,
            np.exp(np.where(got, score - np.where(got.any(1)[:, None], best, 0), -np.inf)),
        )
        z = on_received(answers, z, gold)
        moved = np.abs(z - before).sum() / 2 / max(mass.sum(), 1)
    z[~got.any(1)] = 1 / k
    return known(z, gold)


def slow_received_averages(answers: Answers, gold: Array, n_rounds: int) -> Array:
    """Normalised BWA on the labels received."""
    k, got = answers.n_classes, received(answers)
    z = shares(answers, np.full(gold.size, -1))
    n, of_worker = answers.weight_per_task, answers.weight_per_worker
    spread = (n[:, None] * z * (1 - z)).sum(0)
    rate = np.maximum(15 * spread / max(n.sum(), 1e-300) * 4 * (1 - 1 / k), 1e-9)
    z = on_received(answers, z, gold)
    for _ in range(n_rounds + 1):
        mass = np.where((gold < 0)[:, None], z, 0).sum(0) + np.bincount(
            gold[gold >= 0], minlength=k
        )
        mean = mass / mass.sum() if mass.sum() > 0 else np.full(k, 1 / k)
        wrong = np.zeros((answers.n_workers, k))
        for i, j, y, w in rows_of(answers):
            wrong[j] += w * np.where(got[i], (np.eye(k)[y] - z[i]) ** 2, 0)
        v = (15 + of_worker[:, None]) / (rate + wrong)
        above, below = np.tile(mean, (gold.size, 1)), np.ones((gold.size, k))
        for i, j, y, w in rows_of(answers):
            above[i, y] += w * v[j, y]
            below[i] += w * v[j]
        z = on_received(answers, np.maximum(above / below, 1e-12), gold)
    z[~got.any(1)] = 1 / k
    return known(z, gold)


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
