"""What is asked of options, whatever has them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from typing import Any

from peerannot._options import describe
from peerannot.checks.check import must, must_raise
from peerannot.errors import ParameterError

__all__ = ["must_refuse_bad_options"]


def must_refuse_bad_options(cls: type, use: Callable[[Any], object]) -> None:
    """Ask that ``use(cls(option=bad))`` ends in a ParameterError for every option."""
    must(is_dataclass(cls), f"{cls.__name__} is no dataclass")
    bare = {f.name for f in fields(cls) if f.init} - {name for name, *_ in describe(cls)}
    must(not bare, f"not made with option(): {', '.join(sorted(bare))}")
    for name, bad in _bad_values(cls):
        must_raise(
            ParameterError, name, lambda name=name, bad=bad: use(cls(**{name: bad})),  # type: ignore[misc]
            instead=f"{name}={bad!r} is taken",
        )  # fmt: skip


def _bad_values(cls: Any) -> list[tuple[str, Any]]:
    """For each option, values just outside its limits, and one of a wrong type."""
    out: list[tuple[str, Any]] = []
    for field in fields(cls):
        limits = field.metadata["option"]
        step: float = 1 if isinstance(field.default, int) else 1e-6
        if limits.at_least is not None:
            out.append((field.name, limits.at_least - step))
        if limits.above is not None:
            out.append((field.name, limits.above))
        if limits.at_most is not None:
            out.append((field.name, limits.at_most + step))
        if limits.below is not None:
            out.append((field.name, limits.below))
        if isinstance(field.default, float):
            out.append((field.name, math.nan))
        out.append((field.name, object()))
    return [(n, int(v) if isinstance(v, float) and v == -1.0 else v) for n, v in out]
