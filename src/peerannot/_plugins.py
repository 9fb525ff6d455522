"""What other distributions add to peerannot: entry points, looked at only when they may matter."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

__all__ = ["GROUPS", "distribution_of", "plugins"]

GROUPS = {
    "peerannot.aggregation": "peerannot.strategies",
    "peerannot.allocation": "peerannot.policies",
    "peerannot.identification": "peerannot.methods",
    "peerannot.io.formats": "peerannot.formats",
    "peerannot.io.writers": "peerannot.writers",
    "peerannot.learning.strategies": "peerannot.end_to_end",
    "peerannot.simulation.models": "peerannot.simulations",
}
"""The group of entry points that adds to what a package of peerannot registers."""


def plugins(package: str) -> list[EntryPoint]:
    """What distributions offer beside a package, in order of name; nothing of it is imported.

    Cost: the metadata of all distributions are read, some .2 ms each.
    """
    group = GROUPS.get(package)
    if group is None:
        return []
    from importlib.metadata import entry_points

    return sorted(entry_points(group=group), key=lambda entry: entry.name)


def distribution_of(entry: EntryPoint) -> str:
    """Name and version of the distribution that an entry point is of."""
    return f"{entry.dist.name} {entry.dist.version}" if entry.dist else "an unknown distribution"
