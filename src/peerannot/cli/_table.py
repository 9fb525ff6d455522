"""Tables on stdout: drawn for people on a terminal, plain columns in a pipe."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["print_table"]


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table, its first column to the left and the others to the right."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from peerannot._text import one_line
    from peerannot.cli._terminal import write

    def cell(text: str) -> Text:
        return Text(one_line(text))

    console = Console()
    if not console.is_terminal:
        # A pipe has no width to fit: no cell may be cut or wrapped there.
        console = Console(width=1000)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for i, name in enumerate(header):
        table.add_column(cell(name), justify="left" if i == 0 else "right", no_wrap=i == 0)
    for row in rows:
        table.add_row(*map(cell, row))
    with console.capture() as drawn:
        console.print(table)
    write(drawn.get())
