"""How far workers agree with each other: statistics of answers that need no model and no truth.

>>> from peerannot import Answers
>>> answers = Answers.from_arrays([1, 1, 2, 2], ["ann", "bob"] * 2, ["cat", "cat", "dog", "dog"])
>>> krippendorff_alpha(answers).value
1.0

Weights of answers play no part here: each answer counts once.
"""

from peerannot.agreement._cohen import cohen_kappa
from peerannot.agreement._counts import LabelCounts, coincidence_matrix
from peerannot.agreement._entropy import vote_entropy
from peerannot.agreement._excess import ExcessAgreement
from peerannot.agreement._krippendorff import krippendorff_alpha
from peerannot.agreement._pairs import WorkerPairs, wilson
from peerannot.agreement._rates import fleiss_kappa, gwet_ac, percent_agreement
from peerannot.agreement._resample import Coefficient
from peerannot.agreement._skilled import consistency, entropy_threshold, uncertainty

__all__ = [
    "Coefficient",
    "ExcessAgreement",
    "LabelCounts",
    "WorkerPairs",
    "cohen_kappa",
    "coincidence_matrix",
    "consistency",
    "entropy_threshold",
    "fleiss_kappa",
    "gwet_ac",
    "krippendorff_alpha",
    "percent_agreement",
    "uncertainty",
    "vote_entropy",
    "wilson",
]
