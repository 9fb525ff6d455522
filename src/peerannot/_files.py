"""Files are written whole or not at all, and read with errors that name them."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import io
import json
import os
import re
import secrets
import socket
import time
import tokenize
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
from numpy.typing import NDArray

from peerannot import _json
from peerannot._spreadsheet import guarded
from peerannot._text import advice
from peerannot.errors import DataError, PeerannotError, StorageError

try:
    import fcntl
except ImportError:  # Windows has no locks that end with their process and bar no reader.
    fcntl = None  # type: ignore[assignment]

__all__ = [
    "NPY_ERRORS",
    "Document",
    "abandoned",
    "atomic_path",
    "atomic_table",
    "atomic_write",
    "json_bytes",
    "load_npy",
    "read_json",
    "sha256",
    "storage_errors",
    "sweep",
    "sync_folder",
    "write_content",
    "write_csv",
    "write_json",
    "write_npy",
]

# What NumPy raises for a damaged or hostile .npy file.
NPY_ERRORS = (
    ValueError, TypeError, EOFError, OverflowError, MemoryError, SyntaxError, tokenize.TokenError,
)  # fmt: skip


# .NAME.HOST-PID-RANDOM.tmp
_TEMPORARY = re.compile(r"\..+\.([0-9a-f]{6})-(\d+)-[0-9a-f]{8}\.tmp", re.DOTALL)
_swept: set[str] = set()
_writing: set[str] = set()


@dataclass(frozen=True)
class Document:
    """A JSON document among contents of files."""

    content: Any


@contextlib.contextmanager
def storage_errors(path: Path, verb: str = "write") -> Iterator[None]:
    """Turn an `OSError` into one line that names the file and the way out."""
    try:
        yield
    except PeerannotError:
        raise
    except Exception as error:
        if not (isinstance(error, OSError) or _of_polars(error)):
            raise
        # A name that is too long was made of names in the data.
        kind = DataError if getattr(error, "errno", 0) == errno.ENAMETOOLONG else StorageError
        raise kind(f"cannot {verb} {_place(error, path)}: {advice(error)}") from error


def _place(error: Exception, path: Path) -> Path:
    """What is in the way inside a folder, where the error has it; never a name of our own."""
    name = getattr(error, "filename", None)
    if not isinstance(name, str) or ".peerannot." in name:
        return Path(path)
    return Path(name) if Path(name).is_relative_to(path) else Path(path)


def _of_polars(error: Exception) -> bool:
    """Whether Polars raised it, which makes errors of its own of those of the system."""
    return any(kind.__name__ == "PolarsError" for kind in type(error).__mro__)


@contextlib.contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """A temporary name beside ``path``; renamed to it on success, removed on failure."""
    path = Path(path)
    name = f".{path.name}.{_host()}-{os.getpid()}-{secrets.token_hex(4)}.tmp"
    temporary = path.with_name(name)
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        sweep(path.parent)
        try:
            with _held(temporary):
                yield temporary
                with temporary.open("rb+") as handle:
                    os.fsync(handle.fileno())
                temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def _held(temporary: Path) -> Iterator[None]:
    """Make the file, and hold a lock on it that tells others that its writer lives."""
    number = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
    _writing.add(str(temporary))
    try:
        if fcntl is not None:
            with contextlib.suppress(OSError):
                fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        else:
            os.close(number)
        yield
    finally:
        _writing.discard(str(temporary))
        if fcntl is not None:
            os.close(number)


def sweep(folder: Path) -> None:
    """Remove the temporaries in a folder whose writers are dead, once a process.

    Those of another host that shares the disk are left: whether it lives cannot be seen here.
    """
    if str(folder) in _swept:
        return
    _swept.add(str(folder))
    for path in abandoned(folder):
        with contextlib.suppress(OSError):
            path.unlink()


def abandoned(folder: Path, *, elsewhere: bool = False) -> list[Path]:
    """Temporaries that no living writer holds; with ``elsewhere``, those of other hosts."""
    found = []
    for entry in os.scandir(folder):
        match = _TEMPORARY.fullmatch(entry.name)
        if match is None:
            continue
        if match[1] == _host():
            gone = not elsewhere and _dead(entry.path, int(match[2]))
        else:
            gone = elsewhere
        if gone:
            found.append(Path(entry.path))
    return sorted(found)


def _dead(temporary: str, writer: int) -> bool:
    if temporary in _writing:
        return False
    try:
        os.kill(writer, 0)
        gone = writer == os.getpid() or os.name == "nt"
    except OSError as error:
        gone = isinstance(error, ProcessLookupError)
    if fcntl is None:
        return gone
    try:
        number = os.open(temporary, os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Numbers are used again. A living writer holds its lock long before a minute is over.
        return gone or abs(time.time() - os.fstat(number).st_mtime) > 60
    except BlockingIOError:
        return False
    except OSError:
        return gone
    finally:
        os.close(number)


def _host() -> str:
    """What tells apart hosts that share a disk; short, since names of files are."""
    return hashlib.sha256(socket.gethostname().encode()).hexdigest()[:6]


@contextlib.contextmanager
def atomic_write(path: Path) -> Iterator[IO[bytes]]:
    """Open a binary file for writing that appears under its name only when complete."""
    with atomic_path(path) as temporary, temporary.open("wb") as handle:
        yield handle


def sync_folder(folder: Path) -> None:
    """Bring the names in a folder to the disk, where the system can."""
    if os.name == "nt":
        return
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    except OSError as error:
        # Some network disks sync no folders.
        if error.errno not in (errno.EINVAL, errno.EBADF, errno.ENOTSUP):
            raise
    finally:
        os.close(number)


@contextlib.contextmanager
def atomic_table(path: Path) -> Iterator[IO[bytes]]:
    """The same for tables of Polars, which by itself hides why a write failed."""
    with atomic_write(path) as handle:
        told = _Told(handle)
        try:
            yield cast("IO[bytes]", told)
        except Exception:
            if told.error is not None:
                raise told.error from None
            raise


class _Told:
    """A file that Polars only writes to through Python, and that remembers the first failure."""

    def __init__(self, handle: IO[bytes]) -> None:
        self._handle = handle
        self.error: OSError | None = None

    def write(self, content: bytes) -> int:
        try:
            return self._handle.write(content)
        except OSError as error:
            self.error = self.error or error
            raise

    def flush(self) -> None:
        try:
            self._handle.flush()
        except OSError as error:
            self.error = self.error or error
            raise


def write_json(path: Path, document: Any, *, indent: int | None = 1) -> None:
    """Write JSON as `json_bytes` gives it."""
    with atomic_write(path) as handle:
        handle.write(json_bytes(document, indent=indent))


def json_bytes(document: Any, *, indent: int | None = 1) -> bytes:
    """JSON in UTF-8 with finite numbers only and keys in the order given, ended by a newline."""
    text = json.dumps(document, indent=indent, allow_nan=False, ensure_ascii=False, default=_plain)
    return text.encode() + b"\n"


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")


def write_npy(path: Path, array: NDArray[Any]) -> None:
    """Write an array as ``.npy`` (no pickles)."""
    with atomic_write(path) as handle:
        np.lib.format.write_array(_Plain(handle), np.asarray(array), allow_pickle=False)


class _Plain:
    """A file that numpy does not know for one: its own fast path hides why a write failed."""

    def __init__(self, handle: IO[bytes]) -> None:
        self.write = handle.write


def write_csv(path: Path, columns: Mapping[str, Sequence[Any] | NDArray[Any]]) -> None:
    """Write columns of equal length as CSV; floats in their shortest exact form."""
    import polars as pl

    frame = pl.DataFrame(
        {k: v if isinstance(v, pl.Series) else np.asarray(v) for k, v in columns.items()}
    )
    with atomic_table(path) as handle:
        guarded(frame).write_csv(handle)


def write_content(path: Path, content: Any) -> None:
    """Write an array as ``.npy``, a mapping of columns as CSV, a `Document` as JSON, a text or its
    parts as they are."""
    if isinstance(content, Document):
        write_json(path, content.content)
    elif isinstance(content, np.ndarray):
        write_npy(path, content)
    elif isinstance(content, Mapping):
        write_csv(path, content)
    else:
        parts: Iterable[str] = [content] if isinstance(content, str) else content
        with atomic_write(path) as handle:
            handle.writelines(part.encode() for part in parts)


def load_npy(path: Path) -> NDArray[Any]:
    """Read a ``.npy`` file without unpickling.

    Raises
    ------
    DataError
        The file is missing, truncated, or holds Python objects.
    """
    try:
        with warnings.catch_warnings():
            # A damaged header may look like one that Python 2 wrote.
            warnings.simplefilter("ignore", UserWarning)
            array = np.load(path, allow_pickle=False)
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from None
    except NPY_ERRORS as error:
        hint = "holds Python objects" if "pickle" in str(error).casefold() else "is truncated"
        raise DataError(f"{path}: not a usable .npy file, it {hint} or is damaged") from None
    if not isinstance(array, np.ndarray):
        raise DataError(f"{path}: an .npz archive, expected a .npy file")
    return array


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises
    ------
    DataError
        The file is missing, not UTF-8, not JSON, or an object in it has a key twice; the message
        has the line.
    """
    try:
        content = Path(path).read_bytes()
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from None
    if not content.strip():
        raise DataError(f"{path}: the file is empty, expected JSON")
    return _json.load(content, str(path))


def sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of a file, read in blocks."""
    digest = hashlib.sha256()
    with Path(path).open("rb") as handle:
        while block := handle.read(io.DEFAULT_BUFFER_SIZE * 64):
            digest.update(block)
    return digest.hexdigest()
