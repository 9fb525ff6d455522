"""Pl@ntNet's rule: equal to a slow transcription, and every option acts."""

from __future__ import annotations

import json
import math
from collections import defaultdict

import numpy as np
import pytest

from peerannot.aggregation import PlantNet, build
from peerannot.answers import Answers
from peerannot.errors import DataError, DataWarning, ParameterError


def field_trip(seed=0, n_tasks=400, n_users=25, n_classes=60, ai=True):
    """Votes and authors as dictionaries: experts know many species, and an AI votes."""
    rng = np.random.default_rng(seed)
    truth = rng.zipf(1.4, n_tasks) % n_classes
    skill = rng.uniform(0.3, 0.99, n_users)
    votes, authors = {}, {}
    for i in range(n_tasks):
        users = rng.choice(n_users, rng.integers(1, 7), replace=False)
        votes[i] = {
            int(u): int(truth[i] if rng.random() < skill[u] else rng.integers(n_classes))
            for u in users
        }
        authors[i] = int(users[0])
        if ai:
            votes[i]["AI"] = int(truth[i] if rng.random() < 0.8 else rng.integers(n_classes))
    return votes, authors, rng.random(n_tasks)


def slow(votes, authors, scores, mode="ignored", w_ai=1.0, cut=0.5, conf_min=2.0, acc_min=0.7):
    """The rule with dictionaries, one vote at a time; ties are nobody's."""
    n = defaultdict(float)
    for _ in range(100):
        weight = {}
        for vote in votes.values():
            for u in vote:
                weight[u] = n[u] ** 0.5 - n[u] ** 0.2 + math.log(2.1) if n[u] else math.log(2.1)
        if mode in ("fixed", "confident"):
            weight["AI"] = w_ai
        labels, valid, conf_of = {}, {}, {}
        seen = defaultdict(dict)
        for i, vote in votes.items():
            speaks = {"ignored": False, "invalidating": False, "confident": scores[i] >= cut}
            use = {u: y for u, y in vote.items() if u != "AI" or speaks.get(mode, True)}
            score = defaultdict(float)
            for u, y in use.items():
                score[y] += weight[u]
            top = max(score.values())
            tied = [y for y, s in score.items() if s >= top * (1 - 1e-9)]
            total = sum(score.values())
            alone = tied[0] if len(tied) == 1 else None
            if mode == "invalidating" and vote["AI"] != alone:
                total += w_ai
            conf_of[i] = top
            labels[i] = alone
            valid[i] = top > conf_min and top > acc_min * total * (1 + 1e-9)
            for u, y in use.items():
                if y == alone:
                    got = 2 if authors[i] == u and valid[i] else 1
                    seen[u][y] = max(seen[u].get(y, 0), got)
        after = {
            u: sum(v == 2 for v in s.values())
            + float(np.rint(round(0.1 * sum(v == 1 for v in s.values()), 9)))
            for u, s in seen.items()
        }
        if all(after.get(u, 0.0) == n[u] for u in weight):
            break
        n = defaultdict(float, after)
    return labels, valid, n, conf_of


@pytest.mark.parametrize("mode", ["ignored", "worker", "fixed", "invalidating", "confident"])
def test_equals_its_transcription(mode):
    votes, authors, scores = field_trip()
    answers = Answers.from_mapping(votes, classes=60)
    named = {str(i): s for i, s in enumerate(scores)}
    rule = PlantNet(AI=mode, authors=authors, scores=named, threshold_scores=0.5)
    result = rule.fit(answers)
    labels, valid, n, conf = slow(votes, authors, scores, mode)
    expected = [labels[i] if valid[i] else -1 for i in range(400)]
    assert result.labels.tolist() == expected
    assert result.task_columns["valid"].tolist() == [int(valid[i]) for i in range(400)]
    assert np.allclose(result.task_columns["support"], [conf[i] for i in range(400)])
    got = dict(zip(answers.workers, result.worker_columns["n_identified"], strict=True))
    for u, value in got.items():
        if u != "AI" or mode == "worker":
            assert value == n[u if u == "AI" else int(u)]
    assert result.diagnostics.converged


