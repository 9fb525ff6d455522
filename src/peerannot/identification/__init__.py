"""Which tasks are ambiguous or mislabelled, and which workers are unreliable.

To add a method, write one file here with a class under ``@METHODS.register(...)``; the command
line, the lists and the tests pick it up.

>>> from peerannot.identification import METHODS
>>> "spam_score" in METHODS
True
"""

from typing import TYPE_CHECKING, Any

from peerannot._lazy import resolve
from peerannot._options import option
from peerannot.identification.registry import METHODS, build

if TYPE_CHECKING:
    from peerannot.identification.base import Evidence, Findings, Method, TrainsNetwork
    from peerannot.identification.classes import confused_classes
    from peerannot.identification.confusion import spam_score
    from peerannot.identification.consensus import Crowdlab, crowdlab
    from peerannot.identification.copies import copied_pairs
    from peerannot.identification.dependence import SharedErrors, effective_votes, shared_errors
    from peerannot.identification.dynamics import Tally, margin
    from peerannot.identification.label_errors import ConfidentLearning, confident_learning
    from peerannot.identification.output import write_findings
    from peerannot.identification.ranking import ranked_judges
    from peerannot.identification.replacement import Trials, replacement_trials
    from peerannot.identification.weighted_margin import Waum, waum
    from peerannot.identification.workers import worker_cards

_HOMES = {
    "ConfidentLearning": "label_errors",
    "Crowdlab": "consensus",
    "Evidence": "base",
    "Findings": "base",
    "Method": "base",
    "SharedErrors": "dependence",
    "Tally": "dynamics",
    "TrainsNetwork": "base",
    "Trials": "replacement",
    "Waum": "weighted_margin",
    "confident_learning": "label_errors",
    "confused_classes": "classes",
    "copied_pairs": "copies",
    "crowdlab": "consensus",
    "effective_votes": "dependence",
    "margin": "dynamics",
    "ranked_judges": "ranking",
    "replacement_trials": "replacement",
    "shared_errors": "dependence",
    "spam_score": "confusion",
    "waum": "weighted_margin",
    "worker_cards": "workers",
    "write_findings": "output",
}

__all__ = [
    "METHODS",
    "ConfidentLearning",
    "Crowdlab",
    "Evidence",
    "Findings",
    "Method",
    "SharedErrors",
    "Tally",
    "TrainsNetwork",
    "Trials",
    "Waum",
    "build",
    "confident_learning",
    "confused_classes",
    "copied_pairs",
    "crowdlab",
    "effective_votes",
    "margin",
    "option",
    "ranked_judges",
    "replacement_trials",
    "shared_errors",
    "spam_score",
    "waum",
    "worker_cards",
    "write_findings",
]


def __getattr__(name: str) -> Any:
    return resolve(__name__, name, _HOMES)


def __dir__() -> list[str]:
    return sorted(__all__)
