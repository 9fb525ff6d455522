"""Images by class: a folder a class, read back as the class; no link leads out."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from peerannot.aggregation import build
from peerannot.answers import Answers
from peerannot.dataset import CustomOptions, Dataset, install_custom
from peerannot.errors import DataError
from peerannot.io import Export, export, read, write_dataset

CLASSES = ["a/b", "a_b", "Cat", "cat", "é", "e\u0301", "-rf", "NUL", "x" * 200, "x" * 199 + "y"]


@pytest.fixture
def images(tmp_path: Path) -> Path:
    home = tmp_path / "images"
    home.mkdir()
    for i in range(len(CLASSES)):
        Image.new("RGB", (4, 4), (20 * i, 0, 0)).save(home / f"{i}.png")
    return home


def votes() -> Answers:
    n = len(CLASSES)
    rows = [(str(i), f"w{j}", CLASSES[i]) for i in range(n) for j in range(2)]
    return Answers.from_arrays(*zip(*rows, strict=True), classes=CLASSES)


def test_classes_whose_names_meet_are_exported_apart_and_installed_again(images, tmp_path):
    answers = votes()
    files = {str(i): images / f"{i}.png" for i in range(len(CLASSES))}
    result = build("MV").fit(answers)
    out = tmp_path / "out"
    export(Export(answers, result, files=files), out, "imagefolder")
    folders = [p.name for p in out.iterdir() if p.is_dir()]
    assert len({f.casefold() for f in folders}) == len(CLASSES)
    assert not [f for f in folders if f.startswith("-") or f.split(".")[0].upper() == "NUL"]
    said = json.loads((out / "classes.json").read_text())
    assert sorted(said.values()) == sorted(CLASSES)
    for folder, name in said.items():
        (file,) = (out / folder).iterdir()
        assert CLASSES[int(file.stem)] == name

    (tmp_path / "list.txt").write_text("\n".join(f"{i}.png" for i in range(len(CLASSES))))
    (tmp_path / "votes.txt").write_text("\n".join(f"{i} {i}" for i in range(len(CLASSES))))
    into = tmp_path / "into"
    into.mkdir()
    install_custom(
        into,
        CustomOptions(
            answers=tmp_path / "votes.txt",
            files_path=tmp_path / "list.txt",
            train_path=out,
            val_path=out,
        ),
    )
    dataset = Dataset.open(into)
    assert sorted(dataset.classes) == sorted(CLASSES)
    found = dataset.images("val")
    labels = dataset.folder_labels(found)
    for image, label in zip(found, labels.tolist(), strict=True):
        assert dataset.classes[label] == CLASSES[int(image.path.name.split("-")[0])]


def test_plain_classes_have_folders_of_their_names_and_no_list(images, tmp_path):
    answers = Answers.from_arrays(["0", "1"], ["w", "w"], ["cat", "dog"])
    files = {"0": images / "0.png", "1": images / "1.png"}
    export(Export(answers, build("MV").fit(answers), files=files), tmp_path / "o", "imagefolder")
    assert {p.name for p in (tmp_path / "o").iterdir()} >= {"cat", "dog"}
    assert not (tmp_path / "o" / "classes.json").exists()


def test_import_keeps_classes_apart_and_from_what_is_unlabelled(images, tmp_path):
    table = tmp_path / "t.csv"
    table.write_text(
        "task,worker,label,gold\n0,w,a/b,a/b\n1,w,a_b,a_b\n2,w,unlabelled,unlabelled\n3,w,a_b,\n"
    )
    imported = read(table)
    write_dataset(imported, tmp_path / "set", images=images)
    dataset = Dataset.open(tmp_path / "set")
    folder_of = {image.key: image.folder for image in dataset.images("train")}
    assert len(set(folder_of.values())) == 4
    assert folder_of["3"] == "unlabelled" != folder_of["2"]
    gold = [image for image in dataset.images("train") if image.key != "3"]
    labels = dataset.folder_labels(gold)
    want = {"0": "a/b", "1": "a_b", "2": "unlabelled"}
    assert {i.key: dataset.classes[k] for i, k in zip(gold, labels, strict=True)} == want


def test_links_that_lead_out_are_refused(images, tmp_path, run):
    secret = tmp_path / "secret.png"
    Image.new("RGB", (4, 4)).save(secret)
    (images / "0.png").unlink()
    (images / "0.png").symlink_to(secret)
    table = tmp_path / "t.csv"
    table.write_text("task,worker,label\n0,w,a\n1,w,b\n")
    done = run("import", table, "--to", tmp_path / "set", "--images", images, code=3)
    assert "0.png: a link that leads out of" in done.stderr
    assert not list((tmp_path / "set").rglob("*.png"))

    (images / "cat").mkdir()
    (images / "cat" / "1.png").symlink_to("/etc/passwd")
    with pytest.raises(DataError, match="a link that leads out of"):
        install_custom(
            tmp_path,
            CustomOptions(answers=_file(tmp_path, "v.txt", "0"), train_path=images,
                          files_path=_file(tmp_path, "l.txt", "1.png")),
        )  # fmt: skip


def test_links_inside_the_folder_are_followed(images, tmp_path, run):
    (images / "5.png").unlink()
    (images / "5.png").symlink_to("1.png")
    table = tmp_path / "t.csv"
    table.write_text("task,worker,label\n5,w,a\n1,w,b\n")
    run("import", table, "--to", tmp_path / "set", "--images", images)
    assert len(list((tmp_path / "set").rglob("*.png"))) == 2


def _file(home: Path, name: str, text: str) -> Path:
    (home / name).write_text(text)
    return home / name


def test_a_data_set_whose_link_is_no_image(tmp_path, run):
    root = tmp_path / "set"
    (root / "train" / "cat").mkdir(parents=True)
    (root / "answers.json").write_text('{"0": {"w": 0, "v": 1}, "1": {"w": 1}}')
    (root / "metadata.json").write_text('{"name": "set", "n_classes": 2}')
    whole = tmp_path / "blob"
    Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(whole, "PNG")
    (root / "train" / "cat" / "x-0.png").symlink_to(whole)
    assert len(Dataset.open(root).images("train")) == 1, "an image without an ending is one"
    (root / "train" / "cat" / "x-1.png").symlink_to("/etc/passwd")
    with pytest.raises(DataError, match="which is no image; remove it"):
        Dataset.open(root).images("train")
    args = ("export", root, "--to", "imagefolder", "-o", tmp_path / "o")
    assert run(*args, code=None).returncode != 0
    assert not (tmp_path / "o" / "cat").exists()
