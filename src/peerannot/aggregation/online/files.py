"""Files of an online state: a manifest in JSON, and one archive of arrays without pickles."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from peerannot._files import (
    NPY_ERRORS,
    atomic_write,
    read_json,
    sha256,
    storage_errors,
    write_json,
)
from peerannot._version import __version__
from peerannot.answers import Ids
from peerannot.errors import DataError

__all__ = ["SCHEMA", "read_state", "tidy_state", "write_state"]

SCHEMA = "peerannot/state/1"


def write_state(
    folder: Path,
    facts: Mapping[str, Any],
    arrays: Mapping[str, NDArray[Any]],
    vocabularies: Mapping[str, Ids],
    schema: str = SCHEMA,
) -> Path:
    """Write the archive under a name of its own, point the manifest to it, drop older ones."""
    packed = dict(arrays) | {f"ids.{name}": _pack(ids) for name, ids in vocabularies.items()}
    draft = folder / ".arrays.npz"
    with atomic_write(draft) as handle:
        np.savez(handle, allow_pickle=False, **packed)
    digest = sha256(draft)
    archive = folder / f"arrays-{digest[:16]}.npz"
    with storage_errors(archive):
        draft.replace(archive)
    write_json(
        folder / "manifest.json",
        {
            "schema": schema,
            "version": __version__,
            **facts,
            "n_tasks": len(vocabularies["tasks"]),
            "n_workers": len(vocabularies["workers"]),
            "classes": list(vocabularies["classes"]),
            "arrays": archive.name,
            "sha256": digest,
        },
    )
    tidy_state(folder, archive.name)
    return folder


def tidy_state(folder: Path, archive: str) -> None:
    """Remove archives but one, as a writer who was killed may have left them."""
    for old in (*folder.glob("arrays-*.npz"), folder / ".arrays.npz"):
        if old.name != archive:
            with storage_errors(old, "remove"):
                old.unlink(missing_ok=True)


def read_state(
    folder: Path,
    schema: str = SCHEMA,
) -> tuple[dict[str, Any], dict[str, NDArray[Any]], dict[str, Ids]]:
    """Facts, arrays and vocabularies that `write_state` wrote.

    Raises
    ------
    DataError
        Something is missing, damaged, or of another version.
    """
    facts = read_json(folder / "manifest.json")
    if not isinstance(facts, dict) or facts.get("schema") != schema:
        raise DataError(f"{folder}/manifest.json: not a saved state of this version")
    archive = folder / Path(str(facts["arrays"])).name
    try:
        whole = sha256(archive) == facts["sha256"]
        if not whole:
            raise DataError(f"{archive}: not the file that the manifest names; begin a new state")
        with np.load(archive, allow_pickle=False) as found:
            arrays = dict(found)
    except (OSError, zipfile.BadZipFile, *NPY_ERRORS) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{archive}: cannot be read ({error}); begin a new state") from None
    ids = {
        name.removeprefix("ids."): _unpack(arrays.pop(name))
        for name in [key for key in arrays if key.startswith("ids.")]
    }
    return facts, arrays, ids


def _pack(ids: Ids) -> NDArray[np.uint8]:
    """A vocabulary as bytes of JSON: a number for ids 0..n-1, else the list."""
    content: Any = list(ids)
    if content == list(map(str, range(len(ids)))):
        content = len(ids)
    return np.frombuffer(orjson.dumps(content), dtype=np.uint8)


def _unpack(packed: NDArray[np.uint8]) -> Ids:
    return Ids(orjson.loads(packed.tobytes()))
