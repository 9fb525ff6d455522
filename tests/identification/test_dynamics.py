"""AUM, WAUM and cartography against slow transcriptions, on recorded logits."""

from __future__ import annotations

import itertools
import json
import math
from pathlib import Path

import numpy as np
import pytest

from helpers.crowds import crowd_of, diagonal
from peerannot import Answers
from peerannot.aggregation import DawidSkene, WeightedDawidSkene
from peerannot.dataset import read_removed
from peerannot.errors import ConvergenceWarning, DataError, ParameterError
from peerannot.identification import METHODS, Evidence, margin, write_findings
from peerannot.identification.dynamics import Tally, follow, pruned
from peerannot.identification.replay import Replay

pytestmark = pytest.mark.filterwarnings(
    f"ignore::{ConvergenceWarning.__module__}.ConvergenceWarning"
)


def softmax(z: list[float]) -> list[float]:
    top = [math.exp(v - max(z)) for v in z]
    return [v / sum(top) for v in top]


def slow_margin(z: list[float], y: int, kind: str, k: int) -> float:
    if kind == "yang":
        return z[y] - sorted(z, reverse=True)[k]
    return z[y] - sorted((v for c, v in enumerate(z) if c != y), reverse=True)[k - 1]


def recorded(
    n: int = 12, k: int = 4, epochs: int = 5, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal(0, 2, (epochs, n, k)).astype(np.float32), rng.integers(k, size=n)


@pytest.mark.parametrize("kind", ["yang", "pleiss"])
@pytest.mark.parametrize("topk", [0, 1, 2, 3])
def test_margin_equals_its_definition(kind: str, topk: int) -> None:
    logits, label = recorded()
    got = margin(logits[0], label, kind, topk=topk)  # type: ignore[arg-type]
    slow = [
        slow_margin(z, int(y), kind, max(topk, 1))
        for z, y in zip(logits[0].tolist(), label, strict=True)
    ]
    np.testing.assert_allclose(got, slow, atol=1e-6)


def test_margins_differ_where_the_label_is_not_first() -> None:
    scores = np.array([[3.0, 2.0, 1.0], [3.0, 2.0, 1.0], [3.0, 2.0, 1.0]])
    label = np.array([0, 1, 2])
    assert margin(scores, label, "pleiss").tolist() == [1, -1, -2]
    assert margin(scores, label, "yang").tolist() == [1, 0, -1]
    with pytest.raises(ParameterError, match="topk must be below"):
        margin(scores, label, topk=3)


def test_course_of_training_equals_its_definition() -> None:
    logits, label = recorded()
    found = follow(logits, label)
    for i, y in enumerate(label.tolist()):
        course = [z[i].tolist() for z in logits]
        p = [softmax(z)[y] for z in course]
        right = [max(range(4), key=z.__getitem__) == y for z in course]
        assert found.aum_pleiss[i] == pytest.approx(
            np.mean([slow_margin(z, y, "pleiss", 1) for z in course]), abs=1e-6
        )
        assert found.aum_yang[i] == pytest.approx(
            np.mean([slow_margin(softmax(z), y, "yang", 1) for z in course]), abs=1e-6
        )
        assert found.aum_pleiss_softmax[i] == pytest.approx(
            np.mean([slow_margin(softmax(z), y, "pleiss", 1) for z in course]), abs=1e-6
        )
        assert found.confidence[i] == pytest.approx(np.mean(p), abs=1e-6)
        assert found.variability[i] == pytest.approx(np.std(p), abs=1e-6)
        assert found.correctness[i] == pytest.approx(np.mean(right))
        forgot = sum(a and not b for a, b in itertools.pairwise(right))
        assert found.forgetting[i] == (forgot if any(right) else -1)
        corner = [float(c == y) for c in range(4)]
        distance = [math.dist(softmax(z), corner) for z in course]
        assert found.el2n[i] == pytest.approx(np.mean(distance), abs=1e-6)
    assert found.n_epochs == 5


def test_pruning_takes_the_quantile_and_leaves_unknown_tasks() -> None:
    score = np.array([0.5, np.nan, 0.1, 0.9, 0.2])
    assert pruned(score, 0.3).tolist() == [False, False, True, False, False]
    assert pruned(score, 0.5).sum() == 2
    assert not pruned(score, 0.0).any()
    assert pruned(score, 1.0).sum() == 4


def test_wrong_logits_are_named() -> None:
    with pytest.raises(DataError, match="expected 2 rows"):
        Tally([0, 1]).add(np.zeros((3, 2)))
    with pytest.raises(DataError, match="epoch 1: not finite"):
        Tally([0, 1]).add(np.full((2, 2), np.nan))
    with pytest.raises(DataError, match="no epoch"):
        Tally([0, 1]).result()
    answers, _ = crowd_of([diagonal(3, 0.9)] * 3, 10, 2, seed=0)
    for bad in (np.zeros((2, 9, 3)), np.zeros((10, 3)), np.zeros((2, 10, 3), int)):
        with pytest.raises(DataError, match="expected floats of shape"):
            Replay(bad, answers)


def evidence_of(seed: int = 0, n: int = 60) -> tuple[Evidence, Answers, np.ndarray]:
    answers, truth = crowd_of([diagonal(3, 0.8)] * 8, n, 4, seed=seed)
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 1, (6, n, 3)).astype(np.float32)
    logits[:, np.arange(n), truth] += np.linspace(0.5, 4, 6)[:, None]
    index = rng.permutation(n)
    evidence = Evidence(
        answers,
        files=[f"x-{key}.png" for key in answers.tasks],
        index=index,
        train=Replay(logits, answers),
        one_network=True,
        model="net",
    )
    return evidence, answers, logits


