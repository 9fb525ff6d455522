"""What every aggregation strategy promises."""

from __future__ import annotations

import json
import pickle
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import FrozenInstanceError, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerannot._progress import silent
from peerannot._threads import with_threads
from peerannot.aggregation import Result
from peerannot.aggregation.base import Strategy
from peerannot.aggregation.partitions.outcome import outcome
from peerannot.aggregation.partitions.parts import LocalParts
from peerannot.answers import Answers, gold_labels
from peerannot.checks.check import must, must_raise
from peerannot.checks.crowds import any_crowds, crowd, renamed, some_gold
from peerannot.checks.options import must_refuse_bad_options
from peerannot.errors import ConvergenceWarning, DataError, ParameterError

__all__ = ["PROMISES", "fit", "must_be_probabilities", "ready"]

PROMISES: dict[str, Callable[[type[Strategy]], None]] = {}
"""Each check by its name; its docstring says what is asked."""


def promise(function: Callable[[type[Strategy]], None]) -> Callable[[type[Strategy]], None]:
    PROMISES[function.__name__] = function
    return function


def ready(cls: type[Strategy], answers: Answers, **options: Any) -> tuple[Strategy, dict[str, Any]]:
    """A strategy with what it cannot be without for these answers, and arguments of its fit."""
    needed, arguments = cls.for_checks(answers)
    if cls.needs_gold:
        arguments = {"gold": some_gold(answers), **arguments}
    return cls(**{**needed, **options}), dict(arguments)


def fit(
    cls: type[Strategy], answers: Answers, options: dict[str, Any] | None = None, **given: Any
) -> Result:
    """Fit with what the strategy needs. Some models stop early on odd data: that is no fault."""
    rule, arguments = ready(cls, answers, **(options or {}))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return rule.fit(answers, **{**arguments, **given})


def must_be_probabilities(result: Result, answers: Answers) -> None:
    """Ask what every result has: a simplex, labels and skills in range, columns of right length."""
    n, k = answers.n_tasks, answers.n_classes
    posterior = result.dense_posterior()
    must(posterior.shape == (n, k), f"the posterior has shape {posterior.shape}, not {(n, k)}")
    must(np.isfinite(posterior).all(), "the posterior is not finite")
    must((posterior >= 0).all(), "the posterior is negative somewhere")
    must(np.allclose(posterior.sum(1), 1, atol=1e-9), "rows of the posterior do not sum to 1")
    labels = result.labels
    must(
        labels.shape == (n,) and labels.dtype == np.int32,
        f"labels are {labels.dtype} {labels.shape}, not int32 {(n,)}",
    )
    must(((labels >= -1) & (labels < k)).all(), f"labels are not in -1..{k - 1}")
    sure = result.confidence
    must(((sure >= 0) & (sure <= 1 + 1e-12)).all(), "the confidence is not in 0..1")
    must((result.entropy >= -1e-12).all(), "the entropy is negative")
    if result.skill is not None:
        skill = result.skill
        must(skill.shape == (answers.n_workers,), f"the skill has shape {skill.shape}")
        must(((skill >= 0) & (skill <= 1 + 1e-12)).all(), "the skill is not in 0..1")
    if result.confusion is not None:
        shape = (answers.n_workers, k, k)
        must(result.confusion.shape == shape, f"confusion has not the shape {shape}")
        must(np.allclose(result.confusion.sum(2), 1), "rows of confusion do not sum to 1")
    if result.prior is not None:
        must(np.allclose(result.prior.sum(), 1), "the prior does not sum to 1")
    for group, length in ((result.worker_columns, answers.n_workers), (result.task_columns, n)):
        for name, column in group.items():
            must(len(column) == length, f"column {name!r} has {len(column)} rows, not {length}")


def _same(a: Any, b: Any) -> bool:
    return a is b if a is None or b is None else np.array_equal(a, b)


def _must_be_same(a: Result, b: Result, what: str) -> None:
    for part in ("labels", "skill", "confusion", "prior"):
        must(_same(getattr(a, part), getattr(b, part)), f"{what}: {part} differ")
    must(_same(a.dense_posterior(), b.dense_posterior()), f"{what}: the posterior differs")


def _must_be_close(a: Any, b: Any, what: str, within: float = 1e-6) -> None:
    far = float(np.abs(np.asarray(a) - np.asarray(b)).max(initial=0))
    must(far <= within, f"{what} differs by up to {far:.1e}")


