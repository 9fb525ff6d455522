"""The two random streams: the published package's loop over tasks, and the vectorised one."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray

from peerannot._progress import Progress
from peerannot._threads import threads
from peerannot.errors import DataWarning, ParameterError
from peerannot.simulation.crowd import Crowd
from peerannot.simulation.plan import Plan

__all__ = ["confused", "cumulated", "fast", "published"]

Rows = tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]


def cumulated(matrices: NDArray[np.float64]) -> NDArray[np.float64]:
    """Cumulated rows ending in exactly 1, as `numpy.random.Generator.choice` makes them."""
    sums = matrices.cumsum(axis=-1)
    sums /= sums[..., -1:]
    return sums


def published(
    crowd: Crowd,
    truth: NDArray[np.int64],
    plan: Plan,
    rng: np.random.Generator,
    progress: Progress,
) -> Rows:
    """Draw task by task: the workers, then the label of each worker in the order drawn.

    The stream is that of one ``choice(K, p=row)`` for each answer. Such a choice is one uniform
    number looked up in the cumulated row, so a task takes its numbers in one call.

    Raises
    ------
    ParameterError
        Under ``imbalance_votes`` the loads ran out by chance before the last task.
    """
    k = crowd.n_classes
    assert plan.matrices is not None
    rows = cumulated(plan.matrices)
    levels = None if plan.difficulties is None else plan.difficulties.tolist()
    everyone = np.arange(crowd.n_worker)
    loads = np.zeros(crowd.n_worker, np.int64)
    # A worker can only run out of load where a limit below the number of tasks is set.
    limited = crowd.load < crowd.n_task
    short = 0
    workers, labels, sizes = [], [], np.empty(crowd.n_task, np.int64)
    for i in range(crowd.n_task):
        free = np.flatnonzero(loads < crowd.load) if limited else everyone
        votes = min(crowd.votes_per_task, free.size)
        if votes == 0:
            raise ParameterError(
                f"no worker has load left for task {i}: workerload {crowd.load} ran out by chance"
                " under imbalance_votes; raise workerload, lower feedback, or use stream=fast"
            )
        short += votes < crowd.votes_per_task
        if crowd.imbalance_votes:
            votes = int(rng.integers(0, votes)) + 1
        chosen = rng.choice(free, replace=False, size=votes)
        true = truth[i]
        level = "hard" if levels is None else levels[i]
        if level == "hard":
            u = rng.random(votes)
            label = (rows[chosen, true] <= u[:, None]).sum(axis=1)
        elif level == "random":
            label = rng.integers(0, k, size=votes)
        else:
            label = np.full(votes, true)
        loads[chosen] += 1
        order = np.argsort(chosen)
        workers.append(chosen[order])
        labels.append(label[order])
        sizes[i] = votes
        if i % 1000 == 999:
            progress(i + 1, crowd.n_task)
    _warn_short(short, crowd)
    task = np.repeat(np.arange(crowd.n_task, dtype=np.int32), sizes)
    return task, np.concatenate(workers).astype(np.int32), np.concatenate(labels).astype(np.int32)


def fast(
    crowd: Crowd, weight: NDArray[np.float64] | None, rng: np.random.Generator
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Task and worker of every answer, ascending; linear in the answers.

    The same rule as the published loop; with weights, each next worker of a task is drawn in
    proportion to the weights of those left.
    """
    from peerannot._loops import native

    votes = crowd.votes_per_task
    if crowd.imbalance_votes:
        demand = rng.integers(1, votes + 1, size=crowd.n_task)
        if demand.sum() > crowd.n_worker * crowd.load:
            raise ParameterError(
                f"workerload {crowd.load} x {crowd.n_worker} workers cannot give the"
                f" {demand.sum()} answers drawn by imbalance_votes; raise workerload to"
                f" {-(-int(demand.sum()) // crowd.n_worker)}"
            )
    else:
        demand = np.full(crowd.n_task, votes)
    u = rng.random(int(demand.sum()))
    worker, got = np.empty(u.size, np.int32), np.empty(demand.size, np.int64)
    if weight is None:
        n = native.simulation_uniform(
            demand, u, worker, got, n_workers=crowd.n_worker, load=crowd.load
        )
    else:
        n = native.simulation_weighted(demand, u, weight, worker, got, load=crowd.load)
    _warn_short(int((got < demand).sum()), crowd)
    return np.repeat(np.arange(crowd.n_task, dtype=np.int32), got), worker[:n]


def confused(
    matrices: NDArray[np.float64],
    truth: NDArray[np.int64],
    worker: NDArray[np.int32],
    rng: np.random.Generator,
) -> NDArray[np.int32]:
    """Labels drawn from the confusion matrices, one uniform number an answer."""
    from peerannot._loops import native

    u = rng.random(worker.size)
    labels = np.empty(worker.size, np.int32)
    sums = np.ascontiguousarray(cumulated(matrices))
    native.simulation_labels(sums, worker, truth, u, labels, threads=threads())
    return labels


def _warn_short(short: int, crowd: Crowd) -> None:
    if short:
        warnings.warn(
            f"{short} tasks could have had fewer than {crowd.votes_per_task} answers only: the"
            f" workers with load left (workerload {crowd.load}) were too few at the end",
            DataWarning,
            stacklevel=2,
        )
