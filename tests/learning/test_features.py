"""A frozen network: features once, kept by content; a head solved for; files of other programs."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from peerannot.dataset import Features, read_features, write_features  # noqa: E402
from peerannot.errors import DataError, DataWarning, ParameterError  # noqa: E402
from peerannot.learning import (  # noqa: E402
    TrainOptions,
    load_model,
    predict,
    strategy_names,
    train,
    train_on_votes,
)
from peerannot.learning.data.images import ImageStore  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore:.*linear layer on a random network")

OPTIONS = TrainOptions(
    model="smallcnn", img_size=16, n_epochs=2, lr=0.05, batch_size=8, figures="none", freeze=True
)
NAMES = ("a", "b", "c")


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the images that are read."""
    names: list[str] = []
    init = ImageStore.__init__

    def count(self, paths, *args, **kwargs):
        names.extend(path.name for path in paths)
        init(self, paths, *args, **kwargs)

    monkeypatch.setattr(ImageStore, "__init__", count)
    return names


def test_computed_once_and_kept_by_content(make, decoded) -> None:
    tiny = make(NAMES, train=18, val=6, test=6)
    labels = tiny.save(tiny.soft)
    first = train(tiny.path, labels=labels, options=OPTIONS, output_name="x")
    (file,) = (tiny.path / "features").iterdir()
    assert len(decoded) == 30 and len(read_features(file).names) == 30
    want = first.model_file.read_bytes()
    decoded.clear()
    again = train(tiny.path, labels=labels, options=OPTIONS, output_name="x")
    assert decoded == [] and again.model_file.read_bytes() == want
    # One picture changes, and one has another name: the first alone is read.
    folder = tiny.path / "train" / "a"
    changed, renamed = folder / "im-0.png", folder / "im-3.png"
    changed.write_bytes((folder / "im-6.png").read_bytes())
    renamed.rename(folder / "other-3.png")
    assert train(tiny.path, labels=labels, options=OPTIONS, output_name="x").results
    assert decoded == []  # its content was there already, as that of another
    pixels = bytearray(changed.read_bytes())
    from PIL import Image

    Image.new("RGB", (16, 16), "white").save(changed)
    assert bytes(pixels) != changed.read_bytes()
    train(tiny.path, labels=labels, options=OPTIONS, output_name="x")
    assert decoded == ["im-0.png"]
    # Another network has a file of its own.
    train(tiny.path, labels=labels, options=replace(OPTIONS, seed=1), output_name="x")
    assert len(list((tiny.path / "features").iterdir())) == 2


def test_the_saved_network_gives_what_the_head_gave(make) -> None:
    tiny = make(NAMES, train=30, val=9, test=9)
    for report in (
        train(tiny.path, labels=tiny.save(tiny.soft), options=OPTIONS, output_name="x"),
        train_on_votes(tiny.path, strategy="crowdlayer", options=OPTIONS, output_name="y"),
    ):
        found = predict(report.model_file, tiny.path / "test", temperature=1.0)
        truth = np.array([NAMES.index(image.partition("/")[0]) for image in found.images])
        nll = -np.log(found.probability[np.arange(len(truth)), truth]).mean()
        assert nll == pytest.approx(report.results["test_loss"], rel=1e-4)
        assert 100 * (found.probability.argmax(axis=1) == truth).mean() == pytest.approx(
            report.results["test_accuracy"]
        )


def test_the_head_is_solved_for(make) -> None:
    tiny = make(NAMES, train=30, val=9, test=9)
    report = train(tiny.path, labels=tiny.save(tiny.soft), options=OPTIONS, output_name="x")
    results = report.results
    best = results["best_epoch"] - 1
    assert len(results["l2"]) == len(results["val_loss"]) > 2
    assert results["val_loss"][best] == min(results["val_loss"])
    header = (tiny.path / "results" / "x_epochs.csv").read_text().partition("\n")[0]
    assert header == "l2,train_loss,val_loss,val_accuracy"
    # Of the first penalty nothing is learned, so it is not chosen where there is something.
    assert best > 0 and results["test_accuracy"] == 100
    # Fixed labels of votes are solved for as well, with as many penalties as there are.
    votes = train_on_votes(tiny.path, strategy="soft-labels", options=OPTIONS, output_name="y")
    assert "l2" in votes.results


