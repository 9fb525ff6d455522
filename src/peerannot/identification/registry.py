"""Names of identification methods."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from peerannot._registry import Registry

if TYPE_CHECKING:
    from peerannot.identification.base import Method

__all__ = ["METHODS", "build"]


METHODS: Registry[type[Method]] = Registry("identification method", "peerannot.identification")


def build(spec: str, options: Mapping[str, str] | None = None) -> Method:
    """A method from what a user types: ``"krippendorffAlpha[metric=ordinal]"``, and more options.

    Raises
    ------
    ParameterError
        The name or an option is unknown, or a value is out of its range.
    """
    return METHODS.build(spec, options)
