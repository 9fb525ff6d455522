"""Judges in order of skill, with intervals of their skills and of their ranks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from peerannot._options import option
from peerannot.answers import Answers
from peerannot.errors import DataError
from peerannot.identification.base import Evidence, Findings, Method
from peerannot.identification.registry import METHODS

__all__ = ["JudgeRanking", "ranked_judges"]

MOST_CELLS = 2**27  # draws x judges, and judges x tasks: 1 GiB


def ranked_judges(
    answers: Answers,
    truth: NDArray[np.float64],
    judges: NDArray[np.integer[Any]],
    *,
    n_boot: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> dict[str, Any]:
    """Accuracy and rank of judges, by tasks drawn again.

    Parameters
    ----------
    truth
        Probability of each class of each task, (n_tasks, n_classes); rows of zeros where nothing
        is known, whose answers do not count.
    judges
        Positions of the workers to rank.
    n_boot
        Draws of as many tasks, with replacement. A draw is the same for all judges, so what is
        hard for all does not widen the intervals of ranks.
    level
        Probability of the intervals.
    seed
        Of the draws.

    Returns
    -------
    dict of columns, the best first
        ``judge`` (position), ``n_answers`` (to tasks that count), ``accuracy``, ``accuracy_low``,
        ``accuracy_high``, ``rank`` (1 is the best, equal ones share the mean), ``rank_low``,
        ``rank_high``, ``p_best`` (share of draws that it leads, shared among equals).

    Raises
    ------
    DataError
        A judge answered no task that counts, or there are too many judges.

    Notes
    -----
    Percentile intervals. Cost O(n_boot x answers of the judges).

    References
    ----------
    Efron, B. and Tibshirani, R. J. (1993). An Introduction to the Bootstrap, chapter 13.
    """
    from scipy.stats import rankdata

    counted = np.flatnonzero(truth.sum(1) > 0)
    if judges.size * max(counted.size, n_boot) > MOST_CELLS:
        raise DataError(f"judge-ranking: {judges.size} workers are too many; name some as models")
    row = np.full(answers.n_workers, -1)
    row[judges] = np.arange(judges.size)
    column = np.full(answers.n_tasks, -1)
    column[counted] = np.arange(counted.size)
    taken = (row[answers.worker] >= 0) & (column[answers.task] >= 0)
    at = row[answers.worker[taken]], column[answers.task[taken]]
    hit, seen = np.zeros((2, judges.size, counted.size))
    np.add.at(hit, at, truth[answers.task[taken], answers.label[taken]])
    np.add.at(seen, at, 1.0)
    n_answers = seen.sum(1)
    if (n_answers == 0).any():
        who = answers.workers[int(judges[int(np.argmin(n_answers))])]
        raise DataError(f"judge-ranking: {who} answered no task whose class is known")
    accuracy = hit.sum(1) / n_answers
    rng = np.random.default_rng(seed)
    drawn, ranks = np.empty((2, n_boot, judges.size))
    for b in range(n_boot):
        times = np.bincount(rng.integers(counted.size, size=counted.size), minlength=counted.size)
        of_judge = seen @ times
        # A judge whom a draw does not meet keeps its place.
        drawn[b] = np.where(of_judge > 0, (hit @ times) / np.maximum(of_judge, 1), accuracy)
        ranks[b] = rankdata(-np.round(drawn[b], 12))
    first = ranks == ranks.min(1, keepdims=True)
    tail = (1 - level) / 2
    low, high = np.quantile(drawn, (tail, 1 - tail), axis=0)
    rank_low, rank_high = np.quantile(ranks, (tail, 1 - tail), axis=0)
    order = np.argsort(-accuracy, kind="stable")
    columns = {
        "judge": judges, "n_answers": n_answers.astype(np.int64), "accuracy": accuracy,
        "accuracy_low": low, "accuracy_high": high, "rank": rankdata(-np.round(accuracy, 12)),
        "rank_low": rank_low, "rank_high": rank_high,
        "p_best": (first / first.sum(1, keepdims=True)).mean(0),
    }  # fmt: skip
    return {name: np.asarray(value)[order] for name, value in columns.items()}


@METHODS.register("judge-ranking")
@dataclass(frozen=True, kw_only=True)
class JudgeRanking(Method):
    """Judges in order of how often they are right, with intervals of accuracies and of ranks.

    Of the models, or of all workers where none is one. Right is what ``--hard-labels`` says (-1
    for unknown), else what the humans say where there are some, by Dawid-Skene on their answers
    alone; else what `latent-factor` says of all, where judges of a large group that errs together
    look better than they are. See `ranked_judges`.

    File: ``judge_ranking.csv``, the worst first: judge, n_answers, accuracy, accuracy_low,
    accuracy_high, rank, rank_low, rank_high, p_best.

    Parameters
    ----------
    n_boot
        Draws of tasks.
    level
        Probability of the intervals.
    seed
        Of the draws.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"labels"})
    takes_weights: ClassVar[bool] = False

    n_boot: int = option(1000, at_least=1, help="draws of tasks")
    level: float = option(0.95, above=0, below=1, help="probability of the intervals")
    seed: int = option(0, at_least=0, help="seed of the draws")

    def _run(self, evidence: Evidence) -> Findings:
        answers = evidence.answers
        model = np.array(evidence.kind_of_workers()) == "model"
        active = answers.answers_per_worker > 0
        judges = np.flatnonzero(active & (model if model.any() else True))
        if not judges.size:
            raise DataError("judge-ranking: no model has answers")
        truth, by = self._truth(evidence, model)
        found = ranked_judges(
            answers, truth, judges, n_boot=self.n_boot, level=self.level, seed=self.seed
        )
        table = {name: column[::-1] for name, column in found.items()}
        table["judge"] = [answers.workers[int(j)] for j in table["judge"]]
        return Findings(
            table,
            "identification/judge_ranking.csv",
            "accuracy",
            "worker",
            summary={"n_judges": int(judges.size), "best": table["judge"][-1], "right_by": by},
            axis="accuracy",
        )

    def _truth(
        self, evidence: Evidence, model: NDArray[np.bool_]
    ) -> tuple[NDArray[np.float64], str]:
        """Probability of each class, and who says so."""
        from peerannot.aggregation.confusion.dawid_skene import DawidSkene
        from peerannot.aggregation.confusion.latent_factor import LatentFactor
        from peerannot.identification.aum import hard_labels

        answers = evidence.answers
        if evidence.labels is not None:
            labels = hard_labels(evidence)
            truth = np.zeros((answers.n_tasks, answers.n_classes))
            known = np.flatnonzero(labels >= 0)
            truth[known, labels[known]] = 1.0
            return truth, "known labels"
        if model.any() and (~model & (answers.answers_per_worker > 0)).any():
            humans = answers.without_workers(answers.workers.take(np.flatnonzero(model)))
            result = DawidSkene().fit(humans, progress=evidence.progress)
            met = humans.answers_per_task > 0
            return result.dense_posterior() * met[:, None], "humans"
        rule = LatentFactor(groups=dict(evidence.groups) or None)
        result = rule.fit(answers, progress=evidence.progress)
        return result.dense_posterior(), "latent-factor"
