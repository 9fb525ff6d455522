"""peerannot: manage crowdsourced labels for classification and learn from them.

>>> from peerannot import Answers
>>> from peerannot.aggregation import DawidSkene
>>> votes = {"cat-1": {"ann": "cat", "bob": "cat"}, "dog-2": {"ann": "dog", "bob": "cat"}}
>>> DawidSkene().fit(Answers.from_mapping(votes)).posterior.shape
(2, 2)

Names are resolved on first use, so that importing peerannot is quick.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from peerannot._version import __version__

if TYPE_CHECKING:
    from peerannot.aggregation import Result, aggregate
    from peerannot.answers import Answers
    from peerannot.dataset import Dataset
    from peerannot.io import read_answers

__all__ = ["Answers", "Dataset", "Result", "__version__", "aggregate", "read_answers"]

_HOMES = {
    "Answers": "peerannot.answers",
    "Dataset": "peerannot.dataset",
    "Result": "peerannot.aggregation",
    "aggregate": "peerannot.aggregation",
    "read_answers": "peerannot.io",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'peerannot' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
