"""Strategies on partitions of tasks give what they give on one machine."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from helpers.crowds import uneven_crowd
from helpers.examples import examples
from peerannot._progress import silent
from peerannot._threads import with_threads
from peerannot.aggregation import STRATEGIES, Result, build
from peerannot.aggregation.base import Fitted, Strategy
from peerannot.aggregation.capabilities import MISSING, check_partitions
from peerannot.aggregation.confusion.dawid_skene import DawidSkene
from peerannot.aggregation.partitions.outcome import outcome
from peerannot.aggregation.partitions.parts import LocalParts
from peerannot.answers import Answers
from peerannot.errors import ParameterError

Gold = NDArray[np.int32]

# Every strategy that distributes, with options that take other ways through the code.
VOTES = ["MV", "MV[ties=random]", "MV[ties=first]", "MV[ties=abstain]", "NaiveSoft", "TwoThird"]
VOTES += ["WMV", "GoldMV"]
CONFUSIONS = ["DS", "LFC", "FDS", "FDS[ties=random]", "FDS[switch=0.1]", "hybrid-ds", "WDS", "IBCC"]
CONFUSIONS += ["DSWC", "DSWC[L=3,max_iter=20]", "EBCC[subtypes=3,restarts=2,max_iter=20]"]
COINS = ["one-coin", "one-coin[prior=estimated]", "ZC", "MACE[restarts=2]"]
COINS += ["MACE[method=em,restarts=2,max_iter=20]"]
COINS += ["class-one-coin", "class-one-coin[prior=uniform,max_iter=9]"]
LEAPS = [f"{name}[accelerate=true,tol=1e-9]" for name in ("DS", "LFC", "IBCC", "one-coin", "GLAD")]
LEAPS += ["one-coin[accelerate=true,prior=estimated]", "class-one-coin[accelerate=true,tol=1e-9]"]
LEAPS += ["WDS[accelerate=true,tol=0,max_iter=30]"]
AGREEMENT = ["Wawa", "Wawa[ties=first]", "Wawa[ties=random]"]
POLLS = ["IWMV", "IWMV[ties=random]", "ZBS", "ZBS[ties=random]", "PM", "CRH", "CATD"]
POLLS += ["PM[ties=random]", "CATD[ties=first]", "BWA", "BWA[max_iter=4]"]
MESSAGES = ["KOS", "KOS[spread=1,ties=random]", "KOS[max_iter=2]", "M-MSR", "M-MSR[ties=random]"]
CLASSIFIER = ["crowdlab", "crowdlab[consensus=best_quality]"]
LIGHT = ["LA[order=given]", "LA[order=given,ties=random]", "LA2[order=given]"]
PLANTNET = ["PlantNet", "PlantNet[theta_conf=0.5,taxa_votes_weight=1.0,ties=random]"]
SPECS = VOTES + CONFUSIONS + COINS + AGREEMENT + POLLS + LIGHT + PLANTNET + ["GLAD"]
SPECS += MESSAGES + CLASSIFIER
ROUNDS = ["hierarchical-dawid-skene", "hierarchical-dawid-skene[types=1,prior=uniform]"]
ROUNDS += ["hierarchical-mace", "hierarchical-mace[max_iter=4]", "bwa-normalised", "pool"]
SPECS += ROUNDS + LEAPS
ITERATE = LEAPS + CONFUSIONS + COINS + POLLS + PLANTNET[1:] + ["GLAD"] + MESSAGES + ROUNDS


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Threads that wait for each other take longer than such small crowds."""
    with with_threads(1):
        yield


class Saved:
    """Remembers the state after some iteration, as a copy."""

    def __init__(self, at: int = 0, state: dict[str, Any] | None = None) -> None:
        self.at, self.state, self.calls = at, state, 0

    def load(self) -> dict[str, Any] | None:
        return self.state

    def save(self, state: dict[str, Any]) -> None:
        self.calls += 1
        if self.calls == self.at:
            self.state = {
                key: value.copy() if isinstance(value, np.ndarray | list) else value
                for key, value in state.items()
            }
            raise Cut


