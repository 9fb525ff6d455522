"""Answers as a small table for notebooks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

__all__ = ["SHOWN", "answers_html", "table_html"]

SHOWN = 5  # answers of a table

_LONGEST = 60


def table_html(
    caption: str, head: Sequence[str], rows: Iterable[Sequence[Any]], foot: str = ""
) -> str:
    """A plain HTML table; every text is escaped, long ones are cut."""
    out = [f"<table><caption>{_text(caption)}</caption><thead><tr>"]
    out += [f'<th scope="col">{_text(name)}</th>' for name in head]
    out.append("</tr></thead><tbody>")
    for row in rows:
        cells = "".join(f"<td>{_text(value)}</td>" for value in row)
        out.append(f"<tr>{cells}</tr>")
    out.append("</tbody></table>")
    return "".join(out) + (f"<p>{_text(foot)}</p>" if foot else "")


def _text(value: Any) -> str:
    from html import escape  # its table of entities is large, and only notebooks show tables

    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    return escape(text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…")


def answers_html(
    answers: Sequence[tuple[str, str, str]],
    n_answers: int,
    n_workers: int,
    n_tasks: int,
    n_classes: int,
) -> str:
    """Counts, and the first answers: task, worker and label."""
    caption = (
        f"Answers: {n_answers:,} of {n_workers:,} workers to {n_tasks:,} tasks"
        f" in {n_classes:,} classes"
    )
    more = n_answers - len(answers)
    return table_html(caption, ("task", "worker", "label"), answers, f"{more:,} more" * (more > 0))
