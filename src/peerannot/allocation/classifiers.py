"""How much a label that workers and a classifier agree on can be trusted: ActiveLab's scores."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from peerannot.answers import Answers
from peerannot.errors import DataError, ParameterError

__all__ = ["ActiveScores", "Temperature", "active_learning_scores", "check_probabilities"]

Temperature = Literal["cleanlab", "votes"]

FLOOR = 1e-6  # least weight, and least error of a guess
LEAST = 1e-30  # least probability in a logarithm
COARSE = (0.1, 0.2, 0.5, 0.8, 1, 2, 3, 5, 8)  # temperatures
FINE = 4  # between two of these
CELLS = 2**17  # of probabilities at a time
OFF = 1e-3  # how far from 1 a row may sum


@dataclass(frozen=True, eq=False)
class ActiveScores:
    """Scores and what they are made of: (quality * weight + extra / K) / (weight + extra).

    Attributes
    ----------
    quality : float64 array (n_tasks,)
        Probability of the label that workers and classifiers agree on.
    weight : float64 array (n_tasks,)
        Of the workers who answered, and of the classifiers.
    extra : float
        Mean weight of a worker.
    n_classes : int
    """

    quality: NDArray[np.float64]
    weight: NDArray[np.float64]
    extra: float
    n_classes: int

    def score(self, at: NDArray[np.int64] | slice = slice(None)) -> Any:
        """Scores of tasks; the lowest needs an answer most."""
        guess = self.extra / self.n_classes
        return (self.quality[at] * self.weight[at] + guess) / (self.weight[at] + self.extra)


def check_probabilities(given: Any, shape: tuple[int, int], tasks: Any) -> NDArray[np.float64]:
    """Probabilities of classifiers as (n_models, n_tasks, n_classes), checked.

    Parameters
    ----------
    given
        (n_tasks, n_classes), or (n_models, n_tasks, n_classes).
    shape
        Of one model.
    tasks
        Ids, for messages.

    Raises
    ------
    DataError
        The shape does not fit, or a row is not finite, negative, or does not sum to 1 within
        .001.
    """
    p = np.asarray(given)
    p = p[None] if p.ndim == 2 else p
    if p.dtype.kind not in "fiu" or p.ndim != 3 or p.shape[1:] != shape or not len(p):
        raise DataError(
            f"probabilities: expected numbers of shape {shape} (tasks, classes), one row a task,"
            f" not {p.dtype} of shape {np.shape(given)}"
        )
    p = p.astype(np.float64)
    total = p.sum(2)
    for bad, why in (
        (~np.isfinite(p).all(2), "is not a finite number everywhere"),
        ((p < 0).any(2), "is negative somewhere"),
        (~(np.abs(total - 1) <= OFF), "does not sum to 1"),
    ):
        if bad.any():
            model, task = (int(i[0]) for i in np.nonzero(bad))
            what = f" but to {total[model, task]:.6g}" if "sum" in why else ""
            raise DataError(f"probabilities: that of task {tasks[task]!r} {why}{what}")
    return p


def active_learning_scores(
    answers: Answers, probabilities: Any, *, temperature: Temperature = "cleanlab"
) -> NDArray[np.float64]:
    r"""ActiveLab's score of each task, (n_tasks,): the lowest needs an answer most.

    .. math::
        s_i = \frac{q_i \left(\sum_{j \in A_i} w_j + w_M\right) + \bar w / K}
                   {\sum_{j \in A_i} w_j + w_M + \bar w}

    :math:`q_i` is the probability that CROWDLAB gives to the consensus label, :math:`w_j` and
    :math:`w_M` its weights of workers and of the classifier (their sum, of several), and
    :math:`\bar w` the mean weight of workers. Of a task without answers :math:`q_i` is the
    classifier's for its likeliest class. Where no task has two answers, all weights are 1.

    Parameters
    ----------
    answers
        Each counts once, whatever its weight.
    probabilities
        (n_tasks, n_classes), or (n_models, n_tasks, n_classes) of several classifiers, for tasks
        that they were not trained on.
    temperature
        What that of each classifier is fitted to: ``"votes"``, the shares of votes of each class;
        ``"cleanlab"``, what cleanlab 2.9 takes for them, where the classes that a task was given
        are counted as the first ones, whichever they are (labels are floats there, and its count
        of them places only whole numbers). The scores are then cleanlab's.

    Raises
    ------
    DataError
        See `check_probabilities`.
    ParameterError
        ``temperature`` is neither.

    Notes
    -----
    By default the numbers of cleanlab's ``get_active_learning_scores`` and, of several classifiers,
    ``get_active_learning_scores_ensemble``; a tie that cleanlab breaks at random goes to the first
    class here. Cost: O((temperatures + models) x tasks x K), 18 temperatures.

    References
    ----------
    Goh, H. W. and Mueller, J. (2023). ActiveLab: active learning with re-labeling by multiple
    annotators. arXiv:2301.11856, section 3.
    """
    shape = answers.n_tasks, answers.n_classes
    p = check_probabilities(probabilities, shape, answers.tasks)
    if temperature not in get_args(Temperature):
        raise ParameterError(
            f"temperature must be one of {', '.join(get_args(Temperature))}, not {temperature!r}"
        )
    return np.asarray(found_scores(answers, p, temperature).score())


def found_scores(answers: Answers, p: NDArray[np.float64], fitted_to: Temperature) -> ActiveScores:
    """`active_learning_scores` of probabilities that are checked, and what they are made of."""
    n, k = answers.n_tasks, answers.n_classes
    size = answers.answers_per_task
    some, none = np.flatnonzero(size > 0), np.flatnonzero(size == 0)
    quality, weight = np.empty(n), np.empty(n)
    here = p[:, some]
    part = answers if not none.size else answers.of_tasks(some)
    temperature = np.ones(len(p))
    active = part.answers_per_worker > 0
    worker, models = np.ones(answers.n_workers), np.ones(len(p))
    if some.size and (size[some] > 1).any():
        votes = _votes(part)
        shares = (votes if fitted_to == "votes" else _to_the_left(votes)) / size[some, None]
        for m, one in enumerate(here):
            temperature[m] = _temperature(shares, one)
            here[m] = _scaled(one, temperature[m])
        consensus = _majority(part, votes, here.mean(0))
        posterior, _, _ = _crowdlab(part, votes, here, consensus)
        best = posterior.max(1, keepdims=True)
        alone = (posterior == best).sum(1) == 1
        consensus = np.where(alone, posterior.argmax(1), consensus)
        posterior, worker, models = _crowdlab(part, votes, here, consensus)
        quality[some] = posterior[np.arange(len(some)), consensus]
    elif some.size:
        mean = here.mean(0)
        consensus = _majority(part, _votes(part), mean)
        quality[some] = mean[np.arange(len(some)), consensus]
    extra = float(worker[active].mean()) if active.any() else 1.0
    weight[some] = _sums(part, worker) + models.sum()
    weight[none] = models.sum()
    if none.size:
        rest = np.array([_scaled(one[none], t) for one, t in zip(p, temperature, strict=True)])
        labels = rest.argmax(2)
        if len(p) > 1:
            said = Answers.from_arrays(
                np.tile(np.arange(len(none)), len(p)), np.repeat(np.arange(len(p)), len(none)),
                labels.ravel(), tasks=map(str, range(len(none))),
                workers=map(str, range(len(p))), classes=k,
            )  # fmt: skip
            label = _majority(said, _votes(said), rest.mean(0))
        else:
            label = labels[0]
        each = rest[:, np.arange(len(none)), label]
        quality[none] = models @ each / models.sum()
    return ActiveScores(quality, weight, extra, k)


def _votes(answers: Answers) -> NDArray[np.float64]:
    n, k = answers.n_tasks, answers.n_classes
    cell = answers.task.astype(np.int64) * k + answers.label
    return np.bincount(cell, minlength=n * k).reshape(n, k).astype(np.float64)


def _to_the_left(votes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Counts of each row in their order, without the zeros between them."""
    row, column = np.nonzero(votes)
    place = np.arange(len(row)) - np.searchsorted(row, row)
    found = np.zeros_like(votes)
    found[row, place] = votes[row, column]
    return found


