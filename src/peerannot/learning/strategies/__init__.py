"""End-to-end strategies: a network and its annotators learned together, one file a strategy."""

from __future__ import annotations

from peerannot._registry import names

__all__ = ["strategy_names"]


def strategy_names() -> list[str]:
    """Names of the end-to-end strategies, known without PyTorch."""
    return names(__name__)
