"""What every strategy of the registry promises. A new strategy is tested here by being there.

The promises are `peerannot.checks.strategies`, which anyone may run.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from helpers.examples import examples
from peerannot._threads import with_threads
from peerannot.aggregation import STRATEGIES
from peerannot.answers import Answers
from peerannot.checks import Check, checks_of
from peerannot.checks.strategies import fit, must_be_probabilities

NAMES = list(STRATEGIES)


@pytest.mark.parametrize(
    ("name", "check"),
    [(name, check) for name in NAMES for check in checks_of(STRATEGIES[name])],
    ids=str,
)
def test_promise(name: str, check: Check) -> None:
    check()


@st.composite
def few_answers(draw: st.DrawFn) -> Answers:
    """Any answers: empty tasks, idle workers, unused classes, repeats, weights."""
    n, w, k = draw(st.integers(1, 6)), draw(st.integers(1, 5)), draw(st.integers(1, 5))
    row = st.tuples(st.integers(0, n - 1), st.integers(0, w - 1), st.integers(0, k - 1))
    listed = draw(st.lists(row, max_size=25))
    weights = draw(
        st.none()
        | st.lists(
            st.sampled_from([0.0, 0.5, 1.0, 7.0]), min_size=len(listed), max_size=len(listed)
        )
    )
    task, worker, label = zip(*listed, strict=True) if listed else ((), (), ())
    return Answers.from_arrays(
        task,
        worker,
        label,
        weights,
        tasks=map(str, range(n)),
        workers=map(str, range(w)),
        classes=k,
        duplicates="all",
    )


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Threads cost more than they bring on data this small."""
    with with_threads(1):
        yield


@pytest.mark.parametrize("name", NAMES)
@examples(
    15,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(answers=few_answers())
def test_any_answers_give_probabilities(name: str, answers: Answers) -> None:
    must_be_probabilities(fit(STRATEGIES[name], answers), answers)
