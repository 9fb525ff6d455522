"""Majority vote, shares, two thirds, Wawa, IWMV: equal to slow transcriptions of their papers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from helpers.slow_votes import agreement, best, dense_votes, rows
from peerannot._sizes import Sizes, with_sizes
from peerannot.aggregation import IWMV, MajorityVote, NaiveSoft, TwoThird, Wawa
from peerannot.aggregation.passes import support
from peerannot.aggregation.passes.signed_votes import signed_vote_fit
from peerannot.answers import Answers
from peerannot.checks.crowds import crowd

CROWDS = [
    {"seed": 1},
    {"seed": 2, "n_classes": 2, "per_task": 4},
    {"seed": 3, "n_classes": 7, "per_task": 6, "low": 0.2},
    {"seed": 4, "weighted": True},
    {"seed": 5, "repeated": True, "n_classes": 4},
]


def answers_of(*, repeated: bool = False, **options: Any) -> Answers:
    """Answers of a crowd; ``repeated``: some workers answer a task several times."""
    answers, _ = crowd(**options)
    if repeated:
        rng = np.random.default_rng(0)
        again = rng.integers(answers.n_answers, size=answers.n_answers // 10)
        answers = Answers.from_arrays(
            np.append(answers.task, answers.task[again]),
            np.append(answers.worker, answers.worker[again]),
            np.append(answers.label, rng.integers(answers.n_classes, size=again.size)),
            classes=answers.n_classes,
            duplicates="all",
        )
    return answers


@pytest.mark.parametrize("options", CROWDS)
def test_votes_equal_their_transcription(options):
    answers = answers_of(**options)
    votes = dense_votes(answers)
    assert np.allclose(MajorityVote().fit(answers).posterior, best(votes))
    assert np.allclose(NaiveSoft().fit(answers).posterior, rows(votes))


@pytest.mark.parametrize("options", CROWDS)
def test_wawa_equals_its_transcription(options):
    answers = answers_of(**options)
    votes = dense_votes(answers)
    first = agreement(answers, best(votes))
    tied = best(votes) > 0
    settled = best(np.where(tied, dense_votes(answers, first), -1.0))
    skill = agreement(answers, settled)
    result = Wawa().fit(answers)
    assert np.allclose(result.skill, skill)
    assert np.allclose(result.posterior, rows(dense_votes(answers, skill)))


@pytest.mark.parametrize("options", CROWDS)
def test_wawa_first_takes_the_first_of_tied_majorities(options):
    answers = answers_of(**options)
    winner = np.eye(answers.n_classes)[dense_votes(answers).argmax(1)]
    assert np.allclose(Wawa(ties="first").fit(answers).skill, agreement(answers, winner))


@pytest.mark.parametrize("options", CROWDS)
def test_iwmv_equals_its_transcription(options):
    answers = answers_of(**options)
    k = answers.n_classes
    winner = best(dense_votes(answers))
    for _ in range(50):
        skill = agreement(answers, winner)
        score = dense_votes(answers, k * skill - 1)
        before, winner = winner, best(score)
        if np.array_equal(before, winner):
            break
    result = IWMV().fit(answers)
    assert result.diagnostics.converged
    assert np.allclose(result.skill, skill)
    assert np.allclose(best(result.posterior), winner)


def test_iwmv_turns_an_adversary_round_in_two_classes():
    truth = np.arange(40) % 2
    task = np.repeat(np.arange(40), 4)
    label = np.column_stack([truth, truth, truth, 1 - truth]).ravel()
    answers = Answers.from_arrays(
        [*task, 40], [*np.tile(np.arange(4), 40), 3], [*label, 1], classes=2
    )
    result = IWMV().fit(answers)
    assert result.worker_columns["weight"][3] == pytest.approx(-1, abs=0.06)
    # The last task has but the adversary's answer, 1: the class that nobody named wins.
    assert result.labels[40] == 0
    assert result.posterior[40].tolist() == [1, 0]
    # Wawa has no negative weights: it believes the adversary where nobody else speaks.
    assert Wawa().fit(answers).labels[40] == 1


def test_iwmv_starts_from_init_and_keeps_gold():
    answers, truth = crowd(seed=6)
    start = np.eye(3)[truth]
    assert IWMV(max_iter=1).fit(answers, gold=truth).labels.tolist() == truth.tolist()
    with pytest.warns(UserWarning, match="raise max_iter"):
        moved = IWMV(max_iter=1).fit(answers, init=start)
    assert np.allclose(moved.skill, agreement(answers, start))


def test_two_thirds_decides_where_enough_agree():
    answers = Answers.from_arrays(
        ["a", "a", "a", "b", "c", "c", "d", "d"],
        ["1", "2", "3", "1", "1", "2", "1", "2"],
        [0, 0, 1, 1, 0, 1, 1, 1],
        classes=2,
        tasks="abcde",
    )
    rule = TwoThird()
    result = rule.fit(answers)
    assert result.labels.tolist() == [0, -1, -1, 1, -1]
    assert rule.side_files(result)["too_hard.txt"] == "-1 b\n-1 c\n-1 e\n"
    assert TwoThird(share=0.7).fit(answers).labels.tolist() == [-1, -1, -1, 1, -1]
    assert TwoThird(min_votes=1).fit(answers).labels.tolist() == [0, 1, -1, 1, -1]
    assert TwoThird().fit(answers, gold={"b": 0}).labels.tolist() == [0, 0, -1, 1, -1]


def test_many_classes_need_no_dense_posterior():
    answers, _ = crowd(seed=7, n_classes=5)
    gold = {"0": 4, "3": 1}
    for strategy in (MajorityVote(), NaiveSoft(), Wawa(), IWMV()):
        dense = strategy.fit(answers, gold=gold)
        with with_sizes(Sizes(dense=0)):
            sparse = strategy.fit(answers, gold=gold)
        assert not isinstance(sparse.posterior, np.ndarray)
        assert np.allclose(sparse.dense_posterior(), dense.posterior)
        assert np.array_equal(sparse.labels, dense.labels)
        assert np.allclose(sparse.entropy, dense.entropy)
        assert np.allclose(sparse.confidence, dense.confidence)


def test_a_task_of_classes_voted_down_stays_undecided_where_rows_are_sparse():
    answers = Answers.from_arrays(["t", "t", "u"], ["w", "v", "w"], [0, 1, 2], classes=5)
    slots = support.Support.of(answers)
    score, nothing = np.array([-1.0, -1.0, 1.0]), np.full(2, -1, np.int32)
    dense = signed_vote_fit(answers, slots, score, "first", 0, nothing)
    np.testing.assert_allclose(dense.posterior[0], [0, 0, 1 / 3, 1 / 3, 1 / 3])
    with with_sizes(Sizes(dense=0)):
        sparse = signed_vote_fit(answers, slots, score, "first", 0, nothing)
    assert sparse.labels.tolist() == [-1, 2]
    np.testing.assert_allclose(sparse.posterior.toarray(), [[0] * 5, [0, 0, 1, 0, 0]])


def test_columns_for_files_say_what_the_table_says():
    answers = Answers.from_arrays(["b", "a", "a"], ["u", "u", "v"], ["x", "x", "y"])
    result = MajorityVote(ties="abstain").fit(answers)
    table, file = result.task_table(), result.task_file()
    assert table["label"] == ["", "x"] and table["task"] == ["a", "b"]
    assert list(table) == list(file)
    assert all(list(table[name]) == list(file[name]) for name in table)
