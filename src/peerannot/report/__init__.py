"""The report: one HTML file about a crowd and its labels, and the page to correct labels on.

>>> from peerannot import Answers, aggregate
>>> from peerannot.report import Source, render
>>> answers = Answers.from_arrays(["a", "a", "b"], ["ann", "bob", "ann"], ["cat", "dog", "cat"])
>>> results = {name: aggregate(answers, name) for name in ("MV", "DS")}
>>> page = render(Source("pets", answers, results, main="DS"))
>>> page[:15]
b'<!doctype html>'

Needs the extra ``report`` (jinja2).
"""

from peerannot.report._audit import AuditExplorer, draw_audit
from peerannot.report._facts import facts
from peerannot.report._gold import GOLD, save_correction
from peerannot.report._live import LivePage
from peerannot.report._page import Page, draw, render
from peerannot.report._read import Named, read_source
from peerannot.report._serve import Explorer
from peerannot.report._source import ReportSource

__all__ = [
    "GOLD",
    "AuditExplorer",
    "Explorer",
    "LivePage",
    "Named",
    "Page",
    "ReportSource",
    "draw",
    "draw_audit",
    "facts",
    "read_source",
    "render",
    "save_correction",
]
