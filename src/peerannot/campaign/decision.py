"""What a round of a campaign found and decided."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerannot.aggregation import Result
from peerannot.allocation import Plan
from peerannot.answers import Answers

__all__ = ["Decision", "Round"]


@dataclass(frozen=True, kw_only=True)
class Round:
    """Numbers of a round: its line of progress.

    Attributes
    ----------
    number : int
        1 for the first; a pull that brings nothing new is no round.
    n_answers, n_new : int
        Answers that count, and how many more they are than in the round before.
    n_tasks, n_done : int
    done : mapping of reason to count
    accuracy : float
        Expected share of right labels, by the strategy's own probabilities: the mean confidence.
    saved : int or None
        Answers saved on the tasks that are done, against asking about each ``per_task`` times;
        None where that was not said.
    spent, budget : float, float or None
        Cost of the answers since the campaign began, and what they may cost.
    asked : int
        Pairs of task and worker to ask next.
    over : str
        Why nothing more is to be asked; empty while the campaign goes on.
    check : str
        What the last check of the model found, in words; empty before the first.
    """

    number: int
    n_answers: int
    n_new: int
    n_tasks: int
    n_done: int
    done: Mapping[str, int] = field(default_factory=dict)
    accuracy: float
    saved: int | None = None
    spent: float = 0.0
    budget: float | None = None
    asked: int = 0
    over: str = ""
    check: str = ""

    def as_dict(self) -> dict[str, Any]:
        """All of it, as JSON has it."""
        return {**asdict(self), "over": self.over or None, "check": self.check or None}


@dataclass(frozen=True, eq=False, kw_only=True)
class Decision:
    """What the tool shall hold after a round.

    Attributes
    ----------
    round : Round
    answers : Answers
        All answers, with every task that is known.
    result : Result
        Labels, posterior, confidence; in the order of the answers' tasks.
    plan : Plan
        Pairs to ask next, in order, with gain and reason; empty once the campaign is over. Why
        tasks are done: ``plan.done[i]`` is a position in ``plan.why``, 0 for an open task.
    order : int64 array
        Open tasks, the one of which an answer is worth most first, whoever gives it: for tools
        that hand out tasks themselves. Empty once the campaign is over.
    """

    round: Round
    answers: Answers
    result: Result
    plan: Plan
    order: NDArray[np.int64]

    @cached_property
    def why_done(self) -> dict[str, str]:
        """Why each task that is asked about no more is done, by id: all, once it is over."""
        codes = self.plan.done.tolist()
        return {
            task: self.plan.why[code] if code else self.round.over
            for task, code in zip(self.result.tasks, codes, strict=True)
            if code or self.round.over
        }

    @cached_property
    def labels(self) -> dict[str, str]:
        """Label of each task by id; empty where it is undecided."""
        return dict(zip(self.result.tasks, self.result.label_names(), strict=True))