def _must_forget_names(cls: type[Strategy], before: Answers, after: Answers) -> None:
    expected, got = fit(cls, before), fit(cls, after)
    rows = got.tasks.codes(list(before.tasks))
    columns = got.classes.codes(list(before.classes))
    found = got.dense_posterior()[rows][:, columns]
    _must_be_close(found, expected.dense_posterior(), "the posterior")
    if expected.skill is not None:
        must(got.skill is not None, "the skill is missing")
        order = got.workers.codes(list(before.workers))
        _must_be_close(np.asarray(got.skill)[order], expected.skill, "the skill")


@promise
def gives_probabilities(cls: type[Strategy]) -> None:
    """Posterior, labels, confidence, skill and confusion are what they are called."""
    for options in ({"seed": 1}, {"seed": 2, "n_classes": 2}, {"seed": 3, "weighted": True}):
        answers, _ = crowd(**options)  # type: ignore[arg-type]
        must_be_probabilities(fit(cls, answers), answers)


@promise
def takes_any_answers(cls: type[Strategy]) -> None:
    """Empty tasks, idle workers, unused classes, repeats and weights of 0 give probabilities."""
    for answers in any_crowds(12, seed=20):
        must_be_probabilities(fit(cls, answers), answers)


@promise
def beats_chance_and_finds_an_easy_truth(cls: type[Strategy]) -> None:
    """Nine of ten tasks are right where workers mostly are."""
    for k in (2, 4):
        answers, truth = crowd(80, 10, k, 7, seed=k, low=0.8, high=0.98)
        right = float((fit(cls, answers).labels == truth).mean())
        must(right > 0.9, f"{right:.0%} of easy tasks of {k} classes are right")


@promise
def is_deterministic(cls: type[Strategy]) -> None:
    """The same answers, options and seed give the same result, bit for bit."""
    answers, _ = crowd(seed=4)
    _must_be_same(fit(cls, answers), fit(cls, answers), "twice the same")


@promise
def changes_neither_itself_nor_its_input(cls: type[Strategy]) -> None:
    """A fit leaves the strategy and the answers as they are; options are frozen."""
    answers, _ = crowd(seed=5)
    (rule, arguments), digest = ready(cls, answers), answers.digest()
    before = repr(rule)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        rule.fit(answers, **arguments)
    must(repr(rule) == before, "a fit changes the strategy")
    must(answers.digest() == digest, "a fit changes the answers")

    def change() -> None:
        rule.seed = 3  # type: ignore[misc]

    must_raise(FrozenInstanceError, "seed", change, instead="the dataclass is not frozen")


@promise
def forgets_the_order_of_rows(cls: type[Strategy]) -> None:
    """Rows in another order give the same result, bit for bit."""
    answers, _ = crowd(seed=6)
    order = np.random.default_rng(0).permutation(answers.n_answers)
    a, b = fit(cls, answers), fit(cls, renamed(answers, order=order))
    must(_same(a.dense_posterior(), b.dense_posterior()), "the posterior differs")
    must(_same(a.labels, b.labels), "labels differ")


@promise
def forgets_the_order_of_tasks(cls: type[Strategy]) -> None:
    """Tasks in another order have the same posterior."""
    answers, _ = crowd(seed=7)
    order = np.random.default_rng(1).permutation(answers.n_tasks)
    _must_forget_names(cls, answers, renamed(answers, tasks=order))


@promise
def forgets_the_order_of_workers(cls: type[Strategy]) -> None:
    """Workers in another order have the same skill."""
    answers, _ = crowd(seed=8)
    order = np.random.default_rng(2).permutation(answers.n_workers)
    _must_forget_names(cls, answers, renamed(answers, workers=order))


@promise
def forgets_the_order_of_classes(cls: type[Strategy]) -> None:
    """Classes in another order have the same probability."""
    for k in (2, 4):
        answers, _ = crowd(seed=9, n_classes=k)
        _must_forget_names(cls, answers, renamed(answers, classes=np.roll(np.arange(k), 1)))


@promise
def believes_unanimous_tasks(cls: type[Strategy]) -> None:
    """What all four workers of every task say is so."""
    label = np.arange(30) % 3
    answers = Answers.from_arrays(
        np.repeat(np.arange(30), 4), np.tile(np.arange(4), 30), np.repeat(label, 4), classes=3
    )
    result = fit(cls, answers)
    must(result.labels.tolist() == label.tolist(), "a unanimous task has another label")
    must((result.confidence > 0.5).all(), "a unanimous task is in doubt")


