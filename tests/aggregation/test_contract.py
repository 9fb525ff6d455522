"""What every strategy of the registry promises. A new strategy is tested here by being there."""

from __future__ import annotations

import json
import math
import pickle
import tempfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import FrozenInstanceError, fields, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from helpers.crowds import even_crowd
from helpers.needed import NEEDS_OPTIONS, NEEDS_TO_FIT, QUICK, needed_to_fit, ready
from peerannot._options import describe
from peerannot._threads import with_threads
from peerannot.aggregation import STRATEGIES, Result
from peerannot.aggregation.base import Strategy
from peerannot.answers import Answers
from peerannot.errors import ConvergenceWarning, DataError, ParameterError

# Promises that a model cannot keep, and why. Nothing else is excepted.
UNDECIDED = "one vote is too few to decide"
STREAM = "tasks are read one after another in an order drawn from the seed"
EXCEPTIONS: dict[str, dict[str, str]] = {
    "gold-majority-vote": {
        "survives_no_answers_at_all": "it needs gold, and there is no task",
        "obeys_the_tie_rule": "its gold tells the two workers apart",
    },
    "kos": {"counts_a_weight_of_two_as_two_answers": "two edges speak to each other, one does not"},
    "la": {"forgets_the_order_of_tasks": STREAM},
    "la-two-pass": {"forgets_the_order_of_tasks": STREAM},
    "m-msr": {"takes_five_thousand_answers_on_a_task": "it refuses more than 4,000 workers"},
    "plantnet": {
        "repeats_a_lone_worker": UNDECIDED,
        "says_when_it_has_not_converged": "a worker must know five classes to be told apart",
    },
    "twothird": {"repeats_a_lone_worker": UNDECIDED},
}

CHECKS: dict[str, Callable[[str], None]] = {}
NAMES = list(STRATEGIES)


def promise(function: Callable[[str], None]) -> Callable[[str], None]:
    CHECKS[function.__name__] = function
    return function


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Threads cost more than they bring on data this small; one promise is about them."""
    with with_threads(1):
        yield


def fit(name: str, answers: Answers, *, options: dict[str, Any] | None = None, **kw: Any) -> Result:
    """Fit with what the strategy needs. Some models stop early on odd data: that is no fault."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        rule = ready(name, answers, **(options or {}))
        return rule.fit(answers, **{**needed_to_fit(name, answers), **kw})


def assert_simplex(result: Result, answers: Answers) -> None:
    n, k = answers.n_tasks, answers.n_classes
    posterior = result.dense_posterior()
    assert posterior.shape == (n, k)
    assert np.isfinite(posterior).all()
    assert (posterior >= 0).all()
    assert np.allclose(posterior.sum(1), 1, atol=1e-9)
    assert result.labels.shape == (n,)
    assert result.labels.dtype == np.int32
    assert ((result.labels >= -1) & (result.labels < k)).all()
    assert ((result.confidence >= 0) & (result.confidence <= 1 + 1e-12)).all()
    assert (result.entropy >= -1e-12).all()
    if result.skill is not None:
        assert result.skill.shape == (answers.n_workers,)
        assert ((result.skill >= 0) & (result.skill <= 1 + 1e-12)).all()
    if result.confusion is not None:
        assert result.confusion.shape == (answers.n_workers, k, k)
        assert np.allclose(result.confusion.sum(2), 1)
    if result.prior is not None:
        assert np.allclose(result.prior.sum(), 1)
    for column in result.worker_columns.values():
        assert len(column) == answers.n_workers
    for column in result.task_columns.values():
        assert len(column) == n


def same(a: Any, b: Any, **tolerance: float) -> bool:
    if a is None or b is None:
        return a is b
    return bool(np.allclose(a, b, **tolerance) if tolerance else np.array_equal(a, b))


