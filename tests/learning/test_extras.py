"""Options beyond the published ones: each must act, and a resumed run must keep its state."""

from __future__ import annotations

import csv
from dataclasses import replace

import pytest

torch = pytest.importorskip("torch")

from peerannot.errors import (  # noqa: E402
    DataError,
    DataWarning,
    ParameterError,
    StorageError,
)
from peerannot.learning import (  # noqa: E402
    TrainOptions,
    build_model,
    strategy_names,
    train,
    train_on_votes,
)
from peerannot.learning.data.images import ImageStore  # noqa: E402
from peerannot.learning.training.learner import Learner, SoftTargets  # noqa: E402
from peerannot.learning.training.trainer import Trainer  # noqa: E402

OPTIONS = TrainOptions(
    model="smallcnn", img_size=16, n_epochs=3, lr=0.05, batch_size=8, figures="none"
)


@pytest.mark.filterwarnings("ignore:.*random network")
@pytest.mark.parametrize("model", ["smallcnn", "resnet10t", "squeezenet1_0"])
def test_features_of_a_frozen_network_are_computed_once(make, monkeypatch, model) -> None:
    tiny = make(train=20)
    labels = tiny.save(tiny.soft)
    options = replace(OPTIONS, model=model, img_size=32, freeze=True)
    counted = 0
    batches = ImageStore.batches

    def count(self, rows, changes=None):
        nonlocal counted
        for batch in batches(self, rows, changes):
            counted += len(batch)
            yield batch

    monkeypatch.setattr(ImageStore, "batches", count)
    cached = train(tiny.path, labels=labels, options=options).results
    # 20 for training, 8 to validate, 8 to test; a head that is no linear layer sees every epoch,
    # and its best weights validate once more.
    assert counted == (36 if model != "squeezenet1_0" else 3 * (20 + 8) + 8 + 8)
    # Where features do not fit into memory the head is trained by epochs: no better, then.
    plain = train(tiny.path, labels=labels, options=replace(options, memory_gb=0.0)).results
    assert min(cached["val_loss"]) <= min(plain["val_loss"]) * (1 + 1e-4)
    counted = 0
    train(tiny.path, labels=labels, options=replace(options, data_augmentation=True))
    assert counted == 3 * (20 + 8) + 8 + 8


@pytest.mark.parametrize("kind", ["pth", "deep", "safetensors"])
def test_weights_from_a_file(make, kind) -> None:
    from safetensors.torch import save_file

    tiny = make(("a", "b", "c"))
    labels = tiny.save(tiny.soft)
    if kind == "deep":
        file = train_on_votes(tiny.path, options=OPTIONS, output_name="x").weights_file
        first = torch.load(file, weights_only=True)["classifier"]
    else:
        file = train(tiny.path, labels=labels, options=OPTIONS).weights_file
        first = torch.load(file, weights_only=True)
    if kind == "safetensors":
        file = file.with_suffix(".safetensors")
        save_file(first, file)
    same = build_model(replace(OPTIONS, weights=file), 3).net.state_dict()
    assert all(torch.equal(first[name], same[name]) for name in first)
    other = build_model(replace(OPTIONS, weights=str(file)), 5).net.state_dict()
    assert torch.equal(other["features.0.weight"], first["features.0.weight"])
    assert other["head.weight"].shape[0] == 5
    with pytest.raises(DataError, match="is it of another network"):
        build_model(replace(OPTIONS, model="resnet10t", weights=file), 3)


def test_files_that_hold_no_weights(tmp_path) -> None:
    import pickle

    (tmp_path / "evil.pth").write_bytes(pickle.dumps(print))
    (tmp_path / "cut.safetensors").write_bytes(b"\x10\0\0\0\0\0\0\0{")
    torch.save({"a": 1}, tmp_path / "numbers.pth")
    for name, words in (
        ("absent.pth", "no such file"),
        ("evil.pth", "not a file of weights"),
        ("cut.safetensors", "not a file of weights"),
        ("numbers.pth", "expected a state dict"),
    ):
        with pytest.raises(DataError, match=words):
            build_model(replace(OPTIONS, weights=tmp_path / name), 2)


def test_patience_stops_early_and_so_does_a_resumed_run(make) -> None:
    tiny = make(train=20)
    labels = tiny.save(tiny.soft)
    options = replace(OPTIONS, n_epochs=60, lr=0.2, patience=2)
    report = train(tiny.path, labels=labels, options=options)
    epochs = len(report.results["val_loss"])
    assert epochs == report.results["best_epoch"] + 2 < 60
    before = report.results_file.read_bytes()
    again = train(tiny.path, labels=labels, options=options, resume=True)
    assert again.resumed_at == epochs and again.results_file.read_bytes() == before


def test_what_selects_the_best_epoch(make) -> None:
    tiny = make(train=20)
    labels = tiny.save(tiny.soft)
    for select in ("loss", "accuracy", "auto"):
        options = replace(OPTIONS, n_epochs=8, lr=0.2, select=select)
        results = train(tiny.path, labels=labels, options=options).results
        ranks = list(zip(results["val_loss"], results["val_loss"], strict=True))
        if select == "accuracy":
            ranks = [
                (-a, b) for a, b in zip(results["val_accuracy"], results["val_loss"], strict=True)
            ]
        assert results["best_epoch"] == ranks.index(min(ranks)) + 1
        assert results["options"]["select"] == ("accuracy" if select == "accuracy" else "loss")
    for strategy, want in (("conal", "accuracy"), ("CrowdLayer", "accuracy"), ("madl", "loss")):
        report = train_on_votes(tiny.path, strategy=strategy, options=OPTIONS)
        assert report.results["options"]["select"] == want


