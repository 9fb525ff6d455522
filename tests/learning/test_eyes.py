"""A network sees images as it was made to, and goes on to do so when it is loaded again."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch")

from peerannot.errors import ParameterError  # noqa: E402
from peerannot.learning import TrainOptions, load_model, predict, train  # noqa: E402
from peerannot.learning.data.eyes import IMAGENET, Eyes, parse_normalize  # noqa: E402
from peerannot.learning.data.images import ImageStore  # noqa: E402
from peerannot.learning.networks.model_file import read_model  # noqa: E402
from peerannot.learning.networks.own_eyes import eyes_of, network_eyes  # noqa: E402

OPTIONS = TrainOptions(
    model="smallcnn", img_size=16, n_epochs=1, lr=0.05, batch_size=8, figures="none"
)


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    """Pictures that are wide, and high."""
    rng = np.random.default_rng(0)
    files = []
    for shape in ((300, 421, 3), (391, 260, 3)):
        files.append(tmp_path / f"{shape[0]}.png")
        Image.fromarray(rng.integers(0, 256, shape, np.uint8)).save(files[-1])
    return files


@pytest.mark.parametrize(
    "name", ["tf_efficientnet_lite0", "vit_tiny_patch16_224", "resnet18.a1_in1k", "resnet10t"]
)
def test_what_timm_would_see(photos, name) -> None:
    import timm

    config = timm.data.resolve_data_config(
        pretrained_cfg=timm.models.get_pretrained_cfg(name).to_dict()
    )
    change = timm.data.create_transform(**config)
    store = ImageStore(photos, network_eyes(name))
    (batch,) = store.batches([torch.arange(len(photos))])
    with_theirs = torch.stack([change(Image.open(file)) for file in photos])
    torch.testing.assert_close(batch, with_theirs, rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", ["alexnet", "swin_t"])
def test_what_torchvision_would_see(photos, name) -> None:
    from torchvision import models

    eyes = network_eyes(name)
    assert eyes is not None
    change = models.get_model_weights(name).DEFAULT.transforms()
    (batch,) = ImageStore(photos, eyes).batches([torch.arange(len(photos))])
    theirs = torch.stack([change(Image.open(file)) for file in photos])
    torch.testing.assert_close(batch, theirs, rtol=0, atol=1e-5)


def test_a_small_picture_is_enlarged_whole(tmp_path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (32, 40, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "x.png")
    eyes = network_eyes("tf_efficientnet_lite0")
    want = Image.fromarray(pixels).resize((280, 224), Image.Resampling.BILINEAR)
    np.testing.assert_array_equal(eyes.read(tmp_path / "x.png"), np.asarray(want)[:, 28:252])


def test_what_a_run_sees() -> None:
    plain = eyes_of(TrainOptions(model="tf_efficientnet_lite0"))
    assert plain == Eyes(224) and plain.mean == IMAGENET[0]
    own = eyes_of(TrainOptions(model="TF_EfficientNet_lite0", pretrained=True))
    assert own.mean == (0.5, 0.5, 0.5) and own.std == (0.5, 0.5, 0.5)
    assert (own.interpolation, own.crop, own.fit) == ("bicubic", 0.875, "centre")
    options = TrainOptions(model="vit_base_patch16_384", pretrained=True, normalize=".1,.2,.3/.4")
    own = eyes_of(options)
    assert own.size == 384 and own.mean == (0.1, 0.2, 0.3) and own.std == (0.4, 0.4, 0.4)
    assert eyes_of(replace(options, img_size=64)).size == 64
    with pytest.raises(ParameterError, match="no_such_tag"):
        eyes_of(TrainOptions(model="resnet18.no_such_tag", pretrained=True))


@pytest.mark.parametrize("text", ["half", "1", "1/0", "1,2/3", "nan/1", "1/2/3", ".5,.5,.5/a"])
def test_a_scale_that_is_none(text) -> None:
    with pytest.raises(ParameterError, match="--normalize"):
        TrainOptions(normalize=text).validate()


def test_a_scale() -> None:
    assert parse_normalize(" AUTO ") is None
    assert parse_normalize("ImageNet") == IMAGENET
    assert parse_normalize("0.5/.25") == ((0.5,) * 3, (0.25,) * 3)


def test_the_saved_model_sees_as_it_was_trained(make, run) -> None:
    tiny = make(train=12, val=4, test=4)
    labels = tiny.save(tiny.soft)
    options = replace(OPTIONS, normalize="0.5/0.25")
    first = train(tiny.path, labels=labels, options=options, output_name="own")
    card = load_model(first.model_file).card
    assert card.eyes == Eyes(16, (0.5,) * 3, (0.25,) * 3)
    found = predict(first.model_file, tiny.path / "test", temperature=1.0)
    truth = np.array([tiny.names.index(image.partition("/")[0]) for image in found.images])
    nll = -np.log(found.probability[np.arange(len(truth)), truth]).mean()
    assert nll == pytest.approx(first.results["test_loss"], rel=1e-5)
    # From its weights one trains on the same scale, also by the bare twin.
    for file in (first.model_file, first.weights_file):
        assert eyes_of(replace(OPTIONS, weights=file)) == card.eyes
    # Another scale is another run.
    with pytest.raises(ParameterError, match="another normalize"):
        train(tiny.path, labels=labels, options=OPTIONS, output_name="own", resume=True)


def test_a_model_of_the_old_layout_keeps_its_scale(make) -> None:
    """Cards of before had no interpolation, crop or fit, and always ImageNet's numbers."""
    from safetensors.torch import save

    from peerannot.learning.training.checkpoint import digest

    tiny = make(train=12, val=4, test=4)
    report = train(tiny.path, labels=tiny.save(tiny.soft), options=OPTIONS, output_name="x")
    want = predict(report.model_file, tiny.path / "test").probability
    weights, card = read_model(report.model_file)
    old = dataclasses.asdict(card)
    for name in ("interpolation", "crop", "fit"):
        del old[name]
    text = json.dumps(old)
    report.model_file.write_bytes(save(weights, {"peerannot": digest(text, weights) + text}))
    model = load_model(report.model_file)
    assert model.card.eyes == Eyes(16)
    np.testing.assert_array_equal(predict(model, tiny.path / "test").probability, want)


def test_modelinfo_says_how_a_network_sees(run) -> None:
    shown = run("modelinfo", "tf_efficientnet_lite0").stdout
    assert shown.splitlines()[0] == "tf_efficientnet_lite0"
    for words in ("224 pixels", "mean 0.5, 0.5, 0.5", "deviation 0.5, 0.5, 0.5", "bicubic"):
        assert words in shown
    document = json.loads(run("modelinfo", "tf_efficientnet_lite0", "--json").stdout)
    assert document["models"] == ["tf_efficientnet_lite0"]
    assert document["eyes"]["crop"] == 0.875 and document["eyes"]["mean"] == [0.5, 0.5, 0.5]
    assert "no published weights" in run("modelinfo", "smallcnn").stdout
