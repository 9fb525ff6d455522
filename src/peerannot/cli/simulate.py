"""``peerannot simulate``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from peerannot.cli._common import (
    EqualsCommand,
    emit,
    emit_json,
    json_option,
    note,
    progress_bar,
    spoken_warnings,
)
from peerannot.cli._paths import LocalPath

if TYPE_CHECKING:
    from peerannot.simulation import Simulation

__all__ = ["simulate"]

# Options that the published command has for its four models, beside brackets and -P.
_OF_MODELS = ("ratio", "ratio_diff", "random", "matrix_file")


def _list_models(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if not wanted or ctx.resilient_parsing:
        return
    from peerannot._options import describe
    from peerannot.simulation import SIMULATIONS

    for name in SIMULATIONS:
        model = SIMULATIONS[name]
        also = f" ({', '.join(model.aliases)})" if model.aliases else ""
        emit(f"{name}{also}: {(model.__doc__ or '').strip().partition(chr(10))[0]}")
        for key, kind, default, text in describe(model):
            emit(f"    {key} = {default} ({kind}): {text}")
    ctx.exit()


@click.command(cls=EqualsCommand, epilog="Models and their options: peerannot simulate --list")
@click.option("--n-worker", type=int, default=1, show_default=True, help="Number of workers.")
@click.option("--n-task", type=int, default=20, show_default=True, help="Number of tasks.")
@click.option(
    "--n-classes", "-K", type=int, default=2, show_default=True, help="Number of classes."
)
@click.option(
    "--folder",
    type=LocalPath(file_okay=False),
    default=Path("simulation"),
    show_default=True,
    help="Folder to write in, made where it is missing.",
)
@click.option(
    "--strategy",
    "-s",
    default="hammer-spammer",
    show_default=True,
    help='Model of the crowd, options in brackets: "glad[ability_mean=2]".',
)
@click.option("-P", "options", multiple=True, metavar="KEY=VALUE", help="An option of the model.")
@click.option(
    "--matrix-file",
    type=LocalPath(dir_okay=False),
    help=".npy of confusion matrices (n_worker, n_classes, n_classes).",
)
@click.option(
    "--ratio",
    "-r",
    type=float,
    help="Share of spammers, students, good workers, ... by model.  [default: as in --list]",
)
@click.option("--ratio-diff", type=float, help="Easy tasks for each hard one.  [default: 1]")
@click.option("--random", type=float, help="Share of tasks that nobody can tell.  [default: 0]")
@click.option("--workerload", "-wl", type=int, help="Most tasks that a worker answers.")
@click.option("--feedback", "-fb", type=int, help="Answers of a task.  [default: all workers]")
@click.option(
    "--imbalance-votes",
    is_flag=True,
    help="Draw the answers of a task uniformly from 1 to what it would get otherwise.",
)
@click.option("--class-prior", metavar="W,W,...", help="Weights of the classes: 6,3,1.")
@click.option(
    "--class-concentration",
    type=float,
    help="Draw the class prior from a symmetric Dirichlet of this concentration.",
)
@click.option(
    "--zipf",
    type=float,
    default=0.0,
    show_default=True,
    help="Activity of the r-th busiest worker goes as r^-ZIPF.",
)
@click.option(
    "--drift",
    type=float,
    default=0.0,
    show_default=True,
    help="Mean share of noise by a worker's last answer; negative: at the first.",
)
@click.option(
    "--copiers",
    type=float,
    default=0.0,
    show_default=True,
    help="Share of workers who copy another worker's answers.",
)
@click.option(
    "--copy-rate",
    type=float,
    default=0.9,
    show_default=True,
    help="Probability that a copier copies where it can.",
)
@click.option(
    "--abstain", type=float, default=0.0, show_default=True, help="Mean share of answers not given."
)
@click.option(
    "--stream",
    type=click.Choice(["auto", "published", "fast"]),
    default="auto",
    show_default=True,
    help="Random stream: of the published package (slower), vectorised, or by size.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Seed.")
@click.option("--images", is_flag=True, help="Make an image (a digit) for each task as well.")
@click.option(
    "--output",
    type=LocalPath(dir_okay=False),
    help="Parquet file for the answers (task, worker, label), instead of FOLDER/answers.json.",
)
@click.option("--verbose", is_flag=True, help="Say more about what was drawn, on stderr.")
@click.option(
    "--list",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_list_models,
    help="List the models and their options.",
)
@json_option
def simulate(
    strategy: str,
    options: tuple[str, ...],
    folder: Path,
    images: bool,
    output: Path | None,
    verbose: bool,
    as_json: bool,
    **given: Any,
) -> None:
    """Simulate the answers of a crowd, and save them with everything that is true about it.

    Writes answers.json, metadata.json and ground_truth.npy in FOLDER, and, where the model has
    them, matrices.npy, difficulties.npy, student_teacher_association.npy and others.
    """
    from peerannot._options import parse_pairs
    from peerannot.errors import ParameterError
    from peerannot.simulation import SIMULATIONS, Crowd, build, save, save_with_images

    if output is not None and output.suffix != ".parquet":
        raise ParameterError(
            f"--output {output}: answers are written as Parquet; name a .parquet file"
        )
    of_model = {k: v for k in _OF_MODELS if (v := given.pop(k)) is not None}
    known = SIMULATIONS[strategy.partition("[")[0]].__dataclass_fields__
    for key in [k for k in of_model if k not in known]:
        note(f"Note: --{key.replace('_', '-')} has no effect on {strategy}")
        del of_model[key]
    typed = parse_pairs(options)
    twice = sorted(of_model.keys() & typed.keys())
    if twice:
        raise ParameterError(f"{twice[0]} is given as an option and by -P; give it once")
    model = build(strategy, typed | {k: str(v) for k, v in of_model.items()})
    crowd = Crowd(**given)
    with spoken_warnings(), progress_bar(model.name) as progress:
        simulation = model.draw(crowd, progress=progress)
        if images:
            written = save_with_images(simulation, folder, parquet=output, progress=progress)
        else:
            written = save(simulation, folder, parquet=output)
    if verbose:
        _say_more(simulation)
    if as_json:
        answers = simulation.answers
        emit_json(
            "simulate",
            {
                "strategy": simulation.name,
                "stream": simulation.stream,
                "n_tasks": answers.n_tasks,
                "n_workers": answers.n_workers,
                "n_classes": answers.n_classes,
                "n_answers": answers.n_answers,
                "accuracy": _accuracy(simulation),
                "folder": str(folder),
                "files": [str(path) for path in written],
            },
        )
        return
    emit(f"Saved answers at {written[0]}")
    emit(f"Saved ground truth at {folder / 'ground_truth.npy'}")


def _accuracy(simulation: Simulation) -> float | None:
    """Share of right answers; None where there are no answers."""
    answers = simulation.answers
    if not len(answers):
        return None
    return float((answers.label == simulation.truth[answers.task]).mean())


def _say_more(simulation: Simulation) -> None:
    answers = simulation.answers
    loads, votes = answers.answers_per_worker, answers.answers_per_task
    note(f"{answers.n_answers} answers by {simulation.name}, random stream {simulation.stream}")
    note(f"answers of a worker: {loads.min()} to {loads.max()}, mean {loads.mean():.4g}")
    note(f"answers of a task: {votes.min()} to {votes.max()}, mean {votes.mean():.4g}")
    accuracy = _accuracy(simulation)
    if accuracy is not None:
        note(f"right answers: {accuracy:.1%}")
    for stem, array in simulation.arrays().items():
        note(f"{stem}.npy: {' x '.join(map(str, array.shape))} {array.dtype}")
