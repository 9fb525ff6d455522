"""Files appear whole or not at all."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from peerannot import _files
from peerannot.errors import DataError, StorageError


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path):
    target = tmp_path / "a.json"
    _files.write_json(target, {"a": 1})
    with pytest.raises(ValueError, match="Out of range"):
        _files.write_json(target, {"a": float("nan")})
    with pytest.raises(KeyError), _files.atomic_write(target) as handle:
        handle.write(b"half")
        raise KeyError
    assert _files.read_json(target) == {"a": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


def test_a_killed_write_leaves_the_old_file(tmp_path):
    target = tmp_path / "a.bin"
    target.write_bytes(b"old")
    code = (
        "import os, sys; from pathlib import Path; from peerannot._files import atomic_write\n"
        "with atomic_write(Path(sys.argv[1])) as f:\n"
        "    f.write(b'half'); f.flush(); os.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", code, target]).returncode == -9
    assert target.read_bytes() == b"old"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_full_disk_is_one_line(tmp_path):
    with (
        pytest.raises(StorageError, match="no space left on the disk"),
        _files.atomic_write(tmp_path / "a.bin"),
        Path("/dev/full").open("wb", buffering=0) as device,
    ):
        device.write(b"x")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        (b'{"a": ', "line 1 column"),
        (b'{\n"a": 1,\n}', "line 2 column"),
        (b"\xff\xfe", "not JSON"),
    ],
)
def test_broken_json(tmp_path, content, message):
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        _files.read_json(tmp_path / "a.json")
    assert "a.json" in str(caught.value)


def test_npy_without_pickles_and_truncated(tmp_path):
    np.save(tmp_path / "o.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match="Python objects"):
        _files.load_npy(tmp_path / "o.npy")
    _files.write_npy(tmp_path / "a.npy", np.arange(100))
    whole = (tmp_path / "a.npy").read_bytes()
    for size in range(0, len(whole), 37):
        (tmp_path / "a.npy").write_bytes(whole[:size])
        with pytest.raises(DataError):
            _files.load_npy(tmp_path / "a.npy")


def test_csv_round_trip(tmp_path):
    import polars as pl

    columns = {"a": ["x", 'say "y"'], "b": np.array([0.1, 1e-300])}
    _files.write_csv(tmp_path / "a.csv", columns)
    frame = pl.read_csv(tmp_path / "a.csv")
    assert frame["a"].to_list() == columns["a"]
    assert frame["b"].to_list() == [0.1, 1e-300]


def test_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="not a folder"):
        _files.write_json(tmp_path / "file" / "a.json", {})
    assert os.listdir(tmp_path) == ["file"]  # noqa: PTH208


def test_a_damaged_npy_is_a_data_error(tmp_path):
    np.save(tmp_path / "a.npy", np.arange(6.0))
    whole = (tmp_path / "a.npy").read_bytes()
    refused = 0
    for place in range(128):
        for byte in (0, 10, 35, 39, 40, 76, 255):
            (tmp_path / "b.npy").write_bytes(whole[:place] + bytes([byte]) + whole[place + 1 :])
            try:
                _files.load_npy(tmp_path / "b.npy")
            except DataError:
                refused += 1
    assert refused > 500
