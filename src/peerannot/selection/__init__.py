"""Which strategy to trust: scores against known labels, and held-out answers without them."""

from peerannot.selection.compare import Comparison, Together, choose, compare, together
from peerannot.selection.differences import Behind
from peerannot.selection.metrics import Scores, evaluate, score
from peerannot.selection.reliability import Reliability, draw_reliability, reliability
from peerannot.selection.truth import Truth, read_gold, read_truth

__all__ = [
    "Behind",
    "Comparison",
    "Reliability",
    "Scores",
    "Together",
    "Truth",
    "choose",
    "compare",
    "draw_reliability",
    "evaluate",
    "read_gold",
    "read_truth",
    "reliability",
    "score",
    "together",
]
