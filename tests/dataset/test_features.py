"""Files of features: every format, whose rows they are, and what is wrong with one."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from peerannot.answers import Ids
from peerannot.dataset import Features, Image, read_features, write_features
from peerannot.errors import DataError

VALUES = np.arange(12, dtype=np.float32).reshape(4, 3) / 7
NAMES = ["7", "10", "2", "x-1"]


def written(folder: Path, suffix: str) -> Path:
    file = folder / f"f{suffix}"
    if suffix == ".npz":
        write_features(file, Features(NAMES, VALUES))
    elif suffix == ".npy":
        np.save(file, VALUES.astype(np.float64))
        pl.DataFrame({"n": range(4), "task": NAMES}).write_csv(file.with_suffix(".csv"))
    elif suffix == ".csv":
        columns = {f"d{k}": VALUES[:, k] for k in range(3)}
        pl.DataFrame({"task": NAMES, **columns}).write_csv(file)
    else:
        pl.DataFrame({"who": NAMES, "v": VALUES.tolist()}).write_parquet(file)
    return file


@pytest.mark.parametrize("suffix", [".npz", ".npy", ".csv", ".parquet"])
def test_each_format_gives_the_same_rows(tmp_path: Path, suffix: str) -> None:
    found = read_features(written(tmp_path, suffix))
    assert found.names == NAMES and found.values.dtype == np.float32
    np.testing.assert_allclose(found.values, VALUES, rtol=1e-6)
    tasks = Ids(["2", "x-1", "7"])
    np.testing.assert_allclose(found.of_tasks(tasks), VALUES[[2, 3, 0]], rtol=1e-6)
    with pytest.raises(DataError, match=r"no features of 2 of the 3 tasks: '?8"):
        found.of_tasks(Ids(["7", "8", "9"]))


def test_what_computed_them_is_kept(tmp_path: Path) -> None:
    file = tmp_path / "new" / "f.npz"
    write_features(file, Features(NAMES, VALUES, network={"model": "m"}, digests=list("abcd")))
    found = read_features(file)
    assert found.network == {"model": "m"} and found.digests == list("abcd")


def test_rows_named_by_files_of_images(tmp_path: Path) -> None:
    names = ["train/cat/cat-7.png", "val/cat/cat-2.png", "cat-2.png", "cat-9"]
    features = Features(names, VALUES)
    np.testing.assert_array_equal(features.of_tasks(Ids(["2", "7", "9"])), VALUES[[2, 0, 3]])
    taken: set[int] = set()
    root = tmp_path / "train"  # a folder above may be called as a split is

    def images(split: str, *files: str) -> list[Image]:
        return [Image(root / split / "cat" / file, "cat") for file in files]

    train = features.of_images(images("train", "cat-2.png", "cat-7.png"), "train", taken)
    assert train.tolist() == [2, 0]
    assert features.of_images(images("val", "cat-2.png", "cat-9.jpg"), "val", taken).tolist() == [
        1,
        3,
    ]
    # What the training image has is not another's.
    assert features.of_images(images("test", "cat-7.png"), "test", taken).tolist() == [-1]
    with pytest.raises(DataError, match=r"two rows of task '7'"):
        Features(["cat-7.png", "dog-7.png", "a", "b"], VALUES).of_tasks(Ids(["7"]))


def test_rows_without_names_are_the_tasks_in_ascending_order(tmp_path: Path) -> None:
    np.save(tmp_path / "f.npy", VALUES)
    found = read_features(tmp_path / "f.npy")
    tasks = Ids(["10", "2", "7", "100"])
    np.testing.assert_array_equal(found.of_tasks(tasks), VALUES[[2, 0, 1, 3]])
    with pytest.raises(DataError, match=r"4 rows for 2 tasks, and no f.csv beside it"):
        found.of_tasks(Ids(["1", "2"]))


def test_a_fault_is_one_line(tmp_path: Path) -> None:
    def npz(**arrays: object) -> Path:
        file = tmp_path / "f.npz"
        np.savez(file, **{"features": VALUES, "names": np.array(NAMES), **arrays})  # type: ignore[arg-type]
        return file

    other = json.dumps({"schema": "peerannot/features/9", "network": {}, "digests": []})
    holed = VALUES.copy()
    holed[2, 1] = np.nan
    for arrays, words in (
        ({"peerannot": np.array(other)}, "as another version writes them .*remove it"),
        ({"peerannot": np.array("{")}, "damaged"),
        ({"features": holed}, r"row 2 \(2\): a value is not a finite number"),
        ({"features": VALUES.astype(np.float64) * 1e300}, "row 0 .*not a finite number"),
        ({"features": VALUES[:3]}, "3 rows of features, 4 names"),
        ({"features": VALUES[0]}, r"expected numbers \(n, d\)"),
        ({"names": np.array(["a", "a", "b", "c"])}, "several rows are called '?a"),
        ({"names": np.array([None] * 4)}, "not a usable .npz"),
    ):
        with pytest.raises(DataError, match=words) as caught:
            read_features(npz(**arrays))
        assert "\n" not in str(caught.value) and "f.npz" in str(caught.value)
    np.savez(tmp_path / "g.npz", x=VALUES)
    whole = (tmp_path / "f.npz").read_bytes()
    (tmp_path / "h.npz").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "i.parquet").write_bytes(b"no")
    pl.DataFrame({"a": [1.0]}).write_parquet(tmp_path / "j.parquet")
    for name, words in (
        ("g.npz", "expected arrays features"),
        ("h.npz", "not a usable .npz"),
        ("i.parquet", "cannot be read as a table"),
        ("j.parquet", "no column names the rows"),
        ("k.npz", "no such file"),
        ("k.txt", "features are read from"),
    ):
        with pytest.raises(DataError, match=words):
            read_features(tmp_path / name)
    with pytest.raises(DataError, match=r"written as .npz"):
        write_features(tmp_path / "x.csv", Features(NAMES, VALUES))
