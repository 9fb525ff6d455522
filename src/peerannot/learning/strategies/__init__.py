"""End-to-end strategies: a network and its annotators learned together, one file a strategy."""

from __future__ import annotations

from peerannot._registry import registered

__all__ = ["strategy_names"]


def strategy_names() -> list[str]:
    """Names of the end-to-end strategies, known without PyTorch."""
    return sorted(found.name for found in registered(__name__))
