"""The report in words."""

from __future__ import annotations

from typing import Any

from peerannot.report._format import average, count, counted, score, share

__all__ = ["sentences"]


def sentences(document: dict[str, Any]) -> list[str]:
    """Two or three short paragraphs that a person can read instead of the figures."""
    totals = document["totals"]
    if not totals["answers"]:
        return [f"{counted(totals['tasks'], 'task')} and no answers yet: there is nothing to tell."]
    paragraphs = [_who(document), _agree(document), _labels(document)]
    return [p for p in paragraphs if p]


def _range(bars: list[list[Any]], mean: float) -> str:
    """`6`, or `6.2 on average`, for the bars of a histogram of whole numbers."""
    low, high = bars[0][0], bars[-1][1]
    return count(low) if low == high else f"{average(mean)} on average"


def _who(document: dict[str, Any]) -> str:
    totals, bars = document["totals"], document["bars"]
    per_task = _range(bars["answers_per_task"], totals["answers"] / totals["tasks"])
    per_worker = _range(bars["answers_per_worker"], totals["answers"] / totals["workers"])
    text = (
        f"{counted(totals['workers'], 'worker')} gave {counted(totals['answers'], 'answer')}"
        f" to {counted(totals['tasks'], 'task')} in {count(totals['classes'])}"
        f" {'class' if totals['classes'] == 1 else 'classes'}:"
        f" {per_task} a task, {per_worker} a worker."
    )
    if totals["unanswered"]:
        text += f" {counted(totals['unanswered'], 'task')} got no answer."
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
        ""
        if alpha["low"] is None
        else f", 95% interval {score(alpha['low'])} to {score(alpha['high'])}"
    )
    text = (
        f"{verdict} (Krippendorff's alpha {score(alpha['value'])}{between}), and are unanimous on"
        f" {share(totals['unanimous'] / max(totals['repeated'], 1))} of the tasks that"
        " several answered."
    )
    pairs = document["confusion"]["pairs"]
    if pairs:
        label, answer, _, part = pairs[0]
        names = document["classes"]
        text += (
            f" What they mix up most: {names[label]} called {names[answer]}"
            f" ({share(part)} of the answers to such tasks)."
        )
    return text


def _labels(document: dict[str, Any]) -> str:
    totals = document["totals"]
    name = document["strategies"][document["main"]]["name"]
    text = f"The labels shown are those of {name}."
    if document["why_main"]:
        text = f"The labels shown are those of {name}: {document['why_main']}."
    decided = totals["tasks"] - totals["unanswered"] - totals["undecided"]
    text += (
        f" {count(totals['ambiguous'])} of the {counted(decided, 'task')} with a label"
        f" {'is' if totals['ambiguous'] == 1 else 'are'} ambiguous: confidence under"
        f" {share(document['ambiguous_below'])}."
    )
    if totals["accuracy"] is not None:
        text += (
            f" {share(totals['accuracy'])} of the labels are right by {totals['checked_by']}"
            f" ({counted(totals['known'], 'task')})."
        )
    if totals["flagged"]:
        text += (
            f" {counted(totals['flagged'], 'worker')} of {count(totals['workers'])} should be"
            " looked at: near chance, always the same class, or straight-lining."
        )
    return text
