"""Where commands that draw curves of accuracy write them: a table, and a figure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from peerannot.cli._common import must_write_csv, note
from peerannot.cli._paths import LocalPath

__all__ = ["CurveFiles", "curve_options"]

F = TypeVar("F", bound=Callable[..., Any])


def curve_options(function: F) -> F:
    """``--output``, ``--figure`` and ``--force``: the fields of `CurveFiles`."""
    file = LocalPath(dir_okay=False)
    for decorate in (
        click.option("--force", is_flag=True, help="Overwrite the outputs."),
        click.option("--figure", type=file, help="Draw the curves here (.png, .svg, .pdf)."),
        click.option(
            "--output", "-o", type=file, help="Write the curves here (.csv, .parquet, .tsv)."
        ),
    ):
        function = decorate(function)
    return function


@dataclass(frozen=True)
class CurveFiles:
    """What `curve_options` gave.

    Raises
    ------
    ParameterError
        A file is there already, or its ending is of no kind that can be written.
    """

    output: Path | None
    figure: Path | None
    force: bool

    def __post_init__(self) -> None:
        from peerannot._figures import FIGURES
        from peerannot.io import may_write

        must_write_csv(self.output)
        if self.output is not None:
            may_write(self.output, force=self.force)
        if self.figure is not None:
            may_write(self.figure, force=self.force, suffixes=FIGURES)

    def write(self, table: Callable[[], dict[str, Any]], draw: Callable[[Path], Path]) -> None:
        """Write those that were asked for."""
        from peerannot.io import write_table

        if self.output is not None:
            write_table(self.output, table())
        if self.figure is not None:
            draw(self.figure)

    def tell(self) -> None:
        """Say where they are."""
        for path in (self.output, self.figure):
            if path is not None:
                note(str(path))
