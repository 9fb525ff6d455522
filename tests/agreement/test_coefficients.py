"""Agreement coefficients against slow direct transcriptions and published tables."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.examples import examples
from peerannot import Answers
from peerannot.agreement import (
    coincidence_matrix,
    fleiss_kappa,
    gwet_ac,
    krippendorff_alpha,
    percent_agreement,
    vote_entropy,
)
from peerannot.errors import DataError, ParameterError

# The three coders of Krippendorff's example: 15 units, values 1 to 4, 0 for missing.
CODERS = [
    [0, 0, 0, 0, 0, 3, 4, 1, 2, 1, 1, 3, 3, 0, 3],
    [1, 0, 2, 1, 3, 3, 4, 3, 0, 0, 0, 0, 0, 0, 0],
    [0, 0, 2, 1, 3, 4, 4, 0, 2, 1, 1, 3, 3, 0, 4],
]
# Fleiss (1971): counts of 5 categories by 14 raters, as reprinted in many texts.
FLEISS = [
    [0, 0, 0, 0, 14],
    [0, 2, 6, 4, 2],
    [0, 0, 3, 5, 6],
    [0, 3, 9, 2, 0],
    [2, 2, 8, 1, 1],
    [7, 7, 0, 0, 0],
    [3, 2, 6, 3, 0],
    [2, 5, 3, 2, 2],
    [6, 5, 2, 1, 0],
    [0, 2, 2, 3, 7],
]


def votes_of(answers: Answers) -> list[list[int]]:
    ptr = answers.task_ptr
    return [answers.label[ptr[i] : ptr[i + 1]].tolist() for i in range(answers.n_tasks)]


def half_right(seed: int, k: int = 4, n: int = 30, w: int = 6) -> Answers:
    rng = np.random.default_rng(seed)
    rows = [
        (i, j, int(rng.integers(k) if rng.random() < 0.5 else i % k))
        for i in range(n)
        for j in rng.permutation(w)[: rng.integers(0, w + 1)]
    ]
    task, worker, label = zip(*rows, strict=True)
    return Answers.from_arrays(
        task, worker, label, classes=k, tasks=[str(i) for i in range(n)], workers=None
    )


def slow_alpha(answers: Answers, metric: str, values: list[float]) -> float:
    """Krippendorff's definition: every ordered pair of answers, then every pair of values."""
    units = [u for u in votes_of(answers) if len(u) >= 2]
    everything = [v for u in units for v in u]
    n = len(everything)
    margin = [everything.count(c) for c in range(answers.n_classes)]

    def delta(c: int, k: int) -> float:
        if metric == "nominal":
            return float(c != k)
        if metric == "ordinal":
            low, high = min(c, k), max(c, k)
            return (sum(margin[low : high + 1]) - (margin[c] + margin[k]) / 2) ** 2
        if metric == "interval":
            return (values[c] - values[k]) ** 2
        total = values[c] + values[k]
        return ((values[c] - values[k]) / total) ** 2 if total else 0.0

    observed = sum(
        delta(a, b) / (len(u) - 1) for u in units for a, b in itertools.permutations(u, 2)
    )
    expected = sum(delta(a, b) for a, b in itertools.permutations(everything, 2))
    return 1 - (observed / n) / (expected / (n * (n - 1)))


def classic() -> Answers:
    cells = [(i, j, v) for j, row in enumerate(CODERS) for i, v in enumerate(row) if v]
    task, worker, label = zip(*cells, strict=True)
    return Answers.from_arrays(task, worker, label, tasks=[str(i) for i in range(15)])


def test_alpha_of_the_classic_table() -> None:
    assert krippendorff_alpha(classic()).value == pytest.approx(0.691358024691358, abs=1e-15)
    assert krippendorff_alpha(classic(), "interval").value == pytest.approx(0.811, abs=5e-4)


@pytest.mark.parametrize("metric", ["nominal", "ordinal", "interval", "ratio"])
@pytest.mark.parametrize("seed", range(4))
def test_alpha_equals_its_definition(metric: str, seed: int) -> None:
    answers = half_right(seed)
    values = [0.0, 1.5, 2.0, 7.0]
    got = krippendorff_alpha(answers, metric, values=values)  # type: ignore[arg-type]
    assert got.value == pytest.approx(slow_alpha(answers, metric, values), abs=1e-12)


@given(st.lists(st.lists(st.integers(0, 2), min_size=0, max_size=5), min_size=1, max_size=8))
@examples(60)
def test_alpha_is_at_most_one_and_one_only_when_unanimous(units: list[list[int]]) -> None:
    rows = [(i, j, v) for i, unit in enumerate(units) for j, v in enumerate(unit)]
    if not rows:
        return
    task, worker, label = zip(*rows, strict=True)
    answers = Answers.from_arrays(task, worker, label, classes=3)
    for metric in ("nominal", "ordinal"):
        alpha = krippendorff_alpha(answers, metric).value  # type: ignore[arg-type]
        pairable = [u for u in units if len(u) >= 2]
        if len({v for u in pairable for v in u}) < 2:
            assert math.isnan(alpha)
        elif all(len(set(u)) == 1 for u in pairable):
            assert alpha == 1
        else:
            assert alpha < 1


def test_alpha_does_not_depend_on_how_tasks_are_merged_or_ordered() -> None:
    answers = half_right(3)
    shuffled = Answers.from_arrays(
        [f"t{-i}" for i in answers.task], answers.worker, answers.label, classes=4
    )
    assert krippendorff_alpha(shuffled).value == pytest.approx(krippendorff_alpha(answers).value)


