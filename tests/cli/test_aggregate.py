"""``peerannot aggregate`` as a user runs it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

STRATEGIES = ["MV", "NaiveSoft", "DS", "GLAD", "WDS"]
PUBLISHED = [
    "majority_voting",
    "dawid_skene_clust",
    "DSWC[L=3]",
    "iwmv",
    "Wawa",
    "TwoThird",
    "plantnet",
]


def shared_accuracy(posterior: np.ndarray, truth: np.ndarray) -> float:
    best = posterior >= posterior.max(1, keepdims=True) * (1 - 1e-9)
    return float((best[np.arange(len(truth)), truth] / best.sum(1)).mean())


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_quick_start(cifar10s, run, strategy):
    run("aggregate", ".", "-s", strategy, cwd=cifar10s)
    posterior = np.load(cifar10s / "labels" / f"labels_cifar10s_{strategy}.npy")
    assert posterior.shape == (1000, 10)
    assert posterior.dtype == np.float64
    assert (posterior >= 0).all()
    np.testing.assert_allclose(posterior.sum(1), 1, atol=1e-9)
    truth = np.load(cifar10s / "ground_truth.npy")
    accuracy = shared_accuracy(posterior, truth)
    # Plain Dawid-Skene overfits here: 25 answers a worker cannot fill a 10 x 10 matrix.
    assert accuracy > (0.88 if strategy == "DS" else 0.92)
    if strategy in ("MV", "NaiveSoft"):
        assert accuracy == pytest.approx(0.9295, abs=5e-5)
    table = pl.read_csv(cifar10s / "labels" / f"labels_cifar10s_{strategy}.csv", infer_schema=False)
    assert table.columns[:5] == ["task", "label", "confidence", "n_answers", "entropy"]
    assert table["task"].to_list() == [str(i) for i in range(1000)]
    manifest = json.loads((cifar10s / "labels" / f"labels_cifar10s_{strategy}.json").read_text())
    assert manifest["typed"] == strategy
    assert all((cifar10s / name).exists() for name in manifest["files"])


@pytest.mark.parametrize("strategy", PUBLISHED)
def test_every_published_name(cifar10s, run, strategy):
    run("aggregate", ".", "-s", strategy, "--hard", cwd=cifar10s)
    labels = np.load(cifar10s / "labels" / f"labels_cifar10s_{strategy}_hard.npy")
    assert labels.shape == (1000,)
    assert labels.dtype.kind == "i"
    assert labels.min() >= -1
    assert labels.max() < 10


def test_side_files(cifar10s, run):
    for strategy in ("DS", "GLAD", "TwoThird"):
        run("aggregate", ".", "-s", strategy, cwd=cifar10s)
    home = cifar10s / "identification"
    confusion = np.load(home / "dawid-skene" / "confusion_matrices.npy")
    assert confusion.shape == (248, 10, 10)
    np.testing.assert_allclose(confusion.sum(2), 1, atol=1e-9)
    skills = pl.read_csv(home / "dawid-skene" / "workers.csv")
    assert skills.height == 248
    assert skills["skill"].is_between(0, 1).all()
    assert np.load(home / "glad" / "difficulties.npy").shape == (1000, 2)
    assert np.load(home / "glad" / "abilities.npy").shape == (248, 2)
    hard = np.loadtxt(home / "twothird" / "too_hard.txt", dtype=int, ndmin=2)
    assert (hard[:, 0] == -1).all()
    undecided = pl.read_csv(cifar10s / "labels" / "labels_cifar10s_TwoThird.csv")
    assert set(hard[:, 1]) == set(undecided.filter(pl.col("label").fill_null("") == "")["task"])


def test_same_input_gives_the_same_bytes(cifar10s, run, run_process):
    def contents(run) -> dict[str, bytes]:
        run("aggregate", ".", "-s", "GLAD", cwd=cifar10s)
        return {
            str(p): p.read_bytes()
            for folder in ("labels", "identification")
            for p in (cifar10s / folder).rglob("*.*")
        }

    assert contents(run) == contents(run_process)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "set"
    root.mkdir()
    votes = {"10": {"a": 0, "b": 1}, "2": {"b": 1}, "7": {}, "x": {"a": 2, "c": 2, "b": 0}}
    (root / "answers.json").write_text(json.dumps(votes))
    (root / "metadata.json").write_text(
        json.dumps({"name": "small", "n_classes": 3, "class_names": ["cat", "dog", "owl"]})
    )
    return root


def test_gaps_empty_tasks_and_text_ids(folder, run):
    run("aggregate", folder, "-s", "MV", cwd=folder.parent)
    table = pl.read_csv(folder / "labels" / "labels_small_MV.csv", infer_schema=False)
    assert table["task"].to_list() == ["2", "7", "10", "x"]
    posterior = np.load(folder / "labels" / "labels_small_MV.npy")
    expected = [[0, 1, 0], [1 / 3] * 3, [0.5, 0.5, 0], [0, 0, 1]]
    np.testing.assert_allclose(posterior, expected)


def test_options_by_bracket_and_by_flag(folder, run):
    run("aggregate", folder, "-s", "mv[ties=abstain]", "--hard")
    run("aggregate", folder, "-s", "mv", "-P", "ties=first", "--hard")
    assert np.load(folder / "labels" / "labels_small_mv[ties=abstain]_hard.npy").tolist() == [
        1,
        -1,
        -1,
        2,
    ]
    assert np.load(folder / "labels" / "labels_small_mv_hard.npy").tolist()[2] == 0


def test_path_remove_metadata_and_answers_file(folder, run):
    (folder / "drop.txt").write_text("-1 10\n-1 7\n")
    (folder / "other.json").write_text(json.dumps({"name": "renamed", "n_classes": 3}))
    (folder / "votes.json").write_text((folder / "answers.json").read_text())
    (folder / "answers.json").unlink()
    run(
        "aggregate", folder, "-s", "MV", "--answers-file", "votes.json",
        "--metadata_path", folder / "other.json", "--path-remove", folder / "drop.txt",
    )  # fmt: skip
    assert np.load(folder / "labels" / "labels_renamed_MV.npy").tolist() == [[0, 1, 0], [0, 0, 1]]


def test_json_and_strict(folder, run):
    facts = json.loads(run("aggregate", folder, "--json").stdout)
    assert facts["schema"] == "peerannot/aggregate/1"
    assert facts["n_answers"] == 6
    done = run("aggregate", folder, "-s", "DS[max_iter=1,tol=1e-12]", "--strict", "--json", code=5)
    assert json.loads(done.stdout)["error"]["code"] == 5
    done = run("aggregate", folder, "-s", "nope", "--json", code=2)
    assert "unknown strategy" in json.loads(done.stdout)["error"]["message"]


def test_infos_help_and_version(run):
    assert "dawid-skene" in run("agginfo").stdout
    assert "max_iter" in run("agginfo", "-v").stdout
    assert json.loads(run("agginfo", "--json").stdout)["aggregation"]
    assert run("--version").stdout.startswith("PeerAnnot version ")
    assert "Commands:" in run("--help").stdout == run().stdout == run("-h").stdout
    assert "did you mean 'aggregate'" in run("agregate", code=2).stderr


def test_closed_pipe_is_no_error(run):
    import subprocess
    import sys

    done = subprocess.run(
        f"{sys.executable} -m peerannot agginfo -v | head -n 1",
        shell=True,
        capture_output=True,
        text=True,
    )
    assert done.stderr == ""
