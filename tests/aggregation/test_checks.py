"""check_strategy finds what is wrong, in a class that nobody registered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest

from peerannot.aggregation import Fit, Strategy, option
from peerannot.aggregation.votes.majority_vote import MajorityVote
from peerannot.checks import check_strategy, checks_of


class MyMajority(MajorityVote):
    """Nothing is changed."""


@dataclass(frozen=True, kw_only=True)
class Careless(Strategy):
    """Cost, References and bias."""

    bias: float = option(0.0, at_least=0.0, help="added to the first class")

    def _fit(self, answers: Any, start: Any, progress: Any) -> Fit:
        votes = np.zeros((answers.n_tasks, answers.n_classes))
        np.add.at(votes, (answers.task, answers.label), 1.0)
        # Nothing for tasks without answers, ties to the first class, no weights.
        labels = votes.argmax(1).astype(np.int32)
        return Fit(votes / np.maximum(votes.sum(1, keepdims=True), 1.0), labels=labels)


def test_a_subclass_of_ours_keeps_every_promise() -> None:
    assert MyMajority.name == "my-majority"
    check_strategy(MyMajority)


def test_a_careless_strategy_is_told_of_line_by_line() -> None:
    with pytest.raises(AssertionError) as told:
        check_strategy(Careless)
    head, *lines = str(told.value).splitlines()
    assert head.startswith(f"Careless does not keep {len(lines)} of ")
    found = dict(line.strip().split(": ", 1) for line in lines)
    assert found["takes_any_answers"] == "rows of the posterior do not sum to 1"
    assert found["obeys_the_tie_rule"] == "ties=share draws one class only"
    assert found["counts_a_weight_of_two_as_two_answers"].startswith("the posterior differs by")
    assert "gives_probabilities" not in found and "is_documented" not in found


class Excused(Careless):
    expected_failed_checks: ClassVar[dict[str, str]] = {
        "obeys_the_tie_rule": "the first class wins",
        "is_documented": "nobody reads it",
    }


def test_an_expected_failure_must_fail() -> None:
    checks = {check.name: check for check in checks_of(Excused)}
    checks["obeys_the_tie_rule"]()
    with pytest.raises(AssertionError, match=r"it holds, though .* 'nobody reads it'; take"):
        checks["is_documented"]()


@pytest.mark.parametrize(
    ("given", "words"), [({"fly": "no wings"}, "no check 'fly'"), ({"is_documented": ""}, "reason")]
)
def test_expectations_are_of_checks_that_exist_with_a_reason(
    given: dict[str, str], words: str
) -> None:
    odd = type("Odd", (Careless,), {"expected_failed_checks": given})
    with pytest.raises(AssertionError, match=words):
        list(checks_of(odd))


def test_there_are_no_checks_of_anything_else() -> None:
    for other in (int, "majority-vote"):
        with pytest.raises(TypeError, match="no checks for"):
            list(checks_of(other))  # type: ignore[arg-type]
