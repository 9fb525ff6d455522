"""The pool and its members, written slowly: every matrix in full, an answer at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma, gammaln

from peerannot.answers import Answers

Array = NDArray[Any]


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
