"""Votes weighted by what each worker got right on gold tasks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from peerannot._options import option
from peerannot._progress import Progress
from peerannot.aggregation.base import Fit
from peerannot.aggregation.partitions.checkpoint import Checkpoint
from peerannot.aggregation.partitions.parts import Part, Parts
from peerannot.aggregation.registry import STRATEGIES
from peerannot.aggregation.votes.rules import WeightedRule
from peerannot.errors import ParameterError

__all__ = ["GoldMajorityVote"]


@STRATEGIES.register("gold-majority-vote", "GoldMV", "gold-vote")
@dataclass(frozen=True, kw_only=True)
class GoldMajorityVote(WeightedRule):
    r"""Votes weighted by each worker's accuracy on gold tasks.

    .. math::
        s_j = \frac{\text{right}_j + m \bar s}{\text{gold answers}_j + m}, \qquad
        z_{ik} \propto \sum_j s_j 1[y_{ij} = k]

    :math:`\bar s` is the share of right answers to gold tasks of all workers together: a worker
    without gold answers has it as skill, and few gold answers are drawn towards it.

    Parameters
    ----------
    shrink
        How many answers of average skill are added to each worker's (m).

    Notes
    -----
    Cost: O(answers). Needs ``gold=``; gold tasks keep their class, and of several labels of a
    task any is right. The skill is :math:`s_j`.

    References
    ----------
    Le, J., Edmonds, A., Hester, V. and Biewald, L. (2010). Ensuring quality in crowdsourced
    search relevance evaluation: the effects of training question distribution. SIGIR workshop
    on crowdsourcing for search evaluation.
    """

    needs_gold: ClassVar[bool] = True
    expected_failed_checks: ClassVar[dict[str, str]] = {
        "survives_no_answers_at_all": "it needs gold, and there is no task",
        "obeys_the_tie_rule": "its gold tells the two workers apart",
    }

    shrink: float = option(1.0, at_least=0.0, help="answers of average skill added to each worker")

    def weigh(
        self, parts: Parts, progress: Progress, checkpoint: Checkpoint
    ) -> tuple[NDArray[np.float64], Fit]:
        hits, seen, known = parts.sum(_on_gold)
        if not known:
            raise ParameterError(f"{self.name} needs gold labels of some tasks; use wawa without")
        mean = hits.sum() / seen.sum() if seen.sum() > 0 else 1.0
        mass = seen + self.shrink
        skill = np.full(mass.size, float(mean))
        np.divide(hits + self.shrink * mean, mass, out=skill, where=mass > 0)
        return skill, Fit(None, skill=skill, worker_columns={"n_gold": seen})


def _on_gold(part: Part) -> tuple[Any, ...]:
    """Weight of each worker's right answers and of all answers to gold tasks; number of these."""
    answers = part.answers
    accepted = part.gold[:, None] if part.accepted is None else part.accepted
    on_gold = np.where(accepted[answers.task, 0] >= 0, answers.weights, 0.0)
    hit = np.zeros(answers.n_answers, np.bool_)
    for column in accepted.T:
        hit |= column[answers.task] == answers.label
    right = np.where(hit, on_gold, 0.0)
    n = answers.n_workers
    hits = np.bincount(answers.worker, weights=right, minlength=n).astype(np.float64)
    seen = np.bincount(answers.worker, weights=on_gold, minlength=n).astype(np.float64)
    return hits, seen, int((accepted[:, 0] >= 0).sum())
