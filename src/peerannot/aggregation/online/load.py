"""Read a saved state: files, and the strategy that they name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from peerannot._options import check
from peerannot.aggregation.base import Strategy
from peerannot.aggregation.online.files import read_state
from peerannot.aggregation.online.memory import KeptCounts, KeptRows
from peerannot.aggregation.online.state import OnlineState
from peerannot.aggregation.registry import STRATEGIES
from peerannot.aggregation.uncertainty.calibration import Calibration

__all__ = ["load_state"]

_SETTINGS = ("updates", "duplicates", "decay", "passes", "begin")


def load_state(folder: str | Path) -> OnlineState:
    """Read what `OnlineState.save` wrote.

    Raises
    ------
    DataError
        There is no state, or it is damaged.
    """
    facts, arrays, ids = read_state(Path(folder))

    def part(prefix: str) -> dict[str, NDArray[Any]]:
        return {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}

    kind = KeptCounts if facts["keeps"] == "counts" else KeptRows
    memory = kind.of_arrays(
        part("memory."), ids["tasks"], ids["workers"], ids["classes"], facts["duplicates"]
    )
    return OnlineState(
        _rebuilt(facts["strategy"], facts["options"]),
        memory,
        arrays["gold"],
        part("sums."),
        **{key: facts[key] for key in _SETTINGS},
        calibration=Calibration.of(facts["calibration"]) if "calibration" in facts else None,
    )


def _rebuilt(name: str, options: Mapping[str, Any]) -> Strategy:
    """The strategy of a manifest."""
    cls = STRATEGIES[name]
    known = {f.name for f in fields(cls)}
    strategy = cls(**{key: value for key, value in options.items() if key in known})
    check(strategy)
    return strategy
