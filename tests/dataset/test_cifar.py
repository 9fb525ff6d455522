"""CIFAR-10 batches: the official form is read, and a pickle that wants to run code is not."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from helpers.small_archives import official_batch
from peerannot.dataset import CIFAR10_NAMES, read_batch
from peerannot.errors import DataError


@pytest.fixture
def pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (7, 3072), dtype=np.uint8)


LABELS = [0, 9, 3, 3, 1, 8, 5]


def as_images(pixels: np.ndarray) -> np.ndarray:
    return np.stack([row.reshape(3, 32, 32).transpose(1, 2, 0) for row in pixels])


def test_official_form(tmp_path: Path, pixels: np.ndarray) -> None:
    path = tmp_path / "test_batch"
    path.write_bytes(official_batch(pixels, LABELS))
    images, labels = read_batch(path)
    assert images.dtype == np.uint8
    assert labels.dtype == np.int64
    np.testing.assert_array_equal(images, as_images(pixels))
    assert labels.tolist() == LABELS
    # What we call official is what the usual loader accepts.
    usual = pickle.loads(path.read_bytes(), encoding="latin1")
    np.testing.assert_array_equal(usual["data"], pixels)
    assert usual["labels"] == LABELS


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
@pytest.mark.parametrize("key", [str, str.encode])
def test_written_by_python_3(tmp_path: Path, pixels: np.ndarray, protocol: int, key) -> None:
    path = tmp_path / "batch"
    batch = {key("data"): pixels, key("labels"): LABELS, key("filenames"): ["a.png"] * 7}
    path.write_bytes(pickle.dumps(batch, protocol=protocol))
    if protocol == 5:
        # Protocol 5 rebuilds arrays in another way, which no official file uses.
        with pytest.raises(DataError, match="never does"):
            read_batch(path)
        return
    np.testing.assert_array_equal(read_batch(path)[0], as_images(pixels))


def test_fortran_order(tmp_path: Path, pixels: np.ndarray) -> None:
    path = tmp_path / "batch"
    path.write_bytes(
        pickle.dumps({"data": np.asfortranarray(pixels), "labels": LABELS}, protocol=2)
    )
    np.testing.assert_array_equal(read_batch(path)[0], as_images(pixels))


class Evil:
    def __init__(self, function, *args) -> None:
        self.call = (function, args)

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_a_pickle_that_runs_code(tmp_path: Path, protocol: int) -> None:
    mark, path = tmp_path / "mark", tmp_path / "batch"
    for evil in (
        Evil(os.system, f"touch {mark}"),
        Evil(exec, f"open({str(mark)!r}, 'w')"),
        Evil(open, str(mark), "w"),
        Evil(getattr, "", "join"),
        Evil(np.load, "x", None, True),
    ):
        for batch in (evil, {"data": evil, "labels": []}, [evil]):
            path.write_bytes(pickle.dumps(batch, protocol=protocol))
            with pytest.raises(DataError, match="which a CIFAR-10 batch never does"):
                read_batch(path)
    assert not mark.exists()


def test_codecs_other_than_latin1(tmp_path: Path) -> None:
    import _codecs

    path = tmp_path / "batch"
    path.write_bytes(pickle.dumps(Evil(_codecs.encode, "x", "zlib_codec"), protocol=2))
    with pytest.raises(DataError, match="damaged"):
        read_batch(path)


@pytest.mark.parametrize(
    "batch",
    [
        [],
        {},
        {"data": 3, "labels": [1]},
        {"data": np.zeros((2, 3072), np.uint8), "labels": [1]},
        {"data": np.zeros((1, 3071), np.uint8), "labels": [1]},
        {"data": np.zeros((1, 3072), np.float32), "labels": [1]},
        {"data": np.zeros((1, 3072), np.uint8), "labels": [10]},
        {"data": np.zeros((1, 3072), np.uint8), "labels": ["1"]},
        {"data": np.zeros((1, 3072), np.uint8), "labels": [True]},
        {"data": np.zeros((1, 3072), np.uint8), "labels": 1},
        {"data": np.zeros((1, 3072), object), "labels": [1]},
    ],
)
def test_other_contents(tmp_path: Path, batch: object) -> None:
    path = tmp_path / "batch"
    path.write_bytes(pickle.dumps(batch, protocol=2))
    with pytest.raises(DataError, match="not a CIFAR-10 batch"):
        read_batch(path)


def test_truncated_and_flipped(tmp_path: Path, pixels: np.ndarray) -> None:
    path = tmp_path / "batch"
    whole = official_batch(pixels[:1], [3])
    places = [*range(200), *range(200, len(whole) - 80, 97), *range(len(whole) - 80, len(whole))]
    for n in places:
        path.write_bytes(whole[:n])
        with pytest.raises(DataError):
            read_batch(path)
        path.write_bytes(whole[:n] + bytes([whole[n] ^ 0x41]) + whole[n + 1 :])
        try:
            images, _ = read_batch(path)
        except DataError as error:
            assert "batch" in str(error)
        else:
            assert images.shape == (1, 32, 32, 3)
    with pytest.raises(DataError, match="no such file"):
        read_batch(tmp_path / "absent")


def test_names_are_in_the_order_of_the_labels() -> None:
    assert CIFAR10_NAMES.index("plane") == 0
    assert CIFAR10_NAMES.index("truck") == 9
    assert len(set(CIFAR10_NAMES)) == 10
