"""Labels from what a campaign knows: a fit of all answers, or of sums that new ones add to."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from peerannot.aggregation import Result, Strategy
from peerannot.aggregation.online.memory import KeptRows
from peerannot.aggregation.online.state import OnlineState
from peerannot.answers import gold_labels
from peerannot.campaign.known import Known
from peerannot.errors import ConvergenceWarning, DataWarning

__all__ = ["fitted", "learned", "of_sums"]


def fitted(known: Known, strategy: Strategy) -> Result:
    """A fit of all answers: what it gives depends on them alone, not on how they came."""
    with _quiet():
        return strategy.fit(known.answers, _gold(known, strategy))


def learned(before: Known, now: Known, strategy: Strategy) -> Mapping[str, NDArray[Any]]:
    """What a strategy has added up, with the answers that are new.

    Where answers were taken back, or classes came, it begins anew with all.
    """
    rows = KeptRows(now.answers, "last")
    with _quiet():
        if before.sums and before.answers.classes == now.answers.classes:
            state = _state(before, strategy, before.sums)
            added = strategy.partial_fit(now.answers, state, gold=_gold(now, strategy))
            if added.memory.answers.digest() == rows.answers.digest():
                return added.sums
        if not now.answers.n_answers:
            return {}
        return strategy.partial_fit(now.answers, begin="fit", gold=_gold(now, strategy)).sums


def of_sums(known: Known, strategy: Strategy) -> Result:
    """What the sums say of all tasks; a fit where there are none."""
    if not known.sums:
        return fitted(known, strategy)
    with _quiet():
        return _state(known, strategy, known.sums).result()


def _state(known: Known, strategy: Strategy, sums: Mapping[str, NDArray[Any]]) -> OnlineState:
    gold = gold_labels(known.answers, _gold(known, strategy))
    return OnlineState(strategy, KeptRows(known.answers, "last"), gold, dict(sums), updates=1)


def _gold(known: Known, strategy: Strategy) -> Mapping[str, str] | None:
    if not strategy.takes_gold:
        return None
    tasks, classes = known.answers.tasks, known.answers.classes
    return {t: c for t, c in known.gold.items() if t in tasks and c in classes} or None


class _quiet(warnings.catch_warnings):
    """That a fit stopped early, or that an answer was changed, is not said in every round."""

    def __enter__(self) -> None:
        super().__enter__()
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.simplefilter("ignore", DataWarning)
