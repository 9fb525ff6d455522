"""GLAD: the ability of each worker against the difficulty of each task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from peerannot._loops import native
from peerannot._options import option
from peerannot._progress import Progress
from peerannot._threads import threads
from peerannot.aggregation.base import Fit, Fitted
from peerannot.aggregation.drawing.coins import EasinessCoins
from peerannot.aggregation.partitions.checkpoint import NOWHERE, Checkpoint
from peerannot.aggregation.partitions.parts import Part, Parts, size_of
from peerannot.aggregation.partitions.reductions import Largest
from peerannot.aggregation.partitions.support import as_held, support_of
from peerannot.aggregation.passes.coins import start_shares
from peerannot.aggregation.passes.confusions import blocks_of
from peerannot.aggregation.passes.extrapolation import (
    Accelerated,
    Extrapolation,
    moved,
    squares,
)
from peerannot.aggregation.passes.support import Support, clamped, posterior_of
from peerannot.aggregation.registry import STRATEGIES
from peerannot.aggregation.result import Diagnostics, Result
from peerannot.answers import Answers

__all__ = ["GLAD", "Easiness"]

GUESS = 0.01  # workers this near to guessing tell nothing at the start
_SADDLE = {"start": "vote shares: at the means of the priors every class is as probable, a saddle"}


@STRATEGIES.register("glad")
@dataclass(frozen=True, kw_only=True)
class GLAD(Accelerated):
    r"""Whitehill's model: able workers are right on easy tasks, and both are estimated.

    .. math::
        P(y_{ij} = z_i) = \sigma(\alpha_j e^{\beta_i}), \qquad
        P(y_{ij} = l) = \frac{1 - \sigma(\alpha_j e^{\beta_i})}{K - 1} \text{ for } l \ne z_i

    with classes equally frequent, :math:`\alpha_j \sim N(\mu_\alpha, 1)` and
    :math:`\beta_i \sim N(\mu_\beta, 1)`. :math:`\alpha_j` is the ability of worker j (negative:
    worse than chance), :math:`e^{\beta_i}` the easiness of task i.

    Generalised EM. Given the posterior of its class, each task takes ``steps`` safeguarded
    Newton steps in its own :math:`\beta_i`; each worker then takes one Newton step in
    :math:`\alpha_j`, shortened so that it cannot overshoot (Bach 2010). Every pass therefore
    raises the log-posterior, at any size, where the conjugate gradient of the original walks
    all parameters on one common line.

    Parameters
    ----------
    alpha_mean, beta_mean
        Means of the priors of ability and of log inverse difficulty.
    steps
        Newton steps of each task in a pass.

    Notes
    -----
    Task column ``beta`` and worker column ``alpha``. Skill is the expected share of right
    answers of a worker. The objective is the log-posterior of :math:`\alpha, \beta`.

    Where the prior takes workers for guessers, :math:`\sigma(\mu_\alpha e^{\mu_\beta})` within
    .01 of 1 / K (two classes and ``alpha_mean=0``), all parameters at their means are a saddle:
    every class is as probable, and no step leads away. The first iteration then takes the vote
    shares for the posterior, and ``diagnostics.notes["start"]`` says so. With two classes
    workers who are mostly wrong are then as likely as those who are mostly right, and the start
    alone decides.

    Where disagreement is of another kind than hard tasks and poor workers (graded answers, wrong
    labels that are alike), the model does not fit, and a better optimum is no better labels. On
    20,232 relevance judgements in four classes (TREC 2010) the best one known, of log-posterior
    -121,948, has 43 % of the abilities negative and is right on .507 of the known labels, while
    programs that stop after one to three steps are at .56. Of eleven public crowds
    (``benchmarks/glad.py``) trec has 16 % negative and is right on .579, where the majority vote
    is on .651. Negative abilities alone do not prove it: web has 50 %, and GLAD is right on .822
    there, the vote on .731. Score some known labels (``peerannot evaluate``) before you trust it.

    Cost: O(answers x steps) an iteration whatever the number of classes, as classes that a task
    did not receive are all alike. ``accelerate`` takes fewer iterations to convergence and keeps
    four numbers a task in place of one.

    References
    ----------
    Whitehill, J., Wu, T., Bergsma, J., Movellan, J. and Ruvolo, P. (2009). Whose vote should
    count more: optimal integration of labels from labelers of unknown expertise. NIPS 22.

    Bach, F. (2010). Self-concordant analysis for logistic regression. Electronic Journal of
    Statistics 4, 384-414, proposition 2.
    """

    takes_gold: ClassVar[bool] = True
    takes_init: ClassVar[bool] = True
    relaxed_by: ClassVar[Mapping[str, str]] = {
        "difficulty": "ebcc", "skill": "class-one-coin", "dependence": "ebcc",
    }  # fmt: skip

    alpha_mean: float = option(1.0, help="mean of the prior of ability")
    beta_mean: float = option(1.0, help="mean of the prior of log inverse difficulty")
    steps: int = option(2, at_least=1, help="Newton steps of each task in an iteration")

    def fit_parts(
        self, parts: Parts, progress: Progress, checkpoint: Checkpoint = NOWHERE
    ) -> Fitted:
        size, mean = size_of(parts), float(self.beta_mean)
        from_votes = self._knows_nothing(len(parts.shape.classes)) and not parts.shape.started
        alpha = np.full(len(parts.shape.workers), float(self.alpha_mean))
        objective: list[float] = []
        saved = checkpoint.load()
        if saved is None:
            parts.advance(_begin, mean)
        else:
            alpha, objective = saved["alpha"], list(map(float, saved["objective"]))
        leaps = Extrapolation.of(self, size, saved, amounts=False)
        stopped = leaps.judges and self.stops(objective, size)
        while not stopped and len(objective) < self.max_iter:
            back = not leaps.kept
            (alpha,) = leaps.start((alpha,))
            move = _Move(leaps.on, leaps.length, back)
            gradient, curvature, reach, loglik, *square = parts.advance(
                _step, mean, alpha, self.steps, not objective, from_votes, move
            )
            gap = alpha - self.alpha_mean
            value = float(loglik) - 0.5 * float(gap @ gap)
            alpha = alpha + _safe_step(gradient - gap, curvature + 1.0, reach.value)
            (alpha,) = leaps.end((alpha,), value, *square)
            objective.append(value if leaps.kept else objective[-1])
            stopped = leaps.judges and self.stops(objective, size)
            checkpoint.save({
                "n_iter": len(objective), "objective": objective, "alpha": alpha, **leaps.state(),
            })  # fmt: skip
            progress(len(objective), self.max_iter, f"log-posterior {objective[-1]:.4f}")
        converged = stopped or self.tol == 0
        right, total = parts.sum(_right, mean, alpha, not leaps.kept)
        fit = Fit(
            None,
            # The expected share of right answers; 0 without answers.
            skill=np.where(total > 0, right / np.where(total > 0, total, 1.0), 0.0),
            worker_columns={"alpha": alpha},
            diagnostics=Diagnostics(
                len(objective),
                converged,
                tuple(objective),
                {**(_SADDLE if from_votes else {}), **leaps.notes()},
            ),
        )
        return Fitted(fit, _write, (mean, alpha, not leaps.kept))

    def _knows_nothing(self, n_classes: int) -> bool:
        """Whether the means of the priors give every class the same probability."""
        with np.errstate(over="ignore"):
            right = 1.0 / (1.0 + np.exp(-self.alpha_mean * np.exp(self.beta_mean)))
        return n_classes > 1 and abs(float(right) - 1.0 / n_classes) < GUESS

    def answer_model(self, answers: Answers, result: Result) -> EasinessCoins:
        alpha, beta = result.worker_columns["alpha"], result.task_columns["beta"]
        return EasinessCoins(answers, result.dense_posterior(), alpha, beta)

    def side_files(self, result: Result) -> dict[str, Any]:
        """``difficulties.npy`` (n_tasks, 2): task, beta; ``abilities.npy`` (n_workers, 2).

        Ids that a float cannot hold (texts, and numbers over 2**53) are replaced by positions.
        """

        def numbered(ids: Any, values: NDArray[Any]) -> NDArray[np.float64]:
            numbers = ids.numbers()
            if numbers is None or (
                numbers.size and max(-int(numbers.min()), int(numbers.max())) > 2**53
            ):
                numbers = np.arange(len(ids))
            return np.column_stack((numbers, values))

        return {
            "difficulties.npy": numbered(result.tasks, result.task_columns["beta"]),
            "abilities.npy": numbered(result.workers, result.worker_columns["alpha"]),
        }


@dataclass(frozen=True)
class _Move:
    """Where a pass begins, see `Extrapolation`.

    Attributes
    ----------
    traced : bool
        Whether partitions keep where passes began, beside where the last one ended: (begin, end)
        or two of them in a row, or two and two where the last was a leap.
    length : float
        Of the leap that this pass begins with; 1 for none.
    back : bool
        Whether the leap that the last pass began with was in vain.
    """

    traced: bool
    length: float
    back: bool


def _begin(part: Part, beta_mean: float) -> tuple[Any, tuple[int]]:
    return np.full(part.answers.n_tasks, beta_mean), (part.answers.n_tasks,)


def _trace(kept: Any, back: bool) -> tuple[NDArray[np.float64], ...]:
    """Betas of passes in a row, of which the last is that of now."""
    if not isinstance(kept, tuple):
        return (kept,)
    if len(kept) < 4:
        return kept
    return kept[:2] if back else kept[2:]


def _easiness(part: Part, beta: NDArray[np.float64], beta_mean: float) -> Easiness:
    """The tasks with a beta of their own, so that what is kept stays as it is."""
    made: Easiness = part.once(
        "easiness", lambda: Easiness.of(part.answers, support_of(part), part.gold, beta_mean)
    )
    return replace(made, beta=beta.copy(), beta_mean=beta_mean)


def _step(
    part: Part, beta_mean: float, alpha: NDArray[np.float64], steps: int, is_first: bool,
    from_votes: bool, move: _Move,
) -> tuple[Any, tuple[Any, ...]]:  # fmt: skip
    """Keep beta after Newton steps; derivatives by every alpha, and the log-likelihood.

    With leaps, the squares of the last two moves of beta too.
    """
    trace = _trace(part.kept, move.back)
    beta = trace[-1]
    if move.length != 1.0:
        begin, middle, end = trace
        beta = moved(begin, middle, end, move.length)
    easiness = _easiness(part, beta, beta_mean)
    if is_first and part.start is not None:
        easiness.given = start_shares(easiness.support, part.start)
    elif is_first and from_votes:
        support = easiness.support
        easiness.given = support.shares(support.votes(part.answers))
    gradient, curvature, reach, gain = easiness.step(alpha, steps)
    told = gradient, curvature, Largest(reach), gain
    if not move.traced:
        return easiness.beta, told
    if move.length != 1.0:
        return (*trace[1:], beta, easiness.beta), (*told, np.zeros(2))
    trace = (*trace[-2:], easiness.beta)
    square = squares(*trace) if len(trace) == 3 else (0.0, 0.0)
    return trace, (*told, np.array(square))


def _right(part: Part, beta_mean: float, alpha: NDArray[np.float64], back: bool) -> tuple[Any, ...]:
    beta = _trace(part.kept, back)[-1]
    return _easiness(part, beta, beta_mean).posterior(alpha)[1], part.answers.weight_per_worker


def _write(part: Part, beta_mean: float, alpha: NDArray[np.float64], back: bool) -> Fit:
    easiness = _easiness(part, _trace(part.kept, back)[-1], beta_mean)
    posterior, _ = easiness.posterior(alpha)
    return Fit(as_held(part, easiness.support, posterior), task_columns={"beta": easiness.beta})


@dataclass
class Easiness:
    """Tasks, and the log inverse difficulty of each.

    Attributes
    ----------
    beta : float64 array (n_tasks,)
    beta_mean : float
    given : float64 array (n_answers,) or (0,)
        Posterior on the slots in place of that of the parameters.
    """

    answers: Answers
    support: Support
    bounds: NDArray[np.int64]
    weight: NDArray[np.float64]
    gold: NDArray[np.int32]
    beta: NDArray[np.float64]
    beta_mean: float
    given: NDArray[np.float64]

    @classmethod
    def of(
        cls, answers: Answers, support: Support, gold: NDArray[np.int32], beta_mean: float
    ) -> Easiness:
        """Prepare, with every task at the mean: O(answers)."""
        bounds = blocks_of(answers, 3 * answers.n_workers, width=1)
        beta = np.full(answers.n_tasks, beta_mean)
        return cls(
            answers, support, bounds, answers.loop_weights, gold, beta, beta_mean,
            np.empty(0),
        )  # fmt: skip

    def step(
        self, alpha: NDArray[np.float64], steps: int
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], float]:
        """Newton steps in every beta; then of each worker: gradient and curvature by alpha, and
        the largest easiness met. Last the log-likelihood before the steps."""
        (gradient, curvature, reach), loglik = self._run(alpha, steps, np.empty(0), np.empty(0))
        return gradient, curvature, reach, loglik

    def posterior(self, alpha: NDArray[np.float64]) -> tuple[Any, NDArray[np.float64]]:
        """Posterior (n_tasks, n_classes), and expected right answers of each worker."""
        k = self.answers.n_classes
        share, rest = np.zeros(self.answers.n_answers), np.full(self.answers.n_tasks, 1.0 / k)
        (right, *_), _ = self._run(alpha, 0, share, rest)
        return clamped(posterior_of(self.support, share, k, rest), self.gold), right

    def _run(
        self, alpha: NDArray[np.float64], steps: int, share: NDArray[np.float64],
        rest: NDArray[np.float64],
    ) -> tuple[NDArray[np.float64], float]:  # fmt: skip
        support, total = self.support, np.empty((3, self.answers.n_workers))
        gain = native.glad_step(
            support.ptr, support.size, support.label, support.slot, self.answers.worker,
            self.weight, self.gold, self.given, alpha, self.bounds, self.beta, total, share, rest,
            beta_mean=self.beta_mean, n_classes=self.answers.n_classes, steps=steps,
            threads=threads(),
        )  # fmt: skip
        return total, gain


def _safe_step(
    gradient: NDArray[np.float64], curvature: NDArray[np.float64], reach: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Newton steps, shortened where the curvature may change: ``reach`` bounds |d log curv|."""
    step = gradient / curvature
    stretch = reach * np.abs(step)
    return np.where(stretch > 1e-8, step * np.log1p(stretch) / np.maximum(stretch, 1e-8), step)
