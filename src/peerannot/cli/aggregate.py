"""``peerannot aggregate``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from peerannot.cli._common import (
    emit,
    emit_json,
    json_option,
    must_converge,
    must_write_csv,
    note,
    progress_bar,
    spoken_warnings,
    spreadsheet_option,
)
from peerannot.cli._distributed import Engine, PathOrUrl, aggregate_on_cluster, engine_options
from peerannot.cli._online import known_labels, learn, learning_options, surely
from peerannot.cli._votes import is_dataset, load_votes, reading_options, truth_keywords

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from peerannot.aggregation import OnlineState, Result

__all__ = ["aggregate"]


@click.command(epilog="Strategies and their options: peerannot agginfo -v")
@click.argument("dataset", default=".", metavar="[DATASET|FILE]")
@click.option(
    "--strategy",
    "-s",
    default="majority_voting",
    show_default=True,
    help='Strategy by name, options in brackets: "DS[max_iter=50]"; "auto" compares them on'
    " held-out answers and takes the best.",
)
@click.option(
    "-P", "options", multiple=True, metavar="KEY=VALUE", help="An option of the strategy."
)
@click.option("--hard", is_flag=True, help="Write hard labels (int) instead of probabilities.")
@click.option(
    "--answers-file",
    default="answers.json",
    show_default=True,
    help="File of votes, inside DATASET or anywhere.",
)
@click.option(
    "--metadata_path",
    "--metadata-path",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Metadata, when not DATASET/metadata.json.",
)
@click.option(
    "--path-remove",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Pruning file of tasks to leave out.",
)
@reading_options()
@click.option(
    "--output",
    "-o",
    type=PathOrUrl(),
    help="Write the table of labels here (.parquet, .csv, .tsv); default for a FILE: CSV to"
    " stdout. With --out-of-core and --engine dask: a folder.",
)
@click.option(
    "--workers-output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the table of workers here (.parquet, .csv, .tsv).",
)
@learning_options
@click.option(
    "--out-of-core",
    is_flag=True,
    help="Fit Parquet shards that need not fit in memory; peerannot agginfo NAME says what can.",
)
@click.option(
    "--scratch",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the memory-mapped files of --out-of-core, kept to be used again; default:"
    " inside --output, and removed.",
)
@engine_options
@click.option("--force", is_flag=True, help="Overwrite the outputs.")
@click.option(
    "--strict", is_flag=True, help="Fail (exit code 5) when the strategy does not converge."
)
@spreadsheet_option
@json_option
def aggregate(
    dataset: str,
    strategy: str,
    options: tuple[str, ...],
    hard: bool,
    answers_file: str,
    metadata_path: Path | None,
    path_remove: Path | None,
    output: Path | str | None,
    workers_output: Path | None,
    gold: Path | None,
    save_state: bool,
    update: str | None,
    intervals: bool,
    bootstrap: int | None,
    out_of_core: bool,
    scratch: Path | None,
    force: bool,
    strict: bool,
    as_json: bool,
    **reading: Any,
) -> None:
    """Turn the votes of DATASET (default: this folder) or of FILE into labels.

    For a DATASET, writes labels/labels_NAME_STRATEGY.npy (with --hard: ..._hard.npy), the same
    as a CSV table and a JSON manifest, and what was learned of the workers under
    identification/. FILE is a table of votes in CSV, Parquet (one file, a folder or a pattern
    of shards) or NDJSON, an answers.json, or an export that 'peerannot import' can read; its
    labels go to --output or stdout. With --save-state, answers that come later can be added by
    --update without a fit of everything.
    """
    from peerannot._lock import locked
    from peerannot._options import parse_pairs
    from peerannot.aggregation import build
    from peerannot.errors import ParameterError

    engine = Engine(reading)
    if out_of_core or engine.dask:
        must_write_csv()
        name = "--engine dask" if engine.dask else "--out-of-core"
        if metadata_path or path_remove or workers_output or answers_file != "answers.json":
            raise click.UsageError(
                f"{name} takes shards and --output, no other files:"
                " drop --metadata_path, --path-remove, --workers-output and --answers-file"
            )
        if save_state or update or intervals or bootstrap:
            raise click.UsageError(
                f"{name} has no --save-state, --update, --intervals or --bootstrap"
            )
    if engine.dask:
        if out_of_core or scratch:
            raise click.UsageError("--out-of-core and --scratch are for --engine local")
        aggregate_on_cluster(
            dataset, strategy, options, output, engine, gold,
            hard=hard, force=force, strict=strict, as_json=as_json, reading=reading,
        )  # fmt: skip
        return
    if isinstance(output, str):
        raise click.UsageError("--output URL is for --engine dask")
    if out_of_core:
        from peerannot.cli._out_of_core import aggregate_shards

        aggregate_shards(
            dataset, strategy, options, output, scratch, gold,
            hard=hard, force=force, strict=strict, as_json=as_json, reading=reading,
        )  # fmt: skip
        return
    if scratch is not None:
        raise click.UsageError("--scratch is for --out-of-core")
    for path in filter(None, (output, workers_output)):
        from peerannot.io import may_write

        may_write(path, force=force)
    # Asked once: a file that goes away later is no other kind of input.
    in_folder = is_dataset(dataset, metadata=metadata_path)
    if not in_folder or output is not None:
        must_write_csv(output or (None if as_json else "stdout.csv"), workers_output)
    auto = strategy.strip().lower() == "auto"
    if auto and options:
        raise ParameterError("-P belongs to one strategy; -s auto takes each with its defaults")
    fitted = None if auto else build(strategy, parse_pairs(options))
    facts: dict[str, Any] = {}
    state: OnlineState | None = None
    if save_state or update is not None:
        if fitted is None or not in_folder:
            raise click.UsageError(
                "--save-state and --update: name a DATASET folder and a strategy"
            )
        # Read, changed and written by one at a time: held until the command ends.
        click.get_current_context().with_resource(locked(Path(dataset)))
        state, name, facts = learn(
            dataset,
            fitted,
            update=update,
            gold=gold,
            answers_file=answers_file,
            metadata=metadata_path,
            path_remove=path_remove,
            **reading,
        )
        answers, result = state.memory.answers, state.result()
        known: NDArray[np.int32] | None = state.gold
    else:
        votes = load_votes(
            dataset,
            answers_file=answers_file,
            metadata=metadata_path,
            path_remove=path_remove,
            truth=gold,
            **reading,
        )
        answers, name, facts = votes.answers, votes.name, dict(votes.facts)
        known = known_labels(gold, answers, **truth_keywords(reading))
        if fitted is None:
            from peerannot.selection import choose

            with spoken_warnings(), progress_bar("compare") as progress:
                fitted = build(choose(answers, progress=progress))
            note(f"auto: {fitted.name} predicts held-out answers best")
        with spoken_warnings(), progress_bar(fitted.name) as progress:
            result = fitted.fit(answers, gold=known, progress=progress)
    if strict:
        must_converge(fitted.name, result.diagnostics)
    if intervals or bootstrap:
        result = surely(
            result, fitted, answers, facts, gold=known, intervals=intervals, n_boot=bootstrap
        )
    facts = {"strategy": fitted.name, **facts}
    if in_folder and output is None:
        from peerannot.aggregation.display.output import write_labels

        written = write_labels(
            result, fitted, Path(dataset), name, strategy, hard=hard, state=state
        )
        facts |= {
            "labels": str(written.labels),
            "table": str(written.table),
            "manifest": str(written.manifest),
            "side_files": [str(p) for p in written.side_files],
        }
        shown = str(written.labels)
    else:
        if state is not None:
            from peerannot.aggregation.display.output import write_state

            write_state(state, Path(dataset))
        shown = _to_table(result, output, hard, facts, as_json)
    if workers_output is not None:
        from peerannot.io import write_table

        write_table(workers_output, result.worker_table())
        facts["workers"] = str(workers_output)
    undecided = int((result.labels < 0).sum())
    if as_json:
        emit_json(
            "aggregate",
            {
                **facts,
                "n_tasks": answers.n_tasks,
                "n_workers": answers.n_workers,
                "n_classes": answers.n_classes,
                "n_answers": answers.n_answers,
                "n_undecided": undecided,
                "mean_confidence": float(result.confidence.mean()) if answers.n_tasks else None,
                "n_iter": result.diagnostics.n_iter,
                "converged": result.diagnostics.converged,
            },
        )
        return
    emit(shown)
    note(
        f"{answers.n_answers} answers of {answers.n_workers} workers to {answers.n_tasks} tasks"
        f" -> {'hard labels' if hard else 'probabilities'} over {answers.n_classes} classes by"
        f" {fitted.name}" + (f", {undecided} undecided" if undecided else "")
    )


def _to_table(
    result: Result, output: Path | None, hard: bool, facts: dict[str, Any], as_json: bool
) -> str:
    """Write the table of tasks, or return it as text; probabilities as columns p_CLASS."""
    import numpy as np

    from peerannot.io import table_text, write_table

    columns = result.task_file()
    if not hard and isinstance(result.posterior, np.ndarray):
        columns |= {f"p_{c}": result.posterior[:, k] for k, c in enumerate(result.classes)}
    elif not hard:
        note(f"{len(result.classes)} classes: the table has no columns of probabilities")
    if output is not None:
        write_table(output, columns)
        facts["table"] = str(output)
        return str(output)
    if as_json:
        facts["rows"] = [
            {"task": task, "label": label or None, "confidence": float(confidence)}
            for task, label, confidence in zip(
                columns["task"], columns["label"], columns["confidence"], strict=True
            )
        ]
        return ""
    return table_text(columns).rstrip("\n")
