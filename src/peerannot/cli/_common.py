"""What the commands share: options, notes and progress on stderr, JSON on stdout."""

from __future__ import annotations

import contextlib
import json
import re
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

from peerannot._progress import Progress, silent
from peerannot._text import one_line
from peerannot.cli._terminal import emit, note

__all__ = [
    "EqualsCommand",
    "emit",
    "emit_json",
    "json_option",
    "json_text",
    "must_write_csv",
    "note",
    "progress_bar",
    "spoken_warnings",
    "spreadsheet_option",
]

F = TypeVar("F", bound=Callable[..., Any])


class EqualsCommand(click.Command):
    """A command that takes ``-K=5`` as ``-K 5``: users write so, click reads the value ``=5``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, [re.sub(r"^(-[A-Za-z])=", r"\1", arg) for arg in args])


def json_option(function: F) -> F:
    """``--json``: print one document instead of text."""
    decorate = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
    return decorate(function)


def spreadsheet_option(function: F) -> F:
    """``--spreadsheet-safe``: guard every table of CSV that the command writes."""

    def start(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
        if wanted:
            from peerannot._spreadsheet import spreadsheet_safe

            ctx.with_resource(spreadsheet_safe())

    decorate = click.option(
        "--spreadsheet-safe",
        is_flag=True,
        expose_value=False,
        callback=start,
        help="Put an apostrophe before texts in CSV that a spreadsheet would run as formulas;"
        " it changes such ids and classes.",
    )
    return decorate(function)


def must_write_csv(*outputs: Path | str | None) -> None:
    """Refuse ``--spreadsheet-safe`` where no output is a table of CSV.

    Raises
    ------
    click.UsageError
        It was given, and none of the outputs ends in ``.csv`` or ``.tsv``.
    """
    from peerannot._spreadsheet import guarding

    if guarding() and not any(str(path).lower().endswith((".csv", ".tsv")) for path in outputs):
        raise click.UsageError("--spreadsheet-safe is for tables of CSV; none is written here")


def emit_json(schema: str, facts: Mapping[str, Any]) -> None:
    """Print one JSON document with its schema: ``peerannot/<command>/1``."""
    emit(json_text(schema, facts))


def json_text(schema: str, facts: Mapping[str, Any]) -> str:
    """The document that `emit_json` prints."""
    return json.dumps({"schema": f"peerannot/{schema}/1", **facts}, allow_nan=False)


@contextlib.contextmanager
def spoken_warnings() -> Iterator[None]:
    """Print warnings as one line each on stderr, instead of Python's two with source code."""

    def show(message: Warning | str, *_: Any, **__: Any) -> None:
        note(f"Warning: {one_line(str(message))}")

    with warnings.catch_warnings():
        warnings.simplefilter("default", UserWarning)
        warnings.showwarning = show
        yield


@contextlib.contextmanager
def progress_bar(title: str) -> Iterator[Progress]:
    """A progress bar on stderr where that is a terminal; silence elsewhere."""
    if not sys.stderr.isatty():
        yield silent
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[text]}", style="dim", markup=False),
    )
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        row = bar.add_task(one_line(title), total=None, text="")

        def update(done: int, total: int | None = None, text: str = "") -> None:
            bar.update(row, completed=done, total=total, text=one_line(text))

        yield update
