"""From votes to labels: the strategies, and the `Result` that each returns.

To add a strategy, write one file here with a class under ``@STRATEGIES.register(...)``. The
registry imports every module of this package, so command line, lists and contract tests pick it
up, and ``from peerannot.aggregation import YourStrategy`` works.
"""

from typing import Any

from peerannot.aggregation.registry import STRATEGIES, aggregate, build
from peerannot.aggregation.result import Diagnostics, Result

__all__ = ["STRATEGIES", "Diagnostics", "Result", "aggregate", "build"]


def __getattr__(name: str) -> Any:
    if name[:1].isupper():
        for strategy in map(STRATEGIES.__getitem__, STRATEGIES):
            if strategy.__name__ == name:
                return strategy
    raise AttributeError(f"module 'peerannot.aggregation' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, *(STRATEGIES[name].__name__ for name in STRATEGIES)])
