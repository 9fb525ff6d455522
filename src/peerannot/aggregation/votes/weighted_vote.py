"""Votes with weights that you know: of workers, of answers, or both."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from peerannot._options import option
from peerannot._progress import Progress
from peerannot._text import few
from peerannot.aggregation.base import Content, Fit
from peerannot.aggregation.partitions.checkpoint import Checkpoint
from peerannot.aggregation.partitions.parts import Parts
from peerannot.aggregation.registry import STRATEGIES
from peerannot.aggregation.votes.rules import WeightedRule
from peerannot.aggregation.worker_files import with_worker_file
from peerannot.answers import Ids
from peerannot.errors import DataError

__all__ = ["WeightedVote"]


@STRATEGIES.register("weighted-vote", "WMV", "weighted-majority-vote")
@dataclass(frozen=True, kw_only=True)
class WeightedVote(WeightedRule):
    r"""Votes weighted by numbers that you know: of workers, of answers, or both.

    :math:`z_{ik} \propto \sum_j w_j v_{ij} 1[y_{ij} = k]`, with :math:`w_j` the weight of the
    worker and :math:`v_{ij}` that of the answer (``Answers.weight``, 1 where there is none).

    Parameters
    ----------
    weights
        Weight of each worker, not negative: a mapping from worker id, a JSON file of one, or a
        CSV file with columns ``worker`` and ``weight``. A worker whom it does not name has
        ``default_weight``.
    default_weight
        Weight of workers that ``weights`` does not name.

    Notes
    -----
    Cost: O(answers). Without ``weights`` it is `NaiveSoft`.

    References
    ----------
    Li, H. and Yu, B. (2014). Error rate bounds and iterative weighted majority voting for
    crowdsourcing. arXiv:1411.4086: weights of :math:`K p_j - 1` are near optimal for workers who
    are right with probability :math:`p_j`.
    """

    estimates_skill: ClassVar[bool] = False

    weights: Path | str | dict[str, Any] | None = option(
        None, help="weight of each worker: a JSON or CSV file (worker, weight)"
    )
    default_weight: float = option(1.0, at_least=0.0, help="weight of workers not named")

    def with_files(self) -> WeightedVote:
        return replace(self, weights=with_worker_file(self.weights, "weight"))

    def weigh(
        self, parts: Parts, progress: Progress, checkpoint: Checkpoint
    ) -> tuple[NDArray[np.float64], Fit]:
        weight = self._of_workers(parts.shape.workers)
        return weight, Fit(None, worker_columns={"weight": weight})

    def _of_workers(self, workers: Ids) -> NDArray[np.float64]:
        given = Content.of(self.weights, "weights")
        where = given.where
        weight = np.full(len(workers), float(self.default_weight))
        if given.value is None:
            return weight
        named = {str(worker): value for worker, value in given.value.items()}
        strangers = [w for w in named if w not in workers]
        if len(strangers) == len(named) and named:
            raise DataError(f"{where}: none of these workers has answers: {few(strangers)}")
        for worker, value in named.items():
            try:
                number = float(value)
            except (TypeError, ValueError):
                number = np.nan
            if not (np.isfinite(number) and number >= 0):
                raise DataError(
                    f"{where}: the weight of worker {worker!r} must be a number >= 0, not {value!r}"
                )
            code = workers.index_of.get(worker)
            if code is not None:
                weight[code] = number
        return weight
