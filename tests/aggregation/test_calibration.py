"""Calibration: the map, how it is found without truth and by gold labels, and where it is kept."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array

from helpers.crowds import crowd_of, diagonal, uneven_crowd
from helpers.examples import examples
from peerannot import aggregate
from peerannot.aggregation import (
    STRATEGIES,
    Calibration,
    build,
    calibrated_result,
    find_calibration,
    load_state,
)
from peerannot.aggregation.partitions.outcome import outcome
from peerannot.aggregation.partitions.parts import LocalParts
from peerannot.aggregation.uncertainty import calibrate
from peerannot.aggregation.uncertainty.calibrate import find_on_parts
from peerannot.aggregation.uncertainty.calibration import calibrated_parts
from peerannot.aggregation.uncertainty.heldout import deal
from peerannot.answers import Answers
from peerannot.errors import DataError, ParameterError
from peerannot.selection import evaluate
from peerannot.simulation import simulate

DS = STRATEGIES["dawid-skene"]


def posteriors(k: int, n: int, seed: int) -> np.ndarray[Any, Any]:
    """Rows of all kinds: even, tied, certain, with zeros."""
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.full(k, 0.2), n)
    p[0] = 1 / k
    p[1] = np.eye(k)[k - 1]
    p[2] = 0
    p[2, :2] = 0.5
    return p


@examples(60)
@given(
    seed=st.integers(0, 10**6), k=st.integers(2, 6), dependence=st.floats(0, 1),
    doubt=st.floats(0, 0.5), temperature=st.floats(0.1, 3), isotonic=st.booleans(),
)  # fmt: skip
def test_classes_keep_their_order(
    seed: int, k: int, dependence: float, doubt: float, temperature: float, isotonic: bool
) -> None:
    p = posteriors(k, 30, seed)
    found = Calibration(
        temperature=temperature, dependence=dependence, doubt=doubt,
    )  # fmt: skip
    if isotonic:
        accuracy = tuple(np.sort(np.random.default_rng(seed).random(4)).tolist())
        found = Calibration(method="isotonic", confidence=(0.2, 0.5, 0.7, 1.0), accuracy=accuracy)
    q = found.apply(p, np.arange(30) % 7)
    assert q.sum(1) == pytest.approx(1)
    assert (q >= 0).all() and np.isfinite(q).all()
    # What was the likeliest stays so, and ties stay ties.
    best = p >= p.max(1, keepdims=True)
    assert (q >= q.max(1, keepdims=True) * (1 - 1e-12))[best].all()
    assert (
        np.diff(np.take_along_axis(q, np.argsort(p, 1, kind="stable"), 1), axis=1) > -1e-9
    ).all()
    if doubt > 0 and not isotonic:
        assert (q.max(1) <= max(1 - doubt, 1 / k) + 1e-12)[best.sum(1) == 1].all()
    known = np.arange(30) % 2 == 0
    kept = found.apply(p, np.arange(30) % 7, known)
    assert (kept[known] == p[known]).all() and (kept[~known] == q[~known]).all()


def test_a_temperature_by_hand() -> None:
    p = np.array([[0.9, 0.08, 0.02], [0.9, 0.08, 0.02], [1.0, 0.0, 0.0]])
    q = Calibration(dependence=0.5, doubt=0.1).apply(p, np.array([1, 5, 3]))
    least = 0.1 / (2 * 0.9)  # of the likeliest
    first = np.array([1, max(0.08 / 0.9, least), least])
    second = np.array([1, (0.08 / 0.9) ** (1 / 3), (0.02 / 0.9) ** (1 / 3)])
    assert q[0] == pytest.approx(first / first.sum())
    assert q[1] == pytest.approx(second / second.sum())
    assert q[2] == pytest.approx([0.9, 0.05, 0.05])


def test_a_sparse_posterior_is_calibrated_over_its_own_classes() -> None:
    p = np.array([[0.9, 0.0, 0.1, 0], [0, 1.0, 0, 0], [0.0, 0.6, 0.3, 0.1]])
    found = Calibration(dependence=0.5)
    q = found.apply(csr_array(p), np.array([3, 3, 3])).toarray()
    assert q[0, [0, 2]] == pytest.approx(found.apply(p[:1, [0, 2]], np.array([3]))[0])
    assert q[1].tolist() == p[1].tolist()
    assert q[2, 1:] == pytest.approx(found.apply(p[2:, 1:], np.array([3]))[0])


def slow_choice(answers: Answers, spec: str) -> tuple[float, float]:
    """The module's equations, an answer at a time."""
    k, n = answers.n_classes, answers.n_answers
    fold = deal(answers, 5, 0)
    rows = list(zip(answers.task, answers.worker, answers.label, strict=True))
    fits = [build(spec).fit(answers.rows(fold != f)).posterior for f in range(5)]
    seen = [np.bincount(answers.task[fold != f], minlength=answers.n_tasks) for f in range(5)]
    judged = [a for a in range(n) if seen[fold[a]][rows[a][0]] > 0]
    of: dict[tuple[float, float, float], dict[int, float]] = {}
    for crowd in calibrate.CROWD:
        confusion = []
        for f in range(5):
            counts = np.zeros((answers.n_workers, k, k))
            for a in judged:
                if fold[a] != f:
                    i, j, y = rows[a]
                    counts[j, :, y] += fits[fold[a]][i]
            mean = counts.sum(0) + 1 / k
            mean /= mean.sum(1, keepdims=True)
            full = counts + crowd * mean
            confusion.append(full / (counts.sum(2, keepdims=True) + crowd))
        for r in calibrate.DEPENDENCE:
            for e in calibrate.DOUBT:
                logs: dict[int, float] = {}
                for a in judged:
                    (i, j, y), f = rows[a], fold[a]
                    q = Calibration(dependence=r, doubt=e).apply(
                        fits[f][i : i + 1], seen[f][i : i + 1]
                    )
                    logs[i] = logs.get(i, 0) + float(np.log(q[0] @ confusion[f][j, :, y]))
                of[crowd, r, e] = logs
    best = max(of, key=lambda at: sum(of[at].values()))
    near = []
    for at, logs in of.items():
        gap = np.array([of[best][i] - logs[i] for i in logs])
        if at[0] == best[0] and gap.sum() <= np.sqrt(((gap - gap.mean()) ** 2).sum()):
            near.append(at)

    def confidence(at: tuple[float, float, float]) -> float:
        total = 0.0
        for f in range(5):
            own = sorted({rows[a][0] for a in judged if fold[a] == f})
            q = Calibration(dependence=at[1], doubt=at[2]).apply(fits[f][own], seen[f][own])
            total += q.max(1).sum()
        return total

    return min(near, key=confidence)[1:]


