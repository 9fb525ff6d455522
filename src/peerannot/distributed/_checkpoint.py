"""Where a fit on partitions saves how far it is, so that another run may go on."""

from __future__ import annotations

from typing import Any, Protocol

__all__ = ["Checkpoint", "NoCheckpoint"]


class Checkpoint(Protocol):
    """Parameters of the last iterations of a fit.

    A state is a dictionary of arrays, numbers, strings and lists of numbers. It has ``n_iter``
    and ``objective`` (a list), and whatever the model needs to go on as if it had not stopped.
    What partitions keep (`Parts.advance`) is saved and restored with it, by the engine.
    """

    def load(self) -> dict[str, Any] | None:
        """The state that an earlier run of the same fit saved; None at the start of a fit."""

    def save(self, state: dict[str, Any]) -> None:
        """Called after every iteration; whether it is written is decided here."""


class NoCheckpoint:
    """Saves nothing."""

    def load(self) -> dict[str, Any] | None:
        return None

    def save(self, state: dict[str, Any]) -> None:
        return None
