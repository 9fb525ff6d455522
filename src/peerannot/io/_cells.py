"""A cell as text, whatever type it came in."""

from __future__ import annotations

from typing import Any

__all__ = ["cell_text"]


def cell_text(value: Any) -> str | None:
    """A cell as text, as a CSV file would have it; None where it is empty."""
    if value is None or value != value:
        return None
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
