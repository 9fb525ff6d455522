"""``peerannot aggregate``."""

from __future__ import annotations

from pathlib import Path

import click

from peerannot.cli._common import emit_json, json_option, note, progress_bar, spoken_warnings

__all__ = ["aggregate"]


@click.command(epilog="Strategies and their options: peerannot agginfo -v")
@click.argument(
    "dataset", default=".", type=click.Path(exists=True, file_okay=False, path_type=Path)
)
@click.option(
    "--strategy",
    "-s",
    default="majority_voting",
    show_default=True,
    help='Strategy by name, options in brackets: "DS[max_iter=50]".',
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
@click.option(
    "--strict", is_flag=True, help="Fail (exit code 5) when the strategy does not converge."
)
@json_option
def aggregate(
    dataset: Path,
    strategy: str,
    options: tuple[str, ...],
    hard: bool,
    answers_file: str,
    metadata_path: Path | None,
    path_remove: Path | None,
    strict: bool,
    as_json: bool,
) -> None:
    """Turn the votes of DATASET (default: this folder) into labels.

    Writes labels/labels_NAME_STRATEGY.npy (with --hard: ..._hard.npy), the same as a CSV table
    and a JSON manifest, and what was learned of the workers under identification/.
    """
    from peerannot._options import parse_pairs
    from peerannot.aggregation import build
    from peerannot.aggregation.output import write_labels
    from peerannot.dataset import Dataset
    from peerannot.errors import NotConvergedError

    fitted = build(strategy, parse_pairs(options))
    folder = Dataset.open(dataset, metadata_path=metadata_path)
    answers = folder.answers(answers_file, path_remove=path_remove)
    with spoken_warnings(), progress_bar(fitted.name) as progress:
        result = fitted.fit(answers, progress=progress)
    if strict and not result.diagnostics.converged:
        raise NotConvergedError(
            f"{fitted.name} did not converge in {result.diagnostics.n_iter} iterations;"
            " raise max_iter or tol, or drop --strict"
        )
    written = write_labels(result, fitted, dataset, folder.name, strategy, hard=hard)
    undecided = int((result.labels < 0).sum())
    if as_json:
        emit_json(
            "aggregate",
            {
                "strategy": fitted.name,
                "labels": str(written.labels),
                "table": str(written.table),
                "manifest": str(written.manifest),
                "side_files": [str(p) for p in written.side_files],
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
    click.echo(str(written.labels))
    note(
        f"{answers.n_answers} answers of {answers.n_workers} workers to {answers.n_tasks} tasks"
        f" -> {'hard labels' if hard else 'probabilities'} over {answers.n_classes} classes by"
        f" {fitted.name}" + (f", {undecided} undecided" if undecided else "")
    )
