"""Fast Dawid-Skene after soft steps."""

from __future__ import annotations

from dataclasses import dataclass

from peerannot._options import option
from peerannot.aggregation.confusion.fast_dawid_skene import FastDawidSkene
from peerannot.aggregation.registry import STRATEGIES

__all__ = ["HybridDawidSkene"]


@STRATEGIES.register("hybrid-dawid-skene", "hybrid-ds")
@dataclass(frozen=True, kw_only=True)
class HybridDawidSkene(FastDawidSkene):
    """Fast Dawid-Skene after soft E-steps: the same model and options, with ``switch=0.005``.

    Parameters
    ----------
    switch
        Gain per answer under which E-steps become hard.

    Notes
    -----
    Cost: as Dawid-Skene, with fewer iterations.

    References
    ----------
    Sinha, V. B., Rao, S. and Balasubramanian, V. N. (2018). Fast Dawid-Skene: a fast vote
    aggregation scheme for sentiment classification. WISDOM at KDD, algorithm 2.
    """

    switch: float = option(0.005, at_least=0.0, help="gain at which E-steps become hard")