@promise
def takes_one_class(cls: type[Strategy]) -> None:
    """A single class is certain."""
    answers, _ = crowd(n_classes=1)
    result = fit(cls, answers)
    must(np.array_equal(result.dense_posterior(), np.ones((60, 1))), "the one class is in doubt")
    must((result.labels == 0).all(), "a task has not the one label")


@promise
def repeats_a_lone_worker(cls: type[Strategy]) -> None:
    """One worker alone is believed."""
    label = np.arange(12) % 3
    answers = Answers.from_arrays(range(12), ["w"] * 12, label, classes=3)
    result = fit(cls, answers)
    must_be_probabilities(result, answers)
    must(result.labels.tolist() == label.tolist(), "a lone worker is not believed")


@promise
def survives_no_answers_at_all(cls: type[Strategy]) -> None:
    """Without answers all classes are equally probable; without classes it is a DataError."""
    answers = Answers.from_arrays([], [], [], tasks="abc", workers="xy", classes=3)
    result = fit(cls, answers)
    must_be_probabilities(result, answers)
    _must_be_close(result.dense_posterior(), 1 / 3, "the posterior of nothing")
    nothing = Answers.from_arrays([], [], [], tasks=[], workers=[], classes=2)
    must(fit(cls, nothing).labels.size == 0, "no tasks have labels")
    empty = Answers.from_arrays([], [], [])
    must_raise(
        DataError,
        "no classes",
        lambda: cls().fit(empty),
        instead="answers without classes are taken",
    )


@promise
def keeps_an_unanswered_task(cls: type[Strategy]) -> None:
    """A task without answers has a posterior, and changes that of no other."""
    full, _ = crowd(seed=10, low=0.8)
    answers = replace(full, tasks=type(full.tasks)([*full.tasks, "lonely"]))
    result = fit(cls, answers)
    must_be_probabilities(result, answers)
    must(result.n_answers[-1] == 0, "the task has answers")
    others, before = result.dense_posterior()[:-1], fit(cls, full).dense_posterior()
    _must_be_close(others, before, "the posterior of the others")


@promise
def survives_an_adversary(cls: type[Strategy]) -> None:
    """A worker who is always wrong does no harm among eight good ones."""
    answers, truth = crowd(60, 8, 2, 6, seed=11, low=0.85, high=0.95)
    bad = Answers.from_arrays(
        [*answers.task, *range(60)],
        [*answers.worker, *[8] * 60],
        [*answers.label, *(1 - truth)],
        classes=2,
    )
    result = fit(cls, bad)
    must_be_probabilities(result, bad)
    decided = result.labels >= 0
    right = float((result.labels == truth)[decided].mean())
    must(right > 0.85, f"{right:.0%} of the decided tasks are right")


@promise
def takes_five_thousand_answers_on_a_task(cls: type[Strategy]) -> None:
    """Products of thousands of probabilities neither vanish nor overflow."""
    rng = np.random.default_rng(12)
    few, _ = crowd(30, 20, 3, 4, seed=12)
    crowded = (rng.random(5000) < 0.35).astype(int)
    answers = Answers.from_arrays(
        [*few.task, *[30] * 5000],
        [*few.worker, *range(5000)],
        [*few.label, *crowded],
        classes=3,
    )
    must_be_probabilities(fit(cls, answers), answers)


@promise
def takes_any_number_of_classes(cls: type[Strategy]) -> None:
    """From 1 to 300."""
    for k in (1, 2, 3, 17, 300):
        answers, _ = crowd(20, 6, k, 4, seed=k)
        must_be_probabilities(fit(cls, answers), answers)


@promise
def gives_the_same_for_any_number_of_threads(cls: type[Strategy]) -> None:
    """Two threads give what one gives, bit for bit."""
    answers, _ = crowd(200, 15, 4, 5, seed=13)
    one = fit(cls, answers)
    with with_threads(2):
        _must_be_same(one, fit(cls, answers), "two threads")


