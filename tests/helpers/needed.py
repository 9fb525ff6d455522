"""Strategies of the registry by name, with what they cannot be without."""

from __future__ import annotations

from typing import Any

from peerannot.aggregation import STRATEGIES
from peerannot.aggregation.base import Strategy
from peerannot.answers import Answers
from peerannot.checks import strategies


def ready(name: str, answers: Answers, **options: Any) -> Strategy:
    """The strategy with the options that it needs for these answers."""
    return strategies.ready(STRATEGIES[name], answers, **options)[0]


def needed_to_fit(name: str, answers: Answers) -> dict[str, Any]:
    """The arguments of fit that it needs for these answers."""
    return strategies.ready(STRATEGIES[name], answers)[1]