class Cut(Exception):
    """The run ends here."""


def on_one(strategy: Strategy, answers: Answers, gold: Gold | None, start: Any = None) -> Result:
    named: Mapping[str, Any] | None = None
    if gold is not None:
        known = np.flatnonzero(gold >= 0)
        named = {answers.tasks[int(i)]: answers.classes[int(gold[i])] for i in known}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return strategy.fit(answers, gold=named, init=start)


def written(rule: Strategy, fitted: Fitted, parts: LocalParts) -> Iterator[NDArray[Any]]:
    """Labels, confidence and posterior of all tasks."""
    each = [outcome(part, rule, fitted.write, fitted.given) for part in parts]
    columns = ((labels, confidence, fit.posterior) for labels, confidence, fit in each)
    return (np.concatenate(column) for column in zip(*columns, strict=True))


def check_alike(one: Result, rule: Strategy, fitted: Fitted, parts: LocalParts) -> None:
    labels, confidence, posterior = written(rule, fitted, parts)
    np.testing.assert_allclose(posterior, one.dense_posterior(), rtol=0, atol=1e-9)
    np.testing.assert_allclose(confidence, one.confidence, rtol=0, atol=1e-9)
    np.testing.assert_array_equal(labels, one.labels)
    assert labels.dtype == np.int32
    fit = fitted.fit
    assert fit.posterior is None
    assert fit.diagnostics.n_iter == one.diagnostics.n_iter
    assert fit.diagnostics.converged == one.diagnostics.converged
    assert fit.diagnostics.notes == one.diagnostics.notes
    np.testing.assert_allclose(
        fit.diagnostics.objective, one.diagnostics.objective, rtol=1e-9, atol=1e-9
    )
    assert fit.extra.keys() == one.extra.keys()
    assert fit.worker_columns.keys() == one.worker_columns.keys()
    pairs = [(fit.worker_columns[name], one.worker_columns[name]) for name in fit.worker_columns]
    pairs += [(getattr(fit, n), getattr(one, n)) for n in ("skill", "confusion", "prior")]
    for got, wanted in pairs:
        assert (got is None) == (wanted is None)
        if got is not None:
            np.testing.assert_allclose(got, wanted, rtol=0, atol=1e-9)


def check(
    spec: str, answers: Answers, *several: int, gold: Gold | None = None, start: Any = None
) -> None:
    """Fits on one machine and on several numbers of partitions are alike."""
    strategy = build(spec)
    gold = gold if strategy.takes_gold else None
    if spec in CLASSIFIER and start is None:
        start = np.random.default_rng(0).dirichlet(np.ones(answers.n_classes), answers.n_tasks)
    one = on_one(strategy, answers, gold, start)
    for n in several:
        parts = LocalParts.of(answers, n, gold, start)
        fitted = strategy.fit_parts(parts, silent, Saved())
        check_alike(one, strategy, fitted, parts)


def some_gold(answers: Answers, truth: NDArray[Any], every: int = 5) -> Gold:
    return np.where(np.arange(answers.n_tasks) % every == 0, truth, -1).astype(np.int32)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("spec", SPECS)
def test_partitions_give_what_one_machine_gives(spec: str, weighted: bool) -> None:
    answers, truth = uneven_crowd(50, 9, 3, 4, seed=int(weighted), weighted=weighted)
    check(spec, answers, 1, 2, 7, gold=some_gold(answers, truth))
    if spec != "GoldMV":
        check(spec, answers, 1, 2, 7)


@pytest.mark.parametrize("spec", [spec for spec in SPECS if build(spec).takes_init])
def test_partitions_start_where_they_are_told(spec: str) -> None:
    answers, truth = uneven_crowd(50, 9, 3, 4, accuracy=(0.4, 0.8), seed=3)
    start = np.random.default_rng(0).dirichlet(np.ones(3), 50)
    check(spec, answers, 1, 2, 7, start=start)
    check(spec, answers, 2, gold=some_gold(answers, truth), start=start)


