"""What each strategy can do, read off its classes."""

from __future__ import annotations

from peerannot._options import check
from peerannot.aggregation.base import Strategy
from peerannot.errors import ParameterError

__all__ = ["check_partitions", "learns_online", "runs_on_partitions"]


def runs_on_partitions(strategy: type[Strategy]) -> bool:
    """Whether a strategy runs on partitions of tasks: out of core and on a cluster.

    A family says how in ``fit_parts``. A subclass that changes ``_fit`` alone would give
    something else there, so it does not run; nor does one with ``fit_parts = None``.
    """
    return _says(strategy, "fit_parts", unless={"_fit"})


def learns_online(strategy: type[Strategy]) -> bool:
    """Whether batches of answers can be added to what a strategy has learned.

    A family says how in ``grow`` and ``read``. A subclass that changes ``_fit`` or ``fit_parts``
    alone, or has ``grow = None``, does not.
    """
    return _says(strategy, "grow", unless={"_fit", "fit_parts"})


def _says(strategy: type[Strategy], method: str, *, unless: set[str]) -> bool:
    for cls in strategy.__mro__:
        if method in vars(cls):
            return cls is not Strategy and vars(cls)[method] is not None
        if unless & vars(cls).keys():
            return False
    return False


def check_partitions(strategy: Strategy) -> None:
    """Refuse a strategy that does not run on partitions.

    Raises
    ------
    ParameterError
        An option is out of range, or the strategy needs all tasks in one place, by itself or
        with these options.
    """
    from peerannot.aggregation.registry import STRATEGIES

    check(strategy)
    if not runs_on_partitions(type(strategy)):
        names = ", ".join(name for name in STRATEGIES if runs_on_partitions(STRATEGIES[name]))
        raise ParameterError(
            f"{strategy.name} needs all tasks in memory, in one place; choose {names}"
        )
    why = strategy.needs_all_tasks()
    if why is not None:
        raise ParameterError(f"{strategy.name} needs all tasks in memory, in one place: {why}")
