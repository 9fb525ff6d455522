"""Engine memory: all answers in memory, of any kind; with states, intervals and side files."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from peerannot._lock import locked
from peerannot._sizes import with_sizes
from peerannot.aggregation.frames import as_answers, as_gold
from peerannot.aggregation.origin import Origin
from peerannot.aggregation.registry import build
from peerannot.aggregation.request import Engine, Outcome, Request
from peerannot.answers import Answers, gold_classes, only_class
from peerannot.engines.reading import known_labels, options_beside_gold, read_options, spelled
from peerannot.errors import DataError, ParameterError
from peerannot.io import may_write, write_table
from peerannot.io.votes import is_dataset, load_votes

if TYPE_CHECKING:
    from peerannot.aggregation.base import Strategy
    from peerannot.aggregation.online.state import OnlineState
    from peerannot.aggregation.result import Result
    from peerannot.aggregation.uncertainty.calibration import Calibration

__all__ = ["Memory"]

_UNKNOWN = (
    "no label is known, so the intervals are what the model says of itself and promise nothing"
    " where it is wrong: whether it fits, 'peerannot check' decides; 'peerannot audit' has an"
    " expert judge some tasks, and its intervals hold for any model"
)


@dataclass(frozen=True)
class _Fitted:
    """A result, the strategy and the answers that it is of, and what is known of them."""

    result: Result
    strategy: Strategy
    answers: Answers
    gold: Any
    name: str
    facts: dict[str, Any]
    state: OnlineState | None = None
    calibration: Calibration | None = None
    known: NDArray[np.bool_] | None = None


class Memory(Engine):
    """All answers in memory."""

    name: ClassVar[str] = "memory"
    takes: ClassVar[frozenset[str]] = frozenset(
        {
            "gold", "init", "features", "weights", "task", "worker", "label", "classes", "labels",
            "duplicates", "missing_label", "format", "read", "answers_file", "metadata",
            "path_remove", "output", "workers_output", "rows", "hard", "force", "strict",
            "save_state", "update", "calibrate", "intervals", "bootstrap", "sizes",
        }
    )  # fmt: skip

    def run(self, request: Request) -> Outcome:
        with with_sizes(request.sizes):
            return self._run(request)

    def _run(self, request: Request) -> Outcome:
        folder = _folder(request)
        beside = folder is not None and request.output is not None and (
            folder.resolve() == Path(request.output).resolve()
        )  # fmt: skip
        if request.output is not None and "://" in str(request.output):
            spell = request.spell
            raise ParameterError(f"{spell('output')} URL is for {spell('engine')} dask")
        for path in (None if beside else request.output, request.workers_output):
            if path is not None:
                may_write(Path(path), force=request.force)
        stateful = request.save_state or request.update is not None
        if stateful and (folder is None or request.strategy is None):
            names = " and ".join(map(request.spell, ("save_state", "update")))
            raise ParameterError(f"{names}: name a DATASET folder and a strategy")
        if stateful and request.features is not None:
            names = " or ".join(map(request.spell, ("save_state", "update")))
            raise ParameterError(f"{request.spell('features')} cannot be combined with {names}")
        # A state is read, changed and written by one at a time.
        with locked(folder) if stateful and folder is not None else contextlib.nullcontext():
            if stateful and folder is not None:
                fitted = _learn(request, folder)
            else:
                fitted = _fit(request)
            if request.strict:
                strict = request.spell("strict")
                fitted.result.diagnostics.must_converge(fitted.strategy.name, strict)
            fitted = _calibrated(request, _with_intervals(request, fitted))
            facts, shown = _write(request, fitted, folder, beside=beside)
        result, answers = fitted.result, fitted.answers
        facts |= {
            "n_tasks": answers.n_tasks,
            "n_workers": answers.n_workers,
            "n_classes": answers.n_classes,
            "n_answers": answers.n_answers,
            "n_undecided": int((result.labels < 0).sum()),
            "mean_confidence": float(result.confidence.mean()) if answers.n_tasks else None,
            "n_iter": result.diagnostics.n_iter,
            "converged": result.diagnostics.converged,
        }
        return Outcome(result, facts, shown)


def _folder(request: Request) -> Path | None:
    """The dataset folder that is asked for, where it is one."""
    data = request.data
    if isinstance(data, str | Path) and is_dataset(data, metadata=request.metadata):
        return Path(data)
    return None


def _fit(request: Request) -> _Fitted:
    answers, name, facts, origin = _answers(request)
    gold = as_gold(known_labels(request, answers), origin)
    strategy = request.strategy
    if strategy is None:
        from peerannot.selection import choose

        strategy = build(choose(answers, progress=request.progress))
        request.tell(f"auto: {strategy.name} predicts held-out answers best")
    # Where a strategy has no use for them, known labels still tell how often it is right.
    fixed = gold if strategy.takes_gold or not request.calibrate else None
    init = request.init
    if request.features is not None:
        from peerannot.engines.heads import of_classifier

        init = of_classifier(request, strategy, answers)
    result = strategy.fit(answers, gold=fixed, init=init, progress=request.progress)
    result = replace(result, origin=origin)
    if not request.calibrate:
        return _Fitted(result, strategy, answers, gold, name, facts)
    from peerannot.aggregation.uncertainty.calibrate import find_calibration

    known = only_class(gold_classes(answers, gold))
    found = find_calibration(strategy, answers, gold=known, init=init, progress=request.progress)
    request.tell(f"calibrated: {found}")
    held = known >= 0 if strategy.takes_gold else None
    return _Fitted(
        result, strategy, answers, gold, name, facts, calibration=found, known=held
    )  # fmt: skip


def _answers(request: Request) -> tuple[Answers, str, dict[str, Any], Origin]:
    """The answers, the name of where they are from, facts of the reading, and their origin."""
    if request.paths() is not None:
        return (*_votes_of(request), Origin())
    of_paths = {"answers_file", "metadata", "path_remove", "read"} & {*request.given()}
    if of_paths:
        raise ParameterError(f"{request.spell(min(of_paths))} is for a path")
    names = ("task", "worker", "label", "classes", "labels", "duplicates", "missing_label",
             "format")  # fmt: skip
    reading: Any = {n: getattr(request, n) for n in names if getattr(request, n) is not None}
    if isinstance(request.data, Answers) and request.weights is not None:
        return _weighted(request.data, request.weights), "answers", {}, Origin()
    if request.weights is not None:
        reading["weight"] = request.columns()["weight"]
    answers, origin = as_answers(request.data, reading)
    return answers, "answers", {}, origin


def _votes_of(request: Request) -> tuple[Answers, str, dict[str, Any]]:
    of_folder = _folder(request) is not None
    options = options_beside_gold(request) if of_folder else read_options(request)
    votes = load_votes(
        request.data,
        answers_file=request.answers_file,
        metadata=request.metadata,
        path_remove=request.path_remove,
        spell=spelled(request),
        **options,
    )
    for line in [] if votes.report is None else votes.report.lines():
        request.tell(line)
    return votes.answers, votes.name, votes.facts


def _weighted(answers: Answers, weights: Any) -> Answers:
    try:
        array = np.asarray(weights, dtype=np.float64)
    except (TypeError, ValueError):
        array = np.empty(0)
    if array.shape != (answers.n_answers,) or not (np.isfinite(array) & (array >= 0)).all():
        raise DataError(
            f"weights: expected {answers.n_answers} numbers >= 0, one an answer in their order"
        )
    return answers.weighted(array)


def _learn(request: Request, folder: Path) -> _Fitted:
    from peerannot.engines.online import learn

    assert request.strategy is not None
    state, name, facts = learn(request, request.strategy, folder)
    # Intervals are those of the model; its probabilities are calibrated after them.
    result = replace(state, calibration=None).result()
    return _Fitted(
        result, request.strategy, state.memory.answers, state.gold, name, facts, state,
        state.calibration, state.known,
    )  # fmt: skip


def _calibrated(request: Request, fitted: _Fitted) -> _Fitted:
    """The result with its probabilities calibrated, where that was asked for, now or before."""
    found = fitted.calibration
    if found is None:
        return fitted
    from peerannot.aggregation.uncertainty.calibration import calibrated_result

    sizes = fitted.answers.weight_per_task
    fitted.facts["calibration"] = found.as_dict()
    return replace(fitted, result=calibrated_result(fitted.result, found, sizes, fitted.known))


def _with_intervals(request: Request, fitted: _Fitted) -> _Fitted:
    """The result with the intervals that were asked for, which are told and put into facts."""
    if not request.intervals and request.bootstrap is None:
        return fitted
    from peerannot.aggregation import bootstrap, with_bootstrap, with_intervals

    result, facts = fitted.result, fitted.facts
    if request.intervals:
        result = with_intervals(result, fitted.answers)
        found = facts["accuracy"] = result.diagnostics.notes["accuracy"]
        request.tell(
            f"accuracy {found['value']:.4f}, 95 % interval {found['low']:.4f} to"
            f" {found['high']:.4f} if the model is right"
        )
        if fitted.gold is None:
            request.tell(_UNKNOWN)
    if request.bootstrap is not None:
        drawn = bootstrap(
            fitted.strategy, fitted.answers, request.bootstrap, fitted.strategy.seed,
            gold=fitted.gold, result=result, progress=request.progress,
        )  # fmt: skip
        result = with_bootstrap(result, drawn)
        facts["bootstrap"] = result.diagnostics.notes["bootstrap"]
        a = drawn.accuracy
        request.tell(f"accuracy by {request.bootstrap} draws of tasks: {a.low:.4f} to {a.high:.4f}")
    return replace(fitted, result=result)


def _write(
    request: Request, fitted: _Fitted, folder: Path | None, *, beside: bool
) -> tuple[dict[str, Any], str]:
    """Write what was asked for; facts of the fit and its files, and where the labels are."""
    from peerannot.aggregation.display.output import write_labels, write_state

    result, facts, shown = fitted.result, {"strategy": fitted.strategy.name, **fitted.facts}, ""
    if beside and folder is not None:
        typed = request.typed or fitted.strategy.name
        written = write_labels(
            result, fitted.strategy, folder, fitted.name, typed, hard=request.hard,
            state=fitted.state,
        )  # fmt: skip
        shown = str(written.labels)
        facts |= {
            "labels": shown,
            "table": str(written.table),
            "manifest": str(written.manifest),
            "side_files": [str(p) for p in written.side_files],
        }
    else:
        if fitted.state is not None and folder is not None:
            write_state(fitted.state, folder)
        if line := result.lacks(hard=request.hard):
            request.tell(line)
        if request.output is not None:
            shown = str(request.output)
            write_table(Path(request.output), result.label_file(hard=request.hard))
            facts["table"] = shown
        elif request.rows is not None:
            request.rows(pl.DataFrame(result.label_file(hard=request.hard)))
    if request.workers_output is not None:
        write_table(Path(request.workers_output), result.worker_table())
        facts["workers"] = str(request.workers_output)
    return facts, shown