def given(tiny, file: Path, *, splits=("train", "val", "test")) -> Features:
    """Features of another program: the class of an image, with noise."""
    rng = np.random.default_rng(0)
    paths = [path for split in splits for path in sorted((tiny.path / split).glob("*/*"))]
    classes = [tiny.names.index(path.parent.name) for path in paths]
    values = np.eye(len(tiny.names))[classes] + 0.1 * rng.standard_normal((len(paths), 3))
    values = np.hstack([values, rng.standard_normal((len(paths), 2))])
    features = Features([path.name for path in paths], values.astype(np.float32))
    write_features(file, features)
    return features


@pytest.mark.parametrize("strategy", strategy_names())
def test_every_strategy_on_features_of_another_program(make, decoded, tmp_path, strategy) -> None:
    tiny = make(NAMES, train=30, val=9, test=9)
    given(tiny, tmp_path / "f.npz")
    options = replace(OPTIONS, freeze=False, features=tmp_path / "f.npz")
    report = train_on_votes(tiny.path, strategy=strategy, options=options, output_name="x")
    assert decoded == [] and report.results["test_accuracy"] >= 60
    assert np.isfinite(report.results["val_loss"]).all()
    card = load_model(report.model_file).card
    assert card.model == "features" and card.n_params == 5


def test_what_is_wrong_is_one_line(make, run, tmp_path) -> None:
    tiny = make(NAMES, train=12, val=3, test=3)
    labels = tiny.save(tiny.soft)
    file = tmp_path / "f.npz"

    def fault(words: str, **changes: object) -> None:
        options = replace(OPTIONS, **{"features": file, **changes})
        with pytest.raises((DataError, ParameterError), match=words) as caught:
            train(tiny.path, labels=labels, options=options, output_name="x")
        assert "\n" not in str(caught.value)
        assert not (tiny.path / "results" / "x.json").exists()

    given(tiny, file, splits=("train", "val"))
    fault(r"f.npz: no features of 3 of the 3 images in test/: test-10000.png")
    given(make(NAMES, train=12, val=3, test=3, keys=range(50, 62), folder="other"), file)
    fault(r"f.npz: no features of 12 of the 12 images in train/: im-0.png")
    fault("computed once: drop --data-augmentation", data_augmentation=True)
    fault("features are read from", features=tmp_path / "f.pt")
    file.unlink()
    fault(r"f.npz: features of 0.0 GB are more than --memory-gb", memory_gb=0.0)
    fault("before its last layer are no vectors", model="squeezenet1_0", img_size=32)
    # Ours, of another network, of other images.
    train(tiny.path, labels=labels, options=replace(OPTIONS, features=file), output_name="y")
    fault(r"f.npz: features by smallcnn with other weights than smallcnn", seed=3)
    fault(r"with other model.*img_size.* than logistic", model="logistic", img_size=8)
    ours = read_features(file)
    write_features(file, replace(ours, digests=["0" * 64 for _ in ours.names]))
    fault(r"f.npz: features of other images: none of the 18 here")
    holed = ours.values.copy()
    holed[4, 0] = np.nan
    write_features(file, replace(ours, values=holed))
    fault(r"f.npz row 4 .*not a finite number")
    done = run(
        *["train", tiny.path, "--labels", labels, "--features", file, "--freeze"],
        *["--model", "smallcnn", "--img-size", 16],
        code=3,
    )
    (line,) = [text for text in done.stderr.splitlines() if "Warning" not in text]
    assert "f.npz row 4" in line
    report = train(tiny.path, labels=labels, options=replace(OPTIONS, features=None))
    (cache,) = (tiny.path / "features").iterdir()
    cache.write_bytes(cache.read_bytes()[:-20])
    with pytest.warns(DataWarning, match=r"not a usable .npz.*; they are computed again"):
        again = train(tiny.path, labels=labels, options=OPTIONS)
    assert again.results["val_loss"] == report.results["val_loss"]


def test_a_model_of_features_reads_no_images(make, run, tmp_path) -> None:
    tiny = make(NAMES, train=12, val=3, test=3)
    tiny.save(tiny.soft)
    given(tiny, tmp_path / "f.npz")
    done = run(
        *["train", tiny.path, "--labels", tiny.path / "labels.npy", "-o", "x"],
        *["--features", tmp_path / "f.npz", "--json", "--figures", "none"],
    )
    document = json.loads(done.stdout)
    assert document["results"]["options"]["model"] == "features"
    model = document["model_file"]
    assert "cannot read images" in run("predict", model, tiny.path, code=3).stderr
