"""May a judge stand for a human? The alternative annotator test."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from peerannot._options import option
from peerannot.agreement import wilson
from peerannot.answers import Answers
from peerannot.errors import DataError
from peerannot.identification.base import Evidence, Findings, Method
from peerannot.identification.registry import METHODS
from peerannot.identification.workers import false_discovery

__all__ = ["Replacement", "Trials", "replacement_trials", "yekutieli"]

SMALL = 30  # tasks under which signed ranks take the place of the t-test


def yekutieli(p_value: NDArray[np.float64]) -> NDArray[np.float64]:
    """Benjamini and Yekutieli's adjusted p-values: as theirs of 1995, under any dependence.

    References
    ----------
    Benjamini, Y. and Yekutieli, D. (2001). The control of the false discovery rate in multiple
    testing under dependency. Annals of Statistics 29(4).
    """
    steps = (1 / np.arange(1, p_value.size + 1)).sum()
    return np.asarray(np.minimum(false_discovery(p_value) * steps, 1.0))


@dataclass(frozen=True)
class Trials:
    """A judge against each human, on the tasks that both answered and another human did.

    Attributes
    ----------
    human : int64 array (n_humans,)
        Positions of the humans.
    tasks : int64 array (n_humans,)
    judge_share, human_share : float64 array (n_humans,)
        Share of tasks where the judge agrees with the other humans at least as well as this one
        does, and the other way round.
    p_value : float64 array (n_humans,)
        Of the judge being worse than the human by ``epsilon`` or more.
    error : float
        Standard error of the advantage probability over tasks, for these humans; NaN without any.
    met : int
        Different tasks among all of these.
    """

    human: NDArray[np.int64]
    tasks: NDArray[np.int64]
    judge_share: NDArray[np.float64]
    human_share: NDArray[np.float64]
    p_value: NDArray[np.float64]
    error: float
    met: int

    @property
    def advantage(self) -> float:
        """Advantage probability: that the judge is as good as or better than a human."""
        return float(self.judge_share.mean()) if self.human.size else np.nan

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Of the advantage probability: Wilson's, with as many tasks as its error is worth.

        Where it is 0 or 1 no error is seen, and each task counts once.
        """
        share = self.advantage
        if not self.human.size:
            return np.nan, np.nan
        n = share * (1 - share) / self.error**2 if self.error > 0 else float(self.met)
        low, high = wilson(np.array(n * share), np.array(n), level)
        return float(low), float(high)


def replacement_trials(
    answers: Answers,
    judge: int,
    humans: NDArray[np.bool_],
    *,
    epsilon: float = 0.1,
    min_tasks: int = SMALL,
) -> Trials:
    r"""Set a judge against each human in turn, the other humans being the measure.

    For human j and task i that j, the judge f and another human answered, with :math:`S` the
    share of the other humans who say the same,

    .. math::
        W^f_{ij} = 1[S(f) \ge S(h_j)], \quad W^h_{ij} = 1[S(h_j) \ge S(f)], \quad
        \rho^f_j = \overline{W^f_{ij}}, \quad \rho^h_j = \overline{W^h_{ij}}.

    The hypothesis :math:`\rho^f_j \le \rho^h_j - \epsilon` is tested by a one-sided paired
    t-test, on under 30 tasks by Wilcoxon's signed ranks. No known labels are needed.

    Parameters
    ----------
    judge
        Position of the judge.
    humans
        Which workers are human, (n_workers,).
    epsilon
        By how much a human may be better who costs more than the judge: .2 for experts, .15 for
        the skilled, .1 for a crowd (of the paper).
    min_tasks
        Fewest tasks of a human; those of fewer are left out.

    Notes
    -----
    Of several answers of a worker to a task the last counts. Cost O(answers of all to the tasks
    of the judge).

    References
    ----------
    Calderon, N., Reichart, R. and Dror, R. (2025). The alternative annotator test for
    LLM-as-a-judge: how to statistically justify replacing human annotators with LLMs. ACL,
    section 3.
    """
    from scipy.stats import ttest_1samp, wilcoxon

    last = np.append(
        (np.diff(answers.task) != 0) | (np.diff(answers.worker) != 0), answers.n_answers > 0
    )
    task, worker, label = answers.task[last], answers.worker[last], answers.label[last]
    said = np.full(answers.n_tasks, -1, np.int64)
    of_judge = worker == judge
    said[task[of_judge]] = label[of_judge]
    rows = humans[worker] & (said[task] >= 0) & (worker != judge)
    task, worker, label = task[rows].astype(np.int64), worker[rows], label[rows].astype(np.int64)
    k = answers.n_classes
    cell, place = np.unique(task * k + label, return_inverse=True)
    votes = np.bincount(place)
    total = np.bincount(task, minlength=answers.n_tasks)[task] - 1
    alike = votes[place] - 1  # other humans who say what this one does
    at = np.searchsorted(cell, task * k + said[task])
    at_safe = np.minimum(at, max(cell.size - 1, 0))
    found = cell.size > 0
    hit = (cell[at_safe] == task * k + said[task]) if found else np.zeros(0, np.bool_)
    with_judge = np.where(hit, votes[at_safe] if found else 0, 0) - (label == said[task])
    met = total > 0
    task, worker = task[met], worker[met]
    better, worse = (with_judge >= alike)[met], (alike >= with_judge)[met]
    counts = np.bincount(worker, minlength=answers.n_workers)
    tried = np.flatnonzero(counts >= min_tasks)
    order = np.argsort(worker, kind="stable")
    ends = np.cumsum(counts)
    judge_share, human_share, p_value = np.empty((3, tried.size))
    off = np.zeros(answers.n_tasks)  # what each task adds to the advantage beyond the mean
    seen = np.zeros(answers.n_tasks, np.bool_)
    for i, j in enumerate(tried):
        own = order[ends[j] - counts[j] : ends[j]]
        judge_share[i], human_share[i] = better[own].mean(), worse[own].mean()
        # A human answers a task once, so that no task is there twice.
        off[task[own]] += (better[own] - judge_share[i]) / (own.size * tried.size)
        seen[task[own]] = True
        lead = worse[own].astype(np.float64) - better[own] - epsilon
        if np.ptp(lead) == 0:  # no spread, so no test: the sign alone decides
            p_value[i] = 0.0 if lead[0] < 0 else 1.0
        elif own.size < SMALL:
            p_value[i] = float(wilcoxon(lead, alternative="less").pvalue)
        else:
            p_value[i] = float(ttest_1samp(lead, 0.0, alternative="less").pvalue)
    n = int(seen.sum())
    error = float(np.sqrt((off**2).sum() * n / (n - 1))) if n > 1 else np.nan
    return Trials(tried, counts[tried], judge_share, human_share, p_value, error, n)


