"""From votes to labels: the strategies, and the `Result` that each returns.

To add a strategy, write one file in a folder here with a class under
``@STRATEGIES.register(...)``. The registry finds it by this decorator, so command line, lists and
contract tests pick it up, and ``from peerannot.aggregation import YourStrategy`` works. Another
distribution does the same with an entry point, see ``docs/extending.md``; all that either needs
is exported here.
"""

from typing import TYPE_CHECKING, Any

from peerannot._lazy import resolve
from peerannot._options import option
from peerannot.aggregation.registry import STRATEGIES, build
from peerannot.aggregation.result import Diagnostics, Result

if TYPE_CHECKING:
    from peerannot.aggregation.base import Content, Fit, Fitted, Iterative, Start, Strategy
    from peerannot.aggregation.online.load import load_state
    from peerannot.aggregation.online.state import OnlineState
    from peerannot.aggregation.uncertainty.bootstrap import Bootstrap, bootstrap, with_bootstrap
    from peerannot.aggregation.uncertainty.calibrate import find_calibration
    from peerannot.aggregation.uncertainty.calibration import Calibration, calibrated_result
    from peerannot.aggregation.uncertainty.intervals import (
        Interval,
        accuracy_interval,
        skill_intervals,
        with_intervals,
    )
    from peerannot.aggregation.uncertainty.label_quality import label_quality

__all__ = [
    "STRATEGIES",
    "Bootstrap",
    "Calibration",
    "Content",
    "Diagnostics",
    "Fit",
    "Fitted",
    "Interval",
    "Iterative",
    "OnlineState",
    "Result",
    "Start",
    "Strategy",
    "accuracy_interval",
    "bootstrap",
    "build",
    "calibrated_result",
    "find_calibration",
    "label_quality",
    "load_state",
    "option",
    "skill_intervals",
    "with_bootstrap",
    "with_intervals",
]

# Modules that need every strategy, or SciPy: imported when they are asked for.
_LATER = {
    **dict.fromkeys(("Content", "Fit", "Fitted", "Iterative", "Start", "Strategy"), "base"),
    "label_quality": "uncertainty.label_quality",
    "OnlineState": "online.state",
    "load_state": "online.load",
    "Interval": "uncertainty.intervals",
    "accuracy_interval": "uncertainty.intervals",
    "skill_intervals": "uncertainty.intervals",
    "with_intervals": "uncertainty.intervals",
    "Calibration": "uncertainty.calibration",
    "calibrated_result": "uncertainty.calibration",
    "find_calibration": "uncertainty.calibrate",
    "Bootstrap": "uncertainty.bootstrap",
    "bootstrap": "uncertainty.bootstrap",
    "with_bootstrap": "uncertainty.bootstrap",
}


def __getattr__(name: str) -> Any:
    if (strategy := STRATEGIES.defining(name)) is not None:
        return strategy
    return resolve(__name__, name, _LATER)


def __dir__() -> list[str]:
    return sorted([*__all__, *STRATEGIES.defined()])
