"""What peerannot asks of a strategy, a format, a policy or a network of others, for anyone to run.

>>> from peerannot.aggregation import DawidSkene
>>> from peerannot.checks import check_strategy
>>> check_strategy(DawidSkene)  # doctest: +SKIP

`checks_of` gives the same checks one by one, for a test a check::

    @pytest.mark.parametrize("check", checks_of(MyStrategy), ids=str)
    def test_contract(check):
        check()

Nothing beyond peerannot's own dependencies is needed; end-to-end strategies need the extra
``deep``. The checks take seconds to minutes, most of it in the class that is checked.
"""

from typing import TYPE_CHECKING, Any

from peerannot._lazy import resolve

if TYPE_CHECKING:
    from peerannot.checks.check import Check
    from peerannot.checks.run import (
        check_end_to_end,
        check_format,
        check_policy,
        check_strategy,
        check_writer,
        checks_of,
    )

__all__ = [
    "Check",
    "check_end_to_end",
    "check_format",
    "check_policy",
    "check_strategy",
    "check_writer",
    "checks_of",
]

_HOMES = {
    "Check": "check",
    "check_end_to_end": "run",
    "check_format": "run",
    "check_policy": "run",
    "check_strategy": "run",
    "check_writer": "run",
    "checks_of": "run",
}


def __getattr__(name: str) -> Any:
    return resolve(__name__, name, _HOMES)


def __dir__() -> list[str]:
    return sorted(__all__)
