"""``peerannot identify``: every option acts, every file has its name and shape."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from helpers.crowds import crowd_of, diagonal, spammer

Identify = Callable[..., Any]
Run = Callable[..., subprocess.CompletedProcess[str]]
K, N, W = 3, 30, 6


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A small data set with tiny images, of which two workers guess."""
    from PIL import Image

    answers, truth = crowd_of([diagonal(K, 0.9)] * 4 + [spammer(K)] * 2, N, 4, seed=1)
    votes: dict[str, dict[str, int]] = {key: {} for key in answers.tasks}
    for i, j, y in zip(answers.task, answers.worker, answers.label, strict=True):
        votes[answers.tasks[int(i)]][answers.workers[int(j)]] = int(y)
    root = tmp_path / "set"
    rng = np.random.default_rng(0)
    for i, name in enumerate("abc"):
        (root / "train" / name).mkdir(parents=True)
        for key in np.flatnonzero(truth == i):
            pixels = np.full((8, 8, 3), 60 + 60 * i) + rng.integers(0, 40, (8, 8, 3))
            file = root / "train" / name / f"{name}-{key}.png"
            Image.fromarray(pixels.astype(np.uint8)).save(file)
    (root / "answers.json").write_text(json.dumps(votes))
    facts = {"name": "set", "n_classes": K, "n_workers": 8}
    (root / "metadata.json").write_text(json.dumps(facts))
    return root


@pytest.mark.parametrize(
    ("method", "file", "shape"),
    [
        ("entropy", "entropies.npy", (N,)),
        ("krippendorffAlpha", "krippendorff_alpha.npy", ()),
        ("spam_score", "spam_score.npy", (8,)),
        ("trace_confusion", "traces_confusion.npy", (8,)),
    ],
)
def test_arrays_of_the_published_package(
    identify: Identify, folder: Path, method: str, file: str, shape: tuple[int, ...]
) -> None:
    done = identify(folder, "-s", method, "-K=3")
    assert str(folder / "identification" / file) in done.stdout.splitlines()
    array = np.load(folder / "identification" / file)
    assert array.shape == shape
    assert array.dtype == np.float64


def test_from_the_command_line(run: Run, folder: Path) -> None:
    done = run("identify", "-s", "spam_score", "-K=3", cwd=folder)
    assert "identification/spam_score.npy" in done.stdout
    assert "6 workers" in done.stderr
    bad = run("identify", folder, "-s", "entropie", code=2)
    assert "did you mean 'entropy'" in bad.stderr


def test_tables_name_the_images_worst_first(identify: Identify, folder: Path) -> None:
    identify(folder, "-s", "entropy")
    table = pl.read_csv(folder / "identification" / "entropy.csv")
    assert table.columns[:3] == ["task", "file", "score"]
    assert table["score"].is_sorted(descending=True)
    for key, file in zip(table["task"], table["file"], strict=True):
        assert file.endswith(f"-{key}.png")
    entropies = np.load(folder / "identification" / "entropies.npy")
    np.testing.assert_array_equal(entropies[table["task"].to_numpy()], table["score"])


def test_json_is_one_document_and_brackets_are_options(identify: Identify, folder: Path) -> None:
    done = identify(folder, "-s", "krippendorffAlpha[metric=ordinal]", "-P", "n_boot=20", "--json")
    document = json.loads(done.stdout)
    assert document["schema"] == "peerannot/identify/1"
    assert document["summary"]["name"] == "krippendorff-alpha-ordinal"
    assert document["summary"]["low"] <= document["summary"]["value"]


def test_same_input_same_bytes(identify: Identify, folder: Path) -> None:
    identify(folder, "-s", "krippendorffAlpha")
    home = folder / "identification"
    before = {p: p.read_bytes() for p in home.rglob("*") if p.is_file()}
    identify(folder, "-s", "krippendorffAlpha")
    assert before == {p: p.read_bytes() for p in home.rglob("*") if p.is_file()}


def test_matrix_file_and_old_option_names(identify: Identify, folder: Path, tmp_path: Path) -> None:
    matrices = np.stack([np.eye(K)] * 8)
    np.save(tmp_path / "m.npy", matrices)
    identify(folder, "-s", "spam_score", "--matrix-file", tmp_path / "m.npy")
    score = np.load(folder / "identification" / "spam_score.npy")
    assert score[:W].tolist() == [1.0] * W
    assert np.isnan(score[W:]).all()
    once = identify(folder, "-s", "spam_score", "--maxiter-DS", "1")
    assert "stopped after 1 iterations" in once.stderr
    np.save(tmp_path / "m.npy", matrices[:, :2])
    bad = identify(folder, "-s", "spam_score", "--matrix-file", tmp_path / "m.npy", code=3)
    assert "expected shape (8, 3, 3)" in bad.stderr


