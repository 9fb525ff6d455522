r"""Find how to calibrate what a strategy says, by answers that it has not seen or by gold labels.

**Without known labels.** Answers are dealt into folds, and the strategy is fitted without each.
:math:`p_i^{-f}` is what the fit without fold f says of task i. Confusions of every worker, for the
answers of fold f, are those of the answers of the other folds g, each with :math:`p_i^{-g}`, so no
answer has helped to find the class that it is counted for,

.. math::
    \hat\pi^j_{kl} = \frac{\sum_{a \notin f} p_{i_a k}^{-g_a} 1[y_a = l] + s\,\bar\pi_{kl}}
                          {\sum_{a \notin f} p_{i_a k}^{-g_a} + s},

sums over the answers a of worker j, with s pseudo-answers of the whole crowd. For each dependence
r, doubt :math:`\varepsilon` and s of a grid, a held-out answer has the probability
:math:`\sum_k q_{ik}(r, \varepsilon)\, \hat\pi^j_{k y}`, q being :math:`p^{-f}` at the temperature
of the answers that the fit saw of the task; so a map found with four fifths of the answers is one
for all of them. Many maps predict about as well, and what no answer can show (a task that misleads
everyone) makes labels less often right. So of the maps within :data:`ERRORS` standard error
(paired, over tasks) of the likeliest one the most doubtful is taken, as Breiman et al. take the
simplest tree; and none makes a label surer than it was.

**With known labels**, from :data:`FEW_GOLD` on: each fold of them is left out of a fit, which says
how sure it is of their tasks. Up to :data:`MANY_GOLD` the likeliest temperature is taken, from
there on the isotonic map.

References
----------
Kish, L. (1965). Survey sampling, section 5.4 (n answers that depend).

Breiman, L., Friedman, J., Olshen, R. and Stone, C. (1984). Classification and regression trees,
section 3.4.3 (one standard error).

Guo, C., Pleiss, G., Sun, Y. and Weinberger, K. (2017). On calibration of modern neural networks.
ICML (temperature, isotonic map, calibration error).
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerannot._progress import Progress, silent
from peerannot.aggregation.base import Strategy
from peerannot.aggregation.partitions.parts import LocalParts, Part, Parts, stream
from peerannot.aggregation.uncertainty.calibration import Calibration, temper
from peerannot.aggregation.uncertainty.heldout import CrowdCounts, answered_pairs, deal
from peerannot.answers import Answers, Ids
from peerannot.errors import ConvergenceWarning, DataError, ParameterError

__all__ = ["ERRORS", "FEW_GOLD", "MANY_GOLD", "find_calibration", "find_on_parts"]

# fmt: off
DEPENDENCE = (0.0, .01, .02, .04, .06, .08, .1, .13, .16, .2, .25, .3, .35, .4, .5, .6, .7, .8, .9,
              1.0)
# fmt: on
SHARPER = (0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.85)  # temperatures for known labels alone
DOUBT = (0.01, 0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3)
CROWD = (1.0, 4.0, 16.0, 64.0, 1e6)  # pseudo-answers of the crowd beside a worker's own
# Temperature, dependence and doubt.
DOUBTFUL = [(1.0, dependence, doubt) for dependence in DEPENDENCE for doubt in DOUBT]
EVERY = DOUBTFUL + [(temperature, 0.0, doubt) for temperature in SHARPER for doubt in DOUBT]
ERRORS = 1.0  # standard errors within which a map is as good as the likeliest
FEW_GOLD, MANY_GOLD = 20, 100  # known labels from which on they decide, and shape the map
MOST_ANSWERS = 200_000  # of a sample of tasks by which it is found


def find_calibration(
    strategy: Strategy,
    answers: Answers,
    *,
    gold: NDArray[np.int32] | None = None,
    init: Any = None,
    folds: int = 5,
    seed: int = 0,
    progress: Progress | None = None,
) -> Calibration:
    """How to calibrate what a strategy says of these answers.

    Parameters
    ----------
    strategy
    answers
        Where they are more than 200,000, a random sample of tasks of about as many is used.
    gold
        Known classes (n_tasks,), -1 for unknown; 20 or more take the place of held-out answers.
    init
        As `Strategy.fit` has it.
    folds, seed
        Of answers, or of known labels, and what deals them.
    progress
        Told the folds done.

    Raises
    ------
    ParameterError
        The strategy cannot take a part of the answers, or there are fewer than two folds.
    DataError
        No task has two answers, and there are too few known labels.

    Notes
    -----
    Cost: one fit a fold, and 360 passes over the held-out answers and their tasks.
    """
    known = np.full(answers.n_tasks, -1, np.int32) if gold is None else gold
    parts = LocalParts.whole(answers, known)
    chosen = _chosen(parts.parts[0], _share(parts), seed)
    if chosen.size == answers.n_tasks:
        return _find(strategy, answers, known, init, folds, seed, progress or silent)
    if isinstance(init, np.ndarray):
        init = init[chosen]
    sample = answers.of_tasks(chosen)
    return _find(strategy, sample, known[chosen], init, folds, seed, progress or silent)


def find_on_parts(
    strategy: Strategy, parts: Parts, *, folds: int = 5, seed: int = 0,
    progress: Progress | None = None,
) -> Calibration:  # fmt: skip
    """`find_calibration` of answers in partitions, with the gold labels that they know.

    The same tasks are drawn as in memory; their answers are fitted in this process.
    """
    rows, shape = parts.sum(_rows, _share(parts), seed)[0], parts.shape
    sample = Answers.from_codes(
        rows.task, rows.worker, rows.label, Ids(rows.tasks), shape.workers, shape.classes,
        rows.weight if shape.weighted else None, "all",
    )  # fmt: skip
    return _find(strategy, sample, rows.gold, None, folds, seed, progress or silent)


@dataclass(frozen=True)
class _Rows:
    """Answers of some tasks; the sum of two is one after the other."""

    tasks: tuple[str, ...]
    gold: NDArray[np.int32]
    task: NDArray[np.int32]
    worker: NDArray[np.int32]
    label: NDArray[np.int32]
    weight: NDArray[np.float64]

    def __add__(self, other: _Rows) -> _Rows:
        task = np.concatenate((self.task, other.task + np.int32(len(self.tasks))))
        return _Rows(
            self.tasks + other.tasks,
            np.concatenate((self.gold, other.gold)),
            task,
            np.concatenate((self.worker, other.worker)),
            np.concatenate((self.label, other.label)),
            np.concatenate((self.weight, other.weight)),
        )


def _share(parts: Parts) -> float:
    """Share of the tasks that are drawn."""
    return min(1.0, MOST_ANSWERS / max(parts.shape.n_answers, 1))


def _chosen(part: Part, share: float, seed: int) -> NDArray[np.int64]:
    """Tasks of a partition that are drawn, the same ones whatever the partitions."""
    return np.flatnonzero(stream(part, seed).random(part.answers.n_tasks) < share)


def _rows(part: Part, share: float, seed: int) -> tuple[_Rows]:
    chosen = _chosen(part, share, seed)
    own = part.answers.of_tasks(chosen)
    return (
        _Rows(tuple(own.tasks), part.gold[chosen], own.task, own.worker, own.label, own.weights),
    )


def _find(
    strategy: Strategy, answers: Answers, known: NDArray[np.int32], init: Any, folds: int,
    seed: int, progress: Progress,
) -> Calibration:  # fmt: skip
    if folds < 2:
        raise ParameterError(f"folds must be at least 2, not {folds}")
    usable = np.flatnonzero((known >= 0) & (answers.answers_per_task > 0))
    fits = _Fits(strategy, answers, init, folds, progress)
    if usable.size >= FEW_GOLD:
        return _by_gold(fits, known, usable, seed)
    if strategy.needs_gold:
        raise DataError(
            f"calibration: {strategy.name} needs {FEW_GOLD} gold labels of tasks with answers,"
            f" not {usable.size}"
        )
    return _by_answers(fits, known, seed)


@dataclass(frozen=True)
class _Fits:
    """Fits of one strategy to parts of what is known."""

    strategy: Strategy
    answers: Answers
    init: Any
    folds: int
    progress: Progress

    def posterior(
        self, fold: int, answers: Answers, known: NDArray[np.int32]
    ) -> NDArray[np.float64]:
        takes = self.strategy.takes_gold and bool((known >= 0).any())
        self.progress(fold, self.folds, "calibrating")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            result = self.strategy.fit(answers, gold=known if takes else None, init=self.init)
        return result.dense_posterior()


Map = tuple[float, float, float]


@dataclass(frozen=True)
class _Fold:
    """What one fold is judged by.

    Attributes
    ----------
    posterior : float64 array (n_rows, n_classes)
        Of the tasks of the fold, by a fit without it.
    n_answers : float64 array (n_rows,)
        That the fit saw of them.
    at : int64 array (n_judged,)
        Row of each answer, or known label, that is judged.
    task : int64 array (n_judged,)
    weight : float64 array (n_judged,)
    likelihood : sequence of float64 arrays (n_judged, n_classes)
        Of what is judged given each class; several, of which the likeliest is taken.
    """

    posterior: NDArray[np.float64]
    n_answers: NDArray[np.float64]
    at: NDArray[np.int64]
    task: NDArray[np.int64]
    weight: NDArray[np.float64]
    likelihood: Sequence[NDArray[np.float64]]

    def logs(self, at: Map, which: Sequence[int]) -> Any:
        """Log-likelihood of what is judged, (n_which, n_judged)."""
        rows = temper(self.posterior, self.n_answers, *at)[self.at]
        each = [np.einsum("ak,ak->a", rows, self.likelihood[i]) for i in which]
        return np.log(np.maximum(each, 1e-300)) * self.weight

    def confidence(self, at: Map) -> float:
        """Sum of the confidences of the labels."""
        rows = temper(self.posterior, self.n_answers, *at)
        return float(rows.max(1).sum())


def _by_answers(fits: _Fits, known: NDArray[np.int32], seed: int) -> Calibration:
    answers = fits.answers
    fold = deal(answers, fits.folds, seed)
    # The class of each answer's task as a fit without the answer has it; nothing where there
    # are no other answers to the task.
    classes = np.zeros((answers.n_answers, answers.n_classes))
    rows = []
    for f in range(fits.folds):
        left = answers.rows(fold != f)
        own = np.flatnonzero((fold == f) & (left.answers_per_task > 0)[answers.task])
        if not own.size:
            continue
        posterior = fits.posterior(f, left, known)
        classes[own] = posterior[answers.task[own]]
        # A task of known class has no doubt that could be judged.
        own = own[known[answers.task[own]] < 0]
        task, at = np.unique(answers.task[own].astype(np.int64), return_inverse=True)
        rows.append((f, own, posterior[task], left.weight_per_task[task], at.reshape(-1)))
    if not any(own.size for _, own, *_ in rows):
        raise DataError(
            "calibration: no task without a known class has two answers, so none can be held out;"
            f" give {FEW_GOLD} gold labels"
        )
    found = [
        _Fold(
            posterior, n_answers, at, answers.task[own].astype(np.int64), answers.weights[own],
            _likelihoods(answers, classes, fold != f, own),
        )
        for f, own, posterior, n_answers, at in rows
    ]  # fmt: skip
    temperature, dependence, doubt = _best(found, answers.n_tasks, DOUBTFUL, ERRORS)
    n = sum(own.size for _, own, *_ in rows)
    return Calibration(
        n=n, temperature=temperature, dependence=dependence, doubt=doubt, folds=fits.folds,
        seed=seed,
    )  # fmt: skip


def _likelihoods(
    answers: Answers, classes: NDArray[np.float64], used: NDArray[np.bool_], of: NDArray[np.int64]
) -> list[NDArray[np.float64]]:
    """Probability of some answers given each class, (n_of, n_classes), for each of `CROWD`.

    Confusions are counted over the ``used`` answers with the ``classes`` of their tasks.
    """
    key, pair = answered_pairs(answers, "calibration needs")
    columns = range(answers.n_classes)
    each = [np.bincount(pair[used], classes[used, c], minlength=key.size) for c in columns]
    counts = np.stack(each, 1).astype(np.float64, copy=False)
    table = CrowdCounts.of(answers, key, counts)
    return [table.confusion(strength)[pair[of]] for strength in CROWD]


def _best(found: Sequence[_Fold], n_tasks: int, maps: Sequence[Map], errors: float) -> Map:
    """The most doubtful map within so many standard errors of the likeliest."""
    every = range(len(found[0].likelihood))
    total = np.array([np.sum([one.logs(at, every).sum(1) for one in found], 0) for at in maps])
    best, which = divmod(int(total.argmax()), total.shape[1])

    def by_task(at: Map) -> NDArray[np.float64]:
        logs = np.zeros(n_tasks)
        for one in found:
            logs += np.bincount(one.task, one.logs(at, [which])[0], n_tasks)
        return logs

    likeliest, near = by_task(maps[best]), [maps[best]]
    judged = np.unique(np.concatenate([one.task for one in found]))
    for at, likelihood in zip(maps, total[:, which], strict=True):
        lost = total[best, which] - likelihood
        if errors > 0 and at != maps[best]:
            gap = (likeliest - by_task(at))[judged]
            if lost <= errors * np.sqrt(((gap - gap.mean()) ** 2).sum()):
                near.append(at)
    chosen: Map = min(near, key=lambda at: sum(one.confidence(at) for one in found))
    return chosen


def _by_gold(
    fits: _Fits, known: NDArray[np.int32], usable: NDArray[np.int64], seed: int
) -> Calibration:
    answers = fits.answers
    turn = np.random.default_rng(seed).permutation(np.arange(usable.size) % fits.folds)
    k = answers.n_classes
    posterior = np.empty((usable.size, k))
    for f in range(fits.folds):
        without = known.copy()
        without[usable[turn == f]] = -1
        if f == 0 or fits.strategy.takes_gold:
            of_all = fits.posterior(f, answers, without)
        posterior[turn == f] = of_all[usable[turn == f]]
    truth = known[usable]
    if usable.size < MANY_GOLD:
        likelihood = np.zeros((usable.size, k))
        likelihood[np.arange(usable.size), truth] = 1.0
        at = np.arange(usable.size)
        one = _Fold(
            posterior, answers.weight_per_task[usable], at, at, np.ones(usable.size), [likelihood]
        )
        temperature, dependence, doubt = _best([one], usable.size, EVERY, 0.0)
        return Calibration(
            by="gold", n=usable.size, temperature=temperature, dependence=dependence, doubt=doubt,
            folds=fits.folds, seed=seed,
        )  # fmt: skip
    best = posterior.max(1)
    first = posterior >= best[:, None]
    right = first[np.arange(usable.size), truth] / first.sum(1)
    confidence, accuracy = _isotonic(best, right)
    return Calibration(
        method="isotonic", by="gold", n=usable.size, confidence=confidence, accuracy=accuracy,
        folds=fits.folds, seed=seed,
    )  # fmt: skip


def _isotonic(
    confidence: NDArray[np.float64], right: NDArray[np.float64]
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Knots of the isotonic regression; half a right and half a wrong label are added to each
    block, so that none is certain."""
    from scipy.optimize import isotonic_regression

    level, of = np.unique(confidence, return_inverse=True)
    n = np.bincount(of.reshape(-1)).astype(np.float64)
    hits = np.bincount(of.reshape(-1), right)
    blocks = isotonic_regression(hits / n, weights=n).blocks
    size = np.add.reduceat(n, blocks[:-1])
    x = np.add.reduceat(n * level, blocks[:-1]) / size
    y = (np.add.reduceat(hits, blocks[:-1]) + 0.5) / (size + 1.0)
    again = isotonic_regression(y, weights=size).x
    return tuple(map(float, x)), tuple(map(float, again))