@promise
def keeps_gold_labels(cls: type[Strategy]) -> None:
    """Known labels stay, also against all votes; a strategy without ``takes_gold`` refuses them."""
    answers, truth = crowd(seed=14)
    wrong = {str(i): int(truth[i] + 1) % 3 for i in range(0, 60, 3)}
    if not cls.takes_gold:
        must_raise(
            ParameterError, "gold", lambda: fit(cls, answers, gold=wrong),
            instead="gold labels are taken, and takes_gold is False",
        )  # fmt: skip
        return
    result = fit(cls, answers, gold=wrong)
    must_be_probabilities(result, answers)
    posterior = result.dense_posterior()
    for task, label in wrong.items():
        must(result.labels[int(task)] == label, "a gold label is not kept")
        must(abs(posterior[int(task), label] - 1) < 1e-6, "a gold label is not certain")
        must(abs(result.confidence[int(task)] - 1) < 1e-6, "a gold label is in doubt")


@promise
def starts_where_it_is_told(cls: type[Strategy]) -> None:
    """A posterior or a result is a start; a strategy without ``takes_init`` refuses it."""
    answers, truth = crowd(seed=15)
    start = np.full((60, 3), 0.05)
    start[np.arange(60), truth] = 0.9
    if not cls.takes_init:
        must_raise(
            ParameterError, "init", lambda: fit(cls, answers, init=start),
            instead="init is taken, and takes_init is False",
        )  # fmt: skip
        return
    must_be_probabilities(fit(cls, answers, init=start), answers)
    must_be_probabilities(fit(cls, answers, init=fit(cls, answers)), answers)
    must_raise(
        DataError, "shape", lambda: fit(cls, answers, init=start[:5]),
        instead="an init of another shape is taken",
    )  # fmt: skip


@promise
def survives_pickle_and_disk(cls: type[Strategy]) -> None:
    """Strategy and result are the same after a pickle, the result also from its files."""
    answers, _ = crowd(seed=16)
    result = fit(cls, answers)
    rule, _ = ready(cls, answers)
    must(pickle.loads(pickle.dumps(rule)) == rule, "a pickled strategy is another one")
    with tempfile.TemporaryDirectory() as folder:
        loaded = Result.load(result.save(folder))
    for other in (loaded, pickle.loads(pickle.dumps(result))):
        must(other.strategy == cls.name, f"the result is of {other.strategy!r}, not {cls.name!r}")
        must(other.tasks == result.tasks and other.classes == result.classes, "ids are lost")
        _must_be_same(result, other, "what comes back")
        for part in ("confidence", "entropy"):
            must(_same(getattr(other, part), getattr(result, part)), f"{part} does not come back")
        for group in ("worker_columns", "task_columns", "extra"):
            for key, column in getattr(result, group).items():
                must(_same(getattr(other, group)[key], column), f"{group}[{key!r}] is lost")
        known = json.dumps(result.manifest(), allow_nan=False, default=str)
        must(
            json.loads(json.dumps(loaded.manifest())) == json.loads(known),
            "the manifest does not come back",
        )


@promise
def refuses_options_out_of_range(cls: type[Strategy]) -> None:
    """Every option is made with ``option``, and a value that it cannot have is an error."""
    answers, _ = crowd(10, 4)
    must_refuse_bad_options(cls, lambda rule: rule.fit(answers))


@promise
def obeys_the_tie_rule(cls: type[Strategy]) -> None:
    """``ties`` decides between two workers who disagree everywhere."""
    answers = Answers.from_arrays(
        [*range(40), *range(40)], ["a"] * 40 + ["b"] * 40, [0] * 40 + [1] * 40, classes=2
    )
    results = {}
    for rule in ("first", "random", "share", "abstain"):
        results[rule] = fit(cls, answers, {"ties": rule})
        must_be_probabilities(results[rule], answers)
        again = fit(cls, answers, {"ties": rule})
        must(_same(results[rule].labels, again.labels), f"ties={rule}: labels differ")
    found = {rule: set(result.labels.tolist()) for rule, result in results.items()}
    must(found["first"] <= {-1, 0}, "ties=first gives another class than the first")
    _must_be_close(results["share"].dense_posterior(), 0.5, "the posterior of a tie")
    must(len(found["share"] - {-1}) in (0, 2), "ties=share draws one class only")
    must(found["abstain"] == {-1}, "ties=abstain gives a label")


@promise
def counts_a_weight_of_two_as_two_answers(cls: type[Strategy]) -> None:
    """An answer of weight 2 is the same answer twice."""
    once, _ = crowd(seed=17)
    twice = np.arange(once.n_answers) % 4 == 0
    weighted = replace(once, weight=np.where(twice, 2.0, 1.0))
    rows = np.repeat(np.arange(once.n_answers), np.where(twice, 2, 1))
    repeated = Answers(
        once.task[rows], once.worker[rows], once.label[rows], once.tasks, once.workers, once.classes
    )
    a, b = fit(cls, weighted), fit(cls, repeated)
    _must_be_close(a.dense_posterior(), b.dense_posterior(), "the posterior")


