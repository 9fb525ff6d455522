"""What strategies of the registry cannot be without: options, and arguments of fit."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from helpers.slow_votes import dense_votes
from peerannot._text import natural_key
from peerannot.aggregation import STRATEGIES
from peerannot.aggregation.base import Strategy
from peerannot.answers import Answers


def some_gold(answers: Answers) -> dict[str, str]:
    """Majorities of the tasks whose id ends in 0 or 5, and of the first, by name."""
    votes = dense_votes(answers)
    first = min(answers.tasks, key=natural_key, default=None)
    gold = {}
    for task, row in zip(answers.tasks, votes, strict=True):
        sole = (row == row.max()).sum() == 1
        if task == first or (sole and task.endswith(("0", "5"))):
            gold[task] = answers.classes[int(row.argmax())] if sole else min(answers.classes)
    return gold


def a_classifier(answers: Answers) -> Path:
    """Probabilities of a classifier that has seen the votes, and is not sure of them."""
    path = Path(FOLDER.name) / f"{answers.digest()}.npy"
    if not path.exists():
        votes = dense_votes(answers) + 1.0
        np.save(path, votes / votes.sum(1, keepdims=True))
    return path


# What a strategy cannot be without, made for the answers: arguments of fit, and options.
FOLDER = tempfile.TemporaryDirectory()
NEEDS_TO_FIT: dict[str, Callable[[Answers], dict[str, Any]]] = {
    "gold-majority-vote": lambda answers: {"gold": some_gold(answers)}
}
NEEDS_OPTIONS: dict[str, Callable[[Answers], dict[str, Any]]] = {
    "crowdlab": lambda answers: {"probabilities": a_classifier(answers)}
}

# Options that keep a test quick where the default is for real data.
QUICK: dict[str, dict[str, Any]] = {"ebcc": {"restarts": 2, "subtypes": 3}}


def ready(name: str, answers: Answers, **options: Any) -> Strategy:
    """The strategy with the options that it needs for these answers."""
    needed = NEEDS_OPTIONS.get(name, lambda _: {})(answers)
    return STRATEGIES[name](**{**QUICK.get(name, {}), **needed, **options})


def needed_to_fit(name: str, answers: Answers) -> dict[str, Any]:
    return NEEDS_TO_FIT.get(name, lambda _: {})(answers)
