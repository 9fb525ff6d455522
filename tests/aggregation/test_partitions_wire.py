"""What leaves a partition, what stays, and what cannot be done on partitions."""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers.crowds import uneven_crowd
from peerannot._progress import silent
from peerannot._sizes import Sizes, with_sizes
from peerannot._threads import with_threads
from peerannot.aggregation import build
from peerannot.aggregation.base import Fitted, Strategy
from peerannot.aggregation.capabilities import check_partitions
from peerannot.aggregation.partitions.outcome import outcome
from peerannot.aggregation.partitions.parts import LocalParts
from peerannot.aggregation.passes.signed_votes import largest_score, signed_vote_fit, write_signed
from peerannot.aggregation.passes.support import Support
from peerannot.aggregation.reliability.plantnet import PlantNet
from peerannot.aggregation.votes.weighted_vote import WeightedVote
from peerannot.answers import Answers
from peerannot.errors import DataError, DataWarning, ParameterError

# What sends the same number of bytes however many tasks there are.
SPECS = ["MV", "WMV", "GoldMV", "DS", "FDS", "WDS", "IBCC", "one-coin", "MACE[restarts=2]"]
SPECS += ["Wawa", "IWMV", "ZBS", "LA[order=given]", "LA2[order=given]", "GLAD"]
SPECS += ["PlantNet[theta_conf=0.5]", "PM", "CATD", "BWA", "class-one-coin", "DSWC", "M-MSR", "KOS"]
# The pool sends what its members do.
SPECS += ["hierarchical-dawid-skene", "hierarchical-mace", "bwa-normalised"]
SPECS += ["DS[accelerate=true]", "GLAD[accelerate=true]"]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Threads that wait for each other take longer than such small crowds."""
    with with_threads(1):
        yield


class Wire(LocalParts):
    """Partitions that get and give everything as bytes, and count them."""

    def start(self) -> Wire:
        self.longest = 0
        return self

    def _sent(self, thing: Any) -> Any:
        told = pickle.dumps(thing)
        self.longest = max(self.longest, len(told))
        return pickle.loads(told)

    def sum(self, work: Any, *given: Any) -> tuple[Any, ...]:
        run, given = self._sent((work, given))
        return super().sum(lambda part, *more: self._sent(run(part, *more)), *given)

    def advance(self, work: Any, *given: Any) -> tuple[Any, ...]:
        run, given = self._sent((work, given))

        def there(part: Any, *more: Any) -> Any:
            before = pickle.dumps(part.kept)
            kept, told = run(part, *more)
            assert pickle.dumps(part.kept) == before, "what was kept is another's to keep"
            return pickle.loads(pickle.dumps(kept)), self._sent(told)

        return super().advance(there, *given)

    def chain(self, work: Any, state: Any, *given: Any) -> Any:
        run, given = self._sent((work, given))

        def there(part: Any, state: Any, *more: Any) -> Any:
            return self._sent(run(part, self._sent(state), *more))

        return super().chain(there, state, *given)

    def written(self, rule: Strategy, fitted: Fitted) -> list[Any]:
        write, given = self._sent((fitted.write, fitted.given))
        return [outcome(part, rule, write, given) for part in self]


def a_fit(spec: str, n_tasks: int) -> tuple[Wire, list[Any]]:
    # Every worker gives every label in every crowd, so that tables are of one size.
    answers, truth = uneven_crowd(n_tasks, 4, 3, 5, accuracy=(0.4, 0.8), seed=1)
    gold = np.where(np.arange(n_tasks) % 5 == 0, truth, -1).astype(np.int32)
    wire = Wire.of(answers, 3, gold if build(spec).takes_gold else None)
    assert isinstance(wire, Wire)
    strategy = build(spec)
    return wire, wire.written(strategy, strategy.fit_parts(wire.start(), silent))


@pytest.mark.parametrize("spec", SPECS)
def test_what_travels_does_not_grow_with_the_tasks(spec: str) -> None:
    few, _ = a_fit(spec, 60)
    many, written = a_fit(spec, 600)
    # Numbers are pickled in a byte or in two.
    assert 0 < many.longest <= few.longest + 16 < 2000
    assert sum(labels.size for labels, *_ in written) == 600


def test_options_that_need_all_tasks_are_refused_plainly() -> None:
    with pytest.raises(ParameterError, match=r"^la needs all tasks .*order=random"):
        check_partitions(build("LA"))


@pytest.mark.parametrize("form", ["by task", "in order", "by number"])
@pytest.mark.parametrize("ai", ["ignored", "worker", "fixed", "invalidating", "confident"])
def test_plantnet_has_authors_and_an_ai(ai: Any, form: str, tmp_path: Path) -> None:
    crowd_, truth = uneven_crowd(60, 6, 4, 4, accuracy=(0.6, 0.95), seed=3)
    rng = np.random.default_rng(0)
    task, worker = [*crowd_.task, *range(60)], [*map(str, crowd_.worker), *["AI"] * 60]
    says = np.where(rng.random(60) < 0.8, truth, rng.integers(4, size=60))
    label = [*crowd_.label, *says]
    answers = Answers.from_arrays(
        task, worker, label, tasks=map(str, range(60)), classes=4, duplicates="all"
    )
    by_task = {str(i): str(rng.integers(6)) for i in range(0, 60, 2)}
    sure = {str(i): float(rng.random()) for i in range(60)}
    authors: Any = by_task
    scores: Any = sure
    if form != "by task":
        # A line more than there are tasks: line t is of task t.
        lines = [by_task.get(str(i), "-1") for i in range(61 if form == "by number" else 60)]
        authors, scores = tmp_path / "authors.txt", tmp_path / "scores.json"
        authors.write_text("\n".join(lines))
        scores.write_text(json.dumps(sure if form == "by number" else list(sure.values())))
    named = PlantNet(
        AI=ai, authors=by_task, scores=sure, threshold_scores=0.5, theta_conf=1.0,
        taxa_votes_weight=0.5,
    )  # fmt: skip
    rule = replace(named, authors=authors, scores=scores)
    one = rule.fit(answers)
    assert one.posterior.tolist() == named.fit(answers).posterior.tolist()
    ready = rule.with_files()
    for file in tmp_path.iterdir():
        file.unlink()  # nothing is read while partitions are fitted
    for n in (1, 2, 7):
        parts = LocalParts.of(answers, n)
        fitted = ready.fit_parts(parts, silent)
        rows = [outcome(part, rule, fitted.write, fitted.given) for part in parts]
        np.testing.assert_array_equal(np.concatenate([r[0] for r in rows]), one.labels)
        np.testing.assert_allclose(np.concatenate([r[1] for r in rows]), one.confidence)
        np.testing.assert_allclose(
            np.concatenate([r[2].posterior for r in rows]), one.posterior, atol=1e-9
        )
        np.testing.assert_allclose(
            fitted.fit.worker_columns["weight"], one.worker_columns["weight"]
        )
        assert fitted.fit.diagnostics == one.diagnostics


def test_plantnet_misses_authors_of_unknown_tasks_and_the_ai() -> None:
    answers, _ = uneven_crowd(10, 3, 2, 3)
    rule = PlantNet(authors={"3": "0", "nowhere": "1"})
    with pytest.raises(DataError, match=r"^authors: tasks that have no answers entry: nowhere"):
        rule.fit_parts(LocalParts.of(answers, 2), silent)
    rule = PlantNet(AI="fixed")
    with pytest.warns(DataWarning, match="no worker has the id 'AI'"):
        rule.fit_parts(LocalParts.of(answers, 2), silent)


def test_probabilities_of_a_classifier_are_read_before_the_fit(tmp_path: Path) -> None:
    answers, _ = uneven_crowd(60, 6, 4, 4, seed=3)
    file = tmp_path / "p.npy"
    np.save(file, np.random.default_rng(0).dirichlet(np.ones(4), 60))
    rule = build(f"crowdlab[probabilities={file}]")
    one, ready = rule.fit(answers), rule.with_files()
    file.unlink()
    for n in (1, 7):
        parts = LocalParts.of(answers, n)
        fitted = ready.fit_parts(parts, silent)
        posterior = np.concatenate([fitted.write(part, *fitted.given).posterior for part in parts])
        np.testing.assert_allclose(posterior, one.posterior, rtol=0, atol=1e-12)
    with pytest.raises(ParameterError, match="needs a classifier"):
        build("crowdlab").fit_parts(LocalParts.of(answers, 2), silent)


def test_a_partition_of_noise_knows_that_it_is_noise() -> None:
    # Alone in its partition, a worker at chance has a weight of zero but for rounding.
    task, worker = [0, 1, 2, 3, 4, 5], ["lone"] * 3 + ["a", "b", "c"]
    answers = Answers.from_arrays(task, worker, [0, 1, 2, 0, 1, 2], classes=3)
    weight = np.array([1.0, 1.0, -0.5, -1e-17])
    assert list(answers.workers) == ["a", "b", "c", "lone"]
    support, gold = Support.of(answers), np.full(6, -1, np.int32)
    one = signed_vote_fit(answers, support, support.votes(answers, weight), "share", 0, gold)
    np.testing.assert_allclose(one.posterior[:3], 1 / 3)
    parts = LocalParts.of(answers, 2)
    given = ("share", 0, weight, largest_score(parts, weight))
    fits = [write_signed(part, *given) for part in parts]
    posterior = np.concatenate([fit.posterior for fit in fits])
    np.testing.assert_allclose(posterior, one.posterior, atol=1e-9)
    np.testing.assert_array_equal(np.concatenate([fit.labels for fit in fits]), one.labels)


def test_weights_of_unknown_workers_are_refused_as_on_one_machine() -> None:
    answers, _ = uneven_crowd(10, 3, 2, 3)
    rule = WeightedVote(weights={"nobody": 2.0})
    with pytest.raises(DataError, match="none of these workers has answers"):
        rule.fit_parts(LocalParts.of(answers, 2), silent)


SPARSE = ["one-coin", "MACE[restarts=1]", "GLAD", "IWMV", "IWMV[ties=abstain]", "Wawa"]
SPARSE += ["MV", "NaiveSoft", "twothird", "PlantNet"]


@pytest.mark.parametrize("spec", SPARSE)
def test_partitions_are_as_sparse_as_all_tasks_would_be(spec: str) -> None:
    with with_sizes(Sizes(dense=60 * 4 * 8 // 2)):
        assert_as_sparse(spec)


def assert_as_sparse(spec: str) -> None:
    answers, truth = uneven_crowd(60, 6, 4, 2, seed=4)
    gold = np.where(np.arange(60) % 9 == 0, truth, -1).astype(np.int32)
    rule = build(spec)
    known = {str(i): int(gold[i]) for i in np.flatnonzero(gold >= 0)}
    one = rule.fit(answers, gold=known)
    assert not isinstance(one.posterior, np.ndarray)
    for n in (1, 7):
        parts = LocalParts.of(answers, n, gold)
        fitted = rule.fit_parts(parts, silent)
        rows = [outcome(part, rule, fitted.write, fitted.given) for part in parts]
        held = [row[2].posterior for row in rows]
        dense = [rows if isinstance(rows, np.ndarray) else rows.toarray() for rows in held]
        posterior = np.concatenate(dense)
        answered = one.posterior.sum(1) > 0
        np.testing.assert_allclose(
            posterior[answered], one.dense_posterior()[answered], rtol=0, atol=1e-9
        )
        np.testing.assert_array_equal(np.concatenate([row[0] for row in rows]), one.labels)


def test_single_precision_is_chosen_by_all_answers() -> None:
    answers, _ = uneven_crowd(60, 6, 3, 4, accuracy=(0.4, 0.8), seed=4)
    rule = build("DS[max_iter=12,tol=0]")
    double = rule.fit(answers).dense_posterior()
    with with_sizes(Sizes(single=answers.n_answers)):
        one = rule.fit(answers).dense_posterior()
        assert np.abs(one - double).max() > 1e-9
        parts = LocalParts.of(answers, 3)
        fitted = rule.fit_parts(parts, silent)
        posterior = np.concatenate([fitted.write(part, *fitted.given).posterior for part in parts])
    np.testing.assert_allclose(posterior, one, rtol=0, atol=1e-9)
