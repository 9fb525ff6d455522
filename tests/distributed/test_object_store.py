"""Shards and results in an object store that worker processes reach over the network."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("s3fs", reason="needs s3fs")
pytest.importorskip("moto.server", reason="needs moto[server], an object store on this machine")
pytest.importorskip("distributed", reason="needs the extra cluster")

from helpers.small_shards import assert_as_on_one_machine, shards
from peerannot.distributed import fit, has_result
from peerannot.errors import DataError, StorageError

DS = "DS[max_iter=6,tol=0]"


@pytest.fixture(scope="module")
def bucket() -> Iterator[Any]:
    """A bucket ``crowd``; the file system that it is seen through."""
    import s3fs
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    held = dict(os.environ)
    os.environ |= {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    try:
        store = s3fs.S3FileSystem()
        store.mkdir("crowd")
        yield store
    finally:
        server.stop()
        os.environ.clear()
        os.environ.update(held)


def test_from_a_bucket_to_a_bucket(tmp_path: Path, bucket: Any) -> None:
    pattern = shards(tmp_path / "in", text=True, order="shuffled")
    bucket.put(str(tmp_path / "in"), "crowd/in", recursive=True)
    done = fit("s3://crowd/in/*.parquet", DS, output="s3://crowd/out", workers=1, partitions=2)
    assert done.folder == "s3://crowd/out" and has_result("s3://crowd/out")
    bucket.get("crowd/out", str(tmp_path / "out"), recursive=True)
    assert_as_on_one_machine(tmp_path / "out", pattern, DS)
    assert sorted(Path(name).name for name in bucket.ls("crowd/out")) == [
        "confusion.npy", "manifest.json", "tasks", "workers.parquet",
    ]  # fmt: skip


def test_what_is_not_there(bucket: Any) -> None:
    with pytest.raises(DataError, match=r"s3://crowd/nothing/\*: no file matches"):
        fit("s3://crowd/nothing/*", DS, output="s3://crowd/out")
    with pytest.raises((DataError, StorageError), match=r"s3://no-such-bucket"):
        fit("s3://no-such-bucket/a.parquet", DS, output="s3://crowd/out")
