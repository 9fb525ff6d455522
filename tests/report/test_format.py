"""Python and the script of the page write a number in the same way."""

from __future__ import annotations

import numpy as np
import pytest

from peerannot.report import _format


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0%"), (1, "100%"), (0.25, "25%"), (0.993, "99.3%"), (0.93, "93%"), (0.1225, "12.3%"),
        (0.0004, "<0.1%"), (0.001, "0.1%"), (0.9996, ">99.9%"), (0.999, "99.9%"), (None, "–"),
    ],
)  # fmt: skip
def test_shares(value, text):
    assert _format.share(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0.00"), (0.125, "0.13"), (-0.125, "-0.13"), (-0.001, "0.00"), (-3.2, "-3.20"),
     (1234.5, "1,234.50"), (999.999, "1,000.00"), (None, "–")],
)  # fmt: skip
def test_scores(value, text):
    assert _format.score(value) == text


def test_counts():
    assert _format.count(1234567) == "1,234,567"
    assert [_format.counted(n, "task") for n in (0, 1, 1000)] == [
        "0 tasks",
        "1 task",
        "1,000 tasks",
    ]
    assert [_format.average(x) for x in (6, 6.25, 1234.04)] == ["6", "6.3", "1,234"]


def test_both_agree(script):
    rng = np.random.default_rng(0)
    shares = [None, 0, 1, *np.arange(0, 1, 1e-4).round(4).tolist(), *rng.random(5000).tolist()]
    shares += (10.0 ** -rng.uniform(0, 8, 500)).tolist()
    shares += (1 - 10.0 ** -rng.uniform(0, 8, 500)).tolist()
    scores = [None, *(np.arange(-400, 400) / 200).tolist(), *rng.normal(0, 3, 3000).tolist()]
    scores += [0.005, -0.005, -0.004, 1e-9, -1e-9, 1234.5, -98765.4321, 1e9, 999.995, 0.375]
    counts = [0, 1, 2, 999, 1000, 123456, 10**12, *rng.integers(0, 10**7, 500).tolist()]
    said = script(
        "format.mjs",
        "[x[0].map(m.share), x[1].map(m.score), x[2].map(m.count),"
        " x[2].map((n) => m.counted(n, 'task'))]",
        [shares, scores, counts],
    )
    assert said == [
        [_format.share(x) for x in shares],
        [_format.score(x) for x in scores],
        [_format.count(n) for n in counts],
        [_format.counted(n, "task") for n in counts],
    ]
