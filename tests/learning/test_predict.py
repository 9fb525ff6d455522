"""Predicting with a trained network, and giving it to other programs."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch")

from peerannot.errors import DataError, DataWarning, ParameterError  # noqa: E402
from peerannot.learning import (  # noqa: E402
    TrainOptions,
    load_model,
    predict,
    train,
    train_on_votes,
    write_onnx,
)

OPTIONS = TrainOptions(
    model="smallcnn", img_size=16, n_epochs=2, lr=0.05, batch_size=8, figures="none"
)
NAMES = ("dog", "a cat", "é")


@pytest.fixture
def trained(make):
    tiny = make(NAMES, train=45, val=9, test=9)
    return tiny, train(tiny.path, labels=tiny.save(tiny.soft), options=OPTIONS, output_name="x")


def test_predictions_are_those_of_the_training(trained) -> None:
    tiny, report = trained
    found = predict(report.model_file, tiny.path / "test", device="cpu")
    assert found.classes == list(NAMES) and len(found.images) == 9
    truth = np.array([NAMES.index(image.partition("/")[0]) for image in found.images])
    right = found.probability.argmax(axis=1) == truth
    assert 100 * right.mean() == pytest.approx(report.results["test_accuracy"])
    nll = -np.log(found.probability[np.arange(9), truth]).mean()
    after = report.results["calibration"]["test"]["after"]
    assert nll == pytest.approx(after["nll"], rel=1e-5)
    assert found.temperature == report.results["temperature"] != 1
    plain = predict(report.model_file, tiny.path / "test", temperature=1.0, memory_gb=0)
    nll = -np.log(plain.probability[np.arange(9), truth]).mean()
    assert nll == pytest.approx(report.results["test_loss"], rel=1e-5)
    assert plain.labels == found.labels
    with pytest.raises(ParameterError, match="above 0"):
        predict(report.model_file, tiny.path / "test", temperature=0)


def test_a_model_of_votes_and_a_logistic_one(make) -> None:
    tiny = make(NAMES, train=30)
    deep = train_on_votes(tiny.path, strategy="crowdlayer", options=OPTIONS, output_name="deep")
    assert len(predict(deep.model_file, tiny.path / "val").images) == 8
    options = replace(OPTIONS, model="logistic", n_params=3 * 16 * 16)
    line = train(tiny.path, labels=tiny.save(tiny.soft), options=options, output_name="line")
    assert load_model(line.model_file).card.n_params == 768
    with pytest.raises(DataError, match="2 models in this folder, name one of them"):
        load_model(tiny.path)
    assert load_model(line.weights_file).card.model == "logistic"
    assert load_model(tiny.path / "best_models" / "logistic").card.model == "logistic"


def test_the_command_writes_each_format(trained, run, tmp_path) -> None:
    import polars as pl

    tiny, report = trained
    loose = tmp_path / "loose" / "deep" / "er"
    loose.mkdir(parents=True)
    Image.new("L", (40, 7)).save(loose / "one.JPG")
    Image.new("RGBA", (3, 90)).save(loose.parent / "two.png")
    (loose / "notes.txt").write_text("no image")
    (loose / ".hidden.png").write_bytes(b"")
    shown = run("predict", report.model_file, tmp_path / "loose").stdout
    header = ["image", "label", "confidence", *(f"p_{name}" for name in NAMES)]
    lines = shown.splitlines()
    assert lines[0].split(",") == header and len(lines) == 3
    assert [line.partition(",")[0] for line in lines[1:]] == ["deep/er/one.JPG", "deep/two.png"]
    for name, read in (("p.csv", pl.read_csv), ("p.parquet", pl.read_parquet)):
        run("predict", report.weights_file, tmp_path / "loose", "-o", tmp_path / name)
        table = read(tmp_path / name)
        assert table.columns == header
        total = table.select(pl.sum_horizontal(header[3:])).to_series()
        np.testing.assert_allclose(total, 1, atol=1e-9)
    again = run("predict", report.model_file, loose, "-o", tmp_path / "p.csv", code=2)
    assert "--force" in again.stderr
    file = loose / "one.JPG"
    run("predict", report.model_file, file, "-o", tmp_path / "p.json", "--temperature", "1")
    document = json.loads((tmp_path / "p.json").read_text())
    assert document["schema"] == "peerannot/predict/1" and document["temperature"] == 1
    assert [row["image"] for row in document["predictions"]] == ["one.JPG"]
    assert run("predict", tiny.path, loose, "--temperature", "warm", code=2).stdout == ""


def test_of_a_dataset_folder_its_images_alone(trained) -> None:
    tiny, report = trained
    Image.new("RGB", (9, 9)).save(tiny.path / "results" / "figure.png")
    found = predict(report.model_file, tiny.path)
    assert len(found.images) == 45 + 9 + 9
    assert {image.partition("/")[0] for image in found.images} == {"train", "val", "test"}


def test_unreadable_images_are_told_together_or_left_out(trained) -> None:
    tiny, report = trained
    broken = sorted((tiny.path / "test" / "dog").iterdir())[:2]
    for file in broken:
        file.write_text("no image")
    for memory_gb in (4.0, 0.0):
        with pytest.raises(
            DataError, match=rf"2 images cannot be read: .*{broken[1].name}"
        ) as caught:
            predict(report.model_file, tiny.path / "test", memory_gb=memory_gb)
        listed = [bad["image"] for bad in caught.value.facts["bad_images"]]
        assert listed == list(map(str, broken))
        with pytest.warns(DataWarning, match="2 images cannot be read.*left out"):
            found = predict(
                report.model_file, tiny.path / "test", memory_gb=memory_gb, skip_unreadable=True
            )
        assert len(found.images) == 7
        assert [path for path, why in found.bad if why] == broken
        assert not {f"dog/{file.name}" for file in broken} & set(found.images)
    with pytest.raises(DataError, match="no image in it"):
        predict(report.model_file, tiny.path / "results")


def test_damaged_models_are_told(trained, tmp_path) -> None:
    from safetensors.torch import save_file

    _, report = trained
    whole = report.model_file.read_bytes()
    file = tmp_path / "x.safetensors"
    for content, words in (
        (whole[:-5] + bytes([whole[-5] ^ 1]) + whole[-4:], "checksum is wrong"),
        (whole[: len(whole) // 2], "damaged, or not a safetensors file"),
        (b"", "damaged, or not a safetensors file"),
    ):
        file.write_bytes(content)
        with pytest.raises(DataError, match=words):
            load_model(file)
    save_file({"a": torch.zeros(2)}, file)
    with pytest.raises(DataError, match="no model of `peerannot train`"):
        load_model(file)
    shutil.copy(report.weights_file, tmp_path / "bare.pth")
    with pytest.raises(DataError, match="bare weights"):
        load_model(tmp_path / "bare.pth")
    with pytest.raises(DataError, match=r"best weights are in x.safetensors"):
        load_model(report.model_file.with_name("x.last.safetensors"))
    with pytest.raises(DataError, match="no such file"):
        load_model(tmp_path / "absent.safetensors")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no model in this folder"):
        load_model(tmp_path / "empty")


@pytest.mark.parametrize("model", ["smallcnn", "resnet10t"])
def test_onnx_gives_the_same_logits(make, run, tmp_path, model) -> None:
    for module in ("onnx", "onnxscript", "onnxruntime"):
        pytest.importorskip(module, reason=f"{module} is not installed")
    import onnxruntime

    tiny = make(NAMES, train=12)
    options = replace(OPTIONS, model=model, n_epochs=1)
    report = train(tiny.path, labels=tiny.save(tiny.soft), options=options)
    file = tmp_path / "model.onnx"
    if model == "smallcnn":
        run("export-model", tiny.path, "-o", file)
        assert "--force" in run("export-model", tiny.path, "-o", file, code=2).stderr
    else:
        write_onnx(load_model(report.model_file), file)
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    facts = {k: json.loads(v) for k, v in session.get_modelmeta().custom_metadata_map.items()}
    assert facts["classes"] == list(NAMES) and facts["img_size"] == 16
    assert facts["mean"] == [0.485, 0.456, 0.406] and facts["std"] == [0.229, 0.224, 0.225]
    assert facts["interpolation"] == "bilinear"
    assert facts["crop"] == 1 and facts["fit"] == "squash"
    assert facts["temperature"] == report.results["temperature"]
    network = load_model(report.model_file).network
    for n in (1, 2, 5):
        images = torch.randn(n, 3, 16, 16, generator=torch.Generator().manual_seed(n))
        with torch.no_grad():
            want = network(images).logits.numpy()
        (got,) = session.run(["logits"], {"images": images.numpy()})
        np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-4)
