"""Metrics against plain loops."""

from __future__ import annotations

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from peerannot.learning.results.metrics import (  # noqa: E402
    calibration_error,
    score,
    soft_cross_entropy,
    top_k,
)


@pytest.fixture
def guesses():
    generator = torch.Generator().manual_seed(3)
    logits = torch.randn(57, 9, generator=generator)
    truth = torch.randint(7, (57,), generator=generator)
    return logits, truth, torch.eye(9)[truth]


def test_scores(guesses) -> None:
    logits, truth, target = guesses
    found = score(logits, target)
    p = logits.double().softmax(1).numpy()
    right = [p[i].argmax() == truth[i] for i in range(57)]
    assert found.loss == pytest.approx(-np.mean([math.log(p[i, truth[i]]) for i in range(57)]))
    assert found.accuracy == pytest.approx(100 * np.mean(right))
    by_class = [
        np.mean([r for r, t in zip(right, truth, strict=True) if t == c]) for c in truth.unique()
    ]
    assert found.balanced_accuracy == pytest.approx(100 * np.mean(by_class))
    squares = sum((p[i, c] - (truth[i] == c).item()) ** 2 for i in range(57) for c in range(9))
    assert found.brier == pytest.approx(squares / 57)
    ece = 0.0
    for b in range(15):
        inside = [i for i in range(57) if b / 15 < p[i].max() <= (b + 1) / 15]
        if inside:
            gap = np.mean([right[i] for i in inside]) - np.mean([p[i].max() for i in inside])
            ece += len(inside) / 57 * abs(gap)
    assert found.ece == pytest.approx(ece)


def test_calibration_of_the_certain() -> None:
    sure = torch.ones(4)
    right = torch.tensor([True, True, True, False])
    assert calibration_error(sure, right) == pytest.approx(0.25)


def test_top_k(guesses) -> None:
    logits, truth, target = guesses
    micro, macro = top_k(logits, target, 5)
    hits = [truth[i] in logits[i].argsort(descending=True)[:5] for i in range(57)]
    assert micro == pytest.approx(np.mean(hits))
    by_class = [
        np.mean([h for h, t in zip(hits, truth, strict=True) if t == c]) for c in truth.unique()
    ]
    assert macro == pytest.approx(np.mean(by_class))


def test_soft_cross_entropy_of_votes_is_the_mean_over_votes() -> None:
    logits = torch.tensor([[1.0, 2.0, -1.0]])
    shares = torch.tensor([[2 / 3, 1 / 3, 0]])
    each = torch.nn.functional.cross_entropy(logits.repeat(3, 1), torch.tensor([0, 0, 1]))
    assert soft_cross_entropy(logits, shares).item() == pytest.approx(each.item())
