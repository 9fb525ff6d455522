"""Passes that are extrapolated: the same optimum in fewer, and everything else as without."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.crowds import uneven_crowd
from helpers.examples import examples
from peerannot._progress import silent
from peerannot._threads import with_threads
from peerannot.aggregation import STRATEGIES, build
from peerannot.aggregation.base import Strategy
from peerannot.aggregation.coin.glad import Easiness
from peerannot.aggregation.partitions.parts import LocalParts, Size
from peerannot.aggregation.passes.extrapolation import LONGEST, Accelerated, Extrapolation
from peerannot.aggregation.passes.support import Support
from peerannot.answers import Answers
from peerannot.errors import ParameterError

ACCELERATED = ["DS", "LFC", "IBCC", "WDS", "one-coin", "one-coin[prior=estimated]", "ZC"]
ACCELERATED += ["class-one-coin", "GLAD"]
FAR = {"tol": 1e-11, "max_iter": 20_000}

pytestmark = pytest.mark.filterwarnings(
    "ignore:.*stopped after:peerannot.errors.ConvergenceWarning"
)


def both(spec: str, **options: Any) -> tuple[Strategy, Strategy]:
    """The strategy without leaps and with them."""
    plain: Any = build(spec)
    return replace(plain, **options), replace(plain, accelerate=True, **options)


def slow_crowd(seed: int = 4) -> Answers:
    """Workers who hardly know better than chance, so that EM takes long."""
    return uneven_crowd(150, 15, 3, 5, accuracy=(0.2, 0.7), seed=seed)[0]


def test_every_accelerated_strategy_is_tried_here() -> None:
    accelerated = {name for name in STRATEGIES if issubclass(STRATEGIES[name], Accelerated)}
    assert {build(spec).name for spec in ACCELERATED} == accelerated


@pytest.mark.parametrize("spec", ACCELERATED)
def test_the_same_optimum_in_half_the_passes(spec: str) -> None:
    answers = slow_crowd()
    plain, leaping = (rule.fit(answers) for rule in both(spec, **FAR))
    assert plain.diagnostics.converged and leaping.diagnostics.converged
    assert (leaping.labels == plain.labels).all()
    least = plain.diagnostics.objective[-1]
    # That of MAP Dawid-Skene is without its prior, so it may end on either side.
    slack = 1e-7 if spec == "LFC" else 1e-9
    assert leaping.diagnostics.objective[-1] >= least - slack * abs(least)
    assert 2 * leaping.diagnostics.n_iter <= plain.diagnostics.n_iter
    assert leaping.diagnostics.notes["leaps"] > leaping.diagnostics.notes["leaps_in_vain"]
    assert not plain.diagnostics.notes


@examples(20)
@given(
    seed=st.integers(0, 10**6),
    spec=st.sampled_from([spec for spec in ACCELERATED if spec != "LFC"]),
    weighted=st.booleans(),
    n_classes=st.integers(1, 4),
)
def test_the_objective_never_falls(seed: int, spec: str, weighted: bool, n_classes: int) -> None:
    answers, _ = uneven_crowd(
        25, 6, n_classes, 4, accuracy=(0.1, 0.9), seed=seed, weighted=weighted
    )
    _, leaping = both(spec, tol=0.0, max_iter=60)
    path = np.array(leaping.fit(answers).diagnostics.objective)
    assert path.size == 60
    # As without leaps: the floor of log-probabilities moves that of Dawid-Skene a little.
    assert (np.diff(path) >= -1e-6 - 1e-9 * np.abs(path[:-1])).all()


@pytest.mark.parametrize("spec", ["DS", "LFC", "IBCC", "one-coin", "class-one-coin", "GLAD"])
def test_every_pass_counts(spec: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of leaps in vain too: none is refused for nothing."""
    passes = []
    real = LocalParts.sum

    def counted(self: LocalParts, work: Any, *given: Any) -> Any:
        passes.append(work.__name__)
        return real(self, work, *given)

    monkeypatch.setattr(LocalParts, "sum", counted)
    advance = LocalParts.advance

    def advanced(self: LocalParts, work: Any, *given: Any) -> Any:
        passes.append(work.__name__)
        return advance(self, work, *given)

    monkeypatch.setattr(LocalParts, "advance", advanced)
    answers = slow_crowd()
    _, leaping = both(spec, **FAR)
    n_iter = leaping.fit(answers).diagnostics.n_iter
    # Of class-one-coin one for the start and one for the skills of workers.
    beside = 2 if spec == "class-one-coin" else 0
    assert passes.count("_step") == n_iter + beside
    _, short = both(spec, tol=0.0, max_iter=7)
    passes.clear()
    assert short.fit(answers).diagnostics.n_iter == 7
    assert passes.count("_step") == 7 + beside


