"""The two commands as users type them, in a process of their own."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from shlex import split

import numpy as np
import pytest

pytest.importorskip("torch")

QUICK = ["--model", "smallcnn", "--img-size=16", "--n-epochs", "2", "--num-workers=8"]
KEYS = {
    "train_loss",
    "val_loss",
    "val_accuracy",
    "test_accuracy",
    "test_loss",
    "test_ece",
    *(f"{s}_{m}_top{k}" for s in ("val", "test") for m in ("micro", "macro") for k in (2, 5)),
}


def test_quick_start_on_real_images(cifar10s: Path, run) -> None:
    run("aggregate", ".", "-s", "DS", cwd=cifar10s)
    done = run(
        *split("train . -o cifar10s_DS -K 10 --labels=./labels/labels_cifar-10s_ds.npy"),
        *split("--model smallcnn --img-size=32 --n-epochs=2 --lr=0.1 --scheduler"),
        *split("-m 100 -m 250 --num-workers=8"),
        cwd=cifar10s,
    )
    assert "using labels/labels_cifar10s_DS.npy" in done.stderr
    results = json.loads((cifar10s / "results" / "cifar10s_DS.json").read_text())
    assert results.keys() >= KEYS
    assert len(results["train_loss"]) == len(results["val_loss"]) == 2
    assert 10 < results["test_accuracy"] <= 100
    assert results["n_train"] == 1000 and results["n_test"] == 2000
    assert results["options"]["milestones"] == [100, 250]
    assert (cifar10s / "best_models" / "smallcnn" / "cifar10s_DS.pth").stat().st_size > 10_000


@pytest.mark.parametrize("strategy", ["crowdlayer", "CoNAL[scale=1e-4]"])
def test_votes_on_real_images(cifar10s: Path, run, strategy: str) -> None:
    import torch

    done = run(
        *split("aggregate-deep . -o deep --answers ./answers.json --model smallcnn -K=10"),
        *split("--n-epochs 2 --lr 0.1 --optimizer sgd --batch-size 64 --num-workers 8"),
        *["--img-size=32", "-s", strategy, "--json"],
        cwd=cifar10s,
    )
    document = json.loads(done.stdout)
    assert document["schema"] == "peerannot/aggregate-deep/1"
    assert document["results"] == json.loads((cifar10s / "results" / "deep.json").read_text())
    assert document["results"].keys() >= KEYS
    saved = torch.load(cifar10s / "best_models" / "deep.pth", weights_only=True)
    parts = {"crowdlayer": {"confusion"}}.get(strategy, {"auxiliary", "noise_adaptation"})
    assert saved.keys() == {"classifier"} | parts
    confusion = np.load(cifar10s / "results" / "deep_confusion.npy")
    assert confusion.shape == (248, 10, 10)
    np.testing.assert_allclose(confusion.sum(axis=2), 1, atol=1e-5)
    with (cifar10s / "results" / "deep_workers.csv").open() as handle:
        table = list(csv.DictReader(handle))
    votes = json.loads((cifar10s / "answers.json").read_text())
    assert len(table) == 248
    assert sum(int(row["n_answers"]) for row in table) == sum(map(len, votes.values()))
    assert (cifar10s / "results" / "deep_common.npy").exists() == (strategy != "crowdlayer")


def test_spellings(make, run) -> None:
    tiny = make(["é chat", "a-b", "0 none"], folder="My data-set 7")
    tiny.save(tiny.soft, "labels/labels_shapes_NS.npy")
    done = run(
        *["train", "-K=3", "-o=odd", "-optim", "ADAM", "-m=1", "-m", 5, "--scheduler", "COSINE"],
        *["--labels", "labels/labels_shapes_NS.npy", "--lr", ".01", *QUICK],
        cwd=tiny.path,
    )
    results = json.loads((tiny.path / "results" / "odd.json").read_text())
    options = results["options"]
    assert options["optimizer"] == "adam" and options["scheduler"] == "cosine"
    assert options["milestones"] == [1, 5]
    assert "test_micro_top2" not in results
    assert done.stdout.split("\n")[0] == "results/odd.json"


def test_scheduler_bare_before_another_option(make, run) -> None:
    tiny = make()
    tiny.save(tiny.soft, "labels/labels_shapes_x.npy")
    options = ["--labels", tiny.path / "labels/labels_shapes_x.npy", *QUICK]
    run("train", tiny.path, *options, "--scheduler", "-m", "100", "-optim=SGD")
    first = json.loads((tiny.path / "results" / "shapes_x.json").read_text())
    assert first["options"]["scheduler"] == "multistep" and first["options"]["milestones"] == [100]
    done = run("train", tiny.path, *options, "--scheduler", "whatever")
    assert "constant rate" in done.stderr
    second = json.loads((tiny.path / "results" / "shapes_x.json").read_text())
    assert second["options"]["scheduler"] == "none"
    assert second["val_loss"] == first["val_loss"]


def test_help_needs_no_torch(run) -> None:
    for command in ("train", "aggregate-deep"):
        shown = run(command, "--help", PYTHONPROFILEIMPORTTIME="1")
        assert "--milestones" in shown.stdout
        imported = {line.rpartition("|")[2].strip() for line in shown.stderr.splitlines()}
        assert not imported & {"torch", "timm", "lightning_fabric", "numba"}


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--labels", "absent.npy"], 3, "peerannot aggregate"),
        ([], 2, "peerannot aggregate"),
        (["--labels", "labels.npy", "-K", "7"], 2, "contradicts"),
        (["--labels", "labels.npy", "--lr", "0"], 2, "lr must be above 0"),
        (["--labels", "labels.npy", "--model", "resnet181"], 2, "did you mean 'resnet18'"),
        (["--labels", "labels.npy", "-o", "../up"], 2, "without folders"),
    ],
)
def test_one_line_for_a_fault(make, run, arguments, code, words) -> None:
    tiny = make()
    tiny.save(tiny.soft)
    done = run("train", ".", *arguments, cwd=tiny.path, code=code)
    assert words in done.stderr
    assert not (tiny.path / "results").exists() or not list((tiny.path / "results").iterdir())


def test_pretrained_offline_is_one_line(make, run) -> None:
    tiny = make()
    tiny.save(tiny.soft)
    done = run(
        *["train", ".", "--labels", "labels.npy", "--pretrained", "--n-epochs=1"],
        cwd=tiny.path,
        code=1,
        HF_HUB_OFFLINE="1",
        HF_HOME=str(tiny.path / "hub"),
    )
    assert "weights of resnet18" in done.stderr and "drop --pretrained" in done.stderr
