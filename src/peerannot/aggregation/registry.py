"""Names of strategies, and how a typed name becomes a fitted one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from peerannot._registry import Registry
from peerannot.aggregation.frames import shown
from peerannot.errors import ParameterError

if TYPE_CHECKING:
    from peerannot.aggregation.base import Strategy

__all__ = ["STRATEGIES", "build"]


STRATEGIES: Registry[type[Strategy]] = Registry("strategy", "peerannot.aggregation")


def build(spec: str, options: Mapping[str, str] | None = None) -> Strategy:
    """A strategy from what a user types: ``"DS[max_iter=50]"``, and options given apart.

    Raises
    ------
    ParameterError
        The name or an option is unknown, or a value is out of its range.
    """
    if not isinstance(spec, str):
        raise ParameterError(
            f"strategy must be a name such as 'DS[max_iter=50]', not {shown(spec)}"
        )
    return STRATEGIES.build(spec, options)
