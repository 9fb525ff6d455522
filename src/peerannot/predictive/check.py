"""Posterior predictive checks: do replicates from the fitted model look like the answers?"""

from __future__ import annotations

from typing import Any, Unpack

import numpy as np
from numpy.typing import NDArray

from peerannot._options import check as check_options
from peerannot._progress import Progress, silent
from peerannot.aggregation import build
from peerannot.aggregation.base import Strategy
from peerannot.aggregation.capabilities import why_not
from peerannot.aggregation.frames import Reading, as_answers
from peerannot.aggregation.result import Result
from peerannot.answers import Answers
from peerannot.errors import DataError, ParameterError, PeerannotError
from peerannot.predictive.discrepancies import Layout
from peerannot.predictive.model_check import Assumption, ModelCheck
from peerannot.predictive.replicates import fit_quietly, once, replicate
from peerannot.predictive.significance import (
    ASSUMPTIONS,
    Assumed,
    Items,
    item_tests,
    statistics_of,
)
from peerannot.predictive.words import sentence

__all__ = ["check_model", "some_tasks"]

MOST_ANSWERS = 100_000
MOST_CELLS = 20_000_000  # of a posterior, tasks x classes
MOST_PAIRS = 20_000


def check_model(
    answers: Answers | Any,
    strategy: Strategy | str = "one-coin",
    *,
    replicates: int = 199,
    seed: int = 0,
    level: float = 0.05,
    tolerance: float = 0.05,
    min_shared: int = 10,
    most_answers: int = MOST_ANSWERS,
    progress: Progress | None = None,
    **reading: Unpack[Reading],
) -> ModelCheck:
    r"""Check whether the model of a strategy fits: which assumption fails, where, does it matter.

    The model is fitted, answers of the same workers to the same tasks are drawn from it
    ``replicates`` times, and each replicate is fitted and measured as the answers are. Three
    assumptions have two statistics each:

    - *difficulty* (tasks are alike): how errors on a task go together; the distribution of the
      entropies of votes.
    - *dependence* (workers answer independently): how far pairs of workers go together beyond
      what all workers have in common on a task; the closest pair.
    - *skill* (skills are as the model has them): how often each label is given, by the crowd and
      by each worker.

    An assumption is rejected where a p-value, corrected jointly for all statistics, is at most
    ``level``. As large data reject any model, it *matters* only where the strategy that relaxes
    the assumption holds more of the labels for wrong than the model says itself, by more than
    ``tolerance``. The check passes where nothing matters.

    Parameters
    ----------
    answers
        The votes, as `Strategy.fit` has them; without weights.
    strategy
        A strategy whose model says how probable answers are, or its name with options.
    replicates
        Draws. The smallest p-value is 1 / (replicates + 1).
    seed
        Seed of the draws.
    level
        Probability to reject any assumption of a model that is true; false discovery rate of
        tasks, pairs and workers.
    tolerance
        Share of the labels that may be wrong beyond what the model says.
    min_shared
        Fewest tasks that a pair of workers must share to be looked at.
    most_answers
        Above it, tasks are drawn at random until they have this many answers.
    progress
        Told the replicates done.
    **reading
        As `Strategy.fit` has it.

    Raises
    ------
    ParameterError
        An option is out of range, or the strategy has no model of answers.
    DataError
        There is nothing to check: no task has two answers, or answers have weights.

    Notes
    -----
    Draws from point estimates would be too easy to tell from answers, as estimates lie further
    apart than skills; so what estimates leave open is drawn too, with an empirical prior over the
    workers (`peerannot.aggregation.drawing`). How much workers differ is not read off the fit,
    which overstates it, but found by drawing and fitting, see
    `peerannot.predictive.replicates`. Strategies with several starts have one here.

    Cost: ``replicates`` + 41 fits, and as many passes over the pairs of answers to a task.

    References
    ----------
    Gelman, A., Meng, X.-L. and Stern, H. (1996). Posterior predictive assessment of model fitness
    via realized discrepancies. Statistica Sinica 6, 733-807.

    Davison, A. C. and Hinkley, D. V. (1997). Bootstrap Methods and their Application, section
    4.4 (nuisance parameters).

    Westfall, P. H. and Young, S. S. (1993). Resampling-Based Multiple Testing, algorithm 2.8.
    """
    rule = build(strategy) if isinstance(strategy, str) else strategy
    _check_options(rule, replicates, level, tolerance, min_shared, most_answers)
    whole, origin = as_answers(answers, reading)
    if whole.weight is not None:
        raise DataError("check: weighted answers cannot be drawn from a model; leave weights out")
    checked = some_tasks(whole, most_answers, seed)
    layout = Layout.of(checked, min_shared, MOST_PAIRS)
    if not layout.voted.size:
        raise DataError("check: no task has answers of two workers; there is nothing to compare")
    found = replicate(once(rule), layout, replicates, seed, progress or silent)
    statistics = statistics_of(found)
    items: dict[Assumed, Items] = {
        "difficulty": item_tests(found.first.task[:, layout.voted], low_is_bad=True),
        "dependence": item_tests(found.first.pair),
        "skill": item_tests(found.first.worker),
    }
    result = found.result
    labelled = (result.labels >= 0) & (checked.answers_per_task > 0)
    stated = _wrong(result, result.labels, labelled)
    assumptions = []
    for name in ASSUMPTIONS:
        p_values = [s.p_adjusted for s in statistics if s.assumption == name]
        p_value = min(p_values, default=None)
        rejected = p_value is not None and p_value <= level
        relaxed_by = rule.relaxed_by.get(name)
        error = _relaxed_error(relaxed_by, checked, result, labelled) if rejected else None
        n_flagged = int((items[name].q_value <= level).sum())
        matters = rejected and (error is None or error > stated + tolerance)
        shown = [s for s in statistics if s.assumption == name]
        text = sentence(
            rule.name, name, shown, rejected=rejected, relaxed_by=relaxed_by, error=error,
            stated=stated, flagged=n_flagged, n_items=items[name].score.size, matters=matters,
        )  # fmt: skip
        assumptions.append(Assumption(
            name, ASSUMPTIONS[name], p_value, rejected, n_flagged, items[name].score.size,
            relaxed_by, error, matters, text,
        ))  # fmt: skip
    together = float(found.first.together[0])
    votes = checked.n_answers / max(int((checked.answers_per_task > 0).sum()), 1)
    return ModelCheck(
        strategy=rule.name,
        passed=not any(a.matters for a in assumptions),
        assumptions=tuple(assumptions),
        statistics=statistics,
        task_table=_task_table(checked, layout, items["difficulty"], level),
        pair_table=_pair_table(checked, layout, items["dependence"], level),
        worker_table=_worker_table(checked, items["skill"], level),
        stated_error=stated,
        together=together,
        votes_worth=1.0 / (1.0 + max(votes - 1.0, 0.0) * max(together, 0.0)),
        replicates=replicates,
        seed=seed,
        level=level,
        tolerance=tolerance,
        n_answers=checked.n_answers,
        n_tasks=checked.n_tasks,
        of_answers=whole.n_answers,
        of_tasks=whole.n_tasks,
        input_sha256=whole.digest(),
        items=items,
        origin=origin,
    )


