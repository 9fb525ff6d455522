"""``peerannot identify``."""

from __future__ import annotations

import dataclasses
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from peerannot.cli._common import (
    EqualsCommand,
    emit,
    emit_json,
    json_option,
    note,
    progress_bar,
    spoken_warnings,
    spreadsheet_option,
)
from peerannot.cli._evidence import (
    images_of,
    n_workers,
    positions,
    read_hard_labels,
    roster_of,
    votes_of,
    with_network,
)
from peerannot.cli._paths import LocalPath
from peerannot.cli._training import take_options, training_options
from peerannot.cli._votes import reading_options

if TYPE_CHECKING:
    from peerannot.identification import Method

__all__ = ["identify"]

_FILE = LocalPath(dir_okay=False)
# Options of a method, by the name of the field, where the command has an option for it.
_OWN = ("alpha", "topk", "use_pleiss", "max_iter", "seed")
_WORST_SHOWN = 10


@click.command(
    cls=EqualsCommand,
    # Published defaults, where they differ from those of `peerannot train`.
    context_settings={"default_map": {"n_epochs": 50, "scheduler": "none"}},
    epilog="Methods and their options: peerannot identificationinfo -v",
)
@click.argument("folder", default=".", metavar="[FOLDER|FILE]")
@click.option(
    "--method",
    "-s",
    default="WAUM",
    show_default=True,
    help='Method by name, options in brackets: "krippendorffAlpha[metric=ordinal]".',
)
@click.option("-P", "options", multiple=True, metavar="KEY=VALUE", help="An option of the method.")
@click.option("--n-classes", "-K", type=int, help="Number of classes; by default the metadata's.")
@click.option(
    "--labels",
    metavar="PATH|codes|names",
    help="Votes, by default FOLDER/answers.json; for a FILE, whether its labels are positions of"
    " classes or names.",
)
@click.option(
    "--hard-labels",
    type=_FILE,
    help="One label a task, a .npy of `peerannot aggregate`, for AUM, cartography and"
    " label-errors, by default the majority vote; for dependence, replacement and judge-ranking"
    " the known labels, -1 for unknown.",
)
@click.option(
    "--models",
    metavar="WORKERS",
    help="Workers that are models, with commas between; by default those of kind model in"
    " FOLDER/workers.csv.",
)
@click.option("--metadata_path", "--metadata-path", type=_FILE, help="Metadata, when elsewhere.")
@click.option("--alpha", type=float, default=0.01, show_default=True, help="Quantile to prune.")
@click.option("--use-pleiss", is_flag=True, help="Pleiss' margin instead of Yang's.")
@click.option(
    "--topk",
    type=int,
    default=0,
    show_default=True,
    help="Margin to the (k+1)-th largest score; 0 is 1.",
)
@click.option(
    "--maxiter-dawid-skene",
    "--maxiter-DS",
    "max_iter",
    type=int,
    default=50,
    show_default=True,
    help="Most iterations of Dawid-Skene.",
)
@click.option(
    "--matrix-file", type=_FILE, help="Confusion matrices .npy (n_workers, K, K), instead of DS."
)
@click.option(
    "--logits",
    type=_FILE,
    help="Logits .npy (epochs, n_tasks, K) of any training, tasks by ascending key: no training.",
)
@click.option(
    "--probabilities",
    type=_FILE,
    help="Out-of-sample probabilities .npy (n_tasks, K) of a classifier, for label-errors.",
)
@reading_options(without=("labels",))
@click.option(
    "--output",
    "-o",
    type=LocalPath(file_okay=False),
    help="Folder to write identification/ in; default: FOLDER, for a FILE the current one.",
)
@click.option("--plot", is_flag=True, help="Draw the scores and the worst images as PNG files.")
@training_options
@spreadsheet_option
@json_option
@click.pass_context
def identify(
    ctx: click.Context,
    /,
    folder: str,
    method: str,
    options: tuple[str, ...],
    n_classes: int | None,
    labels: str | None,
    hard_labels: Path | None,
    metadata_path: Path | None,
    matrix_file: Path | None,
    logits: Path | None,
    probabilities: Path | None,
    models: str | None,
    output: Path | None,
    plot: bool,
    as_json: bool,
    **values: Any,
) -> None:
    """Find ambiguous tasks and unreliable workers in the data set FOLDER (default: this folder).

    Writes scores under FOLDER/identification/: arrays, tables sorted worst first, and for AUM
    and WAUM a list of tasks for --path-remove. FILE is a file of votes, as 'peerannot import'
    reads it; it has no images, so methods that train on them need --logits.
    """
    from peerannot._files import load_npy
    from peerannot._options import parse_pairs
    from peerannot.errors import ParameterError
    from peerannot.identification import Evidence, build, write_findings

    own = {name: values[name] for name in _OWN}
    for name in _OWN:
        if name != "seed":
            del values[name]
    wanted = build(method, parse_pairs(options))
    wanted = _with_flags(ctx, wanted, own, {*parse_pairs(options), *_bracketed(method)})
    training = take_options(values)
    dataset, answers, told = votes_of(folder, n_classes, metadata_path, labels, values)
    if dataset is None and "network" in wanted.needs and logits is None:
        raise ParameterError(
            f"{wanted.name} trains on images, and {folder} has none: make a data set of it with"
            " peerannot import --images, or give --logits"
        )
    roster = roster_of(dataset, answers, models)
    home = output or (Path(folder) if dataset is not None else Path())
    with spoken_warnings(), progress_bar(wanted.name) as progress:
        needed = "network" in wanted.needs and logits is None
        images = [] if dataset is None else images_of(dataset, answers, needed=needed)
        evidence = Evidence(
            answers,
            n_workers=None if dataset is None else n_workers(dataset),
            confusion=load_npy(matrix_file) if matrix_file is not None else None,
            files=[image.path.name if image else "" for image, _ in images] if images else (),
            index=positions(images),
            labels=read_hard_labels(hard_labels) if hard_labels is not None else None,
            probabilities=load_npy(probabilities) if probabilities is not None else None,
            kinds=roster.of(answers.workers) if roster.kinds else (),
            groups={w: g for w, g in roster.groups.items() if w in answers.workers},
            progress=progress,
        )
        if "network" in wanted.needs:
            evidence = with_network(evidence, logits, images, folder, training, progress)
        findings = wanted.run(evidence)
        draw = None
        if plot:
            from peerannot.identification.plots import plot_findings

            paths = {answers.tasks[i]: image.path for i, (image, _) in enumerate(images) if image}
            draw = partial(plot_findings, findings, answers, paths)
        written = write_findings(findings, home, draw)
    rows = len(next(iter(findings.table.values())))
    if as_json:
        emit_json(
            "identify",
            {
                "method": wanted.name,
                "subject": findings.subject,
                "n_rows": rows,
                "table": str(written[0]),
                "files": [str(path) for path in written[1:]],
                "summary": {k: _finite(v) for k, v in findings.summary.items()},
                "worst": _worst(findings.table, findings.score),
                **told,
            },
        )
        return
    for path in written:
        emit(str(path))
    facts = ", ".join(f"{k} {_short(v)}" for k, v in findings.summary.items() if v is not None)
    note(f"{wanted.name}: {rows} {findings.subject}s" + (f"; {facts}" if facts else ""))


