"""Dawid-Skene with a prior on the diagonal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from peerannot._options import option
from peerannot.aggregation.confusion.dawid_skene import DawidSkene
from peerannot.aggregation.registry import STRATEGIES

__all__ = ["MAPDawidSkene"]


@STRATEGIES.register("map-dawid-skene", "LFC", "MAP-DS")
@dataclass(frozen=True, kw_only=True)
class MAPDawidSkene(DawidSkene):
    r"""Dawid-Skene with a prior on the diagonal: MAP estimates (learning from crowds).

    As Dawid-Skene, with pseudo-counts of 4 right answers and 1 of each wrong one. A prior that
    is heavy on the diagonal is safe; a flat one is harmful where classes are many and a worker's
    answers few. The objective is the log-likelihood without the prior.

    Parameters
    ----------
    diagonal, off_diagonal
        Pseudo-counts of each worker's confusion matrix. With hundreds of classes, lower the
        off-diagonal, or use IBCC, which scales it.

    Notes
    -----
    Cost: as Dawid-Skene.

    References
    ----------
    Raykar, V. C. et al. (2010). Learning from crowds. JMLR 11, 1297-1322, without its classifier.
    """

    relaxed_by: ClassVar[Mapping[str, str]] = {
        "difficulty": "ebcc", "skill": "dawid-skene", "dependence": "ebcc",
    }  # fmt: skip

    diagonal: float = option(4.0, at_least=0.0, help="pseudo-count of right answers")
    off_diagonal: float = option(1.0, at_least=0.0, help="pseudo-count of each wrong answer")
