"""``peerannot aggregate --out-of-core``: from shards to shards."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from peerannot.cli._common import (
    emit,
    emit_json,
    must_converge,
    note,
    progress_bar,
    spoken_warnings,
)
from peerannot.cli._votes import shard_reading

__all__ = ["aggregate_shards", "say_unchecked"]


def aggregate_shards(
    path: str,
    strategy: str,
    options: tuple[str, ...],
    output: Path | None,
    scratch: Path | None,
    gold: Path | None,
    *,
    hard: bool,
    force: bool,
    strict: bool,
    as_json: bool,
    reading: Mapping[str, Any],
) -> None:
    """Fit shards that need not fit in memory, and say where the result is.

    Raises
    ------
    click.UsageError
        ``--output`` is missing or no folder, or an option is of fits in memory only.
    """
    from peerannot._options import parse_pairs
    from peerannot.aggregation import build
    from peerannot.aggregation.partitions.out_of_core import fit_shards
    from peerannot.errors import ParameterError
    from peerannot.selection import read_gold

    if output is None or output.is_file():
        raise click.UsageError("--out-of-core writes shards: give --output FOLDER")
    if (output / "manifest.json").exists() and not force:
        raise ParameterError(f"{output}: has a result already; give --force to overwrite it")
    fitted = build(strategy, parse_pairs(options))
    with spoken_warnings(), progress_bar(fitted.name) as progress:
        done = fit_shards(
            path,
            fitted,
            output=output,
            scratch=scratch,
            hard=hard,
            gold=None if gold is None else read_gold(gold, labels=reading.get("labels")),
            progress=progress,
            **shard_reading(reading, "--out-of-core"),
        )
    if strict:
        must_converge(fitted.name, done.diagnostics)
    say_unchecked(done.n_shards, done.n_checked)
    if as_json:
        facts = {
            "strategy": done.strategy,
            "folder": str(done.folder),
            "n_tasks": done.n_tasks,
            "n_workers": done.n_workers,
            "n_classes": done.n_classes,
            "n_answers": done.n_answers,
            "n_undecided": done.n_undecided,
            "mean_confidence": done.mean_confidence,
            "n_shards": done.n_shards,
            "n_checked": done.n_checked,
            "n_iter": done.diagnostics.n_iter,
            "converged": done.diagnostics.converged,
        }
        emit_json("aggregate", facts)
        return
    emit(str(done.folder))
    note(
        f"{done.n_answers} answers of {done.n_workers} workers to {done.n_tasks} tasks ->"
        f" {'hard labels' if hard else 'probabilities'} over {done.n_classes} classes by"
        f" {done.strategy}" + (f", {done.n_undecided} undecided" if done.n_undecided else "")
    )


def say_unchecked(n_shards: int, n_checked: int) -> None:
    """Tell that shards have no checksums, in one line."""
    from peerannot.io.checksums import ADVICE

    if n_checked < n_shards:
        of_all = "shards" if not n_checked else f"{n_shards - n_checked} of {n_shards} shards"
        note(f"{of_all} have no checksums, {ADVICE}")
