"""Whether the model behind the labels fits the answers: the check, and what is shown of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from peerannot._progress import Progress, silent
from peerannot.aggregation import build
from peerannot.answers import Answers
from peerannot.errors import DataError
from peerannot.report._format import count
from peerannot.report._numbers import short, shorts
from peerannot.report._source import ReportSource

if TYPE_CHECKING:
    from peerannot.predictive import ModelCheck

__all__ = ["check_facts", "model_check"]

# Replicates and most answers by default; the least p-value is then 1/40, as 5 % needs.
_QUICK = 39, 10_000
_WORST = 5  # tasks, pairs and workers that are named
_SPAN = (0.0, 0.05, 0.95, 1.0)  # quantiles of the replicates that are drawn


def model_check(
    answers: Answers,
    names: Sequence[str],
    replicates: int | None,
    notes: list[str],
    progress: Progress = silent,
) -> ModelCheck | None:
    """Check the first strategy that can be; None, and a note, where none can.

    Parameters
    ----------
    answers
    names
        Strategies, the one whose labels are shown first.
    replicates
        As `peerannot.predictive.check_model` has them, 0 for no check. None for 39, with tasks
        drawn until they have 10,000 answers: about a second.
    notes
        Told what is left out.

    Raises
    ------
    ParameterError
        There are fewer than 19 replicates, and not 0.
    """
    from peerannot.predictive import check_model
    from peerannot.predictive.check import MOST_ANSWERS

    if replicates == 0:
        return None
    rules = [build(name) for name in names]
    rule = next((r for r in rules if r.models_answers()), None)
    if rule is None:
        notes.append(f"no check of a model: {rules[0].name} has no model of answers")
        return None
    n, most = _QUICK if replicates is None else (replicates, MOST_ANSWERS)
    try:
        return check_model(answers, rule, replicates=n, most_answers=most, progress=progress)
    except (DataError, MemoryError) as error:
        notes.append(f"no check of {rule.name}: {error}")
        return None


def check_facts(
    source: ReportSource, tasks: Sequence[str], workers: Sequence[str]
) -> dict[str, Any] | None:
    """What the page has of the check; None without one.

    Parameters
    ----------
    tasks, workers
        Ids of those on the page, whose places are told.
    """
    found = source.check
    if found is None:
        return None
    place_of_task = {name: i for i, name in enumerate(tasks)}
    place_of_worker = {name: i for i, name in enumerate(workers)}
    title = source.title(found.strategy)
    drawn = ""
    if found.n_answers < found.of_answers:
        drawn = f", to tasks drawn of {count(found.of_tasks)}"
    return {
        "strategy": title,
        "state": "fits" if found.fits else "passes" if found.passed else "fails",
        "verdict": _unbroken(f"{title} {found.verdict()}."),
        "sentences": [
            {"text": _unbroken(a.sentence), "rejected": a.rejected, "matters": a.matters}
            for a in found.assumptions
        ],
        "use": [a.relaxed_by for a in found.assumptions if a.matters and a.relaxed_by],
        "statistics": [_statistic(s, found.level) for s in found.statistics],
        "hard_tasks": [
            {
                "task": row["task"], "score": row["score"], "answers": row["n_answers"],
                "agreement": row["agreement"], "place": place_of_task.get(row["task"]),
            }
            for row in _worst(found.task_table)
        ],
        "close_pairs": [
            {
                "first": row["first"], "second": row["second"], "score": row["score"],
                "shared": row["shared"],
            }
            for row in _worst(found.pair_table)
        ],
        "odd_workers": [
            {
                "worker": row["worker"], "score": row["score"], "answers": row["n_answers"],
                "place": place_of_worker.get(row["worker"]),
            }
            for row in _worst(found.worker_table)
        ],
        "compared": (
            f"{count(found.n_answers)} answers{drawn} beside {found.replicates} replicates of the"
            " model"
        ),
    }  # fmt: skip


def _statistic(statistic: Any, level: float) -> dict[str, Any]:
    """In standard deviations of the replicates, from their mean."""
    spread = statistic.spread or 1.0
    drawn = (np.quantile(statistic.drawn, _SPAN) - statistic.expected) / spread
    return {
        "name": statistic.name,
        "meaning": statistic.meaning,
        "observed": short((statistic.observed - statistic.expected) / spread, 3),
        "drawn": shorts(drawn, 3),
        "p_value": short(statistic.p_adjusted),
        "rejected": statistic.p_adjusted <= level,
    }


def _worst(table: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The first flagged rows, of plain values."""
    n = min(int(np.sum(table["flagged"])), _WORST)
    rows = zip(*(_plain(column[:n]) for column in table.values()), strict=True)
    return [dict(zip(table, row, strict=True)) for row in rows]


def _unbroken(text: str) -> str:
    """With signs of percent that stay beside their number."""
    return text.replace(" %", "\N{NO-BREAK SPACE}%")


def _plain(values: Any) -> list[Any]:
    plain = values.tolist() if isinstance(values, np.ndarray) else list(values)
    return [short(v, 3) if isinstance(v, float) else v for v in plain]