class Cut(Exception):
    """The run ends here."""


class Kept:
    """A checkpoint in memory; ``state`` is what was saved last, as a copy."""

    def __init__(self, state: dict[str, Any] | None = None, cut: int = 0) -> None:
        self.state, self.cut = state, cut

    def load(self) -> dict[str, Any] | None:
        return self.state

    def save(self, state: dict[str, Any]) -> None:
        self.state = copy.deepcopy(state)
        if state["n_iter"] == self.cut:
            raise Cut


@pytest.mark.parametrize("spec", ["DS", "IBCC"])
def test_what_was_in_vain_is_not_what_is_given(spec: str) -> None:
    """Wherever the passes end, the next one finds what the objective told, or better."""
    answers = slow_crowd(seed=1)
    in_vain = 0
    for n in range(3, 60):
        plain, leaping = both(spec, tol=0.0, max_iter=n)
        end = Kept()
        path = leaping.fit_parts(LocalParts.of(answers, 1), silent, end).fit.diagnostics.objective
        in_vain += path[-1] == path[-2]
        assert end.state is not None
        more: Any = replace(plain, max_iter=n + 1)  # type: ignore[type-var]
        after = more.fit_parts(LocalParts.of(answers, 1), silent, Kept(end.state)).fit
        assert after.diagnostics.objective[-1] >= path[-1] - 1e-6 - 1e-9 * abs(path[-1])
    assert in_vain


@pytest.mark.parametrize("spec", ["DS", "IBCC", "one-coin", "class-one-coin", "GLAD"])
def test_it_goes_on_from_before_a_leap_and_from_within(spec: str) -> None:
    answers = slow_crowd(seed=1)
    _, leaping = both(spec, tol=0.0, max_iter=40)
    whole = leaping.fit_parts(LocalParts.of(answers, 2), silent).fit
    for cut in range(1, 40):
        parts, saved = LocalParts.of(answers, 2), Kept(cut=cut)
        with pytest.raises(Cut):
            leaping.fit_parts(parts, silent, saved)
        fit = leaping.fit_parts(parts, silent, Kept(saved.state)).fit
        assert fit.diagnostics == whole.diagnostics
        np.testing.assert_array_equal(fit.skill, whole.skill)


def test_difficulties_go_back_with_a_leap_in_vain() -> None:
    answers = uneven_crowd(60, 8, 3, 6, accuracy=(0.0, 0.9), seed=1)[0]
    support, gold = Support.of(answers), np.full(answers.n_tasks, -1, np.int32)
    in_vain = 0
    for n in range(3, 40):
        result = both("GLAD", tol=0.0, max_iter=n)[1].fit(answers)
        alpha, path = result.worker_columns["alpha"], result.diagnostics.objective
        easiness = Easiness.of(answers, support, gold, 1.0)
        easiness.beta = result.task_columns["beta"].copy()
        found = easiness.step(alpha, 1)[3] - 0.5 * ((alpha - 1.0) ** 2).sum()
        assert found >= path[-1] - 1e-9 * abs(path[-1])
        in_vain += path[-1] == path[-2]
    assert in_vain


@pytest.mark.parametrize("spec", ["DS", "IBCC", "one-coin", "class-one-coin", "GLAD"])
def test_threads_do_not_matter(spec: str) -> None:
    answers, _ = uneven_crowd(400, 15, 3, 6, accuracy=(0.2, 0.7), seed=3)
    _, leaping = both(spec, tol=1e-9, max_iter=500)
    found = []
    for n in (1, 2, 5):
        with with_threads(n):
            found.append(leaping.fit(answers))
    for other in found[1:]:
        np.testing.assert_array_equal(other.posterior, found[0].posterior)
        assert other.diagnostics == found[0].diagnostics


