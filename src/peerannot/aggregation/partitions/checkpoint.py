"""Where iterations are kept, so that a fit that was cut off goes on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

__all__ = ["NOWHERE", "Checkpoint"]


class Checkpoint(Protocol):
    """Keeps the state of a fit: arrays, numbers and texts, with ``n_iter`` and ``objective``."""

    def load(self) -> Mapping[str, Any] | None:
        """What was saved last; None to begin."""

    def save(self, state: dict[str, Any]) -> None:
        """Told the state after every iteration; it need not keep each."""


class _Nowhere:
    def load(self) -> None:
        return None

    def save(self, state: dict[str, Any]) -> None:
        pass


NOWHERE: Checkpoint = _Nowhere()
