"""Worker cards and copied pairs, written plainly."""

from __future__ import annotations

from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def evidence(
    said: list[dict[int, int]],
    first: int,
    second: int,
    log_prior: Array,
    confusion: Array,
    share: Array,
) -> tuple[int, float, Array]:
    """Answers in common that agree, how many are expected to, log likelihood ratios of shares."""
    one, other = confusion[first], confusion[second]
    alike = (one * other).sum(1)
    agreements, expected, log_ratio = 0, 0.0, np.zeros(share.size)
    for i in said[first].keys() & said[second].keys():
        score = log_prior.copy()
        for j, answers in enumerate(said):
            if i in answers and j not in (first, second):
                score += np.log(confusion[j, :, answers[i]])
        z = np.exp(score - score.max())
        z /= z.sum()
        expected += z @ alike
        y, same = said[first][i], said[first][i] == said[second][i]
        agreements += same
        alone = z @ (one[:, y] + other[:, y]) / 2
        ratio = alone / (z @ (one[:, y] * other[:, y])) if same else 0.0
        log_ratio += np.log(1 - share + share * ratio)
    return agreements, expected, log_ratio


def repeats(
    task: Array, label: Array, posterior: Array, confusion: Array
) -> tuple[int, int, float, float]:
    """The longest run of one worker, repeats, and mean and variance of independent ones."""
    runs = [len(list(run)) for _, run in groupby(label.tolist())]
    said = posterior[task] @ confusion
    p = (said[1:] * said[:-1]).sum(1)
    return max(runs, default=0), label.size - len(runs), p.sum(), (p * (1 - p)).sum()