def test_coincidence_matrix_sums_to_the_pairable_answers() -> None:
    answers = half_right(5)
    matrix = coincidence_matrix(answers)
    slow = np.zeros((4, 4))
    for unit in votes_of(answers):
        for a, b in itertools.permutations(unit, 2):
            slow[a, b] += 1 / (len(unit) - 1)
    np.testing.assert_allclose(matrix, slow, atol=1e-12)
    assert matrix.sum() == pytest.approx(sum(len(u) for u in votes_of(answers) if len(u) > 1))


def fleiss_table() -> Answers:
    rows = []
    for i, counts in enumerate(FLEISS):
        labels = [c for c, m in enumerate(counts) for _ in range(m)]
        rows += [(i, j, label) for j, label in enumerate(labels)]
    task, worker, label = zip(*rows, strict=True)
    return Answers.from_arrays(task, worker, label, classes=5)


def test_fleiss_of_the_published_table() -> None:
    assert fleiss_kappa(fleiss_table()).value == pytest.approx(0.20993, abs=1e-5)
    assert percent_agreement(fleiss_table()).value == pytest.approx(0.37802, abs=1e-5)


@pytest.mark.parametrize("weights", ["identity", "linear", "quadratic"])
@pytest.mark.parametrize("seed", range(3))
def test_gwet_equals_its_definition(weights: str, seed: int) -> None:
    answers = half_right(seed)
    k, values = 4, [0.0, 1.0, 2.5, 4.0]

    def w(a: int, b: int) -> float:
        distance = abs(values[a] - values[b]) / 4.0
        plain = {"identity": float(a == b), "linear": 1 - distance, "quadratic": 1 - distance**2}
        return plain[weights]

    units = [u for u in votes_of(answers) if u]
    pairable = [u for u in units if len(u) >= 2]
    observed = sum(
        sum(w(a, b) for a, b in itertools.permutations(u, 2)) / (len(u) * (len(u) - 1))
        for u in pairable
    ) / len(pairable)
    share = [sum(u.count(c) / len(u) for u in units) / len(units) for c in range(k)]
    total = sum(w(a, b) for a in range(k) for b in range(k))
    chance = total / (k * (k - 1)) * sum(p * (1 - p) for p in share)
    got = gwet_ac(answers, weights, values=values)  # type: ignore[arg-type]
    assert got.value == pytest.approx((observed - chance) / (1 - chance), abs=1e-12)


def test_entropy_equals_its_definition() -> None:
    answers = half_right(7)
    got = vote_entropy(answers)
    for unit, value in zip(votes_of(answers), got, strict=True):
        if not unit:
            assert math.isnan(value)
            continue
        shares = [unit.count(c) / len(unit) for c in set(unit)]
        assert value == pytest.approx(-sum(p * math.log(p) for p in shares), abs=1e-12)
        assert not math.copysign(1, value) < 0
    np.testing.assert_allclose(vote_entropy(answers, normalised=True), got / math.log(4))


def test_interval_covers_what_the_crowd_was_made_with() -> None:
    # Two coders who agree with probability .7 whatever the class: the truth is known.
    rng = np.random.default_rng(1)
    hits, truth = 0, 0.7
    for seed in range(60):
        first = rng.integers(3, size=80)
        other = np.where(rng.random(80) < truth, first, (first + rng.integers(1, 3, 80)) % 3)
        answers = Answers.from_arrays(
            np.tile(np.arange(80), 2),
            np.repeat([0, 1], 80),
            np.concatenate([first, other]),
            classes=3,
        )
        found = percent_agreement(answers, n_boot=200, seed=seed)
        hits += found.low <= truth <= found.high
    assert 50 <= hits <= 60


def test_interval_is_the_same_for_the_same_seed_and_holds_the_value() -> None:
    answers = half_right(2, n=60)
    one = krippendorff_alpha(answers, n_boot=200, seed=4)
    two = krippendorff_alpha(answers, n_boot=200, seed=4)
    assert one == two
    assert one.low < one.value < one.high
    assert krippendorff_alpha(answers, n_boot=200, seed=5).low != one.low


def test_nothing_to_compare_is_undefined_not_an_error() -> None:
    alone = Answers.from_arrays([1, 2], ["a", "b"], [0, 1], classes=2)
    for statistic in (krippendorff_alpha, fleiss_kappa, gwet_ac, percent_agreement):
        found = statistic(alone, n_boot=10)
        assert math.isnan(found.value)
        assert found.n_tasks == 0
    empty = Answers.from_arrays([], [], [], classes=2)
    assert math.isnan(krippendorff_alpha(empty).value)
    assert vote_entropy(empty).size == 0


def test_bad_options_are_named() -> None:
    answers = classic()
    with pytest.raises(ParameterError, match="metric must be one of"):
        krippendorff_alpha(answers, "circular")  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match="confidence"):
        krippendorff_alpha(answers, confidence=1.0)
    with pytest.raises(ParameterError, match="n_boot"):
        fleiss_kappa(answers, n_boot=-1)
    with pytest.raises(DataError, match="one finite number"):
        krippendorff_alpha(answers, "interval", values=[1, 2])
    with pytest.raises(DataError, match=">= 0"):
        krippendorff_alpha(answers, "ratio", values=[-1, 1, 2, 3])
