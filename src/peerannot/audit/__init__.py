"""Audits: an expert judges some tasks, and what is true of all follows with valid intervals.

>>> from peerannot.audit import draw, estimate_share, Whole
>>> drawing = draw(1000, 20, seed=1)
>>> len(drawing.tasks), float(drawing.probability[0])
(20, 0.02)

No assumption on the model or the crowd is made: only that the expert is right, and that tasks were
drawn as it is written down.
"""

from peerannot.audit.drawing import DESIGNS, Drawing, doubt, draw
from peerannot.audit.estimate import Audit, estimate
from peerannot.audit.labelled import Labelled, read_labelled
from peerannot.audit.share import Share, Whole, estimate_share, ppi_tuning
from peerannot.audit.sheet import UNSAID, Sheet, read_sheet, save_label, write_sheet

__all__ = [
    "DESIGNS",
    "UNSAID",
    "Audit",
    "Drawing",
    "Labelled",
    "Share",
    "Sheet",
    "Whole",
    "doubt",
    "draw",
    "estimate",
    "estimate_share",
    "ppi_tuning",
    "read_labelled",
    "read_sheet",
    "save_label",
    "write_sheet",
]
