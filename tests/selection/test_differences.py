"""Which differences are real: paired over tasks, of one and of several data sets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from helpers.crowds import uneven_crowd
from peerannot.errors import DataError
from peerannot.selection import compare, together
from peerannot.selection.differences import behind_the_best


def test_scores_are_ratios_and_intervals_are_of_pairs() -> None:
    rng = np.random.default_rng(0)
    common = rng.normal(0, 5, 400)  # what all strategies share cannot blur their difference
    size = rng.integers(1, 6, 400).astype(float)
    values = np.stack([common, common - 0.1 * size, common + rng.normal(0, 1, 400) - 1], 1)
    found = behind_the_best([values], [size])
    score = values.sum(0) / size.sum()
    assert [one.value for one in found] == pytest.approx(score.max() - score)
    assert (found[0].low, found[0].high) == (0, 0)
    assert found[1].real and found[1].high - found[1].low < 1e-6
    assert found[2].real and found[2].high - found[2].low < 0.3
    assert found == behind_the_best([values], [size])


def test_equal_strategies_are_seldom_told_apart() -> None:
    rng, real = np.random.default_rng(1), 0
    for _ in range(60):
        right = (rng.random((150, 8)) < 0.8).astype(float)
        real += any(one.real for one in behind_the_best([right], [np.ones(150)], draws=300))
    assert real <= 8  # 5 % of 60 are 3


def test_sets_weigh_alike() -> None:
    rng = np.random.default_rng(2)
    values = [rng.random((n, 3)) for n in (50, 500)]
    sizes = [np.ones(len(v)) for v in values]
    found = behind_the_best(values, sizes)
    score = np.mean([v.mean(0) for v in values], 0)
    assert [one.value for one in found] == pytest.approx(score.max() - score)


def test_compare_and_together() -> None:
    crowds = [uneven_crowd(80, 9, 3, 5, seed=seed) for seed in (0, 1)]
    names = ["MV", "DS", "one-coin"]
    with_truth = [compare(answers, names, truth=truth) for answers, truth in crowds]
    for rows in with_truth:
        assert rows[0].behind is not None and rows[0].behind.value == 0
        for row in rows:
            assert row.behind is not None
            assert row.behind.value == pytest.approx(rows[0].merit - row.merit)
    found = together(with_truth)
    assert [row.mean for row in found] == sorted((row.mean for row in found), reverse=True)
    for row in found:
        assert row.mean == pytest.approx(np.mean(row.merits))
    without = compare(crowds[0][0], names)
    assert without[1].behind.value == pytest.approx(without[0].heldout - without[1].heldout)
    with pytest.raises(DataError, match="the truth of all data sets, or of none"):
        together([with_truth[0], without])


def test_the_command(run: Any, tmp_path: Path) -> None:
    files: list[Any] = []
    truths: list[Any] = []
    for seed in (0, 1):
        answers, truth = uneven_crowd(60, 8, 3, 5, seed=seed)
        home = tmp_path / f"set{seed}"
        home.mkdir()
        codes = {"task": answers.task, "worker": answers.worker, "label": answers.label}
        pl.DataFrame(codes).write_csv(home / "answers.csv")
        pl.DataFrame({"task": np.arange(60), "label": truth}).write_csv(home / "truth.csv")
        files.append(home / "answers.csv")
        truths += ["--truth", home / "truth.csv"]
    some = ("-s", "MV", "-s", "DS", "--duplicates", "last")
    picture = tmp_path / "behind.png"
    table = run("compare", *files, *truths, *some, "--figure", picture)
    assert "set0" in table.stdout and "set1" in table.stdout and "behind" in table.stdout
    assert picture.read_bytes()[:4] == b"\x89PNG"
    told = json.loads(run("compare", *files, *truths, *some, "--json").stdout)
    assert len(told["datasets"]) == 2 and told["best"] == told["results"][0]["strategy"]
    assert told["results"][0]["behind"]["value"] == 0
    one = json.loads(run("compare", files[0], *some, "--json").stdout)
    assert {"value", "low", "high", "real"} <= set(one["results"][1]["behind"])
    wrong = run("compare", *files, *truths[:2], *some, code=2)
    assert "1 files of --truth for 2 data sets" in wrong.stderr
    assert "must end in" in run("compare", *files, *some, "--figure", "x.gif", code=2).stderr
    run("compare", files[0], *some, "--figure", picture, code=2)
