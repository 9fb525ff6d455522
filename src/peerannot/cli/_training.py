"""Options and output that ``train`` and ``aggregate-deep`` share."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import sys
import typing
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from peerannot.cli._common import emit, emit_json, note
from peerannot.cli._paths import LocalPath
from peerannot.learning import TrainOptions

if TYPE_CHECKING:
    from peerannot.learning import TrainReport

__all__ = [
    "dataset_options",
    "first_process_prints",
    "show_report",
    "take_options",
    "training_options",
]

F = TypeVar("F", bound=Callable[..., Any])

_SHORT = {"optimizer": ("-optim",), "milestones": ("-m",), "device": ("--accelerator",)}


def dataset_options(function: F) -> F:
    """``-K``, ``-o``, ``--metadata_path``, ``--path-remove``, ``--resume``."""
    for decorate in (
        click.option(
            "--resume", is_flag=True, help="Go on from the checkpoint of an interrupted run."
        ),
        click.option(
            "--path-remove",
            type=LocalPath(dir_okay=False),
            help="Pruning file of tasks to leave out.",
        ),
        click.option(
            "--metadata_path",
            "--metadata-path",
            type=LocalPath(dir_okay=False),
            help="Metadata, when not DATASET/metadata.json.",
        ),
        click.option(
            "--n-classes", "-K", type=int, help="Number of classes; by default the metadata's."
        ),
    ):
        function = decorate(function)
    return function


def training_options(function: F) -> F:
    """One option for each field of `TrainOptions`, with its default and help."""
    hints = typing.get_type_hints(TrainOptions)
    for field in reversed(dataclasses.fields(TrainOptions)):
        name = "--" + field.name.replace("_", "-")
        facts: dict[str, Any] = {"default": field.default, "show_default": True}
        hint = hints[field.name]
        if field.name == "scheduler":
            # Bare, it means multistep; a value that is none of the three, a constant rate.
            facts |= {"type": str, "is_flag": False, "flag_value": "multistep"}
            facts["metavar"] = "[multistep|cosine|none]"
        elif field.name == "milestones":
            facts |= {"type": int, "multiple": True}
        elif hint is bool:
            facts |= {"is_flag": True, "show_default": False}
        elif typing.get_origin(hint) is typing.Literal:
            facts["type"] = click.Choice(typing.get_args(hint), case_sensitive=False)
        else:
            facts["type"] = _plain_type(hint)
        help_text = field.metadata["option"].help
        decls = (name, *_SHORT.get(field.name, ()))
        function = click.option(*decls, field.name, help=help_text, **facts)(function)
    return function


def _plain_type(hint: Any) -> Any:
    """The type behind ``int | None`` and its like, as click takes it."""
    members = [m for m in typing.get_args(hint) or (hint,) if m is not type(None)]
    return LocalPath(dir_okay=False) if Path in members else members[0]


def take_options(values: dict[str, Any]) -> TrainOptions:
    """Pop the fields of `TrainOptions` from the values that click read."""
    # PyTorch's notes to programmers help no user. It looks here when it is imported.
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
    taken = {field.name: values.pop(field.name) for field in dataclasses.fields(TrainOptions)}
    scheduler = taken["scheduler"].strip().casefold()
    if scheduler not in ("multistep", "cosine", "none"):
        if scheduler != "constant":
            note(f"--scheduler {taken['scheduler']}: neither multistep nor cosine: constant rate")
        scheduler = "none"
    options = TrainOptions(**{**taken, "scheduler": scheduler})
    options.validate()
    return options


@contextlib.contextmanager
def first_process_prints(options: TrainOptions) -> Iterator[None]:
    """Of several processes only the first speaks; the others say one line where they fail."""
    rank = _rank(options)
    if not rank:
        yield
        return
    with Path(os.devnull).open("w") as nowhere:
        loud, sys.stdout, sys.stderr = (sys.stdout, sys.stderr), nowhere, nowhere
        try:
            yield
        except Exception as error:
            sys.stdout, sys.stderr = loud
            why = " ".join(str(error).split())[:200]
            note(f"process {rank}: {why}")
            # The first process says the same, or why it stopped.
            sys.exit(getattr(error, "exit_code", 1))
        finally:
            sys.stdout, sys.stderr = loud


def _rank(options: TrainOptions) -> int:
    """Number of this process, 0 for the first, before anything was launched."""
    env = os.environ
    if "RANK" in env and "LOCAL_WORLD_SIZE" in env:
        return int(env["RANK"])
    if options.devices * options.num_nodes == 1:
        return 0
    local = int(env.get("LOCAL_RANK", env.get("SLURM_PROCID", 0)))
    return local + options.devices * int(env.get("NODE_RANK", 0))


def show_report(command: str, report: TrainReport, as_json: bool) -> None:
    """The results in short, or as one JSON document."""
    results = report.results
    if as_json:
        emit_json(
            command,
            {
                "results": dict(results),
                "results_file": str(report.results_file),
                "weights_file": str(report.weights_file),
                "model_file": str(report.model_file),
                "worker_files": [str(path) for path in report.worker_files],
                "figure_files": [str(path) for path in report.figure_files],
                "resumed_at": report.resumed_at,
            },
        )
        return
    epochs, best = len(results["val_loss"]), results["best_epoch"]
    steps = f"{epochs} epochs; best epoch {best}"
    if "l2" in results:
        steps = f"head solved for {epochs} penalties; best {results['l2'][best - 1]:.3g}"
    note(
        f"{results['options']['model']}: {results['n_train']} images, {steps}"
        f" with validation loss {results['val_loss'][best - 1]:.4f},"
        f" accuracy {results['val_accuracy'][best - 1]:.2f} %"
    )
    if results["test_accuracy"] is not None:
        note(
            f"test accuracy {results['test_accuracy']:.2f} %, loss {results['test_loss']:.4f},"
            f" ECE {results['test_ece']:.4f}"
        )
    files = (report.results_file, report.weights_file, report.model_file)
    for path in (*files, *report.worker_files, *report.figure_files):
        emit(str(path))