def _bracketed(method: str) -> set[str]:
    from peerannot._options import parse_spec

    return {key.replace("-", "_") for key in parse_spec(method)[1]}


def _with_flags(ctx: click.Context, method: Method, own: dict[str, Any], said: set[str]) -> Method:
    """Put the command's own options into the method that has them; say which act on nothing."""
    fields = {field.name for field in dataclasses.fields(method)}
    given = {
        name for name in ctx.params if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE
    }
    taken = {k: v for k, v in own.items() if k in fields and k in given and k not in said}
    idle = given & {"alpha", "use_pleiss", "topk", "max_iter"} - fields
    if "network" not in method.needs:
        from peerannot.learning import TrainOptions

        training = {field.name for field in dataclasses.fields(TrainOptions)} - {"seed"}
        idle |= given & (training | {"logits"})
    elif "logits" not in given:
        # They choose the weights to keep, or show them; every epoch counts here.
        idle |= given & {"ema", "figures", "patience", "select", "tensorboard"}
    if "labels" not in method.needs:
        idle |= given & {"hard_labels"}
    if "probabilities" not in method.needs:
        idle |= given & {"probabilities"}
    if idle:
        names = ", ".join(_flag(ctx, name) for name in sorted(idle))
        note(f"{method.name} makes no use of {names}")
    return dataclasses.replace(method, **taken)


def _flag(ctx: click.Context, name: str) -> str:
    return next(p.opts[0] for p in ctx.command.params if p.name == name)


def _worst(table: Any, score: str) -> list[dict[str, Any]]:
    """The worst rows, for ``--json``."""
    first = next(iter(table))
    return [
        {first: str(table[first][i]), score: _finite(table[score][i])}
        for i in range(min(_WORST_SHOWN, len(table[first])))
    ]


def _finite(value: Any) -> Any:
    """A value as JSON has it: plain types, null for NaN."""
    import math

    plain = value.item() if hasattr(value, "item") else value
    return None if isinstance(plain, float) and not math.isfinite(plain) else plain


def _short(value: Any) -> str:
    if isinstance(value, tuple):
        return " < ".join(value)
    return f"{value:.4f}" if isinstance(value, float) else str(value)
