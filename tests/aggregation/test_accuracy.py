"""Accuracy on eleven real crowds, against independent implementations of each method.

Rows are accuracies with ties shared, in the order of ``SETS``. Deterministic methods must be
within .002; a None is left out, with the reason beside it.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest

from helpers.real_crowds import SETS, accuracy, real_crowd
from peerannot.aggregation import build
from peerannot.errors import ConvergenceWarning

# fmt: off
REFERENCE: dict[str, list[float | None]] = {
    # Zeros of the confusions alone move MS, whose workers answer few of ten classes.
    "DS": [.8367, None, .9152, .8211, .9397, .6404, .7477, .8981, .9275, .7037, .8292],
    "LFC": [.8600, .7871, .9160, .8250, .9371, .6438, .7447, .8889, .9275, .7055, .7795],
    # The reference gives tied tasks to the first class, which depends on the order of classes.
    "FDS[ties=first]":
        [.8500, .7700, .9124, .8348, .9354, .6336, .7628, .8796, .9275, .6980, .8130],
    # web and trec keep moving for a hundred iterations: at convergence web is .7508.
    "IBCC": [.8567, .7900, .9146, .8270, .9383, .6404, .7447, .8889, .9275, .7055, None],
    "IBCC[tol=3e-5]": [None] * 10 + [.7633],
    "one-coin": [.8533, .7943, .9166, .8588, .9281, .6284, .7628, .7222, .9250, .5697, .8398],
    "ZC": [.8533, .7971, .9166, .8578, .9281, .6284, .7628, .7222, .9250, .5697, .8398],
    # The other library stops MS after 2 iterations, at a lower log-posterior (-4768, here -4743).
    "GLAD": [.8533, None, .9172, .8760, .9286, .6301, None, .7222, .9263, None, .8213],
}
# Seeded methods, within .01 of the published best or more accurate. Left out are optima that are
# better by the model's own objective and less accurate (see `test_mace_finds_better_optima`).
SEEDED: dict[str, list[float | None]] = {
    "MACE": [.8667, .7986, .9148, None, None, .6353, .7568, .7685, .9275, .5890, .8198],
    # Their code is at .7437 on web, too: `test_ebcc_with_the_prior_of_its_authors`.
    "EBCC": [.8567, .7871, .9152, .9123, .9349, .6353, .7477, .8611, .9313, .7037, None],
}
# fmt: on


def cases(table: dict[str, list[float | None]]) -> list[tuple[str, str, float]]:
    return [
        (spec, name, value)
        for spec, row in table.items()
        for name, value in zip(SETS, row, strict=True)
        if value is not None
    ]


def fitted(spec: str, folder: Path) -> float:
    answers, truth = real_crowd(folder)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return accuracy(build(spec).fit(answers), truth)


@pytest.mark.parametrize(("spec", "name", "expected"), cases(REFERENCE))
def test_deterministic_methods(spec: str, name: str, expected: float, real_data: Path) -> None:
    assert fitted(spec, real_data / "answers" / name) == pytest.approx(expected, abs=0.0021)


@pytest.mark.parametrize(("spec", "name", "expected"), cases(SEEDED))
def test_seeded_methods(spec: str, name: str, expected: float, real_data: Path) -> None:
    assert fitted(spec, real_data / "answers" / name) >= expected - 0.0101


def test_mace_finds_better_optima(real_data: Path) -> None:
    # With the parameters that another library fits to product (accuracy .931), the marginal
    # log-likelihood of the same model is -13119; the accuracy here is lower, the fit is better.
    answers, truth = real_crowd(real_data / "answers" / "product")
    result = build("MACE[method=em]").fit(answers)
    assert result.diagnostics.objective[-1] > -8100
    assert accuracy(result, truth) > 0.8


@pytest.mark.parametrize(
    ("name", "seed", "other", "gain", "expected"),
    [("web", 7, 16, 81.05, 0.5443), ("face", None, 2, 7.9, 0.6216)],
)
def test_ebcc_finds_better_optima(
    name: str, seed: int | None, other: int, gain: float, expected: float, real_data: Path
) -> None:
    # With a flat prior the best bound is not at the published .7686 (web) and .6353 (face): a plain
    # NumPy transcription of the paper's algorithm, 40 restarts with its own starts, has it at
    # .5443 (81.05 above the .7263 where most starts end) and at .6216 (7.9 above .6113).
    # The same optima, by the same gains, are found here.
    answers, truth = real_crowd(real_data / "answers" / name)
    one = "EBCC[alpha=1,restarts=1,tol=1e-7,seed={}]"
    best = build("EBCC[alpha=1]" if seed is None else one.format(seed)).fit(answers)
    usual = build(one.format(other)).fit(answers)
    assert best.diagnostics.objective[-1] - usual.diagnostics.objective[-1] == pytest.approx(
        gain, abs=0.15
    )
    assert accuracy(best, truth) == pytest.approx(expected, abs=0.002)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_ebcc_with_the_prior_of_its_authors(seed: int, real_data: Path) -> None:
    # Their code, run with their prior, is at .7437 on web whatever the seed.
    answers, truth = real_crowd(real_data / "answers" / "web")
    result = build(f"EBCC[restarts=1,seed={seed}]").fit(answers)
    assert accuracy(result, truth) == pytest.approx(0.7437, abs=0.002)