@METHODS.register("replacement", "alt-test")
@dataclass(frozen=True, kw_only=True)
class Replacement(Method):
    """May this judge stand for a human? The alternative annotator test, of every model.

    Workers are models by ``workers.csv`` or ``--models``. A judge passes where it beats half of
    the humans or more: its winning rate is the share of them than whom it is not worse by
    ``epsilon``, Benjamini and Yekutieli's false discovery rate held at ``level`` over all pairs
    of judge and human together, so that many judges do not pass by luck. See
    `replacement_trials`.

    Files: ``replacement.csv``, a row a judge, the least able to replace first: judge,
    advantage_probability with its 95 % interval (advantage_low, advantage_high), winning_rate,
    passes, n_humans, wins; ``replacement_pairs.csv``:
    judge, human, tasks, judge_share, human_share, p_value, q_value, wins.

    Parameters
    ----------
    epsilon
        By how much a human may be better and still be replaced.
    level
        False discovery rate.
    min_tasks
        Fewest tasks on which a human is compared.
    """

    takes_weights: ClassVar[bool] = False

    epsilon: float = option(0.1, at_least=0, at_most=1, help="by how much a human may be better")
    level: float = option(0.05, above=0, below=1, help="false discovery rate")
    min_tasks: int = option(SMALL, at_least=2, help="fewest tasks on which a human is compared")

    def _run(self, evidence: Evidence) -> Findings:
        answers = evidence.answers
        humans = np.array(evidence.kind_of_workers()) == "human"
        active = answers.answers_per_worker > 0
        judges = np.flatnonzero(~humans & active)
        if not judges.size:
            raise DataError(
                "replacement: no worker is of kind model; say who is in workers.csv, or by --models"
            )
        trials = []
        for i, judge in enumerate(judges):
            evidence.progress(i, judges.size, answers.workers[int(judge)])
            trials.append(
                replacement_trials(
                    answers, int(judge), humans, epsilon=self.epsilon, min_tasks=self.min_tasks
                )
            )
        if not any(t.human.size for t in trials):
            raise DataError(
                f"replacement: no human answered {self.min_tasks} tasks beside another human and a"
                " judge; lower min_tasks"
            )
        sizes = [t.human.size for t in trials]
        q_value = yekutieli(np.concatenate([t.p_value for t in trials]))
        wins = q_value <= self.level
        each = np.split(wins, np.cumsum(sizes)[:-1])
        rate = np.array([w.mean() if w.size else np.nan for w in each])
        advantage = np.array([t.advantage for t in trials])
        bounds = np.array([t.interval() for t in trials])
        order = np.lexsort((np.nan_to_num(advantage, nan=-1.0), np.nan_to_num(rate, nan=-1.0)))
        passes = rate >= 0.5
        names = [answers.workers[int(j)] for j in judges]
        table: dict[str, Any] = {
            "judge": [names[int(i)] for i in order],
            "advantage_probability": advantage[order],
            "advantage_low": bounds[order, 0],
            "advantage_high": bounds[order, 1],
            "winning_rate": rate[order],
            "passes": passes[order],
            "n_humans": np.array(sizes)[order],
            "wins": np.array([int(w.sum()) for w in each])[order],
        }
        pairs = {
            "judge": [name for name, n in zip(names, sizes, strict=True) for _ in range(n)],
            "human": [answers.workers[int(j)] for t in trials for j in t.human],
            "tasks": np.concatenate([t.tasks for t in trials]),
            "judge_share": np.concatenate([t.judge_share for t in trials]),
            "human_share": np.concatenate([t.human_share for t in trials]),
            "p_value": np.concatenate([t.p_value for t in trials]),
            "q_value": q_value,
            "wins": wins,
        }
        return Findings(
            table,
            "identification/replacement.csv",
            "winning_rate",
            "worker",
            files={"identification/replacement_pairs.csv": pairs},
            summary={"n_judges": len(names), "n_pass": int(passes.sum())},
            axis="winning rate against humans",
        )
