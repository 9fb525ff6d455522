"""Cohen's kappa over pairs of workers, and Wilson's interval."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from peerannot import Answers
from peerannot.agreement import WorkerPairs, cohen_kappa, wilson
from peerannot.errors import ParameterError


def nine_workers(seed: int) -> Answers:
    rng = np.random.default_rng(seed)
    task, worker = np.nonzero(rng.random((40, 9)) < 0.5)
    label = np.where(rng.random(task.size) < 0.6, task % 3, rng.integers(3, size=task.size))
    return Answers.from_arrays(task, worker, label, classes=3)


@pytest.mark.parametrize("seed", range(4))
def test_kappa_equals_its_definition_on_every_pair(seed: int) -> None:
    answers = nine_workers(seed)
    said: dict[int, dict[int, int]] = {j: {} for j in range(9)}
    for i, j, y in zip(answers.task, answers.worker, answers.label, strict=True):
        said[int(j)][int(i)] = int(y)
    slow = {}
    for a, b in itertools.combinations(range(9), 2):
        shared = sorted(said[a].keys() & said[b].keys())
        if len(shared) < 8:
            continue
        n = len(shared)
        observed = sum(said[a][i] == said[b][i] for i in shared) / n
        chance = (
            sum(
                sum(said[a][i] == c for i in shared) * sum(said[b][i] == c for i in shared)
                for c in range(3)
            )
            / n**2
        )
        slow[a, b] = (n, observed, (observed - chance) / (1 - chance))
    got = cohen_kappa(answers, min_shared=8)
    pairs = list(zip(got["first"].tolist(), got["second"].tolist(), strict=True))
    assert pairs == sorted(slow)
    for at, pair in enumerate(pairs):
        n, observed, kappa = slow[pair]
        assert got["shared"][at] == n
        assert got["agreement"][at] == pytest.approx(observed)
        assert got["kappa"][at] == pytest.approx(kappa)


def test_one_class_only_has_no_kappa() -> None:
    answers = Answers.from_arrays([1, 1, 2, 2], [0, 1, 0, 1], [0, 0, 0, 0], classes=2)
    got = cohen_kappa(answers, min_shared=2)
    assert got["agreement"].tolist() == [1.0]
    assert np.isnan(got["kappa"]).all()


def test_a_worker_who_answers_twice_is_no_pair_with_themselves() -> None:
    answers = Answers.from_arrays([1, 1, 1], [0, 0, 1], [0, 1, 1], classes=2, duplicates="all")
    pairs = WorkerPairs.of(answers, 1)
    assert (pairs.first.tolist(), pairs.second.tolist()) == ([0], [1])


def test_too_few_shared_tasks_leave_no_pair() -> None:
    assert len(WorkerPairs.of(nine_workers(0), 41)) == 0
    assert cohen_kappa(nine_workers(0), min_shared=41)["kappa"].size == 0
    with pytest.raises(ParameterError, match="min_shared"):
        cohen_kappa(nine_workers(0), min_shared=0)


def test_wilson_interval_of_known_cases() -> None:
    # 8 of 10 at 95 %: (0.4902, 0.9433), as tables of Wilson's interval have it.
    low, high = wilson(np.array([8, 0, 5]), np.array([10, 5, 0]))
    assert (low[0], high[0]) == pytest.approx((0.49016, 0.94332), abs=1e-5)
    assert low[1] == 0
    assert np.isnan(low[2])
    assert np.isnan(high[2])
