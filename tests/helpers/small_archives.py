"""Files of the real form, made small."""

from __future__ import annotations

import io
import struct
import tarfile
import zipfile
from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image


def _text(value: bytes) -> bytes:
    """A Python 2 string: SHORT_BINSTRING or BINSTRING."""
    if len(value) < 256:
        return b"U" + bytes([len(value)]) + value
    return b"T" + struct.pack("<i", len(value)) + value


def _number(value: int) -> bytes:
    return b"K" + bytes([value]) if value < 256 else b"M" + struct.pack("<H", value)


def official_batch(pixels: np.ndarray, labels: Sequence[int]) -> bytes:
    """A batch as Python 2 wrote the official ones: protocol 2, byte strings, numpy.core."""
    n = len(labels)
    dtype = (
        b"cnumpy\ndtype\n"
        + (_text(b"u1") + _number(0) + _number(1) + b"\x87R")
        + (b"(" + _number(3) + _text(b"|") + b"NNN" + b"J\xff\xff\xff\xff" * 2 + _number(0) + b"tb")
    )
    array = (
        b"cnumpy.core.multiarray\n_reconstruct\n"
        + (b"cnumpy\nndarray\n" + _number(0) + b"\x85" + _text(b"b") + b"\x87R")
        + (b"(" + _number(1) + _number(n) + _number(3072) + b"\x86" + dtype + b"\x89")
        + (_text(pixels.tobytes()) + b"tb")
    )
    names = b"".join(_text(b"image_%06d.png" % i) for i in range(n))
    items = (
        (_text(b"batch_label") + _text(b"testing batch 1 of 1"))
        + (_text(b"labels") + b"](" + b"".join(map(_number, labels)) + b"e")
        + (_text(b"data") + array)
        + (_text(b"filenames") + b"](" + names + b"e")
    )
    return b"\x80\x02}(" + items + b"u."


def tar_gz(files: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz", compresslevel=1) as file:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            file.addfile(info, io.BytesIO(content))
    return out.getvalue()


def zipped(files: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in files.items():
            file.writestr(name, content)
    return out.getvalue()


def picture(color: int, kind: str = "PNG") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (8, 8), (color % 256, 0, color // 256)).save(out, kind)
    return out.getvalue()


def table(columns: Sequence[str], rows: Sequence[Sequence[object]], separator: str = ",") -> bytes:
    lines = [separator.join(columns), *(separator.join(map(str, row)) for row in rows)]
    return ("\n".join(lines) + "\n").encode()
