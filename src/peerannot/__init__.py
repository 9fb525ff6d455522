"""peerannot: manage crowdsourced labels for classification and learn from them.

>>> from peerannot import Answers
>>> from peerannot.aggregation import DawidSkene
>>> votes = {"cat-1": {"ann": "cat", "bob": "cat"}, "dog-2": {"ann": "dog", "bob": "cat"}}
>>> DawidSkene().fit(Answers.from_mapping(votes)).posterior.shape
(2, 2)

Names are resolved on first use, so that importing peerannot is quick.
"""

from typing import TYPE_CHECKING, Any

from peerannot._lazy import resolve
from peerannot._version import __version__

if TYPE_CHECKING:
    from peerannot.aggregation import Result
    from peerannot.answers import Answers
    from peerannot.dataset import Dataset
    from peerannot.engines import aggregate
    from peerannot.io import read_answers

__all__ = ["Answers", "Dataset", "Result", "__version__", "aggregate", "read_answers"]

_HOMES = {
    "Answers": "answers",
    "Dataset": "dataset",
    "Result": "aggregation",
    "aggregate": "engines",
    "read_answers": "io",
}


def __getattr__(name: str) -> Any:
    return resolve(__name__, name, _HOMES)


def __dir__() -> list[str]:
    return sorted(__all__)