def renamed(
    answers: Answers,
    *,
    tasks: Any = None,
    workers: Any = None,
    classes: Any = None,
    order: Any = None,
) -> Answers:
    """The same answers with vocabularies in another order, or rows in another order."""
    rows = np.arange(answers.n_answers) if order is None else order
    names = {
        "tasks": list(answers.tasks) if tasks is None else [answers.tasks[i] for i in tasks],
        "workers": list(answers.workers)
        if workers is None
        else [answers.workers[i] for i in workers],
        "classes": list(answers.classes)
        if classes is None
        else [answers.classes[i] for i in classes],
    }
    return Answers.from_arrays(
        [answers.tasks[i] for i in answers.task[rows]],
        [answers.workers[i] for i in answers.worker[rows]],
        [answers.classes[i] for i in answers.label[rows]],
        **names,
    )


def aligned(result: Result, like: Answers) -> np.ndarray[Any, Any]:
    """The posterior with rows and columns in the order of other vocabularies."""
    rows = result.tasks.codes(list(like.tasks))
    columns = result.classes.codes(list(like.classes))
    return result.dense_posterior()[rows][:, columns]


def assert_same_but_for_names(name: str, before: Answers, after: Answers) -> None:
    expected, got = fit(name, before), fit(name, after)
    assert np.allclose(aligned(got, before), expected.dense_posterior(), atol=1e-6)
    if expected.skill is not None:
        assert got.skill is not None
        skill = got.skill[got.workers.codes(list(before.workers))]
        assert np.allclose(skill, expected.skill, atol=1e-6)


@promise
def gives_probabilities(name: str) -> None:
    for options in ({"seed": 1}, {"seed": 2, "n_classes": 2}, {"seed": 3, "weighted": True}):
        answers, _ = even_crowd(**options)
        assert_simplex(fit(name, answers), answers)


@promise
def beats_chance_and_finds_an_easy_truth(name: str) -> None:
    for k in (2, 4):
        answers, truth = even_crowd(80, 10, k, 7, seed=k, low=0.8, high=0.98)
        assert (fit(name, answers).labels == truth).mean() > 0.9


@promise
def is_deterministic(name: str) -> None:
    answers, _ = even_crowd(seed=4)
    a, b = fit(name, answers), fit(name, answers)
    assert same(a.dense_posterior(), b.dense_posterior())
    assert same(a.labels, b.labels)
    assert same(a.skill, b.skill)
    assert same(a.confusion, b.confusion)


@promise
def changes_neither_itself_nor_its_input(name: str) -> None:
    answers, _ = even_crowd(seed=5)
    rule, digest = ready(name, answers), answers.digest()
    before = repr(rule)
    fit(name, answers)
    assert repr(rule) == before
    assert answers.digest() == digest
    with pytest.raises(FrozenInstanceError):
        rule.seed = 3  # type: ignore[misc]


@promise
def forgets_the_order_of_rows(name: str) -> None:
    answers, _ = even_crowd(seed=6)
    order = np.random.default_rng(0).permutation(answers.n_answers)
    a, b = fit(name, answers), fit(name, renamed(answers, order=order))
    assert same(a.dense_posterior(), b.dense_posterior())
    assert same(a.labels, b.labels)


@promise
def forgets_the_order_of_tasks(name: str) -> None:
    answers, _ = even_crowd(seed=7)
    order = np.random.default_rng(1).permutation(answers.n_tasks)
    assert_same_but_for_names(name, answers, renamed(answers, tasks=order))


@promise
def forgets_the_order_of_workers(name: str) -> None:
    answers, _ = even_crowd(seed=8)
    order = np.random.default_rng(2).permutation(answers.n_workers)
    assert_same_but_for_names(name, answers, renamed(answers, workers=order))


@promise
def forgets_the_order_of_classes(name: str) -> None:
    for k in (2, 4):
        answers, _ = even_crowd(seed=9, n_classes=k)
        order = np.roll(np.arange(k), 1)
        assert_same_but_for_names(name, answers, renamed(answers, classes=order))


