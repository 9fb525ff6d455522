"""How long work tells how far it is, without knowing who listens."""

from __future__ import annotations

from typing import Protocol

__all__ = ["Progress", "silent"]


class Progress(Protocol):
    """Called with the steps done, the steps in all (None when unknown) and a short text."""

    def __call__(self, done: int, total: int | None = None, text: str = "") -> None: ...


def silent(done: int, total: int | None = None, text: str = "") -> None:
    """Tell nobody."""