def test_the_map_is_the_most_doubtful_near_the_likeliest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibrate, "DEPENDENCE", (0.0, 0.1, 0.5, 1.0))
    monkeypatch.setattr(calibrate, "DOUBT", (0.01, 0.1))
    monkeypatch.setattr(calibrate, "CROWD", (1.0, 16.0))
    grid = [(1.0, r, e) for r in calibrate.DEPENDENCE for e in calibrate.DOUBT]
    monkeypatch.setattr(calibrate, "DOUBTFUL", grid)
    chosen = set()
    for seed in range(4):
        answers, _ = uneven_crowd(40, 6, 3, 4, seed=seed)
        found = find_calibration(build("IBCC"), answers)
        assert (found.dependence, found.doubt) == slow_choice(answers, "IBCC")
        chosen.add((found.dependence, found.doubt))
    assert len(chosen) > 1


def test_independent_answers_are_left_nearly_as_they_are() -> None:
    crowd = simulate("independent-confusion", n_task=1000, n_worker=40, n_classes=4, feedback=5)
    for spec in ("IBCC", "LFC", "GLAD"):
        strategy = build(spec)
        found = find_calibration(strategy, crowd.answers)
        result = strategy.fit(crowd.answers)
        after = calibrated_result(result, found, crowd.answers.weight_per_task)
        scores = [evaluate(one, crowd.truth) for one in (result, after)]
        assert scores[1].ece <= scores[0].ece + 0.01
        assert scores[1].accuracy == scores[0].accuracy


def test_answers_that_depend_are_doubted() -> None:
    crowd = simulate("correlated-judges", n_task=500, n_worker=9, n_classes=2, feedback=9)
    for spec in ("DS", "IBCC", "LFC", "GLAD"):
        strategy = build(spec)
        found = find_calibration(strategy, crowd.answers)
        result = strategy.fit(crowd.answers)
        after = calibrated_result(result, found, crowd.answers.weight_per_task)
        scores = [evaluate(one, crowd.truth) for one in (result, after)]
        assert found.dependence > 0.05
        assert scores[1].ece < 0.6 * scores[0].ece
        assert (after.labels == result.labels).all()
        assert after.diagnostics.notes["calibration"]["dependence"] == found.dependence


