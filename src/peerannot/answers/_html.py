"""Answers as a small table for notebooks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from peerannot.answers._answers import Answers

__all__ = ["answers_html", "table_html"]

_ROWS = 5
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
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    return escape(text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…")


def answers_html(answers: Answers) -> str:
    """Counts, and the first answers."""
    n = min(_ROWS, answers.n_answers)
    rows = [
        (
            answers.tasks[int(answers.task[i])],
            answers.workers[int(answers.worker[i])],
            answers.classes[int(answers.label[i])],
        )
        for i in range(n)
    ]
    caption = (
        f"Answers: {answers.n_answers:,} of {answers.n_workers:,} workers to"
        f" {answers.n_tasks:,} tasks in {answers.n_classes:,} classes"
    )
    more = answers.n_answers - n
    return table_html(caption, ("task", "worker", "label"), rows, f"{more:,} more" * (more > 0))
