"""What was found, in sentences."""

from __future__ import annotations

from collections.abc import Sequence

from peerannot.predictive.significance import Assumed, Statistic

__all__ = ["percent", "sentence"]

_FAILS: dict[Assumed, str] = {
    "difficulty": "tasks differ in difficulty",
    "dependence": "workers are not independent",
    "skill": "skills are not as {model} has them",
}
_HOLDS: dict[Assumed, str] = {
    "difficulty": "no sign that tasks differ in difficulty beyond {model}",
    "dependence": "no sign that workers depend on each other",
    "skill": "no sign that skills are other than {model} has them",
}
_ITEMS: dict[Assumed, str] = {
    "difficulty": "{n} of {of} tasks are harder than it has them",
    "dependence": "{n} of {of} pairs go together",
    "skill": "{n} of {of} workers give other labels than it expects",
}


def sentence(
    model: str,
    name: Assumed,
    statistics: Sequence[Statistic],
    *,
    rejected: bool,
    relaxed_by: str | None,
    error: float | None,
    stated: float,
    flagged: int,
    n_items: int,
    matters: bool,
) -> str:
    """What became of an assumption, how far off it is, and what to do."""
    if not statistics:
        return f"Nothing can be said of this: {_claim(_FAILS[name], model)} cannot be measured."
    if not rejected:
        p_value = min(s.p_adjusted for s in statistics)
        return f"{_claim(_HOLDS[name], model)} (p = {p_value:.3f})."
    worst = min(statistics, key=lambda s: (s.p_adjusted, -(s.observed - s.expected) / s.spread))
    told = [
        f"{_claim(_FAILS[name], model)} ({worst.meaning} {worst.observed:.3g}, in replicates"
        f" {worst.expected:.2g} ± {worst.spread:.2g}, p = {worst.p_adjusted:.3f})"
    ]
    if n_items:
        told.append(_ITEMS[name].format(n=flagged, of=n_items))
    if relaxed_by is None:
        told.append("no strategy here drops this assumption alone")
    elif error is None:
        told.append(f"{relaxed_by} relaxes this, but cannot be fitted to these answers")
    else:
        told.append(
            f"by {relaxed_by}, which relaxes this, {percent(error)} of the labels are wrong, where"
            f" {model} says {percent(stated)}"
            + (f": use {relaxed_by}" if matters else ", too few more to matter" * (error > stated))
        )
    return "; ".join(told) + "."


def percent(share: float) -> str:
    """A share as people read it."""
    return f"{100 * share:.1f} %"


def _claim(text: str, model: str) -> str:
    text = text.format(model=model)
    return text[0].upper() + text[1:]
