"""AUM and WAUM by training a small network: planted mislabelled digits are found."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

datasets = pytest.importorskip("sklearn.datasets", reason="digits need scikit-learn")
for module in ("torch", "torchvision", "timm", "lightning_fabric"):
    pytest.importorskip(module, reason="training needs the extra deep")

Identify = Callable[..., Any]
OPTIONS = ("--model", "smallcnn", "--img-size", "8", "--lr", "0.05", "--batch-size", "32")


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """600 digits; 10 % are filed, and voted for, under a wrong class."""
    from PIL import Image

    images, truth = datasets.load_digits(return_X_y=True)
    rng = np.random.default_rng(0)
    chosen = rng.permutation(len(truth))[:600]
    wrong = rng.random(600) < 0.1
    label = np.where(wrong, (truth[chosen] + rng.integers(1, 10, 600)) % 10, truth[chosen])
    root = tmp_path_factory.mktemp("identify") / "digits"
    for k in range(10):
        (root / "train" / str(k)).mkdir(parents=True)
    votes = {}
    for i in range(600):
        pixels = (images[chosen[i]].reshape(8, 8) * 15.9).astype(np.uint8)
        Image.fromarray(pixels).save(root / "train" / str(label[i]) / f"digit-{i}.png")
        votes[str(i)] = {
            str(j): int(label[i] if rng.random() < 0.9 else rng.integers(10))
            for j in rng.permutation(12)[:2].tolist()
        }
    (root / "answers.json").write_text(json.dumps(votes))
    facts = {"name": "digits", "n_classes": 10, "n_workers": 12}
    (root / "metadata.json").write_text(json.dumps(facts))
    np.save(root / "labels.npy", label)
    return root, wrong


def auc(table: Path, wrong: Any, column: str = "score") -> float:
    from sklearn.metrics import roc_auc_score

    frame = pl.read_csv(table)
    return float(roc_auc_score(wrong[frame["task"].to_numpy()], -frame[column].to_numpy()))


def test_aum_and_cartography_find_planted_errors(
    identify: Identify, digits: tuple[Path, Any]
) -> None:
    root, wrong = digits
    identify(
        *(root, "-s", "AUM", "--hard-labels", root / "labels.npy"),
        *("--n-epochs", "8", "--alpha", "0.1", *OPTIONS),
    )
    home = root / "identification/smallcnn"
    assert auc(home / "aum/scores.csv", wrong, "AUM_yang") >= 0.9
    assert auc(home / "aum/scores.csv", wrong, "AUM_pleiss") >= 0.9
    assert auc(home / "cartography.csv", wrong) >= 0.9
    assert pl.read_csv(home / "aum/full_aum_records.csv").height == 600 * 8


def test_waum_finds_planted_errors(identify: Identify, digits: tuple[Path, Any]) -> None:
    root, wrong = digits
    identify(
        *(root, "-s", "WAUM", "--n-epochs", "4", "--alpha", "0.1", *OPTIONS),
    )
    home = root / "identification/smallcnn/waum_0.1_yang"
    assert auc(home / "scores.csv", wrong) >= 0.9
    labels = np.load(root / "labels/labels_waum_0.1.npy")
    gone = labels.sum(1) == 0
    assert gone.sum() == 60
    assert wrong[gone].mean() > 0.5


def test_same_seed_same_bytes(identify: Identify, digits: tuple[Path, Any], tmp_path: Path) -> None:
    root, _ = digits
    votes = json.loads((root / "answers.json").read_text())
    (tmp_path / "few.json").write_text(json.dumps({str(i): votes[str(i)] for i in range(60)}))
    found = []
    for seed in (0, 1, 0):
        done = identify(
            *(root, "-s", "WAUM", "--labels", tmp_path / "few.json", "--json"),
            *("--n-epochs", "1", "--seed", seed, *OPTIONS),
        )
        found.append(Path(json.loads(done.stdout)["table"]).read_bytes())
    assert found[0] == found[2] != found[1]


def test_watching_does_not_change_the_training(digits: tuple[Path, Any]) -> None:
    """The logits are those of a plain loop that trains on the same batches."""
    import torch

    from peerannot.learning import TrainOptions
    from peerannot.learning.data.images import ImageStore
    from peerannot.learning.networks.models import build_model
    from peerannot.learning.training.dynamics import WatchedTraining
    from peerannot.learning.training.learner import Learner, SoftTargets
    from peerannot.learning.training.trainer import Trainer, reproducible

    root, _ = digits
    paths = sorted((root / "train").rglob("*.png"))[:64]
    label = np.arange(64) % 10
    options = TrainOptions(
        model="smallcnn", img_size=8, n_epochs=2, lr=0.01, batch_size=64, scheduler="none"
    )
    watch = WatchedTraining([None, *paths], 10, options)
    first, second = watch(np.arange(1, 65), label)
    assert first.shape == second.shape == (64, 10)

    store = ImageStore(paths, 8)
    target = torch.nn.functional.one_hot(torch.from_numpy(label), 10).float()
    with reproducible(0):
        learner = Learner(build_model(options, 10), SoftTargets(target))
        trainer = Trainer(learner, store, store, target, options)
        trainer.train_epoch(0)
        learner.train()
        with torch.no_grad():
            # One batch an epoch: the logits of epoch 2 are those of the weights after epoch 1.
            (images,) = store.batches([torch.arange(64)])
            expected = learner.classifier(trainer.fabric.to_device(images)).logits.cpu()
    np.testing.assert_allclose(second, expected.numpy(), atol=1e-4)


def test_one_network_a_worker_runs(
    identify: Identify, digits: tuple[Path, Any], tmp_path: Path
) -> None:
    root, _ = digits
    votes = json.loads((root / "answers.json").read_text())
    few = {key: {w: y for w, y in of.items() if w in "01"} for key, of in votes.items()}
    (tmp_path / "few.json").write_text(json.dumps({k: v for k, v in few.items() if v}))
    done = identify(
        *(root, "-s", "WAUM_perworker", "--labels", tmp_path / "few.json"),
        *("--n-epochs", "2", "--topk", "2", "--json", *OPTIONS),
    )
    document = json.loads(done.stdout)
    assert "waum_perworker_0.01_yang" in document["table"]
    table = pl.read_csv(document["table"])
    assert table["score"].is_not_nan().all()


def test_images_missing_for_tasks_are_named(
    identify: Identify, digits: tuple[Path, Any], tmp_path: Path
) -> None:
    root, _ = digits
    (tmp_path / "more.json").write_text('{"0": {"1": 1}, "9000": {"1": 2}}')
    done = identify(root, "-s", "WAUM", "--labels", tmp_path / "more.json", *OPTIONS, code=3)
    assert "1 tasks with votes have no image: 9000" in done.stderr