def _sums(answers: Answers, weight: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum over the answers to each task of what each worker weighs."""
    return np.asarray(np.bincount(answers.task, weight[answers.worker], answers.n_tasks))


def _blocks(n: int, k: int) -> Iterator[slice]:
    size = max(1, CELLS // max(k, 1))
    for i in range(0, n, size):
        yield slice(i, min(i + size, n))


def _temperature(share: NDArray[np.float64], p: NDArray[np.float64]) -> float:
    """Temperature whose softmax of log p is nearest to the shares of votes, by cross entropy; from
    a coarse grid, then a finer one."""

    def loss(temperatures: NDArray[np.float64]) -> NDArray[np.float64]:
        total, ones = np.zeros(len(temperatures)), np.ones(p.shape[1])
        for part in _blocks(*p.shape):
            row, column = np.nonzero(share[part])
            with np.errstate(divide="ignore"):
                log = np.log(p[part])
            said, much = log[row, column], share[part][row, column]
            for i, temperature in enumerate(temperatures):
                norm = np.log(np.exp(log / temperature) @ ones)  # a sum over few is slow
                scaled = np.maximum(said / temperature - norm[row], np.log(LEAST))
                total[i] -= much @ scaled
        return total

    at = int(loss(np.array(COARSE, np.float64)).argmin())
    fine: list[NDArray[np.float64]] = []
    if at > 0:
        fine.append(np.linspace(COARSE[at - 1], COARSE[at], FINE, endpoint=False))
    if at < len(COARSE) - 1:
        fine.append(np.linspace(COARSE[at], COARSE[at + 1], FINE + 1))
    every = np.concatenate(fine)
    return float(every[loss(every).argmin()])


def _scaled(p: NDArray[np.float64], temperature: float) -> NDArray[np.float64]:
    found = np.maximum(p, LEAST)
    found /= found.sum(1, keepdims=True)
    found = np.exp(np.log(found) / temperature)
    found /= found.sum(1, keepdims=True)
    return np.asarray(found / found.sum(1, keepdims=True))


def _majority(
    answers: Answers, votes: NDArray[np.float64], p: NDArray[np.float64]
) -> NDArray[np.int64]:
    """The class of most votes; of several the one that p finds likeliest, then the rarest, then
    that of the workers who agree most with the others' majority, then the first."""
    best = votes == votes.max(1, keepdims=True)
    tied = np.flatnonzero(best.sum(1) > 1)
    label: NDArray[np.int64] = best.argmax(1)
    if not tied.size:
        return label
    left = best[tied]

    def keep(score: NDArray[np.float64]) -> None:
        score = np.where(left, score, -np.inf)
        left[:] = left & (score == score.max(1, keepdims=True))

    keep(p[tied])
    keep(np.broadcast_to(-votes.sum(0), left.shape))
    if (left.sum(1) > 1).any():
        clear = (best.sum(1) == 1)[answers.task]
        agree = clear & (label[answers.task] == answers.label)
        met = np.bincount(answers.worker, clear, answers.n_workers)
        skill = np.bincount(answers.worker, agree, answers.n_workers) / np.where(met > 0, met, 1)
        skill = np.where(met > 0, skill, skill[met > 0].mean() if (met > 0).any() else 0.0)
        k = answers.n_classes
        cell = answers.task.astype(np.int64) * k + answers.label
        total = np.bincount(cell, skill[answers.worker], votes.size).reshape(votes.shape)[tied]
        keep(total / np.maximum(votes[tied], 1))
    label[tied] = left.argmax(1)
    return label


def _crowdlab(
    answers: Answers, votes: NDArray[np.float64], p: NDArray[np.float64],
    consensus: NDArray[np.int64],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:  # fmt: skip
    """Posterior, weights of workers and of classifiers, given the consensus; all tasks have
    answers, and one has two."""
    n, k = votes.shape
    size, rows = answers.answers_per_task, np.arange(n)
    several = size != 1
    likely = float((votes[rows, consensus] / size)[several].mean())
    unlikely = (1 - likely) / max(k - 1, 1)
    given = consensus[several]
    guess = np.bincount(given, minlength=k).argmax()
    error = max(float((given != guess).mean()), FLOOR)
    others = (size - 1.0)[answers.task]
    same = votes[answers.task, answers.label] - 1.0
    met = np.bincount(answers.worker, others, answers.n_workers)
    agreed = np.bincount(answers.worker, same, answers.n_workers)
    skill = agreed / np.where(met > 0, met, 1.0)
    skill = np.where(met > 0, skill, skill[met > 0].mean())
    worker = np.maximum(1 - (1 - skill) / error, FLOOR)
    wrong = (p[:, several].argmax(2) != given).mean(1)
    models = np.maximum(1 - wrong / error, FLOOR) * np.sqrt(size.mean())
    # In the order of the workers, as cleanlab adds: ties are then the same.
    posterior = np.zeros((n, k))
    for weight, one in zip(models, p, strict=True):
        posterior += one * weight
    total = np.full(n, models.sum())
    each = worker[answers.worker]
    start = answers.task_ptr[:-1]
    for slot in range(int(size.max())):
        task = rows[size > slot]
        at = start[task] + slot
        more = np.repeat((each[at] * unlikely)[:, None], k, axis=1)
        more[np.arange(len(task)), answers.label[at]] = each[at] * likely
        posterior[task] += more
        total[task] += each[at]
    posterior /= total[:, None]
    return posterior, worker, models