def test_mean_weights_follow_the_training_weights(make) -> None:
    tiny = make(train=16)
    target = torch.from_numpy(tiny.soft).float()
    paths = sorted((tiny.path / "train").rglob("*.png"), key=lambda p: int(p.stem[3:]))
    store = ImageStore(paths, 16)
    options = replace(OPTIONS, ema=0.9, n_epochs=1)
    learner = Learner(build_model(options, 2), SoftTargets(target))
    trainer = Trainer(learner, store, store, target, options)
    seen, step = [], trainer.optimizer.step
    trainer.optimizer.step = lambda *a, **k: (
        step(*a, **k),
        seen.append(learner.classifier.head.weight.detach().clone()),
    )[0]
    trainer.run()
    mean = seen[0]
    for weight in seen[1:]:
        mean = 0.9 * mean + 0.1 * weight
    torch.testing.assert_close(learner.classifier.head.weight.detach(), mean)
    assert not torch.equal(mean, seen[-1])


def test_everything_at_once_resumes_exactly(make) -> None:
    tiny = make(("a", "b", "c"), train=30)
    options = replace(OPTIONS, ema=0.8, clip=1.0, warmup=2, n_epochs=5, scheduler="cosine",
                      checkpoint_share=1e9)  # fmt: skip

    def go(strategy, **more):
        return train_on_votes(tiny.path, strategy=strategy, output_name="x", **more)

    def stop(done, total=None, text=""):
        if text.startswith("loss") and done == 3:
            raise KeyboardInterrupt

    for strategy in ("aggnet[warmup=1]", "madl", "doctor-net", "tracereg[warmup=2]"):
        whole = go(strategy, options=options)
        want = [f.read_bytes() for f in (whole.results_file, whole.weights_file)]
        want += [f.read_bytes() for f in whole.worker_files]
        with pytest.raises(KeyboardInterrupt):
            go(strategy, options=options, progress=stop)
        report = go(strategy, options=options, resume=True)
        got = [f.read_bytes() for f in (report.results_file, report.weights_file)]
        got += [f.read_bytes() for f in report.worker_files]
        assert report.resumed_at == 3 and got == want, strategy


@pytest.mark.parametrize("strategy", strategy_names())
def test_strategies_in_mixed_precision(make, strategy) -> None:
    tiny = make(("a", "b", "c"), train=16)
    options = replace(OPTIONS, precision="bf16-mixed", n_epochs=2)
    report = train_on_votes(tiny.path, strategy=strategy, options=options)
    assert report.results["train_loss"][1] < report.results["train_loss"][0]


@pytest.mark.parametrize("place", ["results", "best_models"])
def test_a_place_that_cannot_be_written_is_told_before_training(make, place) -> None:
    tiny = make(train=4)
    (tiny.path / place).write_text("a file where a folder should be")
    told = []
    with pytest.raises(StorageError, match=f"cannot write .*{place}"):
        train(
            tiny.path,
            labels=tiny.save(tiny.soft),
            options=OPTIONS,
            progress=lambda *a, **k: told.append(a),
        )
    assert told == []


def test_a_full_disk_leaves_what_was_there(make, monkeypatch) -> None:
    import errno

    tiny = make(train=8)
    labels = tiny.save(tiny.soft)
    report = train(tiny.path, labels=labels, options=OPTIONS)
    before = [f.read_bytes() for f in (report.results_file, report.weights_file)]

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("torch.save", full)
    with pytest.raises(StorageError, match="no space left"):
        train(tiny.path, labels=labels, options=replace(OPTIONS, seed=1))
    assert [f.read_bytes() for f in (report.results_file, report.weights_file)] == before
    names = {p.name for p in tiny.path.rglob("*") if p.is_file()}
    assert not [name for name in names if name.endswith(".tmp")]


def test_options_act(make) -> None:
    tiny = make(train=16)
    labels = tiny.save(tiny.soft)
    plain = train(tiny.path, labels=labels, options=OPTIONS).results["train_loss"]
    for change in (
        {"clip": 0.01},
        {"warmup": 2},
        {"label_smoothing": 0.3},
        {"momentum": 0.0},
        {"decay": 0.5},
        {"optimizer": "adam"},
        {"scheduler": "cosine", "milestones": (3,)},
        {"milestones": (1,)},
        {"milestones": (1,), "lr_decay": 0.5},
        {"batch_size": 4},
        {"data_augmentation": True},
        {"precision": "bf16-mixed"},
        {"img_size": 12},
    ):
        other = train(tiny.path, labels=labels, options=replace(OPTIONS, **change))
        assert other.results["train_loss"] != plain, change
    assert (
        train(tiny.path, labels=labels, options=replace(OPTIONS, device="cpu")).results[
            "train_loss"
        ]
        == plain
    )
    with pytest.raises(ParameterError, match=r"soft-labels\[smoothing=0.1\]"):
        train_on_votes(tiny.path, options=replace(OPTIONS, label_smoothing=0.1))


def test_log_of_epochs(make) -> None:
    tiny = make(train=16)
    options = replace(OPTIONS, milestones=(2,), warmup=1)
    report = train(tiny.path, labels=tiny.save(tiny.soft), options=options)
    with (tiny.path / "results" / "labels_epochs.csv").open() as handle:
        rows = list(csv.DictReader(handle))
    assert [row["epoch"] for row in rows] == ["1", "2", "3"]
    assert [float(row["lr"]) for row in rows] == pytest.approx([0.025, 0.05, 0.005])
    assert [float(row["val_loss"]) for row in rows] == report.results["val_loss"]


def test_frozen_random_network_is_said(make) -> None:
    with pytest.warns(DataWarning, match="random network"):
        build_model(replace(OPTIONS, freeze=True), 2)
