"""Shared errors of groups: the model by enumeration, groups found, judges that are simulated."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers.crowds import crowd_of, diagonal, uneven_crowd
from peerannot.aggregation import build
from peerannot.aggregation.confusion.latent_factor import LatentFactor
from peerannot.aggregation.confusion.map_dawid_skene import MAPDawidSkene
from peerannot.aggregation.passes.error_factors import Factors, SharedErrorEM
from peerannot.agreement import ExcessAgreement
from peerannot.answers import Answers
from peerannot.errors import DataError
from peerannot.simulation import SIMULATIONS, Crowd

Array = Any
GROUP = np.array([0, 0, 1, 0, 2, 2])


def slow(em: SharedErrorEM, answers: Answers, now: Factors) -> tuple[Any, ...]:
    """Posterior, log-likelihood, and expected sums, by every class and every tempting class."""
    k, n_groups = answers.n_classes, now.rate.size
    counts = np.zeros(now.confusion.shape)
    tempted, ballots, followed, chances = np.zeros((4, n_groups))
    posterior, total = np.zeros((answers.n_tasks, k)), 0.0
    for i in range(answers.n_tasks):
        rows = np.flatnonzero(answers.task == i)
        groups = sorted({int(GROUP[j]) for j in answers.worker[rows]})
        cells = []
        for true in range(k):
            choices = [[-1, *(c for c in range(k) if c != true)] for _ in groups]
            for lure in itertools.product(*choices):
                p = now.prior[true]
                of = dict(zip(groups, lure, strict=True))
                for g, c in of.items():
                    p *= 1 - now.rate[g] if c < 0 else now.rate[g] / (k - 1)
                follow = {}
                for r in rows:
                    j, y = int(answers.worker[r]), int(answers.label[r])
                    c, pull = of[int(GROUP[j])], now.pull[GROUP[j]]
                    own = now.confusion[j, true, y]
                    said = own if c < 0 else pull * (y == c) + (1 - pull) * own
                    follow[r] = 0.0 if c < 0 else pull * (y == c) / said
                    p *= said
                cells.append((p, true, of, follow))
        whole = sum(cell[0] for cell in cells)
        total += np.log(whole)
        for p, true, of, follow in cells:
            share = p / whole
            posterior[i, true] += share
            for g, c in of.items():
                ballots[g] += share
                tempted[g] += share * (c >= 0)
            for r, part in follow.items():
                j, g = int(answers.worker[r]), int(GROUP[answers.worker[r]])
                counts[j, true, answers.label[r]] += share * (1 - part)
                followed[g] += share * part
                chances[g] += share * (of[g] >= 0)
    return posterior, total, counts, tempted, ballots, followed, chances


@pytest.mark.parametrize("k", [2, 3])
def test_a_step_is_that_of_the_whole_sum(k: int) -> None:
    answers, _ = uneven_crowd(9, 6, k, 4, seed=3)
    rng = np.random.default_rng(0)
    now = Factors(
        rng.dirichlet(np.ones(k), (6, k)), rng.dirichlet(np.ones(k)),
        np.array([0.3, 0.0, 0.2]), np.array([0.8, 0.0, 0.6]),
    )  # fmt: skip
    em = SharedErrorEM(answers, GROUP, np.full(9, -1, np.int32), 4.0, 1.0)
    posterior, after, value = em.step(now)
    z, total, counts, tempted, ballots, followed, chances = slow(em, answers, now)
    np.testing.assert_allclose(posterior, z, atol=1e-12)
    assert value == pytest.approx(total, abs=1e-9)
    counts += 1.0 + 3.0 * np.eye(k)
    np.testing.assert_allclose(after.confusion, counts / counts.sum(2, keepdims=True), atol=1e-10)
    for g in (0, 2):
        assert after.rate[g] == pytest.approx((tempted[g] + 1) / (ballots[g] + 5))
        assert after.pull[g] == pytest.approx((followed[g] + 1) / (chances[g] + 2))
    assert after.rate[1] == after.pull[1] == 0


def judges(seed: int, k: int = 2, **options: Any) -> Any:
    """Nine judges, of whom six are of one family."""
    model = SIMULATIONS["correlated-judges"](
        **{"families": 4, "largest": 2 / 3, "accuracy": 0.75, "within": 0.7, "across": 0.0}
        | options
    )
    crowd = Crowd(n_worker=9, n_task=1000, n_classes=k, feedback=9, seed=seed)
    return model.draw(crowd)


def right(result: Any, truth: Array) -> float:
    top = result.posterior >= result.posterior.max(1, keepdims=True) - 1e-9
    return float((top[np.arange(truth.size), truth] / top.sum(1)).mean())


def test_families_are_found_and_a_third_of_the_gap_is_closed() -> None:
    found = closed = 0.0
    for seed in range(3):
        drawn = judges(seed)
        alone = judges(seed, within=0.0, tempting=0.0)
        result = LatentFactor().fit(drawn.answers)
        plain = right(build("dawid-skene").fit(drawn.answers), drawn.truth)
        most = right(build("dawid-skene").fit(alone.answers), alone.truth)
        closed += (right(result, drawn.truth) - plain) / (most - plain) / 3
        group = result.worker_columns["group"]
        found += len(set(group[:6])) == 1 and group[0] not in group[6:]
    assert found >= 2
    assert closed > 0.3


def test_independent_workers_are_left_alone() -> None:
    answers, _ = crowd_of([diagonal(3, s) for s in (0.9, 0.8, 0.7, 0.65, 0.6)], 400, 5, seed=2)
    result, plain = LatentFactor().fit(answers), MAPDawidSkene().fit(answers)
    np.testing.assert_array_equal(result.posterior, plain.posterior)
    assert len(set(result.worker_columns["group"].tolist())) == 5


def test_groups_can_be_given(tmp_path: Path) -> None:
    drawn = judges(1)
    named = {str(j): str(f) for j, f in enumerate(drawn.extra["families"])}
    table, document = tmp_path / "g.csv", tmp_path / "g.json"
    table.write_text("worker,group\n" + "".join(f"{j},{f}\n" for j, f in named.items()))
    document.write_text(json.dumps(named))
    given = LatentFactor(groups=named).fit(drawn.answers)
    assert len(set(given.worker_columns["group"].tolist())) == 4
    for path in (table, document):
        again = LatentFactor(groups=path).fit(drawn.answers)
        np.testing.assert_array_equal(again.posterior, given.posterior)
    with pytest.raises(DataError, match="none of these workers has answers: x"):
        LatentFactor(groups={"x": "a"}).fit(drawn.answers)
    table.write_text("worker,family\n0,1\n")
    with pytest.raises(DataError, match="needs columns worker and group, has worker, family"):
        LatentFactor(groups=table).fit(drawn.answers)
    with pytest.raises(DataError, match="no such file"):
        LatentFactor(groups=tmp_path / "none.csv").fit(drawn.answers)


def test_names_and_order_of_workers_and_known_labels() -> None:
    drawn = judges(0, k=3)
    answers = drawn.answers
    groups = {str(j): str(f) for j, f in enumerate(drawn.extra["families"])}
    gold = np.where(np.arange(answers.n_tasks) % 5 == 0, drawn.truth, -1)
    first = LatentFactor(groups=groups).fit(answers, gold=gold)
    known = gold >= 0
    np.testing.assert_array_equal(first.posterior[known], np.eye(3)[gold[known]])
    turned = Answers.from_arrays(
        answers.task, [f"w{9 - j}" for j in answers.worker], answers.label, classes=3
    )
    named = {f"w{9 - int(j)}": f for j, f in groups.items()}
    again = LatentFactor(groups=named).fit(turned, gold=gold)
    np.testing.assert_allclose(again.posterior, first.posterior, atol=1e-9)


def test_a_weight_of_two_is_an_answer_given_twice() -> None:
    once, _ = uneven_crowd(40, 6, 3, 4, seed=5)
    times = np.random.default_rng(1).integers(1, 3, once.n_answers)
    heavy = Answers(
        once.task, once.worker, once.label, once.tasks, once.workers, once.classes,
        times.astype(float),
    )  # fmt: skip
    twice = Answers.from_codes(
        *(np.repeat(c, times) for c in (once.task, once.worker, once.label)),
        once.tasks, once.workers, once.classes, None, "all",
    )  # fmt: skip
    groups = dict.fromkeys(list(once.workers)[:3], "a")
    a, b = (LatentFactor(groups=groups, tol=0, max_iter=20).fit(x) for x in (heavy, twice))
    np.testing.assert_allclose(a.posterior, b.posterior, atol=1e-9)


def test_skills_are_those_of_pairs_of_different_groups() -> None:
    skills = np.array([0.9, 0.8, 0.7, 0.6])
    answers, _ = crowd_of([diagonal(3, s) for s in skills], 20000, 4, seed=1)
    pairs = ExcessAgreement.of(answers)
    found = pairs.accuracy(np.arange(4))
    np.testing.assert_allclose(found, skills, atol=0.02)
    np.testing.assert_allclose(pairs.excess(found), 0, atol=0.03)
    assert len(pairs.partitions(alike=False)) == 1
