"""Names of a package that are resolved when they are asked for."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

__all__ = ["resolve"]


def resolve(package: str, name: str, homes: Mapping[str, str]) -> Any:
    """An attribute of a package from the module below it that has it.

    Parameters
    ----------
    homes
        Modules by attribute, as dotted names below the package.

    Raises
    ------
    AttributeError
        No module has such a name.
    """
    if name not in homes:
        raise AttributeError(f"module {package!r} has no attribute {name!r}")
    return getattr(import_module(f"{package}.{homes[name]}"), name)
