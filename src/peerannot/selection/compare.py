"""Strategies side by side: with truth by their scores, without by held-out answers."""

from __future__ import annotations

import threading
import time
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from peerannot._progress import Progress, silent
from peerannot.aggregation import STRATEGIES, Result, Strategy, build
from peerannot.aggregation.frames import as_answers
from peerannot.aggregation.uncertainty.calibrate import find_calibration
from peerannot.aggregation.uncertainty.calibration import Calibration, calibrated_result
from peerannot.aggregation.uncertainty.heldout import deal, predictive
from peerannot.answers import Answers
from peerannot.errors import ConvergenceWarning, DataError, ParameterError
from peerannot.selection.differences import Behind, behind_the_best
from peerannot.selection.metrics import Scores, evaluate, judged, truth_codes
from peerannot.selection.reliability import Reliability, reliability

__all__ = ["Comparison", "Together", "choose", "compare", "together"]

WARM_UP = 50  # answers


@dataclass(frozen=True)
class Comparison:
    """One strategy in a comparison.

    Attributes
    ----------
    strategy : str
        As asked for, with its options.
    scores : Scores or None
        Against the truth, where it is known.
    heldout : float or None
        Mean log-probability of held-out answers in nats; larger is better. None with truth.
    heldout_error : float or None
        Its standard error over tasks.
    seconds : float
        Time of one fit on all answers.
    memory : int or None
        Most bytes that the process grew by during that fit, sampled; None where unknown.
    problem : str or None
        Why there is no score: the strategy cannot take these answers.
    calibration : Calibration or None
        What ``calibrate`` found, see `peerannot.aggregation.find_calibration`.
    calibrated : Scores or None
        The scores with it.
    reliability : Reliability or None
        Confidence against truth, where it is known.
    behind : Behind or None
        How far it is behind the best, by what the order is by, with an interval over tasks.
    values, sizes : float64 arrays (n_tasks,) or None
        What each task adds to that, and what the sum is divided by.
    """

    strategy: str
    scores: Scores | None = None
    heldout: float | None = None
    heldout_error: float | None = None
    seconds: float = 0.0
    memory: int | None = None
    problem: str | None = None
    calibration: Calibration | None = None
    calibrated: Scores | None = None
    reliability: Reliability | None = field(default=None, repr=False)
    behind: Behind | None = None
    values: NDArray[np.float64] | None = field(default=None, repr=False, compare=False)
    sizes: NDArray[np.float64] | None = field(default=None, repr=False, compare=False)

    @property
    def merit(self) -> float:
        """What the order is by: accuracy with truth, else the held-out log-probability."""
        if self.problem is not None:
            return -np.inf
        if self.scores is not None:
            return self.scores.accuracy
        return -np.inf if self.heldout is None else self.heldout


def compare(
    answers: Answers | Any,
    strategies: Iterable[str] | None = None,
    *,
    truth: ArrayLike | dict[str, Any] | None = None,
    folds: int = 5,
    seed: int = 0,
    max_answers: int = 200_000,
    calibrate: bool = False,
    progress: Progress | None = None,
) -> list[Comparison]:
    """Compare strategies, the best first.

    Parameters
    ----------
    answers
        The votes, as `Strategy.fit` has them.
    strategies
        Names with their options in brackets; by default every registered strategy.
    truth
        Known labels, see `evaluate`. Without them, strategies are compared by how well they
        predict held-out answers (see `peerannot.aggregation.uncertainty.heldout`).
    folds, seed
        Number of folds of held-out answers, and the seed they are dealt with.
    max_answers
        Held-out answers are scored on a random sample of tasks with about so many answers.
    calibrate
        Whether to score against the truth what is calibrated by held-out answers, too.
    progress
        Told the strategies done.

    Raises
    ------
    ParameterError
        A strategy or an option is unknown, or there are fewer than two folds.
    DataError
        There are no answers, or the truth does not fit them.
    """
    if folds < 2:
        raise ParameterError(f"folds must be at least 2, not {folds}")
    answers = as_answers(answers)[0]
    if answers.n_answers == 0:
        raise DataError("answers: there are none; nothing to compare")
    chosen = list(STRATEGIES) if strategies is None else list(strategies)
    fitted = [(name, build(name)) for name in chosen]
    known = None if truth is None else truth_codes(answers.tasks, answers.classes, truth)
    if known is not None and not (known >= 0).any():
        raise DataError("truth: no task has a known label")
    sample = answers if known is not None else _sample(answers, max_answers, seed)
    fold = deal(sample, folds, seed)
    rows = []
    for done, (name, strategy) in enumerate(fitted):
        (progress or silent)(done, len(fitted), name)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            try:
                # A first fit of a few tasks compiles, so that the time is that of the work.
                strategy.fit(_sample(sample, WARM_UP, seed))
                with _watched() as watch:
                    result = strategy.fit(sample)
                if known is not None:
                    scored = _against(result, known, name)
                    if calibrate:
                        scored |= _calibrated(strategy, sample, result, known, scored, seed)
                else:
                    logs = predictive(strategy, sample, fold)
                    scored = {
                        "heldout": float(logs.mean()),
                        "heldout_error": _error(sample, logs),
                        "values": np.bincount(sample.task, logs, sample.n_tasks),
                        "sizes": sample.answers_per_task.astype(np.float64),
                    }
            except (DataError, ParameterError, MemoryError) as error:
                rows.append(Comparison(name, problem=str(error)))
                continue
        rows.append(Comparison(name, seconds=watch["seconds"], memory=watch["memory"], **scored))
    found = [row for row in rows if row.values is not None]
    behind = dict(zip((row.strategy for row in found), _behind([found], seed), strict=True))
    rows = [replace(row, behind=behind.get(row.strategy)) for row in rows]
    return sorted(rows, key=lambda row: -row.merit)


