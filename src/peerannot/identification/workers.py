"""Worker cards: what there is to know about each worker, on one line and one matrix."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerannot._loops import native
from peerannot._options import option
from peerannot._threads import threads
from peerannot.aggregation import Result
from peerannot.aggregation.passes.expected_counts import expected_counts
from peerannot.aggregation.uncertainty.intervals import worker_skills
from peerannot.answers import Answers
from peerannot.errors import DataError
from peerannot.identification.base import Evidence, Findings, Method, worst_first
from peerannot.identification.confusion import spam_score
from peerannot.identification.registry import METHODS

__all__ = ["Workers", "false_discovery", "worker_cards"]


def worker_cards(
    answers: Answers,
    result: Result,
    *,
    prior: float = 1.0,
    confidence: float = 0.95,
    one_class: float = 0.9,
    min_answers: int = 10,
) -> tuple[dict[str, Any], NDArray[np.float64]]:
    r"""Everything about each worker, given a posterior of the true classes.

    Parameters
    ----------
    answers
        The votes; their weights count in all but numbers of answers and runs.
    result
        An aggregation of these votes; its posterior stands for the truth.
    prior
        Pseudo-answers that each row of a confusion matrix starts with, spread as the crowd's.
    confidence
        Probability that the skill lies in its interval.
    one_class
        Share of one label from which a worker may count as always giving it.
    min_answers
        Fewest answers to speak of a pattern.

    Returns
    -------
    columns, one row a worker in the order of ``answers.workers``
        ``worker``, ``n_answers``; ``agreement``: mean posterior of the classes answered;
        ``skill`` with ``skill_low``, ``skill_high``: probability to be right on a task drawn
        with the class prior, see `peerannot.aggregation.uncertainty.intervals`; ``spam_score``;
        ``confused_true``, ``confused_answered``, ``confused_rate``: the wrong answer expected most
        often, and how often it is given when the first is true; ``bias_class``, ``bias``: the
        class given too often, and by how much its share exceeds what the tasks hold;
        ``bias_total``: half the sum of all such
        differences, 0..1; ``top_class``, ``top_share``; ``longest_run`` of one answer;
        ``run_z``: surprise of the number of repeats, in standard deviations; ``pattern``:
        ``"one class"``, ``"straight-lining"`` or empty.
    confusion : float64 array (n_workers, true, answered)
        Posterior means; rows sum to 1.

    Raises
    ------
    DataError
        The result is not one of these answers.
    ParameterError
        The confusion matrices do not fit in memory.

    Notes
    -----
    Row k of a confusion matrix is Dirichlet with the expected counts plus ``prior`` times the
    crowd's mean row. The skill is that of the result, and its interval the one of
    `peerannot.aggregation.skill_intervals`, which allows for what the posterior does not know; a
    result without skills has the mean under the classes of the tasks answered.

    A worker is straight-lining when consecutive tasks (in order of key, which is all that the
    data tell of the order of work) get the same answer more often than the classes of those
    tasks and the worker's confusion explain: z by the variance of independent repeats, with
    Benjamini and Hochberg's control of the false discovery rate at 5 % over the workers. Sorted
    data sets do not make everybody a suspect, since the tasks' own classes are allowed for.

    Cost O(answers x K^2).
    """
    from scipy.special import ndtr

    if result.tasks != answers.tasks or result.classes != answers.classes:
        raise DataError("worker cards: the result is not one of these answers")
    k = answers.n_classes
    n_answers = answers.answers_per_worker
    posterior = np.ascontiguousarray(result.dense_posterior())
    counts = expected_counts(answers, posterior)
    crowd = counts.sum(0) + 1 / k
    given = counts + prior * crowd / crowd.sum(1, keepdims=True)
    confusion = given / given.sum(2, keepdims=True)
    skill, low, high = worker_skills(result, answers, level=confidence)

    weight = counts.sum((1, 2))
    scale = np.where(weight > 0, weight, 1.0)
    true_share = counts.sum(2) / scale[:, None]
    said_share = counts.sum(1) / scale[:, None]
    excess = said_share - true_share
    wrong = counts.copy()
    wrong[:, np.arange(k), np.arange(k)] = 0
    worst = wrong.reshape(len(wrong), -1).argmax(1)
    true, answered = np.divmod(worst, k)
    worker = np.arange(answers.n_workers)
    per_true = counts[worker, true].sum(1)
    missed = wrong[worker, true, answered]
    erred = missed > 0

    order, ptr = answers.rows_by_worker()
    longest, repeats = np.empty((2, answers.n_workers), np.int64)
    expected, spread = np.empty((2, answers.n_workers))
    native.identification_repeats(
        ptr, answers.task[order], answers.label[order], posterior, confusion,
        longest, repeats, expected, spread, threads=threads(),
    )  # fmt: skip
    run_z = np.where(spread > 0, (repeats - expected) / np.sqrt(np.where(spread > 0, spread, 1)), 0)
    p_value = np.where(n_answers >= min_answers, ndtr(-run_z), 1.0)
    straight = false_discovery(p_value) <= 0.05
    top = said_share.argmax(1) if k else np.zeros(0, np.int64)
    top_share = said_share[worker, top]
    one = (
        (n_answers >= min_answers)
        & (top_share >= one_class)
        & (true_share[worker, top] < top_share - 0.1)
    )
    agreement = np.einsum("jkk->j", counts) / np.where(weight > 0, weight, np.nan)
    names = np.array([*answers.classes, ""], dtype=object)
    columns = {
        "worker": list(answers.workers),
        "n_answers": n_answers,
        "agreement": agreement,
        "skill": skill,
        "skill_low": low,
        "skill_high": high,
        "spam_score": spam_score(confusion),
        "confused_true": list(names[np.where(erred, true, k)]),
        "confused_answered": list(names[np.where(erred, answered, k)]),
        "confused_rate": np.where(erred, missed / np.where(per_true > 0, per_true, 1), 0.0),
        "bias_class": list(names[np.where(n_answers > 0, excess.argmax(1), k)]),
        "bias": excess.max(1),
        "bias_total": np.abs(excess).sum(1) / 2,
        "top_class": list(names[np.where(n_answers > 0, top, k)]),
        "top_share": top_share,
        "longest_run": longest,
        "run_z": run_z,
        "pattern": np.where(one, "one class", np.where(straight, "straight-lining", "")).tolist(),
    }
    return columns, confusion


def false_discovery(p_value: NDArray[np.float64]) -> NDArray[np.float64]:
    """Benjamini and Hochberg's adjusted p-values (1995): below q, a share q is false on average."""
    n = p_value.size
    order = np.argsort(p_value, kind="stable")
    scaled = p_value[order] * n / np.arange(1, n + 1)
    adjusted = np.empty(n)
    adjusted[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return adjusted


@METHODS.register("workers", "worker-cards")
@dataclass(frozen=True, kw_only=True)
class Workers(Method):
    """Worker cards: agreement, skill with interval, confusions, bias, spam score, patterns.

    Files: ``workers.csv``, the least skilled first; ``worker_confusion_matrices.npy``
    (n_workers, true, answered), rows by worker id, NaN for workers without answers. See
    `worker_cards`.

    Parameters
    ----------
    max_iter
        Most iterations of Dawid-Skene, whose posterior stands for the truth.
    prior
        Pseudo-answers in each row of a confusion matrix.
    confidence
        Of the interval of the skill.
    """

    max_iter: int = option(50, at_least=1, help="most iterations of Dawid-Skene")
    prior: float = option(1.0, above=0, help="pseudo-answers in each row of a confusion matrix")
    confidence: float = option(0.95, above=0, below=1, help="of the interval of the skill")

    def _run(self, evidence: Evidence) -> Findings:
        from peerannot.aggregation.confusion.dawid_skene import DawidSkene

        answers = evidence.answers
        result = DawidSkene(max_iter=self.max_iter).fit(answers, progress=evidence.progress)
        columns, confusion = worker_cards(
            answers, result, prior=self.prior, confidence=self.confidence
        )
        order = worst_first(columns["skill"])
        table = {
            k: v[order] if isinstance(v, np.ndarray) else [v[int(i)] for i in order]
            for k, v in columns.items()
        }
        patterns = columns["pattern"]
        return Findings(
            table,
            "identification/workers.csv",
            "skill",
            "worker",
            files={
                "identification/worker_confusion_matrices.npy": evidence.spread(confusion),
                **evidence.worker_ids(),
            },
            summary={
                "n_one_class": patterns.count("one class"),
                "n_straight_lining": patterns.count("straight-lining"),
            },
            axis="skill: probability to be right",
        )
