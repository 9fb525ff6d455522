"""Optional dependencies: imported where they are used, with an error that says how to get them."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from peerannot.errors import MissingDependencyError

__all__ = ["require"]


def require(module: str, *, extra: str, feature: str) -> Any:
    """Import ``module`` or say which extra brings it.

    Raises
    ------
    MissingDependencyError
        ``CrowdLayer needs torch: pip install 'peerannot[deep]'``.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise MissingDependencyError(
            f"{feature} needs {module.partition('.')[0]}: pip install 'peerannot[{extra}]'"
        ) from error