@pytest.mark.parametrize(("n_gold", "method"), [(50, "temperature"), (300, "isotonic")])
@pytest.mark.parametrize("spec", ["DS", "NaiveSoft", "kos"])
def test_gold_labels_shape_the_map(n_gold: int, method: str, spec: str) -> None:
    crowd = simulate("correlated-judges", n_task=1500, n_worker=9, n_classes=2, feedback=9)
    gold = np.full(1500, -1, np.int32)
    gold[:n_gold] = crowd.truth[:n_gold]
    strategy = build(spec)
    found = find_calibration(strategy, crowd.answers, gold=gold)
    assert (found.method, found.by, found.n) == (method, "gold", n_gold)
    assert list(found.accuracy) == sorted(found.accuracy)
    result = strategy.fit(crowd.answers)
    after = calibrated_result(result, found, crowd.answers.weight_per_task)
    others = np.where(np.arange(1500) < n_gold, -1, crowd.truth)
    scores = [evaluate(one, others) for one in (result, after)]
    assert scores[1].ece < 0.07
    assert scores[1].log_loss < scores[0].log_loss
    assert scores[1].accuracy == pytest.approx(scores[0].accuracy)


def test_few_gold_labels_leave_it_to_the_answers() -> None:
    answers, truth = uneven_crowd(100, 8, 3, 5)
    gold = np.where(np.arange(100) < 19, truth, -1).astype(np.int32)
    found = find_calibration(build("IBCC"), answers, gold=gold)
    assert found.by == "held-out answers"
    # Held out are answers beside others, to tasks whose class is open.
    several = answers.answers_per_task[answers.task] > 1
    assert found.n == (several & (answers.task >= 19)).sum()


def test_what_cannot_be_found_is_said() -> None:
    alone = Answers.from_arrays(range(50), [0] * 50, [0, 1] * 25, classes=2)
    with pytest.raises(DataError, match=r"no task .* has two answers.* give 20 gold labels"):
        find_calibration(DS(), alone)
    with pytest.raises(ParameterError, match="folds must be at least 2"):
        find_calibration(DS(), alone, folds=1)
    answers, _ = uneven_crowd(30, 5, 2)
    with pytest.raises(DataError, match="gold-majority-vote needs 20 gold labels"):
        find_calibration(STRATEGIES["gold-majority-vote"](), answers)
    truth = np.array([0, 1] * 25, np.int32)
    assert find_calibration(DS(), alone, gold=truth).by == "gold"


@pytest.mark.parametrize("most", [10**6, 150])
def test_partitions_find_and_write_the_same(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibrate, "MOST_ANSWERS", most)
    answers, truth = uneven_crowd(120, 9, 3, 4, weighted=True)
    gold = np.where(np.arange(120) < 8, truth, -1).astype(np.int32)
    strategy = build("IBCC[ties=random,seed=3]")
    whole = find_calibration(strategy, answers, gold=gold)
    assert whole.n < most and (most > 1000 or whole.n > 60)
    result = calibrated_result(
        strategy.fit(answers, gold=gold), whole, answers.weight_per_task, gold >= 0
    )
    parts = LocalParts.of(answers, 3, gold)
    found = find_on_parts(strategy, parts)
    assert found == whole
    fitted = calibrated_parts(
        strategy.fit_parts(parts, lambda *_: None), found, strategy.ties, strategy.seed,
        keeps_known=True,
    )  # fmt: skip
    each = [outcome(part, strategy, fitted.write, fitted.given) for part in parts]
    assert np.concatenate([labels for labels, *_ in each]).tolist() == result.labels.tolist()
    posterior = np.concatenate([fit.posterior for *_, fit in each])
    assert posterior == pytest.approx(result.posterior, abs=1e-9)
    assert (result.posterior[:8].max(1) == 1).all()
    assert fitted.fit.diagnostics.notes["calibration"] == found.as_dict()


@pytest.mark.parametrize("spec", ["MV", "LA", "plantnet", "EBCC[restarts=1,subtypes=2]", "kos"])
def test_every_kind_of_strategy_is_calibrated(spec: str) -> None:
    answers, _ = uneven_crowd(80, 8, 2, 5)
    plain = aggregate(answers, spec)
    result = aggregate(answers, spec, calibrate=True)
    assert (result.labels == plain.labels).all()
    assert result.posterior.sum(1) == pytest.approx(1)
    assert result.confidence == pytest.approx(result.posterior.max(1))
    assert (result.confidence <= 0.99 + 1e-12).all()


