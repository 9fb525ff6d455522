"""How often each worker is expected to have given each label to tasks of each class."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from peerannot._loops import native
from peerannot._threads import threads
from peerannot.answers import Answers
from peerannot.errors import ParameterError

__all__ = ["expected_counts"]

MOST_BYTES = 2**33


def expected_counts(
    answers: Answers, posterior: NDArray[np.float64], *, of_all: bool = False
) -> NDArray[np.float64]:
    r"""Expected counts :math:`\sum_i w_{ij} z_{ik} 1[y_{ij} = l]`, (n_workers, true, answered).

    Parameters
    ----------
    answers
        The votes; their weights :math:`w` count.
    posterior
        :math:`z`, (n_tasks, n_classes).
    of_all
        All workers as one, (1, true, answered).

    Raises
    ------
    ParameterError
        They take over 8 GiB.

    Notes
    -----
    Cost: O(answers x K). Sums are in order of rows, for any number of threads.
    """
    n, k = 1 if of_all else answers.n_workers, answers.n_classes
    if n * k * k * 8 > MOST_BYTES:
        raise ParameterError(
            f"confusion matrices of {n} workers over {k} classes take {n * k * k * 8 / 2**30:.0f}"
            " GiB; leave out workers or classes"
        )
    if of_all:
        order, ptr = np.arange(answers.n_answers), np.array([0, answers.n_answers])
    else:
        order, ptr = answers.rows_by_worker()
    weight = answers.loop_weights
    counts = np.empty((n, k, k))
    native.confusion_expected(
        ptr, order, answers.task, answers.label, weight,
        np.ascontiguousarray(posterior, np.float64), counts, threads=threads(),
    )  # fmt: skip
    return counts
