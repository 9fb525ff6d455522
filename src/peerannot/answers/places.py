"""Answers of each task in random order."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from peerannot.answers._answers import Answers

__all__ = ["random_places"]


def random_places(answers: Answers, rng: np.random.Generator) -> NDArray[np.int64]:
    """Place of each answer among those of its task in random order, from 0, (n_answers,)."""
    order = np.lexsort((rng.random(answers.n_answers), answers.task))
    place = np.empty(answers.n_answers, np.int64)
    place[order] = np.arange(answers.n_answers)
    place -= answers.task_ptr[answers.task]
    return place
