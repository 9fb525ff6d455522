"""The judges among the workers, in words."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from peerannot.errors import DataError
from peerannot.report._format import average, count, counted, share
from peerannot.report._source import ReportSource

__all__ = ["judges"]


def judges(source: ReportSource) -> list[str]:
    """What the models are worth, and whether they may stand for a human; empty without models.

    What the answers are too few for is left out.
    """
    from peerannot.identification import METHODS, Evidence

    models = [kind == "model" for kind in source.kinds]
    n = int(np.sum(models))
    if not n:
        return []
    known = None if source.checked is None else np.asarray(source.checked[0])
    evidence = Evidence(source.answers, kinds=source.kinds, groups=source.groups)
    are = "is a model" if n == 1 else "are models"
    text = f"{counted(n, 'worker')} of {count(len(models))} {are}."
    with_labels = dataclasses.replace(evidence, labels=known)
    found = _run(METHODS["dependence"](), with_labels if known is not None else evidence)
    if found is not None:
        groups = found.files["identification/dependence_groups.csv"]
        votes = dict(zip(groups["group"], groups["effective_votes"], strict=True))
        sizes = dict(zip(groups["group"], groups["n_workers"], strict=True))
        name = "kind model" if "kind model" in votes else "all"
        if np.isfinite(votes[name]) and sizes[name] > 1:
            text += (
                f" Their {counted(int(sizes[name]), 'vote')} are worth"
                f" {average(votes[name])} independent ones."
            )
    trial = _run(METHODS["replacement"](), evidence)
    if trial is not None:
        best = trial.table
        text += (
            f" By the alternative annotator test {count(trial.summary['n_pass'])} of"
            f" {counted(trial.summary['n_judges'], 'model')} may stand for a human; the"
            f" first is {best['judge'][-1]} (winning rate {share(best['winning_rate'][-1])},"
            f" advantage probability {share(best['advantage_probability'][-1])})."
        )
    return [text]


def _run(method: Any, evidence: Any) -> Any:
    """What a method finds; None where the answers are too few for it."""
    try:
        return method.run(evidence)
    except DataError:
        return None