@promise
def believes_unanimous_tasks(name: str) -> None:
    label = np.arange(30) % 3
    answers = Answers.from_arrays(
        np.repeat(np.arange(30), 4), np.tile(np.arange(4), 30), np.repeat(label, 4), classes=3
    )
    result = fit(name, answers)
    assert result.labels.tolist() == label.tolist()
    assert (result.confidence > 0.5).all()


@promise
def takes_one_class(name: str) -> None:
    answers, _ = even_crowd(n_classes=1)
    result = fit(name, answers)
    assert np.array_equal(result.dense_posterior(), np.ones((60, 1)))
    assert (result.labels == 0).all()


@promise
def repeats_a_lone_worker(name: str) -> None:
    label = np.arange(12) % 3
    answers = Answers.from_arrays(range(12), ["w"] * 12, label, classes=3)
    result = fit(name, answers)
    assert_simplex(result, answers)
    assert result.labels.tolist() == label.tolist()


@promise
def survives_no_answers_at_all(name: str) -> None:
    answers = Answers.from_arrays([], [], [], tasks="abc", workers="xy", classes=3)
    result = fit(name, answers)
    assert_simplex(result, answers)
    assert np.allclose(result.dense_posterior(), 1 / 3)
    nothing = Answers.from_arrays([], [], [], tasks=[], workers=[], classes=2)
    assert fit(name, nothing).labels.size == 0
    with pytest.raises(DataError, match="no classes"):
        STRATEGIES[name]().fit(Answers.from_arrays([], [], []))


@promise
def keeps_an_unanswered_task(name: str) -> None:
    full, _ = even_crowd(seed=10, low=0.8)
    answers = replace(full, tasks=type(full.tasks)([*full.tasks, "lonely"]))
    result = fit(name, answers)
    assert_simplex(result, answers)
    assert result.n_answers[-1] == 0
    # A task without answers says nothing of the others.
    assert np.allclose(result.dense_posterior()[:-1], fit(name, full).dense_posterior(), atol=1e-6)


@promise
def survives_an_adversary(name: str) -> None:
    answers, truth = even_crowd(60, 8, 2, 6, seed=11, low=0.85, high=0.95)
    bad = Answers.from_arrays(
        [*answers.task, *range(60)],
        [*answers.worker, *[8] * 60],
        [*answers.label, *(1 - truth)],
        classes=2,
    )
    result = fit(name, bad)
    assert_simplex(result, bad)
    decided = result.labels >= 0
    assert (result.labels == truth)[decided].mean() > 0.85


@promise
def takes_five_thousand_answers_on_a_task(name: str) -> None:
    rng = np.random.default_rng(12)
    few, _ = even_crowd(30, 20, 3, 4, seed=12)
    crowded = (rng.random(5000) < 0.35).astype(int)
    answers = Answers.from_arrays(
        [*few.task, *[30] * 5000],
        [*few.worker, *range(5000)],
        [*few.label, *crowded],
        classes=3,
    )
    result = fit(name, answers)
    assert_simplex(result, answers)


@promise
def takes_any_number_of_classes(name: str) -> None:
    for k in (1, 2, 3, 17, 300):
        answers, _ = even_crowd(20, 6, k, 4, seed=k)
        assert_simplex(fit(name, answers), answers)


@promise
def gives_the_same_for_any_number_of_threads(name: str) -> None:
    answers, _ = even_crowd(200, 15, 4, 5, seed=13)
    one = fit(name, answers)
    with with_threads(2):
        two = fit(name, answers)
    assert same(one.dense_posterior(), two.dense_posterior())
    assert same(one.labels, two.labels)
    assert same(one.skill, two.skill)