def test_the_modes_differ_as_they_should():
    # Two people agree, one more and the AI contradict them.
    base = {i: {0: i, 1: i, 2: i} for i in range(40)}
    votes = {**base, 40: {0: 0, 1: 0, 2: 0, 3: 1, "AI": 1}}
    answers = Answers.from_mapping(votes, classes=41)
    authors = {i: i % 3 for i in range(41)}
    known = {"authors": authors, "theta_acc": 0.8}

    def last(**options):
        return int(PlantNet(**known, **options).fit(answers).labels[40])

    assert last() == 0
    assert last(AI="fixed", AIweight=100) == 1
    assert last(AI="fixed", AIweight=0.1) == 0
    assert last(AI="invalidating", AIweight=100) == -1
    assert last(AI="invalidating", AIweight=0.1) == 0
    sure = {"scores": {"40": 0.9}, "AIweight": 100}
    assert last(AI="confident", threshold_scores=0.8, **sure) == 1
    assert last(AI="confident", threshold_scores=0.95, **sure) == 0


@pytest.mark.filterwarnings("ignore:plantnet stopped")  # some settings go round in circles
def test_thresholds_and_counts_act():
    votes, authors, _ = field_trip(ai=False)
    answers = Answers.from_mapping(votes, classes=60)

    def valid(**options):
        return int(PlantNet(authors=authors, **options).fit(answers).task_columns["valid"].sum())

    base = valid()
    assert 0 < base < 400
    assert valid(theta_conf=6.0) < base
    assert valid(theta_acc=0.95) < base
    assert valid(taxa_obs_weight=0.0) < base
    assert valid(taxa_votes_weight=1.0) > base
    assert valid(alpha=0.8) > base
    assert valid(beta=0.45) < base
    rule = PlantNet(authors=authors, output_unvalidated=True)
    result = rule.fit(answers)
    assert (result.labels >= 0).all()
    strict = PlantNet(authors=authors).fit(answers)
    assert rule.side_files(strict)["too_hard.txt"].count("-1 ") == 400 - base


def test_files_as_users_type_them(tmp_path):
    votes, authors, scores = field_trip()
    answers = Answers.from_mapping(votes, classes=60)
    (tmp_path / "authors.txt").write_text("".join(f"{authors[i]}\n" for i in range(400)))
    (tmp_path / "scores.json").write_text(json.dumps(dict(enumerate(scores))))
    (tmp_path / "list.json").write_text(json.dumps(list(scores)))
    direct = PlantNet(
        AI="confident", authors=authors, scores={str(i): s for i, s in enumerate(scores)},
        threshold_scores=0.3,
    ).fit(answers)  # fmt: skip
    for name in ("scores.json", "list.json"):
        typed = build(
            f"PlantNet[ai=Confident,authors={tmp_path}/authors.txt,scores={tmp_path}/{name},"
            "threshold_scores=0.3]"
        ).fit(answers)
        assert np.array_equal(typed.labels, direct.labels)


def test_author_lines_are_keys_where_keys_have_gaps(tmp_path):
    votes, authors, _ = field_trip(ai=False)
    gaps = {i: v for i, v in votes.items() if i % 3}
    answers = Answers.from_mapping(gaps, classes=60)
    file = tmp_path / "authors.txt"
    file.write_text("".join(f"{authors[i]}\n" for i in range(400)))
    direct = PlantNet(authors={i: authors[i] for i in gaps}).fit(answers)
    assert np.array_equal(PlantNet(authors=file).fit(answers).labels, direct.labels)
    file.write_text("1\n2\n")
    with pytest.raises(DataError, match="2 authors for 266 tasks"):
        PlantNet(authors=file).fit(answers)


def test_faults_are_told():
    votes, _, _ = field_trip(ai=False, n_tasks=20)
    answers = Answers.from_mapping(votes, classes=60)
    with pytest.raises(ParameterError, match="needs scores"):
        PlantNet(AI="confident").fit(answers)
    with pytest.raises(DataError, match="no such file"):
        PlantNet(authors="nowhere.txt").fit(answers)
    with pytest.raises(DataError, match="no answers entry: 77"):
        PlantNet(authors={77: 1}).fit(answers)
    with pytest.raises(DataError, match="not a number"):
        PlantNet(AI="confident", threshold_scores=0.5, scores={"0": "high"}).fit(answers)
    with pytest.warns(DataWarning, match="no worker has the id 'AI'"):
        PlantNet(AI="fixed").fit(answers)
