"""What answers that are asked for and not given may be, and what each is worth after those before
it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from peerannot.allocation.base import GainPolicy, OrderPolicy, Policy, Tasks
from peerannot.allocation.crowd import Crowd

__all__ = ["after", "by_channel", "gains"]

OUTCOMES = 256  # of answers that are pending on a task, before some are taken together


def after(outcomes: NDArray[np.float64], channel: NDArray[np.float64]) -> NDArray[np.float64]:
    """Joint probabilities with one more answer, (n_outcomes x n_answers, n_classes)."""
    k, answers = channel.shape
    if len(outcomes) * answers <= max(OUTCOMES, answers):
        return (outcomes[:, None, :] * channel.T[None]).reshape(-1, k)
    together = np.zeros((k, k))
    for column in channel.T:
        joint = outcomes * column
        np.add.at(together, joint.argmax(1), joint)
    return together[together.any(1)]


def gains(
    policy: Policy, tasks: Tasks, crowd: Crowd, task: NDArray[np.int64],
    worker: NDArray[np.int64], pending: NDArray[np.int64],
) -> NDArray[np.float64] | None:  # fmt: skip
    """Gain of each pick, by the confusion matrices of the workers themselves; None where the
    policy has no unit.

    Parameters
    ----------
    task, worker, pending
        Of each pick in order, the last the number of earlier ones of the task.
    """
    if not policy.unit:
        return None
    gain = np.empty(len(task))
    if isinstance(policy, OrderPolicy):
        for n in np.unique(pending).tolist():
            gain[pending == n] = policy.score(tasks, task[pending == n], n)
        return gain
    assert isinstance(policy, GainPolicy)
    several = task[pending > 0]
    states = {int(t): tasks.posterior(np.array([t])) for t in several}
    before: dict[int, NDArray[np.float64]] = {}  # outcomes of what is pending at each
    for i in np.flatnonzero(np.isin(task, several)).tolist():
        before[i] = states[int(task[i])]
        states[int(task[i])] = after(before[i], crowd.channel(int(worker[i])))
    for channel, some in by_channel(crowd, worker):
        alone = some[pending[some] == 0]
        gain[alone] = policy.gain(tasks.posterior(task[alone]), channel)
        for i in some[pending[some] > 0].tolist():
            gain[i] = policy.gain(before[i], channel).sum()
    return gain


def by_channel(
    crowd: Crowd, worker: NDArray[np.int64]
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.int64]]]:
    """Confusion matrix of each worker of some pairs, and where in them that worker is."""
    order = np.argsort(worker, kind="stable")
    starts = np.flatnonzero(np.diff(worker[order], prepend=-1))
    for some in np.split(order, starts[1:]) if len(order) else ():
        yield crowd.channel(int(worker[some[0]])), some
