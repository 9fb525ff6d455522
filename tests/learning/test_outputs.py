"""What a run writes besides weights: figures, scores by class, calibration, logs; and stems."""

from __future__ import annotations

import csv
import json
import shutil
import sys
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from peerannot.errors import (  # noqa: E402
    DataWarning,
    MissingDependencyError,
    ParameterError,
)
from peerannot.learning import TrainOptions, build_model, train  # noqa: E402
from peerannot.learning.results.calibration import calibration, fit_temperature  # noqa: E402
from peerannot.learning.results.metrics import class_scores, confusion_counts  # noqa: E402

OPTIONS = TrainOptions(
    model="smallcnn", img_size=16, n_epochs=2, lr=0.05, batch_size=8, figures="none"
)


def sample(n: int, scale: float):
    """Logits that are calibrated at the temperature ``scale``."""
    generator = torch.Generator().manual_seed(0)
    logits = 1.5 * torch.randn(n, 4, generator=generator)
    label = torch.multinomial(logits.softmax(1), 1, generator=generator).squeeze(1)
    return scale * logits, torch.eye(4)[label]


@pytest.mark.parametrize("scale", [0.4, 1.0, 3.0])
def test_temperature_is_found(scale) -> None:
    logits, target = sample(20_000, scale)
    temperature = fit_temperature(logits, target)
    assert temperature == pytest.approx(scale, rel=0.03)
    found = calibration(logits, target, temperature)
    assert found["after"]["nll"] <= found["before"]["nll"] + 1e-9
    assert found["after"]["ece"] < 0.015
    if scale != 1:
        assert found["before"]["ece"] > 3 * found["after"]["ece"]
        assert found["after"]["brier"] < found["before"]["brier"]


def test_temperature_of_few_images_stays_sane() -> None:
    logits = 3 * torch.eye(2)
    assert 0.2 < fit_temperature(logits, torch.eye(2)) < 1
    assert 1 < fit_temperature(logits, torch.eye(2).flip(0)) < 20
    assert fit_temperature(torch.zeros(3, 2), torch.eye(2)[[0, 1, 0]]) == pytest.approx(1, abs=1e-3)


def test_scores_by_class_are_those_of_sklearn() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(200, 4, generator=generator)
    truth = torch.randint(3, (200,), generator=generator)
    counts = confusion_counts(logits, torch.eye(4)[truth])
    predicted = logits.argmax(1)
    assert (counts == metrics.confusion_matrix(truth, predicted, labels=range(4))).all()
    found = class_scores(counts)
    want = metrics.precision_recall_fscore_support(
        truth, predicted, labels=range(4), zero_division=0
    )
    for ours, theirs in zip(
        (found.precision, found.recall, found.f1, found.support), want, strict=True
    ):
        np.testing.assert_allclose([value or 0 for value in ours], theirs)
    # The fourth class has no image: nothing can be said of its recall.
    assert found.recall[3] is None and found.precision[3] == 0 and found.support[3] == 0


def test_a_class_without_images(make) -> None:
    tiny = make(("a", "b", "c", "none"), train=16, val=4, test=6)
    for split in ("train", "val", "test"):
        shutil.rmtree(tiny.path / split / "none", ignore_errors=True)
        (tiny.path / split / "none").mkdir()
    keys = [key for key, label in tiny.truth.items() if label != 3]
    (tiny.path / "answers.json").unlink()
    labels = tiny.save(np.array([tiny.truth[key] for key in keys]))
    options = replace(OPTIONS, figures="png", weighted_sampling=True)
    report = train(tiny.path, labels=labels, options=options, output_name="x")
    last = report.results["test_classes"][-1]
    assert last["class"] == "none" and last["support"] == 0 and last["recall"] is None
    assert report.results["test_accuracy"] > 50
    with (tiny.path / "results" / "x_test_classes.csv").open() as handle:
        rows = list(csv.DictReader(handle))
    assert [row["class"] for row in rows] == ["a", "b", "c", "none"]
    assert rows[3]["recall"] == "" and [int(row["support"]) for row in rows] == [2, 2, 1, 0]
    counts = np.load(tiny.path / "results" / "x_test_confusion.npy")
    assert counts.shape == (4, 4) and counts.sum() == 5


@pytest.mark.parametrize("kind", ["png", "svg", "both"])
def test_figures(make, kind, monkeypatch) -> None:
    pytest.importorskip("matplotlib")
    # What is None here cannot be imported: figures are drawn without global state.
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    tiny = make(train=12, val=4, test=4)
    labels = tiny.save(tiny.soft)
    options = replace(OPTIONS, figures=kind)
    report = train(tiny.path, labels=labels, options=options, output_name="x")
    kinds = {"both": ("png", "svg")}.get(kind, (kind,))
    names = ("x_curves", "x_test_confusion", "x_reliability")
    assert [p.name for p in report.figure_files] == [f"{n}.{k}" for n in names for k in kinds]
    before = [p.read_bytes() for p in report.figure_files]
    for path in report.figure_files:
        if path.suffix == ".png":
            from PIL import Image

            with Image.open(path) as image:
                # Readable at twice the size: some hundred pixels an inch.
                assert min(image.size) >= 600 and image.info["dpi"][0] >= 190
        else:
            text = path.read_text()
            words = {"x_curves": "epoch", "x_reliability": "confidence"}
            assert words.get(path.stem, "predicted class") in text
    again = train(tiny.path, labels=labels, options=options, output_name="x")
    assert [p.read_bytes() for p in again.figure_files] == before


