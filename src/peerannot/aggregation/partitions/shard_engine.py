"""What engines that fit shards have in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from peerannot._sizes import with_sizes
from peerannot.aggregation.base import Fitted, Strategy
from peerannot.aggregation.capabilities import ENGINES, check_partitions
from peerannot.aggregation.partitions.parts import Parts
from peerannot.aggregation.partitions.sharded_result import MOST_COLUMNS, ShardedResult
from peerannot.aggregation.request import Engine, Outcome, Request
from peerannot.aggregation.uncertainty.calibrate import find_on_parts
from peerannot.aggregation.uncertainty.calibration import calibrated_parts
from peerannot.errors import DataError, ParameterError
from peerannot.io.checksums import ADVICE

__all__ = ["ShardEngine", "as_asked", "check_columns"]


class ShardEngine(Engine):
    """From shards, in partitions of tasks, to shards."""

    takes: ClassVar[frozenset[str]] = frozenset(
        {
            "gold", "weights", "task", "worker", "label", "classes", "labels", "duplicates",
            "output", "hard", "force", "strict", "sizes", "calibrate",
        }
    )  # fmt: skip
    lacks: ClassVar[Mapping[str, str]] = {
        **ENGINES["out of core"],
        "bootstrap": ENGINES["out of core"]["intervals"],
        "save_state": ENGINES["out of core"]["online"],
        "update": ENGINES["out of core"]["online"],
        **dict.fromkeys(("format", "missing_label", "read"), "it reads Parquet"),
    }

    @abstractmethod
    def has_result(self, output: str | Path) -> bool:
        """Whether a folder holds a whole result."""

    @abstractmethod
    def fit(self, request: Request, strategy: Strategy, paths: list[str | Path]) -> ShardedResult:
        """Fit the strategy, which runs on partitions and takes what was given, and write."""

    def check_output(self, request: Request) -> None:
        """Refuse, before any work is done, an output that cannot be written.

        Raises
        ------
        ParameterError
            It is no folder, or one with a result that may not be replaced.
        """
        output = request.output
        if output is None or (isinstance(output, Path) and output.is_file()):
            raise ParameterError(
                f"engine {self.name} writes shards: give {request.spell('output')} FOLDER"
            )
        if not request.force and self.has_result(output):
            raise ParameterError(
                f"{output}: has a result already; give {request.spell('force')} to overwrite it"
            )

    def run(self, request: Request) -> Outcome:
        strategy, paths = request.strategy, request.paths()
        if paths is None:
            raise DataError(f"engine {self.name}: expected paths of shards")
        if strategy is None:
            raise ParameterError(f"engine {self.name}: name a strategy; auto compares in memory")
        self.check_output(request)
        check_partitions(strategy)
        if request.gold is not None and not strategy.takes_gold:
            raise ParameterError(f"{strategy.name} cannot use gold labels")
        with with_sizes(request.sizes):
            done = self.fit(request, strategy, paths)
        done.diagnostics.warn(strategy.name, stacklevel=4)
        if request.strict:
            done.diagnostics.must_converge(strategy.name, request.spell("strict"))
        for shard in done.left_out:
            rows = "an unknown number of" if shard.n_rows is None else f"{shard.n_rows}"
            request.tell(f"left out {shard.file}, {rows} rows: {shard.reason}")
        if done.n_checked < done.n_shards:
            unchecked = done.n_shards - done.n_checked
            of_all = f"{unchecked} of {done.n_shards} shards" if done.n_checked else "shards"
            request.tell(f"{of_all} have no checksums, {ADVICE}")
        result = done if done.in_memory is None else done.in_memory
        return Outcome(result, done.facts(), done.folder or done.table)


def as_asked(request: Request, strategy: Strategy, fitted: Fitted, parts: Parts) -> Fitted:
    """What was fitted, with its probabilities calibrated where that was asked for."""
    if not request.calibrate:
        return fitted
    found = find_on_parts(strategy, parts, progress=request.progress)
    request.tell(f"calibrated: {found}")
    return calibrated_parts(
        fitted, found, strategy.ties, strategy.seed, keeps_known=strategy.takes_gold
    )


def check_columns(n_classes: int, *, hard: bool) -> None:
    """Refuse a posterior with too many columns.

    Raises
    ------
    ParameterError
    """
    if not hard and n_classes > MOST_COLUMNS:
        raise ParameterError(
            f"{n_classes} classes are too many for columns of a posterior; ask for hard labels"
        )
