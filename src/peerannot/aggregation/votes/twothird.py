"""The two-thirds rule: decide where enough votes agree."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from peerannot._options import option
from peerannot.aggregation.base import Fit
from peerannot.aggregation.registry import STRATEGIES
from peerannot.aggregation.result import Result
from peerannot.aggregation.votes.rules import TaskRule, vote_fit
from peerannot.answers import Answers

__all__ = ["TwoThird", "too_hard"]


def too_hard(result: Result) -> str:
    """Lines ``-1 task`` of the tasks without a label: a file for ``--path-remove``."""
    undecided = np.flatnonzero(result.labels < 0)
    return "".join(f"-1 {result.tasks[int(i)]}\n" for i in undecided)


@STRATEGIES.register("twothird", "two-thirds")
@dataclass(frozen=True, kw_only=True)
class TwoThird(TaskRule):
    """Two-thirds rule of iNaturalist: decide where enough votes agree, else stay undecided.

    The label is the majority's where a task has at least ``min_votes`` votes and the largest
    share is at least ``share``; elsewhere -1. The posterior is the vote shares.

    Parameters
    ----------
    min_votes
        Fewest votes to decide.
    share
        Least share of the winning class.

    Notes
    -----
    Cost: O(answers). A known (gold) class decides its task.

    References
    ----------
    Van Horn, G. et al. (2018). The iNaturalist species classification and detection dataset.
    CVPR: observations of research grade.
    """

    counts_votes: ClassVar[bool] = True
    expected_failed_checks: ClassVar[dict[str, str]] = {
        "repeats_a_lone_worker": "one vote is too few to decide",
    }

    min_votes: int = option(2, at_least=1, help="fewest votes to decide")
    share: float = option(2 / 3, above=0.0, at_most=1.0, help="least share of the winner")

    def decide(self, answers: Answers, gold: NDArray[np.int32]) -> Fit:
        fit = vote_fit(answers, self.ties, self.seed, gold=gold)
        assert fit.labels is not None and fit.confidence is not None
        # The smallest margin over rounding: 2 of 3 votes must pass a share of 2/3.
        agreed = fit.confidence >= self.share - 1e-12
        enough = (agreed & (answers.answers_per_task >= self.min_votes)) | (gold >= 0)
        fit.labels = np.where(enough, fit.labels, np.int32(-1)).astype(np.int32)
        undecided: dict[str, Any] = {"undecided": (~enough).astype(np.int8)}
        fit.task_columns.update(undecided)
        return fit

    def side_files(self, result: Result) -> dict[str, Any]:
        """``too_hard.txt``: a pruning file of the undecided tasks, rows ``-1 task``."""
        return {"too_hard.txt": too_hard(result)}