@pytest.mark.parametrize("spec", SPECS)
def test_partitions_may_be_empty_and_classes_one(spec: str) -> None:
    for n_classes in (1, 3):
        answers, truth = uneven_crowd(5, 4, n_classes, 3, seed=2)
        check(spec, answers, 7, gold=some_gold(answers, truth, 2))


@pytest.mark.parametrize("spec", SPECS)
def test_a_worker_may_be_in_one_partition_only(spec: str) -> None:
    task = [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]
    worker = ["a", "b", "c"] * 3 + ["a", "b", "z"]
    label = [0, 0, 1, 1, 1, 1, 2, 2, 0, 1, 0, 0]
    answers = Answers.from_arrays(task, worker, label, classes=4)
    check(spec, answers, 2, gold=np.array([0, -1, -1, -1], np.int32))


@examples(150)
@given(st.data())
def test_any_small_crowd(data: st.DataObject) -> None:
    spec = data.draw(st.sampled_from(SPECS))
    answers, truth = uneven_crowd(
        data.draw(st.integers(1, 12)), data.draw(st.integers(1, 5)), data.draw(st.integers(1, 4)),
        data.draw(st.integers(1, 3)), seed=data.draw(st.integers(0, 10**6)),
        weighted=data.draw(st.booleans()),
    )  # fmt: skip
    gold = some_gold(answers, truth, data.draw(st.integers(1, 4)))
    check(spec, answers, data.draw(st.integers(1, 4)), gold=gold)


@pytest.mark.parametrize("spec", ITERATE)
def test_a_fit_that_was_cut_off_goes_on(spec: str) -> None:
    strategy = build(spec)
    answers, _ = uneven_crowd(60, 9, 3, 4, accuracy=(0.4, 0.8), seed=5)
    one = on_one(strategy, answers, None)
    everything = Saved()
    strategy.fit_parts(LocalParts.of(answers, 3), silent, everything)
    parts, first = LocalParts.of(answers, 3), Saved(max(everything.calls // 2, 1))
    assert first.at < everything.calls
    with pytest.raises(Cut):
        strategy.fit_parts(parts, silent, first)
    assert first.state is not None
    assert len(first.state["objective"]) in (0, first.state["n_iter"])
    other = LocalParts.of(answers, 3)
    for part, before in zip(other, parts, strict=True):
        part.kept = before.kept  # the engine saves it with the state
    second = Saved(state=first.state)
    check_alike(one, strategy, strategy.fit_parts(other, silent, second), other)
    assert first.calls + second.calls == everything.calls


def test_every_strategy_is_tried_here() -> None:
    assert {build(spec).name for spec in SPECS} == set(STRATEGIES) - set(MISSING["out of core"])


def test_options_are_checked() -> None:
    strategy = build("DS")
    object.__setattr__(strategy, "max_iter", 0)
    with pytest.raises(ParameterError, match="max_iter"):
        check_partitions(strategy)


class Sharper(DawidSkene):
    """A user's Dawid-Skene; nothing is said of partitions."""

    name = "sharper"

    def tables(self, pairs: Any, counts: Any, mass: Any) -> Any:
        table, log_prior = super().tables(pairs, counts, mass)
        return 1.5 * table, log_prior


class OnlyInMemory(DawidSkene):
    """Another, that does something else, and only in memory."""

    name = "only-in-memory"

    def _fit(self, *given: Any) -> Any:
        return super()._fit(*given)


def test_a_subclass_runs_where_its_family_runs() -> None:
    answers, _ = uneven_crowd(50, 9, 3, 4, seed=1)
    rule = Sharper()
    check_partitions(rule)
    parts = LocalParts.of(answers, 3)
    check_alike(rule.fit(answers), rule, rule.fit_parts(parts, silent), parts)
    assert np.abs(rule.fit(answers).posterior - build("DS").fit(answers).posterior).max() > 1e-3
    with pytest.raises(ParameterError, match=r"only-in-memory needs all tasks .*; choose .*dawid"):
        check_partitions(OnlyInMemory())
