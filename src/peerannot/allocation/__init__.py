"""What to label next: which tasks, by whom, and which need no more answers.

>>> from peerannot import Answers
>>> from peerannot.aggregation import OneCoin
>>> from peerannot.allocation import plan
>>> votes = {"a": {"ann": 0, "bob": 0}, "b": {"ann": 0, "bob": 1}, "c": {"ann": 1, "bob": 1}}
>>> answers = Answers.from_mapping(votes, classes=2)
>>> asked = plan(OneCoin().fit(answers), 1, answers=answers, workers=["eve"], policy="entropy")
>>> asked.table()["task"], asked.table()["worker"]
(['b'], ['eve'])

To add a policy, write one file here with a class under ``@POLICIES.register(...)``.
"""

from typing import TYPE_CHECKING, Any

from peerannot.allocation.classifiers import active_learning_scores, check_probabilities
from peerannot.allocation.plan import Plan, next_tasks, plan
from peerannot.allocation.probabilities import read_probabilities, with_tasks
from peerannot.allocation.registry import POLICIES, build
from peerannot.allocation.stop import Stop
from peerannot.allocation.tasks import TaskList, read_tasks
from peerannot.allocation.workers import read_workers

if TYPE_CHECKING:
    from peerannot.allocation.base import GainPolicy, OrderPolicy, Policy

__all__ = [
    "POLICIES",
    "GainPolicy",
    "OrderPolicy",
    "Plan",
    "Policy",
    "Stop",
    "TaskList",
    "active_learning_scores",
    "build",
    "check_probabilities",
    "next_tasks",
    "plan",
    "read_probabilities",
    "read_tasks",
    "read_workers",
    "with_tasks",
]


def __getattr__(name: str) -> Any:
    from peerannot.allocation import base

    if name in base.__all__:
        return getattr(base, name)
    if (policy := POLICIES.defining(name)) is not None:
        return policy
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
