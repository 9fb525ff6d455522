"""Networks by name: what there is, and those of the published package."""

from __future__ import annotations

from dataclasses import replace

import pytest

torch = pytest.importorskip("torch")

from peerannot.errors import DownloadError  # noqa: E402
from peerannot.learning import TrainOptions, build_model, list_models, train  # noqa: E402

OPTIONS = TrainOptions(
    model="smallcnn", img_size=32, n_epochs=1, lr=0.05, batch_size=8, figures="none"
)


def test_modelinfo_lists_offline(run) -> None:
    nowhere = {"HF_HUB_OFFLINE": "1", "http_proxy": "http://127.0.0.1:9", "HF_HOME": "/nonexistent"}
    names = run("modelinfo", "ResNet*", **nowhere).stdout.split()
    assert "resnet18" in names and all(name.startswith("resnet") for name in names)
    everything = list_models()
    assert everything[:4] == ["logistic", "modellabelme", "modelmusic", "smallcnn"]
    assert {"vgg16_bn", "vit_b_16", "efficientnet_b0", "googlenet"} <= set(everything)
    assert run("modelinfo", "nothing*").stdout == ""


@pytest.mark.parametrize("name", ["modellabelme", "modelmusic"])
def test_the_frozen_vgg_trains_its_head_alone(make, name, monkeypatch) -> None:
    tiny = make(("a", "b", "c"), train=6, val=3, test=3)
    labels = tiny.save(tiny.soft)
    bare = build_model(replace(OPTIONS, model=name), 5, bare=True)
    assert sum(p.requires_grad for p in bare.parameters()) == 4
    assert bare(torch.zeros(2, 3, 32, 32)).logits.shape == (2, 5)
    weights = tiny.path / "vgg.pth"
    torch.save(bare.net.state_dict(), weights)

    def refuse(*_, **__):
        raise OSError("no network")

    # Weights of one's own need no download; the published ones do.
    monkeypatch.setattr("torchvision.models.VGG16_BN_Weights.get_state_dict", refuse)
    options = replace(OPTIONS, model=name, weights=weights)
    report = train(tiny.path, labels=labels, options=options)
    saved = torch.load(report.weights_file, weights_only=True)
    before = bare.net.state_dict()
    changed = {key for key in before if not torch.equal(saved[key], before[key])}
    assert changed == {key for key in before if key.startswith("head.")}
    with pytest.raises(DownloadError, match=r"vgg16_bn.*cannot be downloaded"):
        train(tiny.path, labels=labels, options=replace(options, weights=None))


def test_logistic_regression_counts_its_inputs() -> None:
    for n_params in (None, 3 * 32 * 32):
        options = replace(OPTIONS, model="logistic_regression", n_params=n_params)
        model = build_model(options, 4)
        assert model.n_features == 3072
        assert sum(p.numel() for p in model.parameters()) == 4 * (3072 + 1)