@promise
def keeps_gold_labels(name: str) -> None:
    answers, truth = even_crowd(seed=14)
    wrong = {str(i): int(truth[i] + 1) % 3 for i in range(0, 60, 3)}
    if not STRATEGIES[name].takes_gold:
        with pytest.raises(ParameterError, match="gold"):
            ready(name, answers).fit(answers, gold=wrong)
        return
    result = fit(name, answers, gold=wrong)
    posterior = result.dense_posterior()
    assert_simplex(result, answers)
    for task, label in wrong.items():
        assert result.labels[int(task)] == label
        assert posterior[int(task), label] == pytest.approx(1)
        assert result.confidence[int(task)] == pytest.approx(1)


@promise
def starts_where_it_is_told(name: str) -> None:
    answers, truth = even_crowd(seed=15)
    start = np.full((60, 3), 0.05)
    start[np.arange(60), truth] = 0.9
    if not STRATEGIES[name].takes_init:
        with pytest.raises(ParameterError, match="init"):
            ready(name, answers).fit(answers, init=start)
        return
    assert_simplex(fit(name, answers, init=start), answers)
    assert_simplex(fit(name, answers, init=fit(name, answers)), answers)
    with pytest.raises(DataError, match="shape"):
        fit(name, answers, init=start[:5])


@promise
def survives_pickle_and_disk(name: str) -> None:
    answers, _ = even_crowd(seed=16)
    result = fit(name, answers)
    rule = ready(name, answers)
    assert pickle.loads(pickle.dumps(rule)) == rule
    with tempfile.TemporaryDirectory() as folder:
        loaded = Result.load(result.save(folder))
    for other in (loaded, pickle.loads(pickle.dumps(result))):
        assert other.strategy == name
        assert other.tasks == result.tasks
        assert other.classes == result.classes
        assert same(other.dense_posterior(), result.dense_posterior())
        for part in ("labels", "skill", "confusion", "prior", "confidence", "entropy"):
            assert same(getattr(other, part), getattr(result, part)), part
        for group in ("worker_columns", "task_columns", "extra"):
            for key, column in getattr(result, group).items():
                assert same(getattr(other, group)[key], column), key
        assert json.loads(json.dumps(loaded.manifest())) == json.loads(
            json.dumps(result.manifest(), allow_nan=False, default=str)
        )


@promise
def refuses_options_out_of_range(name: str) -> None:
    answers, _ = even_crowd(10, 4)
    options = describe(STRATEGIES[name])
    assert {o[0] for o in options} == {f.name for f in fields(STRATEGIES[name])}
    for option, bad in bad_values(STRATEGIES[name]):
        with pytest.raises(ParameterError, match=option):
            STRATEGIES[name](**{option: bad}).fit(answers)


def bad_values(cls: type[Strategy]) -> list[tuple[str, Any]]:
    """For each option, values just outside its limits, and one of a wrong type."""
    out: list[tuple[str, Any]] = []
    for field in fields(cls):
        limits = field.metadata["option"]
        whole = isinstance(field.default, int)
        step = 1 if whole else 1e-6
        if limits.at_least is not None:
            out.append((field.name, limits.at_least - step))
        if limits.above is not None:
            out.append((field.name, limits.above))
        if limits.at_most is not None:
            out.append((field.name, limits.at_most + step))
        if limits.below is not None:
            out.append((field.name, limits.below))
        if isinstance(field.default, float):
            out.append((field.name, math.nan))
        out.append((field.name, object()))
    return [(n, int(v) if isinstance(v, float) and v == -1.0 else v) for n, v in out]


@promise
def obeys_the_tie_rule(name: str) -> None:
    answers = Answers.from_arrays(
        [*range(40), *range(40)],
        ["a"] * 40 + ["b"] * 40,
        [0] * 40 + [1] * 40,
        classes=2,
    )
    for rule in ("first", "random", "share", "abstain"):
        result = fit(name, answers, options={"ties": rule})
        assert_simplex(result, answers)
        again = fit(name, answers, options={"ties": rule})
        assert same(result.labels, again.labels)
    first = fit(name, answers, options={"ties": "first"})
    assert set(first.labels) <= {-1, 0}
    share = fit(name, answers)
    assert np.allclose(share.dense_posterior(), 0.5)
    assert len(set(share.labels.tolist()) - {-1}) in (0, 2)
    abstain = fit(name, answers, options={"ties": "abstain"})
    assert set(abstain.labels.tolist()) == {-1}


