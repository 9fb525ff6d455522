"""What an audited sample says of all labels, all classes and all workers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerannot._progress import Progress, silent
from peerannot.answers import Answers
from peerannot.audit.labelled import Labelled
from peerannot.audit.share import Share, Whole, estimate_share
from peerannot.audit.sheet import UNSAID, Sheet
from peerannot.errors import DataError

__all__ = ["Audit", "estimate"]


@dataclass(frozen=True, eq=False)
class Audit:
    """Estimates of an audit.

    Attributes
    ----------
    right : Share
        Of the tasks that have a label: the share whose label the expert would give.
    classes : mapping of str to Share
        Of all tasks: the share of each class. Each is estimated by itself; they need not sum to 1.
    errors : mapping of str to Share
        Of the answers of each worker: the share that the expert would not give. Workers of whom no
        answer was audited are absent.
    judged, unsaid, waiting : int
        Tasks with a label of the expert, tasks that cannot be said, and tasks not reached yet.
    """

    right: Share
    classes: dict[str, Share]
    errors: dict[str, Share]
    judged: int
    unsaid: int
    waiting: int


def estimate(
    answers: Answers,
    labelled: Labelled,
    sheet: Sheet,
    *,
    level: float = 0.95,
    progress: Progress = silent,
) -> Audit:
    """Estimate shares from a sheet that an expert filled in; `peerannot.audit.share` has how.

    Parameters
    ----------
    answers, labelled
        The votes, and the labels that are judged. These must not have been made with the
        expert's own labels as gold, which would vouch for themselves.
    sheet
        What the expert said. An expert may stop early: what is labelled up to the first empty
        cell is a sample of its own.
    level
        Probability of each interval.
    progress
        Told the workers done.

    Raises
    ------
    DataError
        Nothing is judged, or a task is left out before others.
    ParameterError
        ``level`` is not between 0 and 1.

    Notes
    -----
    Cost O(answers + n_tasks * n_classes).
    """
    drawn = [answers.tasks[int(i)] for i in sheet.drawing.tasks]
    reached = next((i for i, task in enumerate(drawn) if task not in sheet.said), len(drawn))
    late = next((task for task in drawn[reached:] if task in sheet.said), None)
    if late is not None:
        raise DataError(
            f"{sheet.path}: task {drawn[reached]!r} has no label, but task {late!r} behind it has"
            f" one; judge them in order, and write {UNSAID} where it cannot be said"
        )
    drawing = sheet.drawing.first(reached)
    names = [sheet.said[task] for task in drawn[:reached]]
    expert = np.array([-1 if y == UNSAID else answers.classes.index_of[y] for y in names], np.int64)
    judged = int((expert >= 0).sum())
    if not judged:
        raise DataError(
            f"{sheet.path}: no task is labelled yet; fill in the column label, or judge tasks in"
            " the browser: peerannot explore DATASET --audit FILE"
        )
    probability = drawing.probability

    def share(
        true: NDArray[Any], predicted: NDArray[np.float64], of: NDArray[Any], among: Any
    ) -> Share:
        """Of the tasks ``among`` the audited ones; ``of`` are predictions of all of them."""
        known = np.where(expert[among] < 0, np.nan, true.astype(np.float64))
        return estimate_share(known, predicted, probability[among], Whole.of(of), level=level)

    tasks = drawing.tasks
    has = labelled.label[tasks] >= 0
    right = share(
        labelled.label[tasks[has]] == expert[has],
        labelled.confidence[tasks[has]],
        labelled.confidence[labelled.label >= 0],
        has,
    )
    every = np.ones(reached, bool)
    classes = {}
    for k, name in enumerate(answers.classes):
        predicted = labelled.of_class(k)
        classes[name] = share(expert == k, predicted[tasks], predicted, every)
    wrong = 1 - labelled.at(answers.task, answers.label)
    place = np.full(answers.n_tasks, -1)
    place[tasks] = np.arange(reached)
    order, start = answers.rows_by_worker()
    errors = {}
    for j in range(answers.n_workers):
        rows = order[start[j] : start[j + 1]]
        seen = rows[place[answers.task[rows]] >= 0]
        if seen.size and (expert[place[answers.task[seen]]] >= 0).any():
            at = place[answers.task[seen]]
            errors[answers.workers[j]] = share(
                answers.label[seen] != expert[at], wrong[seen], wrong[rows], at
            )
        progress(j + 1, answers.n_workers, "workers")
    return Audit(right, classes, errors, judged, reached - judged, len(drawn) - reached)
