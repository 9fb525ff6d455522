"""``peerannot install``: build a dataset with its recipe."""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Iterator
from typing import Any

import click
from click.core import ParameterSource

from peerannot._progress import Progress
from peerannot.cli._common import emit, emit_json, json_option, progress_bar
from peerannot.cli._paths import LocalPath
from peerannot.cli._terminal import Notes

__all__ = ["install", "late_bar", "spoken"]

PATH = LocalPath(path_type=str)


@contextlib.contextmanager
def spoken() -> Iterator[None]:
    """Print what installing logs, line by line on stderr."""
    logger = logging.getLogger("peerannot.dataset")
    level, notes = logger.level, Notes()
    logger.setLevel(logging.INFO)
    logger.addHandler(notes)
    # The command line listens to all loggers: nothing is to be said twice.
    logger.propagate = False
    try:
        yield
    finally:
        logger.propagate = True
        logger.removeHandler(notes)
        logger.setLevel(level)


@contextlib.contextmanager
def late_bar(title: str) -> Iterator[Progress]:
    """A bar that appears when something is told, since a user's recipe may draw its own."""
    with contextlib.ExitStack() as stack:
        bar: list[Progress] = []

        def tell(done: int, total: int | None = None, text: str = "") -> None:
            if not bar:
                bar.append(stack.enter_context(progress_bar(title)))
            bar[0](done, total, text)

        yield tell


@click.command()
@click.argument("path", type=PATH)
@click.option("--no-task", is_flag=True, help="There are no images: only make answers.json.")
@click.option(
    "--answers-format",
    type=click.IntRange(0, 2),
    default=0,
    show_default=True,
    help="Form of --answers: 0 text matrix (tasks x workers, -1 = no vote), 1 JSON task -> worker,"
    " 2 JSON worker -> task.",
)
@click.option("--answers", type=PATH, default="", help="File of the votes.")
@click.option("--metadata", type=PATH, default="", help="JSON file to complete.")
@click.option("--label-names", type=PATH, default="", help="Text file, one class per line.")
@click.option(
    "--files-path",
    type=PATH,
    default="",
    help="Text file of the train images' names, in the order of the votes.",
)
@click.option("--train-path", type=PATH, default="", help="Folder of the train images.")
@click.option(
    "--test-ground-truth-format",
    type=click.IntRange(-1, 2),
    default=-1,
    show_default=True,
    help="Form of --test-ground-truth; -1 is the same as --answers-format.",
)
@click.option(
    "--test-ground-truth",
    type=PATH,
    default="",
    help="File of the test labels; by default the class folders tell them.",
)
@click.option("--test-path", type=PATH, default="", help="Folder of the test images.")
@click.option(
    "--val-path",
    type=PATH,
    default="",
    help="Folder of the validation images; by default a seeded fifth of the train images.",
)
@json_option
@click.pass_context
def install(ctx: click.Context, /, path: str, as_json: bool, **options: Any) -> None:
    """Install a dataset: run the recipe PATH, a Python file.

    The recipe's first class is made and its setfolders() and get_crowd_labels() are run. A recipe
    is code: run only those that you trust. Downloads are kept in PEERANNOT_CACHE, and are taken
    from PEERANNOT_MIRROR where that is set.

    The options below belong to customDataset.py, which makes a dataset in the current folder out
    of your own images (folders <class>/<image>) and votes.
    """
    from peerannot.dataset import CUSTOM, run_recipe

    custom = path.replace("\\", "/").rpartition("/")[2] == CUSTOM
    given = [n for n in options if ctx.get_parameter_source(n) is not ParameterSource.DEFAULT]
    if given and not custom:
        raise click.UsageError(f"--{given[0].replace('_', '-')} is for {CUSTOM} only", ctx)
    # A program reads stdout under --json, so what a recipe prints goes to the people.
    elsewhere = contextlib.redirect_stdout(sys.stderr) if as_json else contextlib.nullcontext()
    with spoken(), late_bar("install") as progress, elsewhere:
        done = run_recipe(path, options if custom else None, progress=progress)
    if as_json:
        emit_json("install", {"recipe": done.recipe, "folder": str(done.folder)})
    else:
        emit(f"{done.recipe} is installed in {done.folder}")