@promise
def counts_a_weight_of_two_as_two_answers(name: str) -> None:
    once, _ = even_crowd(seed=17)
    twice = np.arange(once.n_answers) % 4 == 0
    weighted = replace(once, weight=np.where(twice, 2.0, 1.0))
    rows = np.repeat(np.arange(once.n_answers), np.where(twice, 2, 1))
    repeated = Answers(
        once.task[rows], once.worker[rows], once.label[rows], once.tasks, once.workers, once.classes
    )
    a, b = fit(name, weighted), fit(name, repeated)
    assert np.allclose(a.dense_posterior(), b.dense_posterior(), atol=1e-6)


@promise
def says_when_it_has_not_converged(name: str) -> None:
    answers, _ = even_crowd(80, 10, 4, 4, seed=18, low=0.3, high=0.8)
    options = {f.name for f in fields(STRATEGIES[name])}
    result = fit(name, answers)
    if "max_iter" not in options:
        assert result.diagnostics.converged
        return
    given_ = needed_to_fit(name, answers)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        short = ready(name, answers, max_iter=1).fit(answers, **given_)
    assert short.diagnostics.n_iter == 1
    told = any(issubclass(w.category, ConvergenceWarning) for w in caught)
    assert told == (not short.diagnostics.converged)
    assert told


@promise
def is_documented(name: str) -> None:
    cls = STRATEGIES[name]
    assert cls.__doc__ is not None
    documented = "".join(base.__doc__ or "" for base in cls.__mro__ if base is not Strategy)
    assert "References" in documented
    assert "Cost" in documented
    for option in {f.name for f in fields(cls)} - {f.name for f in fields(Strategy)}:
        assert option in documented, option


@pytest.mark.parametrize("check", list(CHECKS))
@pytest.mark.parametrize("name", NAMES)
def test_promise(name: str, check: str) -> None:
    reason = EXCEPTIONS.get(name, {}).get(check)
    if reason is None:
        CHECKS[check](name)
        return
    with pytest.raises(Exception):  # noqa: B017 - an exception that is no longer needed must go
        CHECKS[check](name)


@st.composite
def few_answers(draw: st.DrawFn) -> Answers:
    """Any answers: empty tasks, idle workers, unused classes, repeats, weights."""
    n, w, k = draw(st.integers(1, 6)), draw(st.integers(1, 5)), draw(st.integers(1, 5))
    row = st.tuples(st.integers(0, n - 1), st.integers(0, w - 1), st.integers(0, k - 1))
    listed = draw(st.lists(row, max_size=25))
    weights = draw(
        st.none()
        | st.lists(
            st.sampled_from([0.0, 0.5, 1.0, 7.0]), min_size=len(listed), max_size=len(listed)
        )
    )
    task, worker, label = zip(*listed, strict=True) if listed else ((), (), ())
    return Answers.from_arrays(
        task,
        worker,
        label,
        weights,
        tasks=map(str, range(n)),
        workers=map(str, range(w)),
        classes=k,
        duplicates="all",
    )


@pytest.mark.parametrize("name", NAMES)
@settings(
    max_examples=15,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(answers=few_answers())
def test_any_answers_give_probabilities(name: str, answers: Answers) -> None:
    assert_simplex(fit(name, answers), answers)


def test_exceptions_are_of_checks_and_strategies_that_exist() -> None:
    for name, checks in EXCEPTIONS.items():
        assert name in NAMES
        assert set(checks) <= set(CHECKS)
        assert all(checks.values())
    assert {*NEEDS_TO_FIT, *NEEDS_OPTIONS, *QUICK} <= set(NAMES)
