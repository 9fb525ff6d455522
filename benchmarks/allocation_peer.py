"""What cleanlab or scikit-activeml would ask next: the other process of allocation_peers.py.

Needs cleanlab and scikit-activeml, not peerannot. A line of JSON in (labels, -1 for none; room of
each worker; budget; probabilities), a line with pairs of task and worker out.

skactiveml's IntervalEstimationThreshold itself takes a task only while every worker may be asked
about it, so it never asks a second time; what it thinks of workers (`IntervalEstimationAnnotModel`)
is given to its `SingleAnnotatorWrapper` instead.
"""

from __future__ import annotations

import json
import sys
import warnings
from typing import Any

import numpy as np


def lowest(asked: dict[str, Any], labels: Any, room: Any, rng: Any) -> list[tuple[int, int]]:
    """Tasks of the lowest ActiveLab scores, one answer each, workers at random."""
    from cleanlab.multiannotator import get_active_learning_scores

    votes = np.where(labels < 0, np.nan, labels)
    there = (labels >= 0).any(0)
    scores, _ = get_active_learning_scores(votes[:, there], np.array(asked["probabilities"]))
    picks: list[tuple[int, int]] = []
    for task in np.argsort(scores, kind="stable"):
        free = np.flatnonzero((room > 0) & (labels[task] < 0))
        if free.size and len(picks) < asked["budget"]:
            worker = int(rng.choice(free))
            room[worker] -= 1
            picks.append((int(task), worker))
    return picks


def wrapped(asked: dict[str, Any], labels: Any, room: Any, rng: Any) -> list[tuple[int, int]]:
    """Entropy of tasks by a classifier, workers at random or by interval estimation."""
    from skactiveml.classifier import ParzenWindowClassifier, SklearnClassifier
    from skactiveml.pool import UncertaintySampling
    from skactiveml.pool.multiannotator import (
        IntervalEstimationAnnotModel,
        SingleAnnotatorWrapper,
    )
    from sklearn.linear_model import LogisticRegression

    fit = asked["features"] is not None
    n, classes = len(labels), list(range(asked["classes"]))
    y = np.where(labels < 0, np.nan, labels.astype(float))
    seed = int(rng.integers(1 << 30))
    if not fit:  # each task for itself: shares of its votes
        x = np.arange(n, dtype=float)[:, None]
        options = {"metric": "rbf", "metric_dict": {"gamma": 50.0}, "class_prior": 0.1}
        # Fitted to all votes here: by itself the wrapper would show it their majority alone.
        model = ParzenWindowClassifier(classes=classes, random_state=seed, **options)
        task, worker = np.nonzero(labels >= 0)
        model.fit(x[task], labels[task, worker])
    else:
        x = np.array(asked["features"])
        model = SklearnClassifier(LogisticRegression(C=0.3, max_iter=30), classes=classes)
    query = SingleAnnotatorWrapper(
        UncertaintySampling(method="entropy", random_state=seed), random_state=seed
    )
    known = {}
    if asked["policy"].endswith("interval"):
        skills = IntervalEstimationAnnotModel(classes=classes, random_state=seed).fit(x, y)
        known["A_perf"] = skills.A_perf_[:, 2]
    picks: list[tuple[int, int]] = []
    allowed = labels < 0
    while len(picks) < asked["budget"]:
        mask = allowed & (room > 0)
        at = np.flatnonzero(mask.any(1))
        if not at.size:
            break
        size = min(asked["budget"] - len(picks), at.size)
        found = query.query(
            x, y, candidates=at, annotators=mask[at], batch_size=size,
            clf=model, fit_clf=fit, **known,
        )  # fmt: skip
        for task, worker in found.tolist():
            if room[worker] > 0:
                room[worker] -= 1
                allowed[task] = False  # one answer a task in a round
                picks.append((task, worker))
    return picks


def main() -> None:
    warnings.simplefilter("ignore")
    out, sys.stdout = sys.stdout, sys.stderr  # libraries print
    for line in sys.stdin:
        asked = json.loads(line)
        labels, room = np.array(asked["labels"]), np.array(asked["room"])
        rng = np.random.default_rng(asked["seed"])
        choose = lowest if asked["policy"].startswith("cleanlab") else wrapped
        print(json.dumps(choose(asked, labels, room, rng)), file=out, flush=True)


if __name__ == "__main__":
    main()
