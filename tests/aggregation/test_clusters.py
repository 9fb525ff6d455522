"""Dawid-Skene with clusters of workers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.crowds import uneven_crowd
from helpers.examples import examples
from peerannot.aggregation import STRATEGIES
from peerannot.aggregation.confusion.dawid_skene_clust import _ranked
from peerannot.answers import Answers

DSWC = STRATEGIES["DSWC"]


@examples(15)
@given(seed=st.integers(0, 10**6), n_classes=st.integers(1, 5), clusters=st.integers(1, 4))
def test_the_evidence_bound_never_falls(seed: int, n_classes: int, clusters: int) -> None:
    answers, _ = uneven_crowd(25, 6, n_classes, 4, seed=seed)
    path = DSWC(L=clusters, tol=0.0, max_iter=25, restarts=0).fit(answers).diagnostics.objective
    assert (np.diff(path) >= -1e-5).all()


def test_two_kinds_of_workers_are_found() -> None:
    rng = np.random.default_rng(0)
    confusion = np.array([[[0.9, 0.05, 0.05], [0.05, 0.9, 0.05], [0.05, 0.05, 0.9]],
                          [[0.6, 0.3, 0.1], [0.1, 0.6, 0.3], [0.3, 0.1, 0.6]]])  # fmt: skip
    kind = np.arange(40) % 2
    truth = rng.integers(3, size=500)
    worker = rng.integers(40, size=3000)
    task = np.arange(500).repeat(6)
    cumulative = confusion.cumsum(-1)[kind[worker], truth[task]]
    label = (rng.random(3000)[:, None] > cumulative).sum(1)
    answers = Answers.from_arrays(task, worker, label, classes=3, duplicates="all")
    result = DSWC(L=2).fit(answers)
    cluster = result.worker_columns["cluster"]
    assert max((cluster == kind).mean(), (cluster != kind).mean()) == 1.0
    order = [int(cluster[0]), 1 - int(cluster[0])]
    assert result.extra["cluster_confusion"][order] == pytest.approx(confusion, abs=0.05)
    assert result.extra["membership"].sum(1) == pytest.approx(1.0)
    assert (result.labels == truth).mean() > 0.95


def test_one_cluster_is_one_shared_confusion() -> None:
    answers, _ = uneven_crowd(80, 10, 3, 5)
    result = DSWC(L=1, tol=1e-12, max_iter=3000).fit(answers)
    assert np.ptp(result.confusion, axis=0).max() == 0
    merged = Answers(
        answers.task, np.zeros_like(answers.worker), answers.label, answers.tasks,
        answers.workers, answers.classes,
    )  # fmt: skip
    pooled = STRATEGIES["DS"](tol=1e-12, max_iter=3000).fit(merged)
    assert result.posterior == pytest.approx(pooled.posterior, abs=1e-5)


def test_equal_workers_start_with_equal_shares_of_the_clusters() -> None:
    membership = _ranked(np.array([3.0, 1.0, 2.0, 2.0]), 2)
    assert membership.tolist() == [[0, 1], [1, 0], [0.5, 0.5], [0.5, 0.5]]
    thirds = _ranked(np.array([5.0, 4.0]), 3)
    assert thirds == pytest.approx(np.array([[0, 1 / 3, 2 / 3], [2 / 3, 1 / 3, 0]]))
