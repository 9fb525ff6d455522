"""The order of classes: numbers are ordered as numbers."""

from __future__ import annotations

import re
from collections.abc import Collection
from decimal import Decimal

from peerannot._text import natural_key

__all__ = ["in_class_order", "is_number"]

_NUMBER = r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)"
_ALL = re.compile(rf"{_NUMBER}(?:[eE][-+]?[0-9]{{1,4}})?")
_START = re.compile(_NUMBER)


def in_class_order(names: Collection[str]) -> list[str]:
    """Names of classes in order: by value where all are numbers (``-2``, ``0.5``, ``1e3``), by
    the number they begin with where all have one (``1 - poor``, ``10 - best``), else as
    `natural_key` has them."""
    for find in (_ALL.fullmatch, _START.match):
        keyed = []
        for name in names:
            found = find(name)
            if found is None:
                break
            keyed.append((Decimal(found.group()), name))
        else:
            return [name for _, name in sorted(keyed)]
    return sorted(names, key=natural_key)


def is_number(text: str) -> bool:
    """Whether a name is a number as programs write them: ``-2``, ``0.5``, ``1e3``."""
    return _ALL.fullmatch(text) is not None
