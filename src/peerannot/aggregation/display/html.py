"""A result as a small table for notebooks."""

from __future__ import annotations

from peerannot.aggregation.found import Found
from peerannot.answers.html import table_html

__all__ = ["result_html"]

_ROWS = 5


def result_html(result: Found) -> str:
    """What was fitted, and the first labels."""
    n = min(_ROWS, len(result.tasks))
    names = [*result.classes, "(undecided)"]
    rows = [
        (
            result.tasks[i],
            names[int(result.labels[i])],
            float(result.confidence[i]),
            int(result.n_answers[i]),
        )
        for i in range(n)
    ]
    state = "" if result.diagnostics.converged else ", not converged"
    caption = (
        f"{result.strategy}: labels of {len(result.tasks):,} tasks in {len(result.classes):,}"
        f" classes, {result.diagnostics.n_iter} iterations{state}"
    )
    more = len(result.tasks) - n
    head = ("task", "label", "confidence", "answers")
    return table_html(caption, head, rows, f"{more:,} more" * (more > 0))
