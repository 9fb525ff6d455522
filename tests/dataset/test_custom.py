"""A user's own images and votes become a dataset that opens."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers.custom_source import Source, votes_in
from helpers.small_archives import picture
from peerannot.dataset import CustomOptions, Dataset, install_custom, match_tasks
from peerannot.dataset._custom_votes import code_labels, read_votes
from peerannot.errors import DataError, ExitCode

DATASETS = Path(__file__).resolve().parents[2] / "datasets"
CUSTOM = DATASETS / "customDataset.py"


def check_fits(source: Source, dataset: Dataset) -> None:
    """Images, keys, votes and split agree."""
    answers = dataset.answers()
    train = dataset.images("train")
    positions = match_tasks(train, answers.tasks)
    for image, position in zip(train, positions, strict=True):
        stem, _, key = image.path.stem.rpartition("-")
        row = source.row_of(stem + image.path.suffix)
        assert answers.tasks[int(position)] == key == str(row)
        own = slice(*answers.task_ptr[int(position) : int(position) + 2])
        workers = [answers.workers[worker] for worker in answers.worker[own]]
        got = dict(zip(workers, answers.label[own].tolist(), strict=True))
        assert got == votes_in(source.matrix[row])
        assert image.path.is_symlink()
        assert image.path.read_bytes() == image.path.resolve().read_bytes()


@pytest.mark.parametrize("form", [0, 1, 2])
def test_through_the_command(source: Source, run: Callable[..., Any], form: int) -> None:
    done = run(
        *("install", CUSTOM, "--answers", f"../mine/votes{form}", "--answers-format", form),
        *("--files-path", "../mine/filenames.txt", "--train-path", "../mine/images"),
        *("--label-names", "../mine/labels.txt"),
        cwd=source.into,
    )
    assert "no --val-path: 7 of 30 train images (seed 12345, 0.2) are val" in done.stderr
    assert f"CustomDataset is installed in {source.into}" in done.stdout
    dataset = Dataset.open(source.into)
    check_fits(source, dataset)
    assert len(dataset.images("train")) == 23
    held_back = {image.key for image in dataset.images("val")}
    assert set(source.json("answers_valid.json")) == held_back
    assert not held_back & set(source.json("answers.json"))
    assert source.json("metadata.json") == {
        "name": "set",
        "n_classes": 3,
        "n_workers": 5,
        "nb_workers": 5,
        "n_task": 23,
        "class_names": ["ant", "bee", "cat"],
        "labels": "codes",
    }


def test_the_three_forms_give_the_same_files(source: Source) -> None:
    seen = []
    for form in (0, 1, 2):
        source.install(form)
        seen.append(
            {
                p.relative_to(source.into).as_posix(): p.read_bytes()
                for p in source.into.rglob("*")
                if p.is_file()
            }
        )
    assert seen[0] == seen[1] == seen[2]
    assert not [name for name in seen[0] if ".bak" in name]


def test_the_split_is_the_published_one_in_sorted_order(source: Source) -> None:
    dataset = source.install()
    draws = np.random.default_rng(12345).random(30) < 0.2
    order = sorted((source.base / "images").glob("*/pic*"), key=lambda p: (p.parent.name, p.name))
    expected = {f"{p.stem}-{source.row_of(p.name)}" for p, v in zip(order, draws, strict=True) if v}
    assert {image.path.stem for image in dataset.images("val")} == expected


def test_val_and_test_folders(source: Source) -> None:
    for split, n in (("v", 3), ("t", 4)):
        for i in range(n):
            path = source.base / split / "bee" / f"{split}{i}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(picture(i))
    dataset = source.install(val_path=source.base / "v", test_path=source.base / "t")
    check_fits(source, dataset)
    assert len(dataset.images("train")) == 30
    assert [i.path.name for i in dataset.images("val")] == ["v0-30.png", "v1-31.png", "v2-32.png"]
    assert [i.key for i in dataset.images("test")] == ["33", "34", "35", "36"]
    assert source.json("test_groundTruth.json") == {str(k): {"0": 1} for k in range(33, 37)}
    assert not (source.into / "answers_valid.json").exists()
    # Without a val folder, the test keys follow the tasks; leftovers go.
    dataset = source.install(test_path=source.base / "t")
    assert [i.key for i in dataset.images("test")] == ["30", "31", "32", "33"]
    dataset = source.install(val_path=source.base / "v")
    assert not (source.into / "test").exists()
    assert not (source.into / "answers_valid.json").exists()


@pytest.mark.parametrize(
    ("form", "text"),
    [(0, "2\n1\n"), (1, '{"0": {"0": 2}, "1": {"0": "bee"}}'), (2, '{"0": {"0": 2, "1": 1}}')],
)
def test_test_ground_truth(source: Source, form: int, text: str) -> None:
    (source.base / "t/bee").mkdir(parents=True)
    (source.base / "t/bee/x.png").write_bytes(picture(0))
    (source.base / "truth").write_text(text)
    source.install(
        test_path=source.base / "t",
        test_ground_truth=source.base / "truth",
        test_ground_truth_format=form,
    )
    assert source.json("test_groundTruth.json") == {"0": {"0": 2}, "1": {"0": 1}}


def test_ground_truth_has_the_form_of_the_answers_by_default(source: Source) -> None:
    (source.base / "t/bee").mkdir(parents=True)
    (source.base / "t/bee/x.png").write_bytes(picture(0))
    (source.base / "truth").write_text('{"7": {"3": 2}}')
    options = {"test_path": source.base / "t", "test_ground_truth": source.base / "truth"}
    source.install(2, **options)
    assert source.json("test_groundTruth.json")["3"] == {"7": 2}
    with pytest.raises(DataError, match=r"is it JSON"):
        source.install(0, **options)


def test_metadata_given_win(source: Source) -> None:
    path = source.base / "meta.json"
    path.write_text('{"name": "bugs", "n_workers": 9, "url": "x"}')
    source.install(metadata=path)
    assert source.json("metadata.json") == {
        "name": "bugs",
        "n_workers": 9,
        "url": "x",
        "n_classes": 3,
        "nb_workers": 5,
        "n_task": 23,
        "class_names": ["ant", "bee", "cat"],
        "labels": "codes",
    }
    for text, said in {
        '{"n_classes": 4}': "n_classes = 4, but there are 3 classes",
        '{"n_workers": 4}': "n_workers = 4, but the votes need at least 5",
        '{"class_names": ["ant", "bee"]}': "folder 'cat' is not one of the classes",
        "[]": "expected a JSON object",
        "{": "not JSON",
    }.items():
        path.write_text(text)
        with pytest.raises(DataError, match=said):
            source.install(metadata=path)


def test_label_names_give_the_order(source: Source) -> None:
    (source.base / "labels.txt").write_text("cat\r\n\nbee\r\nant\r\nunseen kind\r\n")
    dataset = source.install(label_names=source.base / "labels.txt")
    assert list(dataset.classes) == ["cat", "bee", "ant", "unseen kind"]
    train = dataset.images("train")
    folders = {i.folder: int(k) for i, k in zip(train, dataset.folder_labels(train), strict=True)}
    assert folders == {"ant": 2, "bee": 1, "cat": 0}
    for text, said in {
        "ant\nbee\n": "folder 'cat' is not one of the classes ant, bee",
        "ant\nant\n": "class 'ant' occurs twice",
        "\n": "the file is empty",
    }.items():
        (source.base / "labels.txt").write_text(text)
        with pytest.raises(DataError, match=said):
            source.install(label_names=source.base / "labels.txt")


def test_without_images(source: Source, run: Callable[..., Any]) -> None:
    args = ("--no-task", "--answers", "../mine/votes2", "--answers-format", "2")
    run("install", CUSTOM, *args, cwd=source.into)
    assert sorted(p.name for p in source.into.iterdir() if p.name[0] != ".") == [
        "answers.json",
        "metadata.json",
    ]
    answers = Dataset.open(source.into).answers()
    assert (answers.n_tasks, answers.n_classes, answers.n_workers) == (30, 3, 5)
    assert source.json("answers.json")["4"] == {}
    run("install", CUSTOM, *args, "--label-names", "../mine/labels.txt", cwd=source.into)
    assert list(Dataset.open(source.into).classes) == ["ant", "bee", "cat"]
    done = run(
        *("install", CUSTOM, *args, "--train-path", "x"), cwd=source.into, code=ExitCode.USAGE
    )
    assert done.stderr == "Error: --train-path contradicts --no-task\n"


def test_without_images_the_users_metadata_stay(source: Source) -> None:
    own = source.into / "metadata.json"
    own.write_text('{"name": "mine", "n_classes": 7}')
    options = CustomOptions(no_task=True, answers=source.base / "votes0")
    install_custom(source.into, options)
    assert own.read_text() == '{"name": "mine", "n_classes": 7}'
    # Its own output may be its input, and gives itself.
    before = (source.into / "answers.json").read_bytes()
    install_custom(
        source.into,
        CustomOptions(no_task=True, answers=source.into / "answers.json", answers_format=1),
    )
    assert (source.into / "answers.json").read_bytes() == before


def test_toy_data(tmp_path: Path, run: Callable[..., Any]) -> None:
    toy = shutil.copytree(DATASETS / "toy-data", tmp_path / "toy")
    (tmp_path / "set").mkdir()
    for form, name in enumerate(("answers.txt", "answers.json", "answers_inversed.json")):
        install_custom(
            tmp_path / "set",
            CustomOptions(
                answers_format=form,
                answers=toy / name,
                files_path=toy / "filenames.txt",
                train_path=toy / "train",
                label_names=toy / "labelNames.txt",
            ),
        )
        dataset = Dataset.open(tmp_path / "set")
        assert dataset.answers() == Dataset.open(toy).answers()
        keys = {i.path.resolve().stem.split("-")[1]: i.key for i in dataset.images("train")}
        assert keys == {"0": "0", "1": "1", "2": "2"}
        assert not (tmp_path / "set/val").exists()


def test_copies_where_links_are_impossible(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(1, "no links here")

    monkeypatch.setattr(Path, "symlink_to", refuse)
    train = source.install().images("train")
    assert not any(image.path.is_symlink() for image in train)
    assert all(image.path.stat().st_size > 50 for image in train)


def test_silent_images_become_tasks_without_votes(
    source: Source, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "peerannot.dataset")
    votes = json.loads((source.base / "votes1").read_text())
    gone = [key for key in ("3", "17", "29") if votes.pop(key, None) is not None]
    (source.base / "votes1").write_text(json.dumps(votes))
    source.matrix[[int(key) for key in gone]] = -1
    check_fits(source, source.install(1))
    assert "3 train images have no votes: tasks 3, 17, 29" in caplog.text


def test_matrix_as_numpy_writes_it(tmp_path: Path) -> None:
    path = tmp_path / "votes"
    np.savetxt(path, [[0, -1], [-1, 3]], header="made by numpy")
    assert read_votes(path, 0) == {"0": {"0": 0}, "1": {"1": 3}}


def test_class_names_that_are_numbers() -> None:
    where, names = Path("votes"), ["4", "1", "2", "3"]
    positions = {"0": {"a": 1, "b": 3}}
    assert code_labels(positions, names, where) == positions
    assert code_labels({"0": {"a": "1", "b": "3"}}, names, where) == positions
    assert code_labels(positions, names, where, "names") == positions
    assert code_labels({"0": {"a": 4}}, names, where, "names") == {"0": {"a": 0}}
    with pytest.raises(DataError, match="numbers are names"):
        code_labels({"0": {"a": 4}}, names, where)


def test_folders_that_are_numbers(source: Source) -> None:
    for old, new in (("ant", "2"), ("bee", "10"), ("cat", "0")):
        (source.base / "images" / old).rename(source.base / "images" / new)
    (source.base / "votes1").write_text('{"0": {"0": 10, "1": 2, "2": 0}}')
    with pytest.raises(DataError, match="label 10 is not in"):
        source.install(1)
    (source.base / "meta.json").write_text('{"labels": "names"}')
    dataset = source.install(1, metadata=source.base / "meta.json")
    assert list(dataset.classes) == ["0", "2", "10"]
    assert source.json("metadata.json")["labels"] == "codes"
    held_back = "0" not in source.json("answers.json")
    answers = dataset.answers("answers_valid.json" if held_back else "answers.json")
    own = answers.label[answers.task == answers.tasks.index_of["0"]]
    assert [answers.classes[label] for label in own] == ["10", "2", "0"]


def test_a_name_in_two_classes_with_paths_in_the_list(source: Source) -> None:
    shutil.rmtree(source.base / "images")
    for kind in ("ant", "bee"):
        (source.base / "images" / kind).mkdir(parents=True)
        (source.base / "images" / kind / "1.png").write_bytes(picture(1))
    (source.base / "filenames.txt").write_text("images/bee/1.png\nimages/ant/1.png\n")
    (source.base / "votes1").write_text('{"0": {"0": 1}, "1": {"0": 0}}')
    train = source.install(1).images("train")
    assert [(image.folder, image.path.name) for image in train] == [
        ("ant", "1-1.png"),
        ("bee", "1-0.png"),
    ]