def test_without_matplotlib_there_are_no_figures_and_that_is_said(make, monkeypatch) -> None:
    tiny = make(train=8, val=2, test=2)
    monkeypatch.setattr("peerannot.learning.training.run.can_draw", lambda: False)
    monkeypatch.setattr("peerannot.learning.results.outputs.can_draw", lambda: False)
    with pytest.warns(DataWarning, match=r"pip install 'peerannot\[report\]'"):
        report = train(
            tiny.path, labels=tiny.save(tiny.soft), options=replace(OPTIONS, figures="png")
        )
    assert report.figure_files == ()


def test_tensorboard_has_the_epochs(make) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    tiny = make(train=8, val=2, test=2)
    options = replace(OPTIONS, tensorboard=True)
    report = train(tiny.path, labels=tiny.save(tiny.soft), options=options, output_name="x")
    events = EventAccumulator(str(tiny.path / "results" / "x_tensorboard"))
    events.Reload()
    assert set(events.Tags()["scalars"]) == {"loss/train", "loss/val", "accuracy/val", "lr"}
    losses = [event.value for event in events.Scalars("loss/val")]
    assert losses == pytest.approx(report.results["val_loss"], rel=1e-5)
    assert [event.step for event in events.Scalars("lr")] == [1, 2]


def test_tensorboard_that_is_missing_is_said_before_training(make, monkeypatch) -> None:
    tiny = make(train=8, val=2, test=2)
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'peerannot\[tensorboard\]'"):
        train(tiny.path, labels=tiny.save(tiny.soft), options=replace(OPTIONS, tensorboard=True))
    assert not (tiny.path / "results").exists()


def test_stems() -> None:
    def stem(**change):
        options = replace(OPTIONS, model="resnet18", **change)
        return build_model(options, 2).net.conv1.stride

    assert stem(img_size=64) == (1, 1) and stem(img_size=65) == (2, 2)
    assert stem(img_size=64, stem="full") == (2, 2)
    assert stem(img_size=96, stem="small") == (1, 1)
    with pytest.raises(ParameterError, match="no small stem"):
        build_model(replace(OPTIONS, model="mobilenet_v3_small", img_size=32, stem="small"), 2)


@pytest.mark.skipif(shutil.which("c++") is None, reason="torch.compile needs a C++ compiler")
@pytest.mark.filterwarnings("ignore")
@pytest.mark.slow
def test_a_compiled_network_learns_the_same(make) -> None:
    # All batches are of one size: each other one would be compiled anew.
    tiny = make(train=16, val=8, test=8)
    labels = tiny.save(tiny.soft)
    plain = train(tiny.path, labels=labels, options=OPTIONS, output_name="x")
    state = torch.load(plain.weights_file, weights_only=True)
    fast = train(tiny.path, labels=labels, options=replace(OPTIONS, compile=True), output_name="x")
    assert torch.load(fast.weights_file, weights_only=True).keys() == state.keys()
    for key in ("train_loss", "val_loss"):
        assert fast.results[key] == pytest.approx(plain.results[key], rel=1e-3)


def test_the_options_of_the_command(run) -> None:
    shown = run("train", "--help").stdout
    for name in (
        *("--stem", "--compile", "--mixup", "--cutmix", "--weighted-sampling", "--devices"),
        *("--num-nodes", "--accelerator", "--tensorboard", "--figures", "--clip", "--ema"),
    ):
        assert name in shown, name
    for command in ("predict", "export-model"):
        help_of = run(command, "--help", PYTHONPROFILEIMPORTTIME="1").stderr
        imported = {line.rpartition("|")[2].strip() for line in help_of.splitlines()}
        assert not imported & {"torch", "timm", "polars", "matplotlib"}


def test_results_hold_the_calibration(make, run) -> None:
    tiny = make(train=12, val=4, test=0)
    tiny.save(tiny.soft)
    command = ["train", tiny.path, "--labels", tiny.path / "labels.npy", "--model", "smallcnn"]
    done = run(*command, "--img-size", "16", "--n-epochs", "1", "-o", "x", "--json")
    document = json.loads(done.stdout)
    results = document["results"]
    assert results["calibration"]["test"] is None and results["test_classes"] is None
    assert results["calibration"]["val"]["before"].keys() == {"ece", "brier", "nll"}
    assert results["calibration"]["val"]["before"]["nll"] == pytest.approx(results["val_loss"][0])
    assert [name.rpartition("/")[2] for name in document["figure_files"]] == ["x_curves.png"]