def _check_options(
    rule: Strategy, replicates: int, level: float, tolerance: float, min_shared: int, most: int
) -> None:
    check_options(rule)
    if not rule.models_answers():
        raise ParameterError(
            f"{rule.name} has no model of answers that could be checked:"
            f" {why_not(type(rule), 'check')}"
        )
    for name, value, least in (
        ("replicates", replicates, 19), ("min_shared", min_shared, 2), ("most_answers", most, 2),
    ):  # fmt: skip
        if value < least:
            raise ParameterError(f"check: {name} must be at least {least}, not {value}")
    if not 0 < level < 1:
        raise ParameterError(f"check: level must be between 0 and 1, not {level!r}")
    if not 0 <= tolerance <= 1:
        raise ParameterError(f"check: tolerance must be from 0 to 1, not {tolerance!r}")


def some_tasks(answers: Answers, most: int, seed: int) -> Answers:
    """Tasks with answers, drawn where there are too many; only workers who answered them."""
    size = answers.answers_per_task
    tasks = np.flatnonzero(size)
    most_tasks = max(MOST_CELLS // max(answers.n_classes, 1), 1)
    if answers.n_answers > most or tasks.size > most_tasks:
        order = np.random.default_rng((seed, 2**32)).permutation(tasks)
        n = int(np.searchsorted(np.cumsum(size[order]), most, side="right"))
        tasks = np.sort(order[: max(min(n, most_tasks), 1)])
    drawn = answers.of_tasks(tasks).weighted(None)
    return drawn.without_workers(drawn.workers.take(np.flatnonzero(drawn.answers_per_worker == 0)))


def _wrong(result: Result, labels: NDArray[np.int32], of: NDArray[np.bool_]) -> float:
    """Share of labels that are wrong by a posterior, of some tasks."""
    tasks = np.flatnonzero(of)
    if not tasks.size:
        return 0.0
    return float(1.0 - result.dense_posterior()[tasks, labels[tasks]].mean())


def _relaxed_error(
    name: str | None, answers: Answers, result: Result, of: NDArray[np.bool_]
) -> float | None:
    """Share of the labels that are wrong by the strategy that relaxes an assumption."""
    if name is None:
        return None
    try:
        other = fit_quietly(build(name), answers)
    except PeerannotError:
        return None  # it is too large for these answers
    return _wrong(other, result.labels, of)


def _with_tests(columns: dict[str, Any], items: Items, level: float) -> dict[str, Any]:
    """Columns in the order of items, and what was tested, the worst first."""
    order = items.worst_first
    columns |= {"score": items.score, "p_value": items.p_value, "q_value": items.q_value}
    columns["flagged"] = items.q_value <= level
    return {
        name: column[order] if isinstance(column, np.ndarray) else [column[i] for i in order]
        for name, column in columns.items()
    }


def _task_table(answers: Answers, layout: Layout, items: Items, level: float) -> dict[str, Any]:
    tasks = layout.voted
    size = answers.answers_per_task
    code = answers.task.astype(np.int64) * answers.n_classes + answers.label
    cell, count = np.unique(code, return_counts=True)
    agreeing = np.bincount(cell // answers.n_classes, count * (count - 1), answers.n_tasks)
    columns: dict[str, Any] = {
        "task": [answers.tasks[int(i)] for i in tasks],
        "n_answers": size[tasks],
        "agreement": agreeing[tasks] / (size[tasks] * (size[tasks] - 1)),
    }
    return _with_tests(columns, items, level)


def _pair_table(answers: Answers, layout: Layout, items: Items, level: float) -> dict[str, Any]:
    columns: dict[str, Any] = {
        "first": [answers.workers[int(j)] for j in layout.first],
        "second": [answers.workers[int(j)] for j in layout.second],
        "shared": layout.shared,
    }
    return _with_tests(columns, items, level)


def _worker_table(answers: Answers, items: Items, level: float) -> dict[str, Any]:
    columns: dict[str, Any] = {
        "worker": list(answers.workers), "n_answers": answers.answers_per_worker,
    }  # fmt: skip
    return _with_tests(columns, items, level)
