"""BWA: Bayesian weighted average."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from peerannot._loops import native
from peerannot._options import option
from peerannot._progress import Progress
from peerannot._threads import threads
from peerannot.aggregation.base import Fit, Fitted, Strategy
from peerannot.aggregation.partitions.checkpoint import NOWHERE, Checkpoint
from peerannot.aggregation.partitions.parts import Part, Parts
from peerannot.aggregation.partitions.reductions import Largest
from peerannot.aggregation.passes.support import answer_blocks
from peerannot.aggregation.registry import STRATEGIES
from peerannot.aggregation.result import Diagnostics
from peerannot.errors import ParameterError

__all__ = ["BWA"]

LEAST_VARIANCE = 1e-9  # where all answers agree, the prior of the variance would be 0


@STRATEGIES.register("bwa")
@dataclass(frozen=True, kw_only=True)
class BWA(Strategy):
    r"""Bayesian weighted average: for each class, the answers as noisy numbers 0 and 1.

    For class k, :math:`y_{ij} \sim N(z_i, 1/v_j)`, :math:`z_i \sim N(\mu, 1/\lambda)` with the
    precision in units of the answers', and a Gamma prior on :math:`v_j`. From vote shares:

    .. math::
        \mu = \overline{z_i}, \qquad
        v_j = \frac{a_v + n_j}{b_v + \sum_i (y_{ij} - z_i)^2}, \qquad
        z_i = \frac{\lambda \mu + \sum_j v_j y_{ij}}{\lambda + \sum_j v_j}

    with :math:`b_v = a_v \frac{\sum_i n_i z_i (1 - z_i)}{\sum_i n_i} \cdot 4 (1 - 1/K)` from the
    vote shares. The posterior is :math:`z` of all classes, scaled to sum to 1.

    Parameters
    ----------
    strength
        Strength of the prior on precisions (:math:`a_v`), in answers.
    pull
        Precision of the prior on tasks (:math:`\lambda`).
    tol
        Largest change of a :math:`z_i` at rest.
    max_iter
        Most iterations for each class.

    Notes
    -----
    Cost: O(answers) an iteration and class, without logarithms; under 100 iterations a class.
    Weak where classes are confused in a pattern. Worker column ``weight``: mean of :math:`v_j`
    over classes, their mean 1. The authors' code takes contradictory answers of a worker to a
    task as one answer for each class; here each answer counts (see ``duplicates``).

    References
    ----------
    Li, Y., Rubinstein, B. I. P. and Cohn, T. (2019). Truth inference at scale: a Bayesian model
    for adjudicating highly redundant crowd annotations. WWW.
    """

    estimates_skill: ClassVar[bool] = False
    takes_gold: ClassVar[bool] = True
    takes_init: ClassVar[bool] = True
    # Memory of the scores of all classes over which the model is refused.
    score_bytes: ClassVar[int] = 2**32

    strength: float = option(15.0, above=0.0, help="strength of the prior on precisions")
    pull: float = option(1.0, above=0.0, help="precision of the prior on tasks")
    tol: float = option(1e-3, above=0.0, help="largest change of a score at rest")
    max_iter: int = option(500, at_least=1, help="most iterations for each class")

    def fit_parts(
        self, parts: Parts, progress: Progress, checkpoint: Checkpoint = NOWHERE
    ) -> Fitted:
        shape = parts.shape
        n_workers, k = len(shape.workers), len(shape.classes)
        rows = max(n_workers, shape.n_tasks // len(parts))
        if rows * k * 8 > self.score_bytes:
            raise ParameterError(
                f"{self.name} needs {rows * k * 8 / 2**30:.0f} GiB for scores of {shape.n_tasks}"
                f" tasks x {k} classes; use iwmv"
            )
        of_worker, mass, n_answered, spread = parts.sum(_totals)
        scale = spread / max(float(mass), 1e-300) * 4 * (1 - 1 / k)
        rate = np.maximum(self.strength * scale, LEAST_VARIANCE)
        v = np.zeros((k, n_workers))
        rests, rounds = np.zeros(k, np.bool_), 0
        saved = checkpoint.load()
        if saved is None:
            wrong, height = parts.advance(_begin)
        else:
            wrong, height, v = saved["wrong"], saved["height"], saved["v"]
            rests, rounds = saved["rests"], int(saved["n_iter"])
        while not rests.all() and rounds < self.max_iter:
            # Each class is at rest by itself.
            moving = np.flatnonzero(~rests)
            mean = height[moving] / n_answered if mass > 0 else np.full(moving.size, 1.0 / k)
            v[moving] = (self.strength + of_worker) / (rate[moving, None] + wrong[moving])
            wrong[moving], height[moving], change = parts.advance(
                _step, moving, v[moving], self.pull, mean
            )
            rests[moving] = change.value < self.tol
            rounds += 1
            checkpoint.save({
                "n_iter": rounds, "objective": [], "wrong": wrong, "height": height, "v": v,
                "rests": rests,
            })  # fmt: skip
            progress(rounds, self.max_iter, f"{int(rests.sum())} of {k} classes at rest")
        precision = v.sum(0)
        top = precision.mean() if precision.size else 1.0
        fit = Fit(
            None,
            worker_columns={"weight": precision / top},
            diagnostics=Diagnostics(rounds, bool(rests.all())),
        )
        return Fitted(fit, _write, ())


def _shares(part: Part, of_task: NDArray[np.float64], c: int) -> NDArray[np.float64]:
    """Share of the votes for a class, (n_tasks,)."""
    answers, k = part.answers, part.answers.n_classes
    hit = answers.weights * (answers.label == c)
    votes = np.bincount(answers.task, weights=hit, minlength=answers.n_tasks)
    share = np.full(answers.n_tasks, 1.0 / k)
    np.divide(votes, of_task, out=share, where=of_task > 0)
    return share


def _totals(part: Part) -> tuple[Any, ...]:
    """Weight of each worker and of all; number of tasks with some; spread of each class."""
    of_task = part.answers.weight_per_task
    spread = []
    for c in range(part.answers.n_classes):
        z = _shares(part, of_task, c)
        spread.append(float((of_task * z * (1 - z)).sum()))
    return (
        part.answers.weight_per_worker, float(of_task.sum()), int((of_task > 0).sum()),
        np.array(spread),
    )  # fmt: skip


def _begin(part: Part) -> tuple[Any, tuple[Any, ...]]:
    """Keep the scores of each class at the start, and tell what `_told` says of them."""
    of_task = part.answers.weight_per_task
    scores, told = [], []
    for c in range(part.answers.n_classes):
        z = _shares(part, of_task, c) if part.start is None else part.start[:, c].copy()
        _clamp(z, part.gold, c)
        scores.append(z)
        told.append(_told(part, of_task > 0, z, c))
    return tuple(scores), tuple(map(np.array, zip(*told, strict=True)))


def _step(
    part: Part, moving: NDArray[np.int64], v: NDArray[np.float64], pull: float,
    mean: NDArray[np.float64],
) -> tuple[Any, tuple[Any, ...]]:  # fmt: skip
    """Keep the new scores of the classes that move; their largest changes, and `_told`."""
    answers = part.answers
    answered = part.answers.weight_per_task > 0
    scores, told, change = list(part.kept), [], []
    for at, c in enumerate(moving.tolist()):
        after = np.empty(answers.n_tasks)
        native.reliability_averages(
            answers.task_ptr, answers.worker, answers.label, answers.loop_weights, v[at], after,
            c=c, pull=pull, mean=mean[at], threads=threads(),
        )  # fmt: skip
        _clamp(after, part.gold, c)
        change.append(float(np.abs(after - scores[c]).max(initial=0.0)))
        scores[c] = after
        told.append(_told(part, answered, after, c))
    wrong, height = map(np.array, zip(*told, strict=True))
    return tuple(scores), (wrong, height, Largest(np.array(change)))


def _told(
    part: Part, answered: NDArray[np.bool_], z: NDArray[np.float64], c: int
) -> tuple[NDArray[np.float64], float]:
    """Squared errors of each worker, and the sum of the scores of tasks with answers."""
    answers = part.answers
    wrong = np.empty(answers.n_workers)
    native.reliability_errors(
        answers.task, answers.worker, answers.label, answers.loop_weights, z,
        answer_blocks(answers), wrong, c=c, threads=threads(),
    )  # fmt: skip
    return wrong, float(z[answered].sum())


def _write(part: Part) -> Fit:
    scores, k = np.column_stack(part.kept), part.answers.n_classes
    sums = scores.sum(1, keepdims=True)
    posterior = np.divide(scores, sums, out=np.full_like(scores, 1.0 / k), where=sums > 0)
    posterior[(part.answers.weight_per_task == 0) & (part.gold < 0)] = 1.0 / k
    return Fit(posterior)


def _clamp(z: NDArray[np.float64], gold: NDArray[np.int32], c: int) -> None:
    known = gold >= 0
    z[known] = gold[known] == c
