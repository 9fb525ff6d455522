"""Names of strategies, and how a typed name becomes a fitted one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from peerannot._options import from_text, parse_spec
from peerannot._progress import Progress
from peerannot._registry import Registry, import_all
from peerannot.answers import Answers

if TYPE_CHECKING:
    from peerannot.aggregation.base import Strategy
    from peerannot.aggregation.result import Result

__all__ = ["HOMES", "STRATEGIES", "aggregate", "build"]

# Public class: the module of this package that holds it. A new strategy is one line here.
HOMES: dict[str, str] = {
    "DawidSkene": "dawid_skene",
    "MajorityVote": "votes",
    "NaiveSoft": "votes",
    "Strategy": "base",
    "TwoThird": "votes",
    "Wawa": "wawa",
    "WeightedDawidSkene": "dawid_skene",
}

STRATEGIES: Registry[type["Strategy"]] = Registry(
    "strategy",
    import_all(sorted({f"peerannot.aggregation.{m}" for m in HOMES.values()})),
)


def build(spec: str, options: Mapping[str, str] | None = None) -> Strategy:
    """A strategy from what a user types: ``"DS[max_iter=50]"``, and options given apart.

    Raises
    ------
    ParameterError
        The name or an option is unknown, or a value is out of its range.
    """
    name, bracketed = parse_spec(spec)
    return from_text(STRATEGIES[name], {**bracketed, **(options or {})})


def aggregate(
    answers: Answers,
    strategy: str = "majority-vote",
    *,
    gold: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> Result:
    """Fit the strategy of this name (options in brackets) to the answers."""
    return build(strategy).fit(answers, gold=gold, progress=progress)
