"""Class prior, activity, loads, drift, copying, abstention, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.examples import examples
from peerannot.errors import DataError, DataWarning, ParameterError
from peerannot.simulation import Crowd, simulate

SIZES: dict[str, Any] = {"n_worker": 20, "n_task": 4000, "n_classes": 3, "feedback": 5}


@examples(60)
@given(
    n_worker=st.integers(1, 12),
    n_task=st.integers(1, 40),
    feedback=st.integers(1, 12),
    spare=st.integers(0, 20),
    zipf=st.sampled_from([0.0, 1.5]),
    imbalance=st.booleans(),
    seed=st.integers(0, 5),
)
@pytest.mark.filterwarnings("ignore::peerannot.errors.DataWarning")
def test_assignment_keeps_every_limit(
    n_worker: int,
    n_task: int,
    feedback: int,
    spare: int,
    zipf: float,
    imbalance: bool,
    seed: int,
) -> None:
    load = -(-n_task * min(feedback, n_worker) // n_worker) + spare
    crowd = Crowd(
        n_worker=n_worker,
        n_task=n_task,
        feedback=feedback,
        workerload=load,
        zipf=zipf,
        imbalance_votes=imbalance,
        stream="fast",
        seed=seed,
    )
    answers = _draw(crowd)
    pairs = answers.task.astype(np.int64) * n_worker + answers.worker
    assert (np.diff(pairs) > 0).all()
    assert answers.answers_per_worker.max() <= load
    assert answers.answers_per_task.min() >= 1
    assert answers.answers_per_task.max() <= crowd.votes_per_task
    if spare >= n_task and not imbalance:
        assert (answers.answers_per_task == crowd.votes_per_task).all()


def _draw(crowd: Crowd) -> Any:
    from peerannot.simulation import build

    return build("hammer-spammer").draw(crowd).answers


def test_uniform_assignment_is_uniform_over_sets() -> None:
    answers = simulate(
        "hammer-spammer", n_worker=5, n_task=10_000, feedback=2, stream="fast"
    ).answers
    pair = answers.worker[0::2] * 5 + answers.worker[1::2]
    counts = np.bincount(pair, minlength=25).reshape(5, 5)[np.triu_indices(5, 1)]
    # 10 sets of 1,000 each: standard deviation 30.
    assert abs(counts - 1000).max() < 4.5 * 30


def test_imbalanced_votes_are_uniform() -> None:
    for stream in ("fast", "published"):
        per_task = simulate(
            "hammer-spammer", **SIZES, imbalance_votes=True, stream=stream
        ).answers.answers_per_task
        counts = np.bincount(per_task, minlength=6)
        assert counts[0] == 0
        assert abs(counts[1:] - 800).max() < 4.5 * 25.3


def test_activity_follows_zipf() -> None:
    simulation = simulate("hammer-spammer", n_worker=50, n_task=40_000, feedback=1, zipf=1.2)
    weight = simulation.extra["activity"]
    expected = np.sort(np.arange(1, 51) ** -1.2 / (np.arange(1, 51) ** -1.2).sum())
    assert np.allclose(np.sort(weight), expected)
    share = simulation.answers.answers_per_worker / 40_000
    assert abs(share - weight).max() < 5 * np.sqrt(0.25 / 40_000)


def test_weighted_choice_without_replacement_is_successive() -> None:
    """P(set {a, b}) = w_a w_b / (1 - w_a) + w_b w_a / (1 - w_b)."""
    simulation = simulate("hammer-spammer", n_worker=4, n_task=30_000, feedback=2, zipf=1.0)
    w, worker = simulation.extra["activity"], simulation.answers.worker
    first, second = worker[0::2], worker[1::2]
    for a in range(4):
        for b in range(a + 1, 4):
            p = w[a] * w[b] / (1 - w[a]) + w[b] * w[a] / (1 - w[b])
            share = ((first == a) & (second == b)).mean()
            assert share == pytest.approx(p, abs=4.5 * np.sqrt(p / 30_000))


def test_class_prior_and_concentration() -> None:
    for prior in ("6,3,1", (0.6, 0.3, 0.1), "0.6 0.3 0.1"):
        truth = simulate("hammer-spammer", **SIZES, class_prior=prior).truth
        assert np.bincount(truth) / 4000 == pytest.approx([0.6, 0.3, 0.1], abs=0.03)
    skew = simulate("hammer-spammer", **SIZES, class_concentration=0.2, seed=1).truth
    even = simulate("hammer-spammer", **SIZES, class_concentration=1e4, seed=1).truth
    assert np.ptp(np.bincount(even, minlength=3)) < 300 < np.ptp(np.bincount(skew, minlength=3))


@pytest.mark.parametrize("drift", [0.6, -0.6])
def test_drift_adds_noise_at_the_end_or_at_the_start(drift: float) -> None:
    simulation = simulate("hammer-spammer", **SIZES, ratio=0.0, drift=drift)
    answers = simulation.answers
    share = np.abs(simulation.extra["drift"])
    assert share.mean() == pytest.approx(0.6, abs=0.1)
    assert (np.sign(simulation.extra["drift"]) == np.sign(drift)).all()
    ok = answers.label == simulation.truth[answers.task]
    early, late = ok[answers.task < 400].mean(), ok[answers.task >= 3600].mean()
    worst = 1 - share.mean() * 0.95 * 2 / 3
    best = 1 - share.mean() * 0.05 * 2 / 3
    assert (early, late) == pytest.approx((best, worst) if drift > 0 else (worst, best), abs=0.04)


def test_copiers_copy_their_source() -> None:
    simulation = simulate(
        "independent-confusion", n_worker=10, n_task=3000, n_classes=4, copiers=0.35, copy_rate=0.8
    )
    answers, copies = simulation.answers, simulation.extra["copies"]
    assert copies.shape == (3, 2) and not set(copies[:, 0]) & set(copies[:, 1])
    table = np.full((3000, 10), -1)
    table[answers.task, answers.worker] = answers.label
    assert simulation.matrices is not None
    for copier, source in copies:
        own = simulation.matrices[copier, simulation.truth]
        alone = (own * simulation.matrices[source, simulation.truth]).sum(axis=1).mean()
        same = (table[:, copier] == table[:, source]).mean()
        assert same == pytest.approx(0.8 + 0.2 * alone, abs=0.03)
    plain = simulate("independent-confusion", n_worker=10, n_task=3000, n_classes=4)
    others = ~np.isin(answers.worker, copies[:, 0])
    assert (plain.answers.label[others] == answers.label[others]).all()


def test_a_copier_answers_alone_where_the_source_did_not() -> None:
    plain = simulate("independent-confusion", **SIZES)
    copied = simulate("independent-confusion", **SIZES, copiers=0.5, copy_rate=1.0)
    source = dict(copied.extra["copies"].tolist())
    a = copied.answers
    given = set(zip(a.task.tolist(), a.worker.tolist(), strict=True))
    for row in np.flatnonzero(plain.answers.label != a.label):
        assert (int(a.task[row]), source[int(a.worker[row])]) in given
    assert (plain.answers.label != a.label).any()


def test_abstention_drops_answers_at_the_rate_of_each_worker() -> None:
    simulation = simulate("hammer-spammer", **SIZES, abstain=0.3)
    full = simulate("hammer-spammer", **SIZES).answers.answers_per_worker
    kept = simulation.answers.answers_per_worker / full
    rate = simulation.extra["abstention"]
    assert rate.mean() == pytest.approx(0.3, abs=0.08) and np.ptp(rate) > 0.1
    assert abs(kept - (1 - rate)).max() < 4.5 * np.sqrt(0.25 / full.min())
    assert simulation.answers.n_tasks == 4000


@pytest.mark.parametrize(
    "options, message",
    [
        ({"n_worker": 0}, "n_worker must be at least 1"),
        ({"n_classes": 1}, "n_classes must be at least 2"),
        ({"feedback": 0}, "feedback must be at least 1"),
        ({"ratio": 1.5}, "ratio must be at most 1"),
        ({"rate": 0.5}, "no option 'rate'; did you mean 'ratio'"),
        ({"zipf": 1.0, "stream": "published"}, "zipf needs stream=fast"),
        ({"class_prior": "1,2,3"}, "3 weights for 2 classes"),
        ({"class_prior": "a,b"}, "must be numbers"),
        ({"class_prior": "1,-1"}, "finite weights >= 0"),
        ({"class_prior": "1,1", "class_concentration": 1.0}, "not both"),
        ({"copiers": 1.0}, "copiers must be below 1"),
        (
            {"n_worker": 10, "n_task": 20, "feedback": 5, "workerload": 3},
            "= 30 answers at most, but 20 tasks want 60; raise workerload to 6, or lower feedback"
            " to 1",
        ),
        (
            {"n_worker": 2, "n_task": 30, "workerload": 3, "imbalance_votes": True},
            "want about 45; raise workerload to 23",
        ),
        ({"n_worker": 10**6, "n_classes": 100}, "take 80 GB"),
    ],
)
def test_wrong_options_are_refused_in_one_line(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError) as caught:
        simulate("hammer-spammer", **options)
    assert message in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "model, options, message",
    [
        ("glad", {"stream": "published"}, "no published stream"),
        ("student-teacher", {"ratio": 1.0}, "ratio must be below 1"),
        ("collusion", {"n_worker": 10, "ratio": 0.1, "groups": 2}, "cannot form 2 groups"),
        ("llm-judges", {"within": 0.1, "across": 0.2}, "at most within"),
        ("mixed-crowd", {"pairs": "0-9"}, "pairs must be classes"),
        ("mixed-crowd", {"pairs": "1-1"}, "mistaken for itself"),
        ("mixed-crowd", {"n_worker": 3, "constants": 4}, "more than 3 workers"),
        ("hammer", {}, "unknown simulation 'hammer'"),
    ],
)
def test_models_refuse_what_they_cannot_do(
    model: str, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ParameterError, match=message):
        simulate(model, **options)


def test_loads_that_run_short_are_told() -> None:
    with pytest.warns(DataWarning, match="tasks get 5 answers, not 9: there are 5 workers"):
        simulate("hammer-spammer", n_worker=5, n_task=20, feedback=9)
    with pytest.warns(
        DataWarning, match=r"tasks get 3 answers, not 4: workerload is 3 \(the number"
    ):
        simulate("hammer-spammer", n_worker=5, n_task=3, feedback=4)
    for stream in ("published", "fast"):
        with pytest.warns(DataWarning, match="fewer than 2 answers"):
            for seed in range(20):
                simulate(
                    "hammer-spammer",
                    n_worker=5,
                    n_task=5,
                    feedback=2,
                    workerload=2,
                    seed=seed,
                    stream=stream,
                )


@pytest.mark.parametrize(
    "array, message",
    [
        (np.full((2, 2, 2), 0.5), r"shape \(2, 2, 2\), expected \(3, 2, 2\)"),
        (np.full((3, 2, 2), 0.4), "worker 0 row 0 is not a distribution"),
        (np.array([[[1.5, -0.5], [0, 1]]] * 3), "not a distribution"),
        (np.full((3, 2, 2), np.nan), "finite numbers"),
    ],
)
def test_matrix_files_are_checked(array: Any, message: str, tmp_path: Path) -> None:
    path = tmp_path / "m.npy"
    np.save(path, array)
    with pytest.raises(DataError, match=message):
        simulate("independent-confusion", n_worker=3, matrix_file=path)
    with pytest.raises(DataError, match="no such file"):
        simulate("independent-confusion", n_worker=3, matrix_file=tmp_path / "none.npy")


def test_matrix_files_act(tmp_path: Path) -> None:
    swap = np.tile(np.eye(2)[::-1], (3, 1, 1))
    np.save(tmp_path / "m.npy", swap)
    for model, workers in (("independent-confusion", 3), ("student-teacher", 5)):
        ratio = {"ratio": 0.4} if model == "student-teacher" else {}
        drawn = simulate(model, n_worker=workers, matrix_file=tmp_path / "m.npy", **ratio)
        assert (drawn.answers.label == 1 - drawn.truth[drawn.answers.task]).all()


def test_known_truth_is_kept() -> None:
    truth = np.arange(20) % 2
    drawn = simulate("hammer-spammer", truth=truth, n_worker=3, ratio=0.0)
    assert (drawn.answers.label == truth[drawn.answers.task]).all()
    with pytest.raises(DataError, match="truth must be 20 whole numbers"):
        simulate("hammer-spammer", truth=truth[:5], n_worker=3)
    with pytest.raises(DataError, match=r"0\.\.1"):
        simulate("hammer-spammer", truth=truth + 1, n_worker=3)
