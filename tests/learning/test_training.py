"""Training: what it learns, that it repeats itself, and that it survives being killed."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from peerannot.errors import DataError, DataWarning, ParameterError, PeerannotError  # noqa: E402
from peerannot.learning import TrainOptions, train, train_on_votes  # noqa: E402
from peerannot.learning.training.plan import batches_of  # noqa: E402

TESTS = Path(__file__).parents[1]
# A checkpoint after each epoch, however long that takes.
OPTIONS = TrainOptions(
    model="smallcnn", img_size=16, n_epochs=4, lr=0.05, batch_size=8, figures="none",
    checkpoint_share=1e9,
)  # fmt: skip


def files(tiny) -> dict[str, str]:
    return {
        str(p.relative_to(tiny.path)): hashlib.sha256(p.read_bytes()).hexdigest()
        for folder in ("results", "best_models")
        for p in sorted((tiny.path / folder).rglob("*"))
        if p.is_file()
    }


@pytest.mark.parametrize("names", [("no", "yes"), ("a-1", "ü b", "0")])
def test_learns_colours_from_labels(make, names) -> None:
    tiny = make(names, train=45)
    report = train(tiny.path, labels=tiny.save(tiny.soft), options=OPTIONS)
    results = report.results
    assert results["test_accuracy"] == 100
    assert results["train_loss"][-1] < results["train_loss"][0]
    assert report.results_file == tiny.path / "results" / "labels.json"
    best = min(range(4), key=results["val_loss"].__getitem__)
    assert results["best_epoch"] == best + 1


@pytest.mark.parametrize("model", ["resnet10t", "logistic", "mobilenet_v3_small"])
def test_networks_of_each_source(make, model) -> None:
    tiny = make(train=9, val=2, test=2)
    options = replace(OPTIONS, model=model, img_size=32, n_epochs=1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        report = train(tiny.path, labels=tiny.save(tiny.soft), options=options)
    assert report.weights_file == tiny.path / "best_models" / model / "labels.pth"
    saved = torch.load(report.weights_file, weights_only=True)
    assert all(isinstance(value, torch.Tensor) for value in saved.values())


@pytest.mark.parametrize("votes", [False, True])
def test_same_seed_same_bytes(make, votes) -> None:
    tiny = make(("a", "b", "c"), train=30, val=0)
    labels = tiny.save(tiny.soft)
    options = replace(OPTIONS, data_augmentation=True, n_epochs=2)

    def once(options):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DataWarning)
            if votes:
                train_on_votes(tiny.path, options=options, output_name="x")
            else:
                train(tiny.path, labels=labels, options=options, output_name="x")
        return files(tiny)

    state = torch.get_rng_state()
    first = once(options)
    assert torch.equal(torch.get_rng_state(), state)
    torch.rand(5)
    second = once(options)
    assert [name for name in first if second[name] != first[name]] == []
    # Threads and memory change nothing; the seed does.
    other = once(replace(options, num_workers=3, memory_gb=0.0))
    weights = next(name for name in first if name.endswith(".pth"))
    assert other[weights] == first[weights]
    assert once(replace(options, seed=1))[weights] != first[weights]


@pytest.mark.parametrize("votes", [False, True])
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_a_resumed_run_ends_as_an_uninterrupted_one(make, votes, optimizer) -> None:
    tiny = make(("a", "b", "c"), train=30)
    labels = tiny.save(tiny.soft)
    options = replace(OPTIONS, optimizer=optimizer, lr=0.01, data_augmentation=True)

    def go(**more):
        if votes:
            return train_on_votes(tiny.path, output_name="x", **more)
        return train(tiny.path, labels=labels, output_name="x", **more)

    go(options=options)
    whole = files(tiny)

    class Killed(Exception):
        pass

    def kill(done, total=None, text=""):
        if text.startswith("loss") and done == 2:
            raise Killed

    for file in (tiny.path / "results").iterdir():
        file.unlink()
    with pytest.raises(Killed):
        go(options=options, progress=kill)
    assert not list((tiny.path / "results").iterdir())
    report = go(options=options, resume=True)
    assert report.resumed_at == 2
    assert files(tiny) == whole


@pytest.mark.parametrize(
    "extra",
    [
        [],
        ["--mixup", "0.4", "--cutmix", "1", "--weighted-sampling", "--ema", "0.9"],
    ],
    ids=["plain", "mixed"],
)
def test_resume_after_kill_9(make, run, commands, extra) -> None:
    tiny = make(train=60)
    tiny.save(tiny.soft)
    command = [
        *["train", tiny.path, "--labels", tiny.path / "labels.npy", "--model", "smallcnn"],
        *["--img-size", "16", "--n-epochs", "5", "--batch-size", "4", "-o", "x"],
        *["--figures", "none", *extra],
    ]
    run(*command)
    weights = tiny.path / "best_models" / "smallcnn"
    want = [(tiny.path / "results/x.json").read_bytes(), (weights / "x.pth").read_bytes()]
    for folder in ("results", "best_models/smallcnn"):
        for file in (tiny.path / folder).iterdir():
            file.unlink()
    killed = commands([*map(str, command)], TESTS, os.environ, "helpers.dies")
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert not (tiny.path / "results/x.json").exists()
    document = json.loads(run(*command, "--resume", "--json").stdout)
    assert 0 < document["resumed_at"] < 5
    got = [(tiny.path / "results/x.json").read_bytes(), (weights / "x.pth").read_bytes()]
    assert got == want


def test_resume_needs_the_same_run(make) -> None:
    tiny = make()
    labels = tiny.save(tiny.soft)
    with pytest.warns(DataWarning, match="no checkpoint yet"):
        train(tiny.path, labels=labels, options=OPTIONS, resume=True)
    with pytest.raises(ParameterError, match="another lr"):
        train(tiny.path, labels=labels, options=replace(OPTIONS, lr=0.2), resume=True)
    with pytest.raises(ParameterError, match="4 epochs, more than --n-epochs 3"):
        train(tiny.path, labels=labels, options=replace(OPTIONS, n_epochs=3), resume=True)
    longer = train(tiny.path, labels=labels, options=replace(OPTIONS, n_epochs=6), resume=True)
    assert longer.resumed_at == 4 and len(longer.results["val_loss"]) == 6
    tiny.save(tiny.soft[::-1].copy())
    with pytest.raises(ParameterError, match="another data"):
        train(tiny.path, labels=labels, options=replace(OPTIONS, n_epochs=6), resume=True)


def test_a_damaged_checkpoint_gives_way_to_the_one_before(make) -> None:
    tiny = make()
    labels = tiny.save(tiny.soft)

    def stop(done, total=None, text=""):
        if text.startswith("loss") and done == 3:
            raise KeyboardInterrupt

    whole = train(tiny.path, labels=labels, options=OPTIONS)
    want = whole.weights_file.read_bytes()
    newest = whole.weights_file.with_name("labels.last.safetensors")
    before = whole.weights_file.with_name("labels.last.previous.safetensors")
    assert not before.exists()
    with pytest.raises(KeyboardInterrupt):
        train(tiny.path, labels=labels, options=OPTIONS, progress=stop)
    assert whole.weights_file.read_bytes() == want
    assert before.exists()
    damaged = bytearray(newest.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    newest.write_bytes(damaged)
    previous = before.read_bytes()

    def stop_again(done, total=None, text=""):
        if text.startswith("loss"):
            raise KeyboardInterrupt

    with (
        pytest.warns(DataWarning, match="checksum is wrong.*trying the one before"),
        pytest.raises(KeyboardInterrupt),
    ):
        train(tiny.path, labels=labels, options=OPTIONS, resume=True, progress=stop_again)
    # The damaged one did not take the place of the whole one.
    assert before.read_bytes() == previous
    newest.write_bytes(newest.read_bytes()[:99])
    with pytest.warns(DataWarning, match=r"damaged checkpoint.*trying the one before it$"):
        report = train(tiny.path, labels=labels, options=OPTIONS, resume=True)
    assert report.resumed_at == 2
    assert report.weights_file.read_bytes() == want
    newest.write_bytes(newest.read_bytes()[:100])
    with pytest.raises(DataError, match=r"damaged checkpoint.*without --resume"):
        train(tiny.path, labels=labels, options=OPTIONS, resume=True)


def test_one_image_and_batches_of_one(make) -> None:
    tiny = make(train=1, val=0, test=1)
    with pytest.warns(DataWarning):
        report = train(
            tiny.path, labels=tiny.save(tiny.soft), options=replace(OPTIONS, model="resnet10t")
        )
    assert len(report.results["val_loss"]) == 4
    order = torch.arange(9)
    assert [b.tolist() for b in batches_of(order, 4)] == [
        [0, 1, 2, 3],
        [4, 5, 6, 7, 8],
    ]
    assert all(len(b) == 2 for b in batches_of(order, 1))


def test_divergence_is_told(make) -> None:
    tiny = make(train=30)
    with pytest.raises(PeerannotError, match=r"not a number in epoch .*lower --lr"):
        train(
            tiny.path,
            labels=tiny.save(tiny.soft),
            options=replace(OPTIONS, model="logistic", lr=1e30, n_epochs=9),
        )
    assert not list((tiny.path / "results").iterdir())


@pytest.mark.parametrize("memory_gb", [0.0, 1.0])
def test_frozen_networks_train_their_head_only(make, memory_gb) -> None:
    tiny = make(train=10)
    labels = tiny.save(tiny.soft)
    options = replace(OPTIONS, freeze=True, n_epochs=1, memory_gb=memory_gb)
    with pytest.warns(DataWarning, match="random network"):
        first = torch.load(train(tiny.path, labels=labels, options=options).weights_file)
    others = tiny.save(np.roll(tiny.soft, 1, axis=1), "others.npy")
    with pytest.warns(DataWarning, match="random network"):
        report = train(tiny.path, labels=others, options=replace(options, n_epochs=3))
    second = torch.load(report.weights_file)
    changed = {name for name in first if not torch.equal(first[name], second[name])}
    assert changed == {"head.weight", "head.bias"}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"batch_size": 0}, "batch_size must be at least 1"),
        ({"milestones": ()}, "milestones must be"),
        ({"milestones": (0,)}, "milestones must be"),
        ({"scheduler": "linear"}, "scheduler must be"),
        ({"model": "logistic", "n_params": 3072}, "contradicts --img-size 16"),
        ({"model": "smallcnn", "pretrained": True}, "no published weights"),
        ({"model": "densenet121", "img_size": 3}, "cannot take images of 3 pixels"),
        ({"model": "modellabelme"}, "needs images of 32 pixels"),
    ],
)
def test_wrong_options(make, options, words) -> None:
    tiny = make(train=4, val=2, test=2)
    with pytest.raises(ParameterError, match=words):
        train(tiny.path, labels=tiny.save(tiny.soft), options=replace(OPTIONS, **options))


def test_learning_rates() -> None:
    step = TrainOptions(lr=0.1, milestones=(2, 4), lr_decay=0.1)
    rates = [step.learning_rate(e) for e in range(6)]
    np.testing.assert_allclose(rates, [0.1, 0.1, 0.01, 0.01, 0.001, 0.001])
    # The published schedule, from PyTorch's own.
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], lr=0.1)
    theirs = torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimizer, 5, eta_min=1e-4)
    cosine = replace(step, scheduler="cosine", milestones=(5, 9))
    for epoch in range(12):
        assert cosine.learning_rate(epoch) == pytest.approx(theirs.get_last_lr()[0])
        optimizer.step()
        theirs.step()
    assert replace(step, scheduler="none").learning_rate(99) == 0.1