@promise
def says_when_it_has_not_converged(cls: type[Strategy]) -> None:
    """One iteration of many is a ConvergenceWarning; what has no ``max_iter`` has converged."""
    answers, _ = crowd(80, 10, 4, 4, seed=18, low=0.3, high=0.8)
    if "max_iter" not in {f.name for f in fields(cls)}:
        must(fit(cls, answers).diagnostics.converged, "it has no max_iter and has not converged")
        return
    rule, arguments = ready(cls, answers, max_iter=1)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        short = rule.fit(answers, **arguments)
    done = short.diagnostics.n_iter
    must(done == 1, f"with max_iter=1, diagnostics tell of {done} iterations")
    told = any(issubclass(w.category, ConvergenceWarning) for w in caught)
    must(told and not short.diagnostics.converged, "one iteration is said to have converged")


@promise
def is_the_same_on_partitions(cls: type[Strategy]) -> None:
    """``fit_parts`` gives on three partitions what it gives on one, to 1e-9."""
    answers, _ = crowd(seed=19)
    rule, arguments = ready(cls, answers)
    if not cls.runs_on_partitions() or rule.needs_all_tasks() is not None:
        return
    one = fit(cls, answers)
    rule = rule.with_files()
    gold = gold_labels(answers, arguments.get("gold"))
    parts = LocalParts.of(answers, 3, gold, arguments.get("init"))
    fitted = rule.fit_parts(parts, silent)
    each = [outcome(part, rule, fitted.write, fitted.given) for part in parts]
    labels = np.concatenate([of_part for of_part, _, _ in each])
    posterior = np.concatenate([of_part.posterior for _, _, of_part in each])
    _must_be_close(posterior, one.dense_posterior(), "the posterior of three partitions", 1e-9)
    must(_same(labels, one.labels), "labels of three partitions differ")


@promise
def learns_online_if_it_says_so(cls: type[Strategy]) -> None:
    """``partial_fit`` gives probabilities; a strategy that cannot learn online refuses."""
    answers, _ = crowd(seed=21)
    rule, arguments = ready(cls, answers)
    if not cls.learns_online():
        must_raise(
            ParameterError, rule.name, lambda: rule.partial_fit(answers), instead="it learns online"
        )
        return
    given: dict[str, Any] = {"gold": arguments["gold"]} if "gold" in arguments else {}
    posterior: NDArray[np.float64] = rule.partial_fit(answers, **given).result().dense_posterior()
    must(np.allclose(posterior.sum(1), 1, atol=1e-9), "rows of the posterior do not sum to 1")


@promise
def draws_answers_if_it_says_so(cls: type[Strategy]) -> None:
    """Draws of `answer_model` are answers to the same tasks, right as often as the model says."""
    if not cls.models_answers():
        return
    answers, _ = crowd(seed=22)
    rule, arguments = ready(cls, answers)
    model = rule.answer_model(answers, rule.fit(answers, **arguments))
    right, (expected, _) = model.right(), model.shares()
    must(((right >= 0) & (right <= 1)).all(), "probabilities of being right are not in 0..1")
    counts = answers.answers_per_worker
    _must_be_close(expected.sum(1), counts, "the expected number of labels of a worker")
    rng, share = np.random.default_rng(0), []
    for _ in range(20):
        truth, label = model.draw(rng)
        in_range = (label >= 0) & (label < answers.n_classes)
        must(label.shape == answers.label.shape and in_range.all(), "what is drawn is no label")
        share.append(float((truth[answers.task] == label).mean()))
    _must_be_close(np.mean(share), right.mean(), "the share of right answers", 0.05)


@promise
def is_documented(cls: type[Strategy]) -> None:
    """The docstring has every option, the cost and the source."""
    told = "".join(base.__doc__ or "" for base in cls.__mro__ if base is not Strategy)
    for word in ("References", "Cost"):
        must(word in told, f"the docstring has no {word!r}")
    for option in {f.name for f in fields(cls)} - {f.name for f in fields(Strategy)}:
        must(option in told, f"the docstring does not tell of {option!r}")