@pytest.mark.parametrize("use_pleiss", [False, True])
def test_waum_equals_its_definition(use_pleiss: bool) -> None:
    evidence, answers, logits = evidence_of()
    findings = METHODS["WAUM"](alpha=0.1, use_pleiss=use_pleiss).run(evidence)
    confusion = DawidSkene(max_iter=50).fit(answers).confusion
    assert confusion is not None
    kind = "pleiss" if use_pleiss else "yang"
    for task, score in zip(findings.table["task"], findings.table["score"], strict=True):
        i = answers.tasks.index_of[task]
        rows = range(answers.task_ptr[i], answers.task_ptr[i + 1])
        last = softmax(logits[-1, i].tolist())
        top, bottom = 0.0, 0.0
        for a in rows:
            y, j = int(answers.label[a]), int(answers.worker[a])
            area = np.mean([slow_margin(softmax(z[i].tolist()), y, kind, 1) for z in logits])
            trust = sum(last[k] * confusion[j, k, k] for k in range(3))
            top, bottom = top + trust * area, bottom + trust
        assert score == pytest.approx(top / bottom, abs=1e-6)


def test_waum_prunes_and_labels_the_rest(tmp_path: Path) -> None:
    evidence, answers, _ = evidence_of()
    findings = METHODS["WAUM"](alpha=0.1).run(evidence)
    written = write_findings(findings, tmp_path)
    home = tmp_path / "identification/net/waum_0.1_yang"
    assert set(written) >= {
        home / name
        for name in ("waum.csv", "score_per_worker.json", "aum_per_worker.json", "too_hard_0.1.txt")
    }
    lines = (home / "too_hard_0.1.txt").read_text().split("\n")[:-1]
    assert len(lines) == 6
    positions, keys = read_removed(home / "too_hard_0.1.txt")
    assert keys is not None
    assert evidence.index is not None
    assert positions == [int(evidence.index[answers.tasks.index_of[key]]) for key in keys]
    assert positions == sorted(positions)
    worst = findings.table["task"][:6]
    assert sorted(worst) == sorted(keys)

    labels = np.load(tmp_path / "labels/labels_waum_0.1.npy")
    assert labels.shape == (60, 3)
    gone = answers.tasks.codes(keys)
    assert not labels[gone].any()
    rest = answers.without_tasks(keys)
    again = WeightedDawidSkene(max_iter=50).fit(rest).dense_posterior()
    np.testing.assert_array_equal(np.delete(labels, gone, axis=0), again)
    area = json.loads((home / "aum_per_worker.json").read_text())
    assert {int(at) for at in area} == set(range(60))
    assert all(len(of_task) == 4 for of_task in area.values())
    import polars as pl

    table = pl.read_csv(home / "waum.csv")
    assert table.columns == ["index", "task", "waum"]
    assert table["index"].to_list() == list(range(60))


