"""Names of strategies, and how a typed name becomes a fitted one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from peerannot._options import from_text, parse_spec
from peerannot._progress import Progress
from peerannot._registry import Registry, import_siblings
from peerannot.answers import Answers

if TYPE_CHECKING:
    from peerannot.aggregation.base import Strategy
    from peerannot.aggregation.result import Result

__all__ = ["STRATEGIES", "aggregate", "build"]


def _load() -> None:
    import_siblings("peerannot.aggregation")


STRATEGIES: Registry[type[Strategy]] = Registry("strategy", _load)


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