def test_options_that_do_nothing_are_said(identify: Identify, folder: Path) -> None:
    done = identify(folder, "-s", "entropy", "--lr", "0.2", "--alpha", "0.5")
    assert "entropy makes no use of --alpha, --lr" in done.stderr


def test_logits_feed_waum_and_the_file_prunes(
    identify: Identify, run: Run, folder: Path, tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    np.save(tmp_path / "run1.npy", rng.normal(size=(4, N, K)).astype(np.float32))
    command = (folder, "--logits", tmp_path / "run1.npy", "--alpha", "0.2")
    identify(*command, "-s", "WAUM", "--use-pleiss", "--topk", "1")
    home = folder / "identification/run1/waum_0.2_pleiss"
    labels = np.load(folder / "labels/labels_waum_0.2.npy")
    assert labels.shape == (N, K)
    assert (labels.sum(1) == 0).sum() == 6
    run("aggregate", folder, "-s", "MV", "--path-remove", home / "too_hard_0.2.txt")
    assert len(np.load(folder / "labels/labels_set_MV.npy")) == N - 6
    identify(*command, "-s", "AUM", "--hard-labels", folder / "labels/labels_waum_0.2.npy")
    table = pl.read_csv(folder / "identification/run1/aum/aum_values.csv")
    assert table.height == N - 6
    files = sorted((folder / "train").rglob("*.png"))
    first = table.row(0, named=True)
    assert files[first["sample_id"]].name == first["filename"]
    bad = identify(*command, "-s", "WAUM_perworker", code=2)
    assert "one network a worker" in bad.stderr
    np.save(tmp_path / "run1.npy", rng.normal(size=(4, N - 1, K)))
    bad = identify(*command, "-s", "WAUM", code=3)
    assert "run1.npy: expected floats of shape (epochs, 30 tasks, 3 classes)" in bad.stderr


def test_label_errors_from_probabilities(identify: Identify, folder: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "p.npy", np.random.default_rng(0).dirichlet(np.ones(K), N))
    identify(folder, "-s", "label-errors", "--probabilities", tmp_path / "p.npy")
    table = pl.read_csv(folder / "identification/label_errors.csv")
    assert {"task", "file", "score", "error", "likely", "crowdlab"} <= set(table.columns)
    assert table["score"].is_sorted()
    bad = identify(folder, "-s", "label-errors", code=2)
    assert "--probabilities" in bad.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("-s", "entropie"), 2, "did you mean 'entropy'"),
        (("-K", "4"), 2, "contradicts"),
        (("-s", "WAUM", "--alpha", "2"), 2, "alpha must be at most 1"),
        (("-s", "entropy", "--labels", "nothing.json"), 3, "no such file"),
        (("-s", "AUM", "--hard-labels", "nothing.npy"), 3, "no such file"),
    ],
)
def test_wrong_arguments_are_one_line(
    identify: Identify, folder: Path, arguments: tuple[str, ...], code: int, message: str
) -> None:
    done = identify(folder, *arguments, code=code)
    assert message in done.stderr
    assert not (folder / "identification").exists()


def test_votes_elsewhere(identify: Identify, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "few.json").write_text('{"1": {"0": 1, "1": 2}, "2": {"0": 0}}')
    identify(folder, "-s", "entropy", "--labels", tmp_path / "few.json")
    assert np.load(folder / "identification/entropies.npy").tolist() == [np.log(2), 0]


def test_pictures_are_drawn(identify: Identify, folder: Path) -> None:
    pytest.importorskip("matplotlib", reason="pictures need the extra report")
    from PIL import Image

    done = identify(folder, "-s", "entropy", "--plot")
    for name in ("entropy_distribution.png", "entropy_worst.png"):
        picture = folder / "identification" / name
        assert str(picture) in done.stdout.splitlines()
        with Image.open(picture) as image:
            pixels = np.asarray(image.convert("RGB"))
        assert min(pixels.shape[:2]) > 300
        assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 50
    before = (folder / "identification/entropy_worst.png").read_bytes()
    identify(folder, "-s", "entropy", "--plot")
    assert before == (folder / "identification/entropy_worst.png").read_bytes()


def test_registry_needs_no_torch_and_has_every_published_name() -> None:
    code = (
        "import sys; from peerannot.identification import METHODS; list(METHODS);"
        "names = 'AUM WAUM WAUM_perworker entropy trace_confusion spam_score krippendorffAlpha';"
        "assert all(n in METHODS for n in names.split());"
        "assert not {'torch', 'matplotlib'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