@pytest.mark.parametrize("spec", ["DS", "IBCC", "one-coin", "class-one-coin", "GLAD"])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_partitions_take_the_same_leaps(spec: str, seed: int) -> None:
    """Far on, too, where rounding would have grown from leap to leap."""
    answers, _ = uneven_crowd(500, 60, 3, 3, accuracy=(0.0, 0.6), seed=seed)
    _, leaping = both(spec, **FAR)
    one = leaping.fit(answers)
    for n in (2, 7):
        parts = LocalParts.of(answers, n)
        fit = leaping.fit_parts(parts, silent).fit
        assert fit.diagnostics.n_iter == one.diagnostics.n_iter
        assert fit.diagnostics.notes == one.diagnostics.notes
        np.testing.assert_allclose(fit.skill, one.skill, rtol=0, atol=1e-9)


def test_off_is_as_if_there_were_no_leaps() -> None:
    for spec in ACCELERATED:
        plain: Any = build(spec)
        assert not plain.accelerate
        steps = Extrapolation.of(plain, Size(10, 10.0), None)
        point = (np.ones(2),)
        assert all(steps.end(steps.start(point), 0.0) is point for _ in range(5))
        assert steps.state() == {} and steps.notes() == {}


def test_hard_steps_have_nothing_to_extrapolate() -> None:
    for name in ("FDS", "hybrid-ds"):
        with pytest.raises(ParameterError, match="accelerate"):
            build(f"{name}[accelerate=true]")


def towards(ends: Any, rates: Any) -> Any:
    """A pass that shortens the way to its end by a rate, and what no pass makes fall."""

    def one_pass(point: Any) -> tuple[Any, float]:
        (x,) = point
        return (ends + rates * (x - ends),), -float(((x - ends) ** 2).sum())

    return one_pass


def run(steps: Extrapolation, one_pass: Any, start: Any, n: int) -> list[Any]:
    found, path = start, []
    for _ in range(n):
        begin = steps.start(found)
        image, merit = one_pass(begin)
        found = steps.end(image, merit)
        path.append((begin, found))
    return path


def test_a_leap_goes_where_many_passes_would() -> None:
    end = np.array([1.0, 5.0, 2.0])
    one_pass = towards(end, np.array([0.95, 0.9, 0.2]))
    steps = Extrapolation(True, amounts=False)
    far = run(steps, one_pass, (np.zeros(3),), 30)[-1][1][0]
    plain = run(Extrapolation(False), one_pass, (np.zeros(3),), 30)[-1][1][0]
    assert np.abs(far - end).max() < 0.01 * np.abs(plain - end).max()
    assert steps.n_leaps > 5


def test_a_leap_in_vain_goes_back_to_where_the_pass_before_ended() -> None:
    one_pass = towards(np.array([1.0]), np.array([0.5]))

    def worse_when_ahead(point: Any) -> tuple[Any, float]:
        image, merit = one_pass(point)
        return image, merit if point[0][0] in halves else -np.inf

    halves = [1.0 - 0.5**i for i in range(20)]
    steps = Extrapolation(True, amounts=False)
    path = run(steps, worse_when_ahead, (np.zeros(1),), 12)
    assert steps.n_refused == steps.n_leaps > 0
    kept = [found[0][0] for _, found in path]
    assert all(value in halves for value in kept)
    # A leap in vain costs a pass, and none is lost beside it.
    assert kept[-1] == halves[12 - steps.n_refused]


def test_amounts_stay_positive_and_lengths_limited() -> None:
    one_pass = towards(np.array([0.0, 3.0]), np.array([0.99, 0.999999]))
    steps = Extrapolation(True)
    path = run(steps, one_pass, (np.array([4.0, 1.0]),), 200)
    assert all((begin[0] > 0).all() for begin, _ in path)
    assert 1.0 <= steps.length <= LONGEST


def test_at_rest_nothing_moves() -> None:
    steps = Extrapolation(True)
    path = run(steps, lambda point: (point, 0.0), (np.ones(3),), 10)
    assert steps.n_leaps == 0
    assert (path[-1][1][0] == 1.0).all()


def test_the_option_can_be_named_in_a_command() -> None:
    rule = build("DS", {"accelerate": "true"})
    assert isinstance(rule, Accelerated) and rule.accelerate
    assert not build("DS", {"accelerate": "false"}).get_params()["accelerate"]
