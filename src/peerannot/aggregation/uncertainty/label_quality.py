"""How good each label and each worker is, in the tables of cleanlab."""

from __future__ import annotations

from typing import Any, Literal, Unpack

import numpy as np
from numpy.typing import ArrayLike, NDArray

from peerannot.aggregation.frames import Layout, as_answers
from peerannot.aggregation.origin import Origin, build_frame
from peerannot.aggregation.reliability.crowdlab import CROWDLAB
from peerannot.aggregation.result import Result
from peerannot.aggregation.uncertainty.temperature import calibrated
from peerannot.answers import Answers

__all__ = ["label_quality", "mean_probability", "worker_quality"]


def label_quality(
    labels: Answers | Any,
    probabilities: ArrayLike,
    *,
    consensus: Literal["best_quality", "majority_vote"] = "best_quality",
    calibrate_probs: bool = False,
    **reading: Unpack[Layout],
) -> dict[str, Any]:
    """Consensus, quality of labels and of workers by CROWDLAB, as cleanlab names them.

    Parameters
    ----------
    labels
        A matrix or wide frame (tasks x workers), or anything that `Strategy.fit` takes.
    probabilities
        What a classifier says of tasks that it was not trained on, (n_tasks, n_classes).
    consensus
        As `CROWDLAB` has it.
    calibrate_probs
        Bring the probabilities near the shares of votes by one temperature first: for a
        classifier that is too sure or not sure enough.
    **reading
        See `Layout`; ``classes`` where some are never answered.

    Returns
    -------
    dict of three frames of the kind of ``labels``
        ``label_quality``, a row a task: ``consensus_label``, ``consensus_quality_score``,
        ``annotator_agreement``, ``num_annotations``.

        ``detailed_label_quality``, the probability of each label that was given: of a matrix or
        wide frame one in its shape, with columns ``quality_annotator_`` and the worker, NaN
        where there is no label; else a row an answer, with ``task``, ``worker``, ``label`` and
        ``label_quality``, since tasks x workers may be far more than there are answers.

        ``annotator_stats``, a row a worker, the worst first: ``annotator_quality``,
        ``agreement_with_consensus``, ``worst_class``, ``num_examples_labeled``.

    Raises
    ------
    DataError
        Labels or probabilities cannot be used.

    Notes
    -----
    The names and numbers of ``get_label_quality_multiannotator`` of cleanlab; with
    ``calibrate_probs`` those that it means to give: up to its version 2.9 it takes the counts of
    labels for those of the first classes, and so a wrong temperature. Cost: two passes of CROWDLAB.

    References
    ----------
    Goh, H. W., Tkachenko, U. and Mueller, J. (2022). CROWDLAB: supervised learning to infer
    consensus labels and quality scores for data with multiple annotators. arXiv:2210.06812.
    """
    answers, origin = as_answers(labels, reading)
    if calibrate_probs:
        probabilities = calibrated(answers, probabilities)
    result = CROWDLAB(consensus=consensus, ties="first").fit(answers, init=probabilities)
    chosen = result.task_columns["consensus"].astype(np.int64)
    posterior = result.dense_posterior()
    score = posterior[np.arange(answers.n_tasks), chosen]
    hit = answers.label == chosen[answers.task]
    size = answers.answers_per_task
    names = [origin.classes.get(c, c) for c in answers.classes]
    tasks = {
        "task": list(answers.tasks),
        "consensus_label": [names[c] for c in chosen],
        "consensus_quality_score": score,
        "annotator_agreement": _mean(answers.task, hit, answers.n_tasks),
        "num_annotations": size,
    }
    quality = worker_quality(answers, result)
    agreement = _mean(answers.worker, hit, answers.n_workers)
    worst = _worst_class(answers, hit, score)
    order = np.lexsort((agreement, quality))
    workers = {
        "worker": [answers.workers[i] for i in order],
        "annotator_quality": quality[order],
        "agreement_with_consensus": agreement[order],
        "worst_class": [names[worst[i]] if worst[i] >= 0 else None for i in order],
        "num_examples_labeled": answers.answers_per_worker[order],
    }
    return {
        "label_quality": build_frame(tasks, None, origin),
        "detailed_label_quality": _detailed(answers, posterior, origin),
        "annotator_stats": build_frame(workers, None, origin),
    }


def _detailed(answers: Answers, posterior: NDArray[np.float64], origin: Origin) -> Any:
    """The probability of each label that was given: in the shape of a matrix, or a row each."""
    score = posterior[answers.task, answers.label]
    if origin.rows is not None:
        wide = np.full((answers.n_workers, answers.n_tasks), np.nan)
        wide[answers.worker, answers.task] = score
        names = [f"quality_annotator_{origin.workers.get(w, w)}" for w in answers.workers]
        columns = dict(zip(names, wide, strict=True))
        return build_frame({"task": list(answers.tasks), **columns}, None, origin)
    tasks, workers, names = list(answers.tasks), list(answers.workers), list(answers.classes)
    return build_frame(
        {
            "task": [tasks[i] for i in answers.task],
            "worker": [workers[i] for i in answers.worker],
            "label": [names[i] for i in answers.label],
            "label_quality": score,
        },
        None,
        origin,
    )


def worker_quality(answers: Answers, result: Result) -> NDArray[np.float64]:
    """Mean probability of a worker's labels and agreement with the consensus, weighted.

    Parameters
    ----------
    answers
    result
        What `CROWDLAB` found of them.

    Returns
    -------
    float64 array (n_workers,)
        NaN for a worker who met no other.
    """
    hit = answers.label == result.task_columns["consensus"][answers.task]
    likely = mean_probability(answers, result)
    judged = answers.answers_per_task[answers.task] > 1
    agreed = _mean(answers.worker[judged], hit[judged], answers.n_workers)
    model = float(result.extra["classifier_weight"])
    weights = result.worker_columns["weight"].sum() / max(answers.n_workers, 1)
    share = model / (model + weights * answers.n_answers / max(answers.n_tasks, 1))
    return np.asarray(share * likely + (1.0 - share) * agreed)


def mean_probability(answers: Answers, result: Result) -> NDArray[np.float64]:
    """Mean probability of a worker's labels, float64 (n_workers,); NaN without answers."""
    given = result.dense_posterior()[answers.task, answers.label]
    return _mean(answers.worker, given, answers.n_workers)


def _worst_class(
    answers: Answers, hit: NDArray[np.bool_], score: NDArray[np.float64]
) -> NDArray[np.int64]:
    """The class that a worker gave with the least agreement; of several that of most answers,
    then that of the surest consensus, then the first. -1 without answers."""
    cell = answers.worker.astype(np.int64) * answers.n_classes + answers.label
    pairs, of = np.unique(cell, return_inverse=True)
    count = np.bincount(of, minlength=pairs.size)
    right = _mean(of, hit, pairs.size)
    sure = _mean(of, score[answers.task], pairs.size)
    worker, label = pairs // answers.n_classes, pairs % answers.n_classes
    order = np.lexsort((label, -sure, -count, right, worker))
    first = order[np.unique(worker[order], return_index=True)[1]]
    worst = np.full(answers.n_workers, -1, np.int64)
    worst[worker[first]] = label[first]
    return worst


def _mean(row: NDArray[Any], value: NDArray[Any], n: int) -> NDArray[np.float64]:
    """Mean of the values of each row, NaN where it has none."""
    size = np.bincount(row, minlength=n)
    total = np.bincount(row, value, minlength=n)
    return np.where(size > 0, total / np.maximum(size, 1), np.nan)
