"""``peerannot import``: a dataset folder from an export, with its images and gold labels."""

from __future__ import annotations

import json

import pytest

from helpers.exports import annotation
from peerannot.dataset import Dataset, list_images, match_tasks
from peerannot.errors import DataError, ParameterError
from peerannot.io import read, write_dataset

CSV = "task,worker,label,truth\n1,ann,cat,cat\n1,bob,dog,\n2,ann,dog,\n2,bob,dog,\n"


@pytest.fixture
def place(tmp_path):
    (tmp_path / "votes.csv").write_text(CSV)
    pictures = tmp_path / "pictures" / "deep"
    pictures.mkdir(parents=True)
    for name in ("1.PNG", "2.png", "other.png"):
        (pictures / name).write_bytes(name.encode())
    return tmp_path


def test_a_dataset_that_reads_back(place):
    imported = read(place / "votes.csv")
    folder = write_dataset(imported, place / "set", images=place / "pictures")
    assert (folder.images, folder.without_image, folder.numbered) == (2, (), False)
    dataset = Dataset.open(place / "set")
    assert dataset.answers() == imported.answers
    assert list(dataset.classes) == ["cat", "dog"]
    assert json.loads((place / "set" / "gold.json").read_text()) == {"1": "cat"}
    images = list_images(place / "set", "train")
    assert [(i.folder, i.path.name) for i in images] == [
        ("cat", "1-1.png"), ("unlabelled", "2-2.png"),
    ]  # fmt: skip
    assert images[0].path.read_bytes() == b"1.PNG"
    assert match_tasks(images, imported.answers.tasks).tolist() == [0, 1]


def test_same_input_same_bytes(place):
    imported = read(place / "votes.csv")
    for name in ("a", "b"):
        write_dataset(imported, place / name, name="x", images=place / "pictures")
    for file in (p for p in (place / "a").rglob("*") if p.is_file()):
        assert file.read_bytes() == (place / "b" / file.relative_to(place / "a")).read_bytes()


def test_links(place):
    write_dataset(read(place / "votes.csv"), place / "set", images=place / "pictures", link=True)
    link = place / "set" / "train" / "unlabelled" / "2-2.png"
    assert link.is_symlink()
    assert link.read_bytes() == b"2.png"


def test_ids_that_cannot_be_keys_are_numbered(place):
    (place / "votes.csv").write_text(
        "task,worker,label\nhttp://x/deep/2.png?s=1,ann,cat\ndeep/1.PNG,bob,dog\n"
    )
    folder = write_dataset(read(place / "votes.csv"), place / "set", images=place / "pictures")
    assert folder.numbered
    table = (place / "set" / "tasks.csv").read_text().splitlines()
    assert table[0] == "key,task,image"
    assert table[1].startswith("0,deep/1.PNG")
    votes = json.loads((place / "set" / "answers.json").read_text())
    assert votes == {"0": {"bob": 1}, "1": {"ann": 0}}
    images = list_images(place / "set", "train")
    assert [i.path.name for i in images] == ["1-0.png", "2-1.png"]


def test_names_of_uploads(place):
    tasks = [
        {"id": 10, "data": {"image": "/data/upload/3/0a1b2c3d-other.png"},
         "annotations": [annotation("ann", "cat")]},
        {"id": 11, "data": {"image": "https://host/deep/2.png?X=1"},
         "annotations": [annotation("ann", "dog", ground_truth=True), annotation("bob", "cat")]},
    ]  # fmt: skip
    (place / "ls.json").write_text(json.dumps(tasks))
    write_dataset(read(place / "ls.json"), place / "set", images=place / "pictures")
    names = {f"{i.folder}/{i.path.name}" for i in list_images(place / "set", "train")}
    assert names == {"unlabelled/other-10.png", "dog/2-11.png"}


def test_nothing_outside_the_folder_of_images_is_taken(place):
    secret = place / "secret.png"
    secret.write_bytes(b"secret")
    rows = [
        {"id": i, "data": {"image": name}, "annotations": [annotation("ann", "cat")]}
        for i, name in enumerate(["../secret.png", str(secret), "2.png"])
    ]
    (place / "ls.json").write_text(json.dumps(rows))
    folder = write_dataset(read(place / "ls.json"), place / "set", images=place / "pictures")
    assert folder.images == 1
    assert folder.without_image == ("0", "1")


def test_class_names_cannot_leave_the_folder(place):
    (place / "votes.csv").write_text("task,worker,label,truth\n1,ann,../../evil,../../evil\n")
    write_dataset(read(place / "votes.csv"), place / "a" / "b", images=place / "pictures")
    assert sorted(p.name for p in place.iterdir()) == ["a", "pictures", "votes.csv"]
    assert [i.path.name for i in list_images(place / "a" / "b", "train")] == ["1-1.png"]


def test_faults(place):
    imported = read(place / "votes.csv")
    with pytest.raises(DataError, match="no such folder of images"):
        write_dataset(imported, place / "set", images=place / "nothing")
    (place / "empty").mkdir()
    with pytest.raises(DataError, match=r"no image of any task in it \(looked for 1, 2\)"):
        write_dataset(imported, place / "set", images=place / "empty")
    (place / "pictures" / "1.png").write_bytes(b"another")
    with pytest.raises(DataError, match=r"the image of task '1' may be .* rename one"):
        write_dataset(imported, place / "set", images=place / "pictures")
    write_dataset(imported, place / "set")
    with pytest.raises(ParameterError, match="--force"):
        write_dataset(imported, place / "set")
    write_dataset(imported, place / "set", force=True)


def test_gold_of_a_class_nobody_answered(place):
    (place / "votes.csv").write_text("task,worker,label,truth\n1,ann,cat,bird\n")
    imported = read(place / "votes.csv")
    assert list(imported.answers.classes) == ["bird", "cat"]
    assert imported.answers.label.tolist() == [1]


def test_command(place, run):
    done = run("import", "votes.csv", "--to", "set", "--images", "pictures", cwd=place)
    assert done.stdout.strip() == "set"
    assert "table: 4 rows, 4 answers kept; 1 gold labels" in done.stderr
    assert "2 images" in done.stderr
    run("aggregate", "set", "-s", "DS", cwd=place)
    assert (place / "set" / "labels" / "labels_set_DS.npy").exists()
    done = run("compare", "set", "-s", "MV", "--json", cwd=place)
    assert json.loads(done.stdout)["by"] == "truth"
    run("import", "votes.csv", "--to", "set", cwd=place, code=2)
    done = run("import", "votes.csv", "--to", "set", "--force", "--json", cwd=place)
    facts = json.loads(done.stdout)
    assert (facts["rows"], facts["kept"], facts["gold"]) == (4, 4, 1)


def test_command_options_reach_the_format(place, run):
    both = annotation(1, "cat")
    both["result"].append({**both["result"][0], "from_name": "mood"})
    (place / "ls.json").write_text(json.dumps([{"id": 1, "data": {}, "annotations": [both]}]))
    assert "--control" in run("import", "ls.json", "--to", "set", cwd=place, code=3).stderr
    run("import", "ls.json", "--to", "set", "--control", "mood", cwd=place)
    done = run("import", "ls.json", "--to", "s2", "--worker", "x", cwd=place, code=3)
    assert "Error" in done.stderr
    done = run("import", "ls.json", "--to", "s2", "--link", cwd=place, code=2)
    assert "--link needs --images" in done.stderr
