"""Which labels are accepted, whose they are, and how faults are told."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from peerannot.dataset import Dataset
from peerannot.errors import DataError, DataWarning
from peerannot.learning import find_file, load_labels
from peerannot.learning.data.splits import labelled_splits, voted_splits


def load(tiny, labels, name="labels.npy"):
    dataset = Dataset.open(tiny.path)
    return load_labels(tiny.save(np.asarray(labels), name), dataset, dataset.images("train"))


def test_soft_and_hard_labels_by_ascending_key(make) -> None:
    tiny = make(["a", "b", "c"], keys=[100, 9, 20, 3], train=4)
    known = load(tiny, tiny.soft)
    assert list(known.tasks) == ["3", "9", "20", "100"]
    np.testing.assert_allclose(known.soft, tiny.soft, atol=1e-6)
    hard = load(tiny, [0, 2, -1, 1])
    assert list(hard.tasks) == ["3", "9", "100"] and list(hard.undecided) == ["20"]
    assert hard.soft.tolist() == [[1, 0, 0], [0, 0, 1], [0, 1, 0]]
    zero = load(tiny, [[0.5, 0.5, 0], [0, 0, 0], [0, 0, 1], [1, 0, 0]])
    assert list(zero.undecided) == ["9"]


def test_images_follow_their_keys(make) -> None:
    tiny = make(["a", "b"], keys=[7, 100, 20, 3])
    tiny.save(tiny.soft)
    splits = labelled_splits(
        Dataset.open(tiny.path), tiny.path / "labels.npy", path_remove=None, seed=0
    )
    assert [image.key for image in splits.train.images] == ["3", "7", "20", "100"]
    for image, row in zip(splits.train.images, splits.train.target, strict=True):
        assert row.argmax() == tiny.truth[int(image.key)]


def test_table_beside_the_labels_names_fewer_rows(make) -> None:
    tiny = make(["a", "b"], train=6)
    file = tiny.save(tiny.soft[2:])
    dataset = Dataset.open(tiny.path)
    with pytest.raises(DataError, match=r"4 rows, but .* has 6 tasks"):
        load_labels(file, dataset, dataset.images("train"))
    file.with_suffix(".csv").write_text("task,label\n2,a\n3,b\n4,a\n5,b\n")
    known = load_labels(file, dataset, dataset.images("train"))
    assert list(known.tasks) == ["2", "3", "4", "5"]
    # Tasks 0 and 1 have images and no label: that is said, unless they are removed.
    with pytest.raises(DataError, match="2 images have no votes"):
        labelled_splits(dataset, file, path_remove=None, seed=0)
    (tiny.path / "remove.txt").write_text("0 0\n1 1\n")
    splits = labelled_splits(dataset, file, path_remove=tiny.path / "remove.txt", seed=0)
    assert [image.key for image in splits.train.images] == ["2", "3", "4", "5"]


def test_without_answers_the_images_name_the_tasks(make) -> None:
    tiny = make(["a", "b"], keys=[7, 100, 20, 3], answers=False)
    assert list(load(tiny, tiny.soft).tasks) == ["3", "7", "20", "100"]
    with pytest.raises(DataError, match="3 rows, but there are 4 training images"):
        load(tiny, tiny.soft[:3])


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ([[0.5, 0.5], [0.5, np.nan], [1, 0], [1, 0]], "row 1: has a value that is not a number"),
        ([[0.5, 0.5], [0.5, 0.5], [1.5, -0.5], [1, 0]], "row 2: has a negative value"),
        ([[0.5, 0.5], [0.5, 0.5], [1, 0], [0.3, 0.3]], "row 3: does not sum to 1"),
        (np.full((4, 3), 1 / 3), "3 classes in it, 2 in the dataset"),
        ([0, 1, 2, 0], "row 2: label 2 is not in 0..1"),
        ([-2, 1, 1, 0], "row 0: label -2"),
        ([0.0, 1.0, 1.0, 0.0], "expected soft labels"),
        ([-1, -1, -1, -1], "no task has a label"),
        (np.zeros((4, 2, 2)), "expected soft labels"),
        (["a", "b", "a", "b"], "expected soft labels"),
    ],
)
def test_bad_labels(make, labels, words) -> None:
    with pytest.raises(DataError, match=words):
        load(make(train=4), labels)


def test_damaged_file(make) -> None:
    tiny = make(train=4)
    file = tiny.save(tiny.soft)
    file.write_bytes(file.read_bytes()[:-9])
    dataset = Dataset.open(tiny.path)
    with pytest.raises(DataError, match=r"truncated|damaged"):
        load_labels(file, dataset, dataset.images("train"))


def test_lenient_names(tmp_path) -> None:
    (tmp_path / "labels_cifar10H_DS.npy").touch()
    with pytest.warns(DataWarning, match="using .*labels_cifar10H_DS.npy"):
        assert find_file(tmp_path / "labels_cifar-10h_ds.npy").name == "labels_cifar10H_DS.npy"
    (tmp_path / "labels_cifar-10H_DS.npy").touch()
    with pytest.raises(DataError, match="several fit"):
        find_file(tmp_path / "labels_cifar_10h_ds.npy")
    with pytest.raises(DataError, match="did you mean 'labels_cifar"):
        find_file(tmp_path / "labels_cifar10H_DSW.npy")


def test_undecided_tasks_are_left_out_and_said(make) -> None:
    tiny = make(["a", "b"], train=6)
    file = tiny.save(np.array([0, 1, -1, 1, 0, 1]))
    with pytest.warns(DataWarning, match="1 tasks have no label .*: 2"):
        splits = labelled_splits(Dataset.open(tiny.path), file, path_remove=None, seed=0)
    assert [image.key for image in splits.train.images] == ["0", "1", "3", "4", "5"]


def test_a_task_without_image_is_an_error(make) -> None:
    tiny = make(["a", "b"], train=6)
    (tiny.path / "train" / "a" / "im-4.png").unlink()
    with pytest.raises(DataError, match="1 tasks with votes have no image: 4"):
        labelled_splits(Dataset.open(tiny.path), tiny.save(tiny.soft), path_remove=None, seed=0)
    with pytest.raises(DataError, match="1 tasks with votes have no image: 4"):
        voted_splits(Dataset.open(tiny.path), None, path_remove=None, seed=0)


def test_missing_val_is_a_seeded_part_of_train(make) -> None:
    tiny = make(["a", "b"], train=20, val=0, test=0)
    file, dataset = tiny.save(tiny.soft), Dataset.open(tiny.path)

    def keys(seed, split):
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            splits = split(seed)
        words = " ".join(str(w.message) for w in said)
        assert "4 training images validate" in words and "no test metrics" in words
        assert splits.test is None
        return [[i.key for i in part.images] for part in (splits.train, splits.val)]

    for split in (
        lambda seed: labelled_splits(dataset, file, path_remove=None, seed=seed),
        lambda seed: voted_splits(dataset, None, path_remove=None, seed=seed),
    ):
        train, val = keys(0, split)
        assert len(train) == 16 and len(val) == 4
        assert sorted([*train, *val], key=int) == [str(i) for i in range(20)]
        assert keys(0, split) == [train, val] != keys(1, split)


def test_votes_follow_their_images(make) -> None:
    tiny = make(["a", "b", "c"], keys=[30, 5, 17, 200, 8], train=5)
    del tiny.votes["17"]
    tiny.votes["17"] = {}
    import json

    (tiny.path / "answers.json").write_text(json.dumps(tiny.votes))
    (tiny.path / "remove.txt").write_text("-1 200\n")
    with pytest.warns(DataWarning, match="1 tasks have no votes .*: 17"):
        splits = voted_splits(
            Dataset.open(tiny.path), None, path_remove=tiny.path / "remove.txt", seed=0
        )
    answers = splits.answers
    assert answers is not None
    assert [i.key for i in splits.train.images] == list(answers.tasks) == ["5", "8", "30"]
    for task, worker, label in zip(answers.task, answers.worker, answers.label, strict=True):
        assert tiny.votes[answers.tasks[int(task)]][answers.workers[int(worker)]] == label
    shares = splits.train.target
    np.testing.assert_allclose(shares.sum(axis=1), 1, atol=1e-6)


def test_a_folder_that_is_no_class(make) -> None:
    tiny = make(["cat", "dog"])
    (tiny.path / "val" / "cat").rename(tiny.path / "val" / "cats")
    with pytest.raises(DataError, match=r"'cats' is not one of the classes.*did you mean 'cat'"):
        labelled_splits(Dataset.open(tiny.path), tiny.save(tiny.soft), path_remove=None, seed=0)


def test_labels_that_are_not_those_of_their_manifest_are_named(make) -> None:
    from peerannot._file_set import file_set

    tiny = make(["a", "b"], train=4)
    dataset = Dataset.open(tiny.path)
    with file_set(tiny.path) as files:
        files.add("labels/x.npy", np.asarray(tiny.soft))
        files.manifest("labels/x.json", {}, ["labels/x.npy"])
    file = tiny.path / "labels" / "x.npy"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load_labels(file, dataset, dataset.images("train"))
    np.save(file, np.asarray(tiny.soft)[::-1])
    with pytest.warns(DataWarning, match=r"x.npy: not the file that x.json names"):
        load_labels(file, dataset, dataset.images("train"))
