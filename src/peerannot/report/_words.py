"""The report in words."""

from __future__ import annotations

from typing import Any

__all__ = ["sentences"]


def sentences(document: dict[str, Any]) -> list[str]:
    """Two or three short paragraphs that a person can read instead of the figures."""
    totals = document["totals"]
    if not totals["answers"]:
        return [f"{_many(totals['tasks'], 'task')} and no answers yet: there is nothing to tell."]
    paragraphs = [_who(document), _agree(document), _labels(document)]
    return [p for p in paragraphs if p]


def _many(n: int, noun: str) -> str:
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def _percent(share: float) -> str:
    if 0.9995 > share > 0.99 or 0 < share < 0.01:
        return f"{share:.1%}"
    return f"{share:.0%}"


def _range(bars: list[list[Any]], total: float) -> str:
    """`5 to 8, on average 6.2` for the bars of a histogram of whole numbers."""
    low, high = bars[0][0], bars[-1][1]
    return f"{low:,}" if low == high else f"{total:.1f} on average".replace(".0 ", " ")


def _who(document: dict[str, Any]) -> str:
    totals = document["totals"]
    text = (
        f"{_many(totals['workers'], 'worker')} gave {_many(totals['answers'], 'answer')}"
        f" to {_many(totals['tasks'], 'task')} in {totals['classes']:,}"
        f" {'class' if totals['classes'] == 1 else 'classes'}:"
        f" {_range(document['bars']['perTask'], totals['answers'] / totals['tasks'])} a task,"
        f" {_range(document['bars']['perWorker'], totals['answers'] / totals['workers'])} a worker."
    )
    if totals["unanswered"]:
        text += f" {_many(totals['unanswered'], 'task')} got no answer."
    return text


def _agree(document: dict[str, Any]) -> str:
    totals, alpha = document["totals"], document["alpha"]
    if alpha["value"] is None:
        return "Agreement cannot be measured: no task has two answers, or nothing varies."
    if alpha["value"] >= 0.8:
        verdict = "The workers agree well"
    elif alpha["value"] >= 0.667:
        verdict = "The workers agree fairly well"
    else:
        verdict = "The workers often disagree"
    between = (
        "" if alpha["low"] is None else f", 95% interval {alpha['low']:.2f} to {alpha['high']:.2f}"
    )
    text = (
        f"{verdict} (Krippendorff's alpha {alpha['value']:.2f}{between}), and are unanimous on"
        f" {_percent(totals['unanimous'] / max(totals['repeated'], 1))} of the tasks that"
        " several answered."
    )
    pairs = document["confusion"]["pairs"]
    if pairs:
        label, answer, _, share = pairs[0]
        names = document["classes"]
        text += (
            f" What they mix up most: {names[label]} called {names[answer]}"
            f" ({_percent(share)} of the answers to such tasks)."
        )
    return text


def _labels(document: dict[str, Any]) -> str:
    totals = document["totals"]
    name = document["strategies"][document["main"]]["name"]
    text = f"The labels shown are those of {name}."
    if document["whyMain"]:
        text = f"The labels shown are those of {name}: {document['whyMain']}."
    decided = totals["tasks"] - totals["unanswered"] - totals["undecided"]
    text += (
        f" {totals['ambiguous']:,} of the {_many(decided, 'task')} with a label"
        f" {'is' if totals['ambiguous'] == 1 else 'are'} ambiguous: confidence under"
        f" {document['limit']:.0%}."
    )
    if totals["accuracy"] is not None:
        text += (
            f" {_percent(totals['accuracy'])} of the labels are right by {totals['checkedBy']}"
            f" ({_many(totals['known'], 'task')})."
        )
    if totals["flagged"]:
        text += (
            f" {_many(totals['flagged'], 'worker')} of {totals['workers']:,} should be looked at:"
            " near chance, always the same class, or straight-lining."
        )
    return text
