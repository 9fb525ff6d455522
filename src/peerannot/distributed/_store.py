"""Folders and files, here or in an object store, by path or URL (fsspec)."""

from __future__ import annotations

import contextlib
import io
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from peerannot._files import atomic_write, storage_errors
from peerannot._lock import locked
from peerannot._optional import require
from peerannot.errors import DataError, MissingDependencyError, PeerannotError, StorageError
from peerannot.io import Source
from peerannot.io.checksums import places, read_sums

__all__ = [
    "Store",
    "checksums",
    "find_shards",
    "here",
    "is_remote",
    "npz",
    "parquet",
    "size_and_date",
]


def npz(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Content of an ``.npz`` file."""
    buffer = io.BytesIO()
    save: Any = np.savez
    save(buffer, **arrays)
    return buffer.getvalue()


def parquet(frame: pl.DataFrame) -> bytes:
    """Content of a file of Parquet."""
    buffer = io.BytesIO()
    frame.write_parquet(buffer)
    return buffer.getvalue()


def is_remote(url: str) -> bool:
    """Whether a path is a URL of another file system, such as ``s3://bucket/key``."""
    return "://" in url and not url.startswith("file://")


def _bare(url: str) -> str:
    return url.removeprefix("file://")


@contextlib.contextmanager
def _remote(url: str) -> Iterator[tuple[Any, str]]:
    """The file system of a URL and the path in it; what goes wrong becomes one line."""
    fsspec = require("fsspec.core", extra="cluster", feature=f"reading {url.partition(':')[0]}")
    try:
        yield fsspec.url_to_fs(url)
    except PeerannotError:
        raise
    except FileNotFoundError:
        raise DataError(f"{url}: no such file") from None
    except ImportError as error:
        raise MissingDependencyError(
            f"{url}: {str(error) or 'a driver is missing'}; pip install s3fs for s3://, gcsfs for"
            " gs://"
        ) from None
    except Exception as error:
        # Drivers raise errors of their own, derived from nothing in common.
        why = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise StorageError(f"cannot reach {url}: {why}") from None


def find_shards(path: str | Path) -> list[str]:
    """Files of Parquet that a path, a folder or a pattern names, in order of name.

    Raises
    ------
    DataError
        Nothing is there.
    """
    text = str(path)
    if not is_remote(text):
        files = Source.open(_bare(text)).files
        if not files:
            raise DataError(f"{text}: no Parquet files in it")
        return [str(file.resolve()) for file in files]
    with _remote(text) as (fs, inside):
        fs.invalidate_cache()
        if fs.isdir(inside):
            found = [f for f in fs.find(inside) if f.endswith(".parquet")]
        else:
            found = [f for f in fs.glob(inside) if not fs.isdir(f)]
        if not found:
            raise DataError(f"{text}: no file matches; there is nothing to read")
        return [str(fs.unstrip_protocol(f)) for f in sorted(found)]


def size_and_date(url: str) -> list[Any]:
    """What tells whether a file is still the one that it was."""
    if not is_remote(url):
        with storage_errors(Path(url), "read"):
            stat = Path(url).stat()
        return [url, stat.st_size, stat.st_mtime_ns]
    with _remote(url) as (fs, inside):
        facts = fs.info(inside)
        mark = next((facts[k] for k in ("ETag", "etag", "md5Hash", "generation") if k in facts), "")
        return [url, facts.get("size"), str(mark or facts.get("LastModified", ""))]


def checksums(urls: Sequence[str]) -> list[tuple[str, str] | None]:
    """SHA-256 of each shard and the list that has it, see `peerannot.io.checksums`."""
    lists: dict[str, Mapping[str, str]] = {}
    found: list[tuple[str, str] | None] = []
    for url in urls:
        scheme, mark, path = url.rpartition("://")
        known = None
        for place, name in places(PurePosixPath(path)):
            where = f"{scheme}{mark}{place}"
            if where not in lists:
                content = Store(where.rpartition("/")[0]).read(place.name)
                lists[where] = {} if content is None else read_sums(content, where)
            if name in lists[where]:
                known = (lists[where][name], where)
                break
        found.append(known)
    return found


@contextlib.contextmanager
def here(url: str) -> Iterator[Path]:
    """The file on a disk of this machine: itself, or a copy that is removed afterwards."""
    if not is_remote(url):
        yield Path(url)
        return
    folder = Path(tempfile.mkdtemp(prefix="peerannot-"))
    try:
        local = folder / Path(url).name
        with _remote(url) as (fs, inside):
            fs.get_file(inside, str(local))
        yield local
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class Store:
    """A folder of results. It is cheap to send to other processes.

    Parameters
    ----------
    url
        A path, or a URL such as ``s3://bucket/folder``.
    """

    def __init__(self, url: str | Path) -> None:
        text = str(url)
        self.url = text.rstrip("/") if is_remote(text) else str(Path(_bare(text)).resolve())

    def at(self, name: str) -> str:
        """Path or URL of a file of the folder."""
        return f"{self.url}/{name}"

    def write(self, name: str, content: bytes) -> None:
        """Write a file whole: under a temporary name and renamed, or by one put.

        Raises
        ------
        StorageError
            It cannot be written.
        """
        if not is_remote(self.url):
            with atomic_write(Path(self.at(name))) as handle:
                handle.write(content)
            return
        with _remote(self.at(name)) as (fs, inside):
            # A local file system under another name wants its folders; object stores have none.
            fs.makedirs(fs._parent(inside), exist_ok=True)
            fs.pipe_file(inside, content)

    def locked(self) -> contextlib.AbstractContextManager[None]:
        """Be the only one that writes to it; object stores know no locks."""
        return contextlib.nullcontext() if is_remote(self.url) else locked(Path(self.url))

    def read(self, name: str) -> bytes | None:
        """Content of a file; None where there is none."""
        try:
            if not is_remote(self.url):
                with storage_errors(Path(self.at(name)), "read"):
                    path = Path(self.at(name))
                    return path.read_bytes() if path.exists() else None
            with _remote(self.at(name)) as (fs, inside):
                content: bytes = fs.cat_file(inside)
                return content
        except DataError:
            return None

    def remove(self, folder: str) -> None:
        """Remove what is in a folder of this folder, or a file; it may be absent."""
        if not is_remote(self.url):
            path = Path(self.at(folder))
            with storage_errors(path, "remove"):
                if path.is_dir():
                    shutil.rmtree(path)
                else:
                    path.unlink(missing_ok=True)
            return
        with _remote(self.at(folder)) as (fs, inside):
            fs.invalidate_cache()
            if fs.exists(inside):
                fs.rm(inside, recursive=True)

    def names(self, folder: str) -> list[str]:
        """Names of the files in a folder of this folder."""
        if not is_remote(self.url):
            path = Path(self.at(folder))
            return sorted(p.name for p in path.iterdir()) if path.is_dir() else []
        with _remote(self.at(folder)) as (fs, inside):
            fs.invalidate_cache()
            found = fs.ls(inside, detail=False) if fs.isdir(inside) else []
            return sorted(str(f).rstrip("/").rpartition("/")[2] for f in found)
