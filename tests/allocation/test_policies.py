"""Each policy keeps the promises of `peerannot.checks`, and gains are what enumeration says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from peerannot.allocation import POLICIES, GainPolicy, plan
from peerannot.allocation.base import Tasks
from peerannot.checks import Check, checks_of

NAMES = sorted(POLICIES)
GAINS = [name for name in NAMES if issubclass(POLICIES[name], GainPolicy)]


def entropy(p: NDArray[np.float64]) -> float:
    return -sum(float(x) * float(np.log(x)) for x in p if x > 0)


def accuracy_by_enumeration(z: NDArray[np.float64], c: NDArray[np.float64]) -> float:
    after = 0.0
    for answer in range(len(z)):
        p = sum(z[k] * c[k, answer] for k in range(len(z)))
        if p > 0:
            after += p * max(z[k] * c[k, answer] / p for k in range(len(z)))
    return float(after - max(z))


def information_by_enumeration(z: NDArray[np.float64], c: NDArray[np.float64]) -> float:
    after = 0.0
    for answer in range(len(z)):
        joint = np.array([z[k] * c[k, answer] for k in range(len(z))])
        if joint.sum() > 0:
            after += joint.sum() * entropy(joint / joint.sum())
    return entropy(z) - after


def evidence_by_enumeration(z: NDArray[np.float64], c: NDArray[np.float64]) -> float:
    """Of 19 : 1."""
    a = int(z.argmax())
    b = int(np.where(np.arange(len(z)) == a, -1.0, z).argmax())
    if z[b] == 0:
        return 0.0
    drift = sum(
        c[a, y] * (np.log(c[a, y]) - np.log(max(c[b, y], 1e-300))) for y in range(len(z)) if c[a, y]
    )
    way = max(np.log(19) - np.log(z[a] / z[b]), 0.0)
    return float(min(max(drift, 0.0), way) / np.log(19))


BY_ENUMERATION = {
    "likelihood-ratio": evidence_by_enumeration,
    "expected-accuracy": accuracy_by_enumeration,
    "mutual-information": information_by_enumeration,
    "thompson": information_by_enumeration,
}


def test_every_gain_is_enumerated():
    assert set(BY_ENUMERATION) == set(GAINS)


@st.composite
def beliefs(draw: st.DrawFn) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    k = draw(st.integers(2, 4))
    row = st.lists(st.floats(0, 1), min_size=k, max_size=k).filter(lambda r: sum(r) > 0.1)
    z, *c = (np.array(draw(row)) for _ in range(k + 1))
    return z / z.sum(), np.array([r / r.sum() for r in c])


@pytest.mark.parametrize("name", GAINS)
@given(given=beliefs())
def test_the_gain_is_what_enumeration_says(name, given):
    z, channel = given
    policy = POLICIES[name]()
    expected = BY_ENUMERATION[name](z, channel)
    assert policy.gain(z[None], channel)[0] == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("name", GAINS)
@given(given=beliefs(), mass=st.floats(0.001, 1))
def test_a_gain_is_bounded_and_of_degree_1(name, given, mass):
    z, channel = given
    policy = POLICIES[name]()
    whole = policy.value(z[None], channel)
    assert 0 <= whole[0] <= policy.most_value(z[None])[0] + 1e-12
    assert policy.value(mass * z[None], channel) == pytest.approx(mass * whole, abs=1e-9)
    knows = np.eye(len(z))
    assert policy.gain(z[None], knows) == pytest.approx(policy.perfect(z[None]), abs=1e-9)


def test_one_answer_of_a_worker_who_is_right_8_times_in_10():
    """By hand: z = (.6, .4), right with .8. Accuracy .8 after, .6 before."""
    z, c = np.array([[0.6, 0.4]]), np.array([[0.8, 0.2], [0.2, 0.8]])
    assert POLICIES["expected-accuracy"]().gain(z, c)[0] == pytest.approx(0.2)
    # An answer is the first class with .56.
    told = entropy(np.array([0.56, 0.44])) - entropy(np.array([0.8, 0.2]))
    assert POLICIES["mutual-information"]().gain(z, c)[0] == pytest.approx(told)


@pytest.mark.parametrize(
    ("name", "check"),
    [(name, check) for name in NAMES for check in checks_of(POLICIES[name])],
    ids=str,
)
def test_promise(name: str, check: Check) -> None:
    assert POLICIES[name].name == name
    check()


def test_uniform_draws_another_order_for_another_seed(small):
    def order(spec):
        found = plan(small.result, 12, answers=small.answers, policy=spec, stop={"sure": None})
        return found.table()["task"]

    assert order("uniform[seed=1]") != order("uniform")
    assert sorted(order("uniform[seed=1]")) == sorted(small.result.tasks)


def test_uniform_draws_another_order_once_there_are_more_answers(small):
    more = replace(small.result, n_answers=small.result.n_answers + 1)
    policy, at = POLICIES["uniform"](), np.arange(12)
    first = policy.score(Tasks(small.result), at, 0)
    assert not np.array_equal(first, policy.score(Tasks(more), at, 0))


def test_round_robin_gives_all_tasks_equally_many(small):
    found = plan(small.result, 24, answers=small.answers, policy="round-robin", stop={"sure": None})
    tasks = found.table()["task"]
    assert tasks[:12] == tasks[12:] == list(small.result.tasks)


def test_entropy_goes_by_the_doubt(small):
    found = plan(small.result, 1, answers=small.answers, policy="entropy", stop={"sure": None})
    assert found.picks[0].task == int(small.result.entropy.argmax())
    assert found.picks[0].gain == pytest.approx(small.result.entropy.max())


def test_every_policy_is_in_the_docs():
    page = Path(__file__).resolve().parents[2] / "docs" / "allocation.md"
    rows = [line for line in page.read_text().splitlines() if line.startswith("| `")]
    assert {name for name in NAMES if any(r.startswith(f"| `{name}`") for r in rows)} == set(NAMES)
