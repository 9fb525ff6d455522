"""From votes to labels: the strategies, and the `Result` that each returns.

To add a strategy, write one file here with a class registered by ``@STRATEGIES.register(...)``
and name it in `registry.MODULES`; command line, contract tests and lists pick it up.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from peerannot.aggregation.registry import HOMES, STRATEGIES, aggregate, build
from peerannot.aggregation.result import Diagnostics, Result

if TYPE_CHECKING:
    from peerannot.aggregation.base import Strategy
    from peerannot.aggregation.dawid_skene import DawidSkene
    from peerannot.aggregation.votes import MajorityVote, NaiveSoft, TwoThird

__all__ = ["STRATEGIES", "Diagnostics", "Result", "aggregate", "build", *sorted(HOMES)]


def __getattr__(name: str) -> Any:
    if name in HOMES:
        return getattr(import_module(f"peerannot.aggregation.{HOMES[name]}"), name)
    raise AttributeError(f"module 'peerannot.aggregation' has no attribute {name!r}")
