"""What a filled sheet says of labels, classes and workers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from peerannot.aggregation import DawidSkene
from peerannot.audit import Labelled, draw, estimate, read_labelled
from peerannot.errors import DataError


def truths(crowd):
    a, label = crowd.answers, crowd.labelled.label
    wrong = a.label != crowd.truth[a.task]
    return (
        (label == crowd.truth).mean(),
        np.bincount(crowd.truth, minlength=3) / a.n_tasks,
        np.bincount(a.worker, wrong) / a.answers_per_worker,
    )


def test_a_census_is_the_truth(known):
    crowd = known()
    found = estimate(crowd.answers, crowd.labelled, crowd.sheet(200))
    right, shares, errors = truths(crowd)
    assert (found.right.low, found.right.value, found.right.high) == pytest.approx((right,) * 3)
    assert [s.value for s in found.classes.values()] == pytest.approx(shares)
    assert [s.low for s in found.classes.values()] == pytest.approx(shares)
    assert list(found.errors) == [f"w{j}" for j in range(10)]
    assert [s.value for s in found.errors.values()] == pytest.approx(errors)
    assert [s.high for s in found.errors.values()] == pytest.approx(errors)
    assert (found.judged, found.unsaid, found.waiting) == (200, 0, 0)


def test_intervals_of_all_three_hold(known):
    holds = {"right": [], "classes": [], "errors": []}
    for seed in range(60):
        crowd = known(600, seed)
        found = estimate(crowd.answers, crowd.labelled, crowd.sheet(150, seed=seed))
        right, shares, errors = truths(crowd)
        holds["right"].append(found.right.low <= right <= found.right.high)
        holds["classes"] += [
            s.low <= t <= s.high for s, t in zip(found.classes.values(), shares, strict=True)
        ]
        holds["errors"] += [
            s.low <= t <= s.high for s, t in zip(found.errors.values(), errors, strict=True)
        ]
    for each in holds.values():
        assert np.mean(each) > 0.95 - 3 * np.sqrt(0.05 * 0.95 / len(each))


def test_an_expert_may_stop_early(known):
    """What is labelled so far is what a smaller drawing would be."""
    crowd = known()
    whole, part = crowd.sheet(100), crowd.sheet(40)
    stopped = replace(whole, said=part.said)
    early = estimate(crowd.answers, crowd.labelled, stopped)
    small = estimate(crowd.answers, crowd.labelled, part)
    assert early.waiting == 60
    assert (early.right, early.classes, early.errors) == (small.right, small.classes, small.errors)


def test_a_task_that_is_left_out_is_no_sample(known):
    crowd = known()
    sheet = crowd.sheet(20)
    tasks = [crowd.answers.tasks[int(i)] for i in sheet.drawing.tasks]
    said = {t: y for t, y in sheet.said.items() if t != tasks[7]}
    message = f"task '{tasks[7]}' has no label, but task '{tasks[8]}' behind it"
    with pytest.raises(DataError, match=message):
        estimate(crowd.answers, crowd.labelled, replace(sheet, said=said))
    with pytest.raises(DataError, match="no task is labelled yet"):
        estimate(crowd.answers, crowd.labelled, replace(sheet, said={}))
    with pytest.raises(DataError, match="no task is labelled yet"):
        estimate(crowd.answers, crowd.labelled, replace(sheet, said=dict.fromkeys(tasks, "?")))


def test_what_cannot_be_said_is_left_out_of_shares(known):
    """All owls cannot be said: shares are of the others."""
    crowd = known()
    owls = tuple(f"t{i}" for i in np.flatnonzero(crowd.truth == 2))
    found = estimate(crowd.answers, crowd.labelled, crowd.sheet(200, unsaid=owls))
    assert found.unsaid == len(owls)
    can = crowd.truth != 2
    assert found.classes["owl"].value == 0
    assert found.classes["cat"].low <= (crowd.truth[can] == 0).mean() <= found.classes["cat"].high
    right = (crowd.labelled.label == crowd.truth)[can].mean()
    assert found.right.low - 1e-9 <= right <= found.right.high + 1e-9


def test_tasks_without_a_label_are_not_right_or_wrong(known):
    crowd = known()
    undecided = crowd.labelled.label.copy()
    undecided[::2] = -1
    found = estimate(crowd.answers, replace(crowd.labelled, label=undecided), crowd.sheet(200))
    has = undecided >= 0
    assert found.right.size == 100
    assert found.right.value == pytest.approx((undecided == crowd.truth)[has].mean())


def test_labels_from_files(known, tmp_path):
    crowd = known()
    result = DawidSkene().fit(crowd.answers)
    sheet = crowd.sheet(100)
    np.save(tmp_path / "soft.npy", result.posterior)
    soft = read_labelled(tmp_path / "soft.npy", crowd.answers)
    found = estimate(crowd.answers, soft, sheet)
    assert found.right == estimate(crowd.answers, Labelled.of(result), sheet).right
    np.save(tmp_path / "hard.npy", result.labels)
    hard = read_labelled(tmp_path / "hard.npy", crowd.answers)
    np.testing.assert_array_equal(hard.label, result.labels)
    assert estimate(crowd.answers, hard, sheet).right.tuning == 0
    table = tmp_path / "labels.csv"
    rows = zip(crowd.answers.tasks, result.label_names(), strict=True)
    table.write_text("task,label\n" + "".join(f"{t},{y}\n" for t, y in rows))
    np.testing.assert_array_equal(read_labelled(table, crowd.answers).label, result.labels)


@pytest.mark.parametrize("array", [np.ones((200, 2)) / 2, np.full((200, 3), 0.5),
                                   np.full((200, 3), np.nan), np.ones((200, 3), int)])  # fmt: skip
def test_files_of_other_labels(known, tmp_path, array):
    np.save(tmp_path / "soft.npy", array)
    with pytest.raises(DataError, match=r"soft\.npy"):
        read_labelled(tmp_path / "soft.npy", known().answers)


def test_many_classes_as_a_sparse_posterior(known):
    from scipy.sparse import csr_array

    crowd = known()
    sparse = replace(crowd.labelled, posterior=csr_array(crowd.labelled.posterior))
    sheet = crowd.sheet(100)
    a, b = (estimate(crowd.answers, of, sheet) for of in (crowd.labelled, sparse))
    assert (a.right, a.classes, a.errors) == (b.right, b.classes, b.errors)


def test_a_drawing_by_doubt_is_not_biased_by_it(known):
    """Plain shares of the tasks drawn would be: doubtful labels are wrong more often."""
    crowd = known(1000)
    values, plain = [], []
    sizes = 1.02 - crowd.labelled.confidence
    for seed in range(200):
        drawing = draw(1000, 100, seed=seed, sizes=sizes)
        said = {f"t{i}": crowd.says(f"t{i}") for i in drawing.tasks}
        sheet = replace(crowd.sheet(1), drawing=drawing, said=said)
        found = estimate(crowd.answers, crowd.labelled, sheet)
        values.append(found.right.value)
        plain.append(found.right.seen / found.right.n)
    right = truths(crowd)[0]
    assert np.mean(values) == pytest.approx(right, abs=0.02)
    assert np.mean(plain) < right - 0.1