def test_alpha_acts_and_all_pruned_is_an_error() -> None:
    evidence, _, _ = evidence_of()
    few = METHODS["WAUM"](alpha=0.05).run(evidence).summary["n_too_hard"]
    many = METHODS["WAUM"](alpha=0.5).run(evidence).summary["n_too_hard"]
    assert (few, many) == (3, 30)
    with pytest.raises(DataError, match="prunes every task"):
        METHODS["WAUM"](alpha=1.0).run(evidence)
    with pytest.raises(ParameterError, match="alpha must be at most 1"):
        METHODS["WAUM"](alpha=1.5).run(evidence)


def test_aum_files_are_those_of_the_published_package(tmp_path: Path) -> None:
    import polars as pl

    evidence, answers, logits = evidence_of()
    labels = np.arange(60) % 3
    labels[7] = -1
    given = Evidence(**{**vars(evidence), "labels": labels})
    findings = METHODS["AUM"](alpha=0.2).run(given)
    write_findings(findings, tmp_path)
    home = tmp_path / "identification/net/aum"
    values = pl.read_csv(home / "aum_values.csv")
    assert values.columns == ["sample_id", "filename", "AUM_yang", "AUM_pleiss"]
    assert values.height == 59
    assert values["sample_id"].is_sorted()
    full = pl.read_csv(home / "full_aum_records.csv")
    assert full.columns == [
        *("index", "task", "label", "epoch", "label_logit", "label_prob"),
        *("other_max_logit", "other_max_prob", "secondlogit", "secondprob"),
        *("logits_0", "logits_1", "logits_2"),
    ]
    assert full.height == 59 * 6
    # The table of values can be had from the records, as the published package had it.
    again = full.group_by("index", maintain_order=True).agg(
        (pl.col("label_logit") - pl.col("other_max_logit")).mean().alias("pleiss"),
        (pl.col("label_prob") - pl.col("secondprob")).mean().alias("yang"),
    )
    np.testing.assert_allclose(again["pleiss"], values["AUM_pleiss"], atol=1e-5)
    np.testing.assert_allclose(again["yang"], values["AUM_yang"], atol=1e-5)
    row = full.row(5, named=True)
    key = row["task"].removeprefix("x-").removesuffix(".png")
    z = logits[0, answers.tasks.index_of[key]]
    assert row["logits_2"] == pytest.approx(float(z[2]), abs=1e-6)
    assert row["label"] == labels[answers.tasks.index_of[key]]
    _, keys = read_removed(home / "too_hard_0.2.txt")
    assert keys is not None
    assert sorted(keys) == sorted(findings.table["task"][:12])
    assert np.flatnonzero(findings.table["too_hard"]).tolist() == list(range(12))
    both = pl.read_csv(tmp_path / "identification/net/cartography.csv")
    alone = METHODS["cartography"]().run(given)
    np.testing.assert_allclose(both["confidence"], alone.table["confidence"])


def test_use_pleiss_and_topk_act_on_the_score() -> None:
    evidence, _, _ = evidence_of()
    yang = METHODS["AUM"]().run(evidence)
    pleiss = METHODS["AUM"](use_pleiss=True).run(evidence)
    second = METHODS["AUM"](topk=2).run(evidence)
    assert np.asarray(yang.table["score"]).tolist() == np.asarray(yang.table["AUM_yang"]).tolist()
    assert (
        np.asarray(pleiss.table["score"]).tolist()
        == np.asarray(pleiss.table["AUM_pleiss"]).tolist()
    )
    assert np.mean(second.table["score"]) > np.mean(yang.table["score"])


def test_one_network_a_worker_needs_training() -> None:
    evidence, answers, logits = evidence_of()
    with pytest.raises(ParameterError, match="one network a worker"):
        METHODS["WAUM_perworker"]().run(evidence)
    with pytest.raises(ParameterError, match="needs images"):
        METHODS["WAUM"]().run(Evidence(answers))
    calls: list[tuple[int, int | None]] = []

    def train(task: np.ndarray, label: np.ndarray, *, batch_size: int | None = None):  # type: ignore[no-untyped-def]
        calls.append((len(task), batch_size))
        return Replay(logits, answers)(task, label)

    own = Evidence(**{**vars(evidence), "train": train, "one_network": False})
    findings = METHODS["WAUM_perworker"]().run(own)
    assert calls == [(int(m), 50) for m in answers.answers_per_worker]
    # Every worker's network replays the same logits: the scores are those of one network.
    one = METHODS["WAUM"]().run(evidence)
    np.testing.assert_allclose(findings.table["score"], one.table["score"], atol=1e-12)
    assert "labels/labels_waum_perworker_0.01.npy" in findings.files