def test_a_state_keeps_the_map(tmp_path: Path) -> None:
    answers, _ = uneven_crowd(60, 8, 3, 4)
    answers = Answers.from_codes(
        answers.task, answers.worker, answers.label, answers.tasks, answers.workers,
        answers.classes, duplicates="last", repeats={},
    )  # fmt: skip
    state = build("IBCC").partial_fit(answers, begin="fit")
    found = find_calibration(build("IBCC"), answers)
    kept = replace(state, calibration=found)
    again = load_state(kept.save(tmp_path / "state"))
    assert again.calibration == found
    assert (again.result().posterior == kept.result().posterior).all()
    new = Answers.from_arrays(["0"], ["new"], ["1"], classes=answers.classes)
    more = build("IBCC").partial_fit(new, again)
    assert more.calibration == found
    assert kept.result().posterior.max() <= 0.99 + 1e-12 < state.result().posterior.max()
    manifest = tmp_path / "state" / "manifest.json"
    for damage in ({"method": "magic"}, {"dependence": 7}, {"surprise": 1}, ["x"], {"doubt": "a"}):
        facts = json.loads(manifest.read_text())
        facts["calibration"] = damage
        manifest.write_text(json.dumps(facts))
        with pytest.raises(DataError, match="calibration: not one of this version"):
            load_state(tmp_path / "state")


def dataset(folder: Path) -> Path:
    confusion = [diagonal(3, a) for a in (0.9, 0.8, 0.7, 0.7, 0.6, 0.5)]
    answers, truth = crowd_of(confusion, 60, 4, seed=1)
    votes: dict[str, dict[str, int]] = {}
    for i, j, y in zip(answers.task, answers.worker, answers.label, strict=True):
        votes.setdefault(str(i), {})[str(j)] = int(y)
    folder.mkdir()
    (folder / "answers.json").write_text(json.dumps(votes))
    (folder / "metadata.json").write_text('{"name": "set", "n_classes": 3}')
    pl.DataFrame({"task": np.arange(60), "label": truth}).write_csv(folder / "truth.csv")
    return folder


def test_the_command_and_its_update(run: Any, tmp_path: Path) -> None:
    home = dataset(tmp_path / "set")
    run("aggregate", home, "-s", "IBCC")
    plain = np.load(home / "labels" / "labels_set_IBCC.npy")
    done = run("aggregate", home, "-s", "IBCC", "--calibrate", "--save-state")
    assert "calibrated: answers to one task depend by" in done.stderr
    labels = np.load(home / "labels" / "labels_set_IBCC.npy")
    assert (labels.argmax(1) == plain.argmax(1)).all() and (labels != plain).any()
    manifest = json.loads((home / "labels" / "labels_set_IBCC.json").read_text())
    notes = manifest["notes"]["calibration"]
    assert notes["by"] == "held-out answers" and notes["folds"] == 5
    (tmp_path / "new.csv").write_text("task,worker,label\n0,newcomer,1\n1,newcomer,2\n")
    run("aggregate", home, "-s", "IBCC", "--update", tmp_path / "new.csv")
    updated = json.loads((home / "labels" / "labels_set_IBCC.json").read_text())
    assert updated["notes"]["calibration"] == notes
    assert np.load(home / "labels" / "labels_set_IBCC.npy").max() <= 0.99 + 1e-12
    gold = run(
        "aggregate", home, "-s", "m-msr", "--calibrate", "--gold", home / "truth.csv", "--json"
    )
    assert json.loads(gold.stdout)["calibration"]["by"] == "gold"


def test_evaluate_draws_before_and_after(run: Any, tmp_path: Path) -> None:
    home = dataset(tmp_path / "set")
    given = ("evaluate", home, "--truth", home / "truth.csv", "-s", "DS", "-s", "MV")
    picture = tmp_path / "reliability.png"
    done = run(*given, "--calibrate", "--figure", picture, "--json")
    assert picture.read_bytes()[:4] == b"\x89PNG"
    rows = {row["strategy"]: row for row in json.loads(done.stdout)["results"]}
    for row in rows.values():
        assert sum(one["n"] for one in row["reliability"]) == 60
        after = row["calibrated"]
        assert after["accuracy"] == pytest.approx(row["accuracy"])
        gap = sum(abs(b["confidence"] - b["right"]) * b["n"] for b in after["reliability"]) / 60
        assert after["ece"] == pytest.approx(gap)
    assert run(*given, "--figure", picture, code=None).returncode == 2
    wrong = run(*given, "--figure", tmp_path / "x.gif", code=None)
    assert wrong.returncode == 2 and "must end in .png, .svg, .pdf" in wrong.stderr
    first = picture.read_bytes()
    run(*given, "--calibrate", "--figure", picture, "--force")
    assert picture.read_bytes() == first
