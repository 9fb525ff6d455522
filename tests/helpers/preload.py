"""Import what commands use, and compute nothing: for processes that others are forked from.

Threads do not live on in a child, so none may have been started.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from pkgutil import walk_packages

__all__ = ["preload", "preload_learning"]

LATE = ("polars", "scipy.sparse", "scipy.special", "PIL.Image", "filelock", "orjson", "narwhals",
        "peerannot.aggregation.partitions.out_of_core", "peerannot.campaign.files",
        "peerannot.campaign.loop", "peerannot.predictive.check",
        "peerannot.io.formats.table", "peerannot.report",
        "peerannot.simulation.images")  # fmt: skip


def preload() -> None:
    from peerannot.aggregation import STRATEGIES
    from peerannot.allocation import POLICIES
    from peerannot.cli._main import COMMANDS
    from peerannot.identification import METHODS
    from peerannot.io import FORMATS, WRITERS
    from peerannot.simulation import SIMULATIONS

    for module in (*LATE, *{f"peerannot.cli.{m}" for m, _ in COMMANDS.values()}):
        import_module(module)
    for registry in (FORMATS, METHODS, POLICIES, SIMULATIONS, STRATEGIES, WRITERS):
        list(registry)  # imports what it knows


def preload_learning() -> None:
    """What commands that train import, PyTorch first of all, where it is installed."""
    if find_spec("torch") is None:
        return
    import peerannot.learning

    # The package imports none of its modules before it is asked for their names.
    for module in walk_packages(peerannot.learning.__path__, "peerannot.learning."):
        import_module(module.name)
