"""One verb for all fits: `aggregate`, and the engines that it runs on.

An engine says which fields of a `Request` it takes (`Engine.takes`); what it does not take is
refused here, for all engines alike. Disk and Dask stand with what they fit, in
`peerannot.aggregation` and `peerannot.distributed`; memory, and the choice among them, here.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

from peerannot._text import did_you_mean
from peerannot.aggregation.frames import shown
from peerannot.aggregation.registry import build
from peerannot.aggregation.request import Engine, Outcome, Request
from peerannot.errors import ParameterError

if TYPE_CHECKING:
    from peerannot.aggregation.base import Strategy
    from peerannot.aggregation.partitions.sharded_result import ShardedResult
    from peerannot.aggregation.result import Result

__all__ = ["ENGINES", "aggregate", "engine_of", "is_auto", "run"]

ENGINES = ("auto", "memory", "disk", "dask")


@overload
def aggregate(
    data: Any, strategy: str | Strategy = ..., *, engine: Literal["auto", "memory", "disk"] = ...,
    gold: Any = ..., weights: Any = ..., output: None = ..., **options: Any,
) -> Result: ...  # fmt: skip
@overload
def aggregate(
    data: Any, strategy: str | Strategy = ..., *, engine: Literal["disk", "dask"],
    gold: Any = ..., weights: Any = ..., output: str | Path, **options: Any,
) -> ShardedResult: ...  # fmt: skip
@overload
def aggregate(
    data: Any, strategy: str | Strategy = ..., *, engine: str = ..., gold: Any = ...,
    weights: Any = ..., output: str | Path | None = ..., **options: Any,
) -> Result | ShardedResult: ...  # fmt: skip
def aggregate(
    data: Any,
    strategy: str | Strategy = "majority-vote",
    *,
    engine: str = "auto",
    gold: Any = None,
    weights: Any = None,
    output: str | Path | None = None,
    **options: Any,
) -> Result | ShardedResult:
    """Turn answers of any kind into labels.

    Parameters
    ----------
    data
        `Answers`; a frame with columns task, worker, label (pandas, Polars, pyarrow, ...); a
        matrix (n_tasks, n_workers) with NaN for no answer; ``{task: {worker: label}}``; a path
        or pattern of any known format, or several of them.
    strategy
        A name with options in brackets (``"DS[max_iter=50]"``), a strategy (``DawidSkene()``), or
        ``"auto"``, which compares strategies on held-out answers and takes the best. Its sibling
        ``"consensus"`` does not choose: it is `Pool`, the mean of four models.
    engine
        Where to fit: in ``"memory"``; from ``"disk"``, Parquet, CSV or NDJSON that need not fit in
        memory; on a ``"dask"`` cluster, Parquet by path or URL. ``"auto"``, the default, is disk
        for answers that would not fit in memory, or whose ``output`` is a folder, else memory.
    gold
        Known classes of some tasks, which stay fixed: ``{task: label}``, a Series, an array
        (n_tasks,), or the path of a file with columns task and label.
    weights
        Weights of the answers: the name of a column, or an array (n_answers,) for `Answers`.
    output
        Where to write: a table of labels (.parquet, .csv, .tsv), or a folder of shards from disk
        and Dask. By default nothing is written, and Dask refuses.
    **options
        Any other field of `peerannot.aggregation.request.Request`; those that an engine does not
        take are refused.

    Returns
    -------
    Result or ShardedResult
        Without ``output``, and of memory, a `Result`; else of disk and Dask a `ShardedResult`,
        which says what was written.

    Raises
    ------
    ParameterError
        There is no such strategy, engine or option, or one cannot do what is asked.
    DataError
        The data cannot be used; the message has the place.
    ClusterError
        There is no cluster, or it was lost; ``resume`` goes on.
    MissingDependencyError
        Dask or the driver of a file system is not installed.

    Notes
    -----
    Posteriors are equal to 1e-9 whatever the engine. What the engines cost is told in
    ``docs/scale.md``.

    Examples
    --------
    >>> votes = {"a": {"w1": "cat", "w2": "cat"}, "b": {"w1": "dog"}}
    >>> aggregate(votes, "DS").label_names()
    ['cat', 'dog']
    """
    from peerannot.aggregation.base import Strategy

    if not isinstance(strategy, str | Strategy):
        raise ParameterError(
            f"strategy must be a name or a strategy such as DawidSkene(), not {shown(strategy)}"
        )
    best = isinstance(strategy, str) and is_auto(strategy)
    given = {"gold": gold, "weights": weights, "output": output, **options}
    typed = strategy if isinstance(strategy, str) else ""
    chosen = None if best else build(strategy) if isinstance(strategy, str) else strategy
    return run(Request.of(data, chosen, {"typed": typed, **given}), engine).result


def is_auto(strategy: str) -> bool:
    """Whether a user asks for the strategy that is best by held-out answers."""
    return strategy.strip().lower() == "auto"


def run(request: Request, engine: str = "auto") -> Outcome:
    """Do what a request asks, on an engine; see `aggregate`.

    Raises
    ------
    ParameterError
        There is no such engine, or it does not take what was given.
    """
    chosen = engine_of(engine)
    if unfit := chosen.not_taken(request):
        raise ParameterError(_refusal(chosen, unfit[0], request))
    if chosen.name in ("disk", "dask"):
        from peerannot.engines.reading import with_gold_read

        request = with_gold_read(request)
    return chosen.run(request)


def engine_of(name: str) -> Engine:
    """An engine by name.

    Raises
    ------
    ParameterError
        There is none of this name.
    """
    match name:
        case "auto":
            from peerannot.engines.choice import Auto

            return Auto()
        case "memory":
            from peerannot.engines.memory import Memory

            return Memory()
        case "disk":
            from peerannot.aggregation.partitions.out_of_core import DISK

            return DISK
        case "dask":
            from peerannot.distributed import DASK

            return DASK
    near = did_you_mean(str(name), ENGINES) or f"; there are {', '.join(ENGINES)}"
    raise ParameterError(f"unknown engine {shown(name)}{near}")


def _refusal(engine: Engine, unfit: str, request: Request) -> str:
    """Why an engine does not take what was given, and which ones do."""
    field = unfit.partition(".")[0]
    takers = [name for name in ENGINES if field in engine_of(name).takes]
    # What some engine takes, auto takes for its sake.
    names = " and ".join(takers if takers == ["auto"] else [n for n in takers if n != "auto"])
    why = f": {engine.lacks[field]}" if field in engine.lacks else ""
    spell = request.spell
    return f"{spell(unfit)} is for {spell('engine')} {names}, not {engine.name}{why}"
