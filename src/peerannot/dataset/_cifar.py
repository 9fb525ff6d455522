"""CIFAR-10's python batches, and arrays of labels, read without running what a pickle may hold.

The official files are Python 2 pickles of ``{data: uint8 (n, 3072), labels: list, ...}``. Loading
them with `pickle.load` would run any code that somebody put in; here the pickle may name five
things only, and for each of them it gets a stand-in that holds data.
"""

from __future__ import annotations

import io
import math
import pickle
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from peerannot.errors import DataError

__all__ = ["CIFAR10_NAMES", "read_batch", "read_label_arrays"]

CIFAR10_NAMES = (
    "plane",
    "car",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)


class _DType:
    """Stands for ``numpy.dtype``: the code, never given to numpy."""

    def __init__(self, code: object = "", *_: object) -> None:
        self.code = code

    def __setstate__(self, state: object) -> None:
        """Byte order and fields do not matter to bytes."""


class _Array:
    """Stands for ``numpy.ndarray``: its shape, type and raw bytes."""

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, self.shape, self.dtype, self.fortran, self.raw = state


def _reconstruct(*_: object) -> _Array:
    return _Array()


def _encode(text: str, encoding: str = "latin1") -> bytes:
    """How Python 3 writes bytes in protocol 2; other codecs have no business here."""
    if encoding not in ("latin1", "latin-1"):
        raise pickle.UnpicklingError(f"codec {encoding!r}")
    return text.encode("latin1")


# The unpickler written in Python: the C one allocates whatever a damaged file says.
class _Unpickler(pickle._Unpickler):
    known: ClassVar[dict[tuple[str, str], Any]] = {
        ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
        ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
        ("numpy", "ndarray"): _Array,
        ("numpy", "dtype"): _DType,
        ("_codecs", "encode"): _encode,
    }

    def find_class(self, module: str, name: str) -> Any:
        try:
            return self.known[module, name]
        except KeyError:
            raise _Forbidden(f"{module}.{name}") from None


class _Forbidden(Exception):
    pass


def read_batch(path: Path) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Images and labels of one batch file of CIFAR-10 (python version).

    Returns
    -------
    images : uint8 array (n, 32, 32, 3)
        Red, green, blue.
    labels : int64 array (n,)
        0..9, in the order of ``CIFAR10_NAMES``.

    Raises
    ------
    DataError
        The file is missing, damaged, of another form, or names anything but arrays of numbers.

    Notes
    -----
    The form is described by A. Krizhevsky, "The CIFAR-10 dataset",
    https://www.cs.toronto.edu/~kriz/cifar.html.
    """
    batch = _load(path, "a CIFAR-10 batch")
    data = labels = None
    if isinstance(batch, dict):
        data = batch.get("data", batch.get(b"data"))
        labels = batch.get("labels", batch.get(b"labels"))
    pixels = _pixels(data)
    if pixels is None or not isinstance(labels, list) or len(labels) != len(pixels):
        raise DataError(f"{path}: not a CIFAR-10 batch: expected data (n, 3072) and n labels")
    if any(type(label) is not int or not 0 <= label < len(CIFAR10_NAMES) for label in labels):
        raise DataError(f"{path}: not a CIFAR-10 batch: a label is not in 0..9")
    images = pixels.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    return np.ascontiguousarray(images), np.array(labels, dtype=np.int64)


def read_label_arrays(path: Path) -> dict[str, NDArray[np.int64]]:
    """The one-dimensional arrays of whole numbers in a pickled dictionary, by their names.

    Raises
    ------
    DataError
        As `read_batch`.
    """
    found = _load(path, "a table of labels")
    if not isinstance(found, dict):
        raise DataError(f"{path}: not a table of labels: expected arrays by name")
    arrays = {}
    for name, data in found.items():
        array = _array(data, "i8")
        if array is None or array.ndim != 1:
            raise DataError(f"{path}: {name!s:.40}: expected a column of whole numbers")
        arrays[str(name)] = array.astype(np.int64)
    return arrays


def _load(path: Path, what: str) -> Any:
    try:
        # Latin-1 keeps each byte of a Python 2 string as one character.
        return _Unpickler(io.BytesIO(path.read_bytes()), encoding="latin1").load()
    except FileNotFoundError:
        raise DataError(f"{path}: no such file; is the archive complete?") from None
    except _Forbidden as error:
        raise DataError(
            f"{path}: the file asks for {error}, which {what} never does; it is not read"
        ) from None
    except MemoryError:
        raise
    except Exception as error:
        # A damaged pickle may raise nearly anything.
        raise DataError(f"{path}: not {what}, or damaged ({error})") from None


def _pixels(data: object) -> NDArray[np.uint8] | None:
    pixels = _array(data, "u1")
    return pixels if pixels is not None and pixels.ndim == 2 and pixels.shape[1] == 3072 else None


def _array(data: object, code: str) -> NDArray[Any] | None:
    """An array of little-endian numbers of one type; None where it is anything else."""
    if not isinstance(data, _Array) or not isinstance(getattr(data, "dtype", None), _DType):
        return None
    raw = data.raw.encode("latin1") if isinstance(data.raw, str) else data.raw
    shape, kind = data.shape, np.dtype(f"<{code}")
    if data.dtype.code not in (code, code.encode()) or not isinstance(raw, bytes):
        return None
    if not isinstance(shape, tuple) or any(type(n) is not int or n < 0 for n in shape):
        return None
    if len(raw) != math.prod(shape) * kind.itemsize:
        return None
    return np.frombuffer(raw, dtype=kind).reshape(shape, order="F" if data.fortran else "C")
