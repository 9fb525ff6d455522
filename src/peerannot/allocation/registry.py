"""Names of policies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from peerannot._registry import Registry

if TYPE_CHECKING:
    from peerannot.allocation.base import Policy

__all__ = ["POLICIES", "build"]


POLICIES: Registry[type[Policy]] = Registry("policy", "peerannot.allocation")


def build(spec: str, options: Mapping[str, str] | None = None) -> Policy:
    """A policy from what a user types: ``"uniform[seed=1]"``, and more options.

    Raises
    ------
    ParameterError
        The name or an option is unknown, or a value is out of its range.
    """
    return POLICIES.build(spec, options)