@dataclass(frozen=True)
class Together:
    """One strategy on several data sets.

    Attributes
    ----------
    strategy : str
    merits : tuple of float
        What the order is by, of each set.
    mean : float
    behind : Behind
        How far its mean is behind the best one, with an interval over the tasks of these sets.
    """

    strategy: str
    merits: tuple[float, ...]
    mean: float
    behind: Behind


def together(sets: Sequence[Sequence[Comparison]], *, seed: int = 0) -> list[Together]:
    """Compare strategies by their means over data sets, the best first.

    Parameters
    ----------
    sets
        What `compare` gave of each, all with truth or all without.
    seed
        Of the intervals.

    Raises
    ------
    DataError
        Some sets have truth and others have not, or no strategy could take all of them.
    """
    of_set = [{row.strategy: row for row in rows if row.values is not None} for rows in sets]
    if len({row.scores is None for rows in of_set for row in rows.values()}) > 1:
        raise DataError("compare: give the truth of all data sets, or of none")
    names = [row.strategy for row in sets[0] if all(row.strategy in rows for rows in of_set)]
    if not names:
        raise DataError("compare: no strategy can take all of these data sets")
    found = [[rows[name] for name in names] for rows in of_set]
    rows = []
    for i, (name, behind) in enumerate(zip(names, _behind(found, seed), strict=True)):
        merits = tuple(one[i].merit for one in found)
        rows.append(Together(name, merits, float(np.mean(merits)), behind))
    return sorted(rows, key=lambda row: -row.mean)


def _behind(sets: Sequence[Sequence[Comparison]], seed: int) -> list[Behind]:
    if not sets[0]:
        return []
    values = [np.stack([row.values for row in rows if row.values is not None], 1) for rows in sets]
    sizes = [rows[0].sizes for rows in sets]
    return behind_the_best(values, [s for s in sizes if s is not None], seed=seed)


def _against(result: Result, known: Any, name: str) -> dict[str, Any]:
    """Scores of a result against the truth, and its reliability."""
    scores = evaluate(result, known)
    right = judged(result, known).right
    return {
        "scores": scores,
        "values": right,
        "sizes": np.ones(right.size),
        "reliability": Reliability(name, reliability(result, known), ece=scores.ece),
    }


def _calibrated(
    strategy: Strategy, answers: Answers, result: Result, known: Any, before: Mapping[str, Any],
    seed: int,
) -> dict[str, Any]:  # fmt: skip
    """The same of the calibrated result."""
    found = find_calibration(strategy, answers, seed=seed)
    after = calibrated_result(result, found, answers.weight_per_task)
    scores = evaluate(after, known)
    bins = replace(before["reliability"], after=reliability(after, known), ece_after=scores.ece)
    return {"calibration": found, "calibrated": scores, "reliability": bins}


def choose(
    answers: Answers | Any,
    strategies: Iterable[str] | None = None,
    *,
    seed: int = 0,
    progress: Progress | None = None,
) -> str:
    """The strategy that predicts held-out answers best: what ``-s auto`` takes.

    Raises
    ------
    DataError
        There are no answers, or no strategy can take them.
    """
    best = compare(answers, strategies, seed=seed, progress=progress)[0]
    if best.problem is not None:
        raise DataError(f"no strategy can take these answers: {best.problem}")
    return best.strategy


def _sample(answers: Answers, most: int, seed: int) -> Answers:
    """The answers of random tasks, about ``most`` of them; workers and classes stay."""
    if answers.n_answers <= most:
        return answers
    rng = np.random.default_rng(seed)
    order = rng.permutation(answers.n_tasks)
    enough = int(np.searchsorted(np.cumsum(answers.answers_per_task[order]), most)) + 1
    return answers.of_tasks(np.sort(order[:enough]))


def _error(answers: Answers, logs: np.ndarray[Any, np.dtype[np.float64]]) -> float:
    """Standard error of the mean, tasks as clusters: answers of a task go together."""
    centred = np.bincount(answers.task, weights=logs - logs.mean(), minlength=answers.n_tasks)
    return float(np.sqrt((centred**2).sum()) / logs.size)


@contextmanager
def _watched() -> Iterator[dict[str, Any]]:
    """Time a block, and sample how much memory the process grows by where the system tells."""
    facts: dict[str, Any] = {"seconds": 0.0, "memory": None}
    before, stop = _resident(), threading.Event()
    peak = [before or 0]

    def sample() -> None:
        while not stop.wait(0.002):
            peak[0] = max(peak[0], _resident() or 0)

    watcher = threading.Thread(target=sample, daemon=True)
    if before is not None:
        watcher.start()
    start = time.perf_counter()
    try:
        yield facts
    finally:
        facts["seconds"] = time.perf_counter() - start
        stop.set()
        if before is not None:
            watcher.join()
            facts["memory"] = max(peak[0], _resident() or 0) - before


def _resident() -> int | None:
    """Bytes of memory that the process holds now, where the system tells (Linux)."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except (OSError, IndexError, ValueError):
        return None
    import resource

    return pages * resource.getpagesize()
