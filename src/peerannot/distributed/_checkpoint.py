"""Checkpoints of a fit on partitions: what one run saves and another goes on from."""

from __future__ import annotations

import io
import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from peerannot.distributed._store import Store, npz
from peerannot.errors import DataError, DataWarning, ParameterError

__all__ = ["FOLDER", "Keeping", "SavedRun", "SavedState", "read_checkpoint"]

FOLDER = "checkpoint"
# Two files in turn: the older one is replaced, so that there is a whole one at any time.
STATES = (f"{FOLDER}/state.npz", f"{FOLDER}/state.other.npz")


class Keeping(Protocol):
    """Partitions that can save what they keep, see `Parts.advance`."""

    def save_kept(self, store: Store, n_iter: int) -> str | None:
        """Write what the partitions keep where it changed; the name to restore it by."""

    def restore_kept(self, store: Store, name: str) -> None: ...


@dataclass(frozen=True)
class SavedState:
    """A checkpoint that is whole.

    Attributes
    ----------
    file : str
        Its name in the folder of results.
    run : mapping
        What makes two runs the same fit.
    kept : str or None
        Name of what the partitions keep.
    number : int
        Checkpoints that the fit had saved before, in all runs.
    state : mapping
        What the fit saved.
    """

    file: str
    run: Mapping[str, Any]
    kept: str | None
    number: int
    state: Mapping[str, Any]

    @property
    def n_iter(self) -> int:
        return int(self.state["n_iter"])


class SavedRun:
    """Saves every ``every``-th iteration in a folder of results, whole or not at all.

    Parameters
    ----------
    store
        Folder of results.
    run
        What makes two runs the same fit; saved with the state.
    every
        Iterations from one checkpoint to the next.
    parts
        Partitions, which save what they keep.
    saved
        What `read_checkpoint` found, to go on from: the first of which all is there.
    """

    def __init__(
        self,
        store: Store,
        run: Mapping[str, Any],
        every: int,
        parts: Keeping,
        saved: Sequence[SavedState] = (),
    ) -> None:
        self._store, self._run, self._every, self._parts = store, dict(run), every, parts
        self._saved = saved
        # File and kept parts of the newest state that can be gone on from.
        self._newest: tuple[str, str | None] | None = None
        self._next = 0
        self.resumed_at = 0
        self.n_written = 0

    def load(self) -> dict[str, Any] | None:
        for i, saved in enumerate(self._saved):
            try:
                if saved.kept is not None:
                    self._parts.restore_kept(self._store, saved.kept)
            except DataError as error:
                if saved is self._saved[-1]:
                    raise
                _say_older(error, self._saved[i + 1])
                continue
            self._newest, self.resumed_at = (saved.file, saved.kept), saved.n_iter
            self._next = saved.number + 1
            return dict(saved.state)
        return None

    def save(self, state: dict[str, Any]) -> None:
        n_iter = int(state["n_iter"])
        if n_iter % self._every:
            return
        # What partitions keep goes first: the state names it, and is what counts.
        kept = self._parts.save_kept(self._store, n_iter)
        before = self._newest
        file = STATES[before is not None and before[0] == STATES[0]]
        self._store.write(
            file, _packed({**state, "run": self._run, "kept": kept, "number": self._next})
        )
        self._newest, self._next = (file, kept), self._next + 1
        named = {kept} if before is None else {kept, before[1]}
        for old in self._store.names(FOLDER):
            if old.startswith("kept-") and old.rpartition("-")[0] not in named:
                self._store.remove(f"{FOLDER}/{old}")
        self.n_written += 1


def read_checkpoint(store: Store, run: Mapping[str, Any]) -> list[SavedState]:
    """The checkpoints in a folder of results that are whole, the newest first; none may be there.

    One that is damaged is passed over with a `DataWarning`.

    Raises
    ------
    ParameterError
        They are of another fit: other answers, strategy or options.
    DataError
        There are some, and all are damaged.
    """
    found, damaged = [], []
    for file in STATES:
        content = store.read(file)
        if content is None:
            continue
        try:
            found.append(_unpacked(content, file, store.at(file)))
        except DataError as error:
            damaged.append(error)
    if damaged and not found:
        raise damaged[0]
    # Iterations are counted anew with each restart of a fit.
    found.sort(key=lambda saved: saved.number, reverse=True)
    known = json.loads(json.dumps(dict(run), default=str))
    differs = [key for key in known if found and found[0].run.get(key) != known[key]]
    if differs:
        raise ParameterError(
            f"{store.at(FOLDER)} is of another fit, it differs in {', '.join(differs)};"
            " drop --resume to begin anew"
        )
    for fault in damaged:
        _say_older(fault, found[0])
    return found


def _say_older(error: DataError, saved: SavedState) -> None:
    why = str(error).rpartition(";")[0]
    warnings.warn(
        f"{why}; going on from the one of iteration {saved.n_iter}", DataWarning, stacklevel=3
    )


def _packed(state: Mapping[str, Any]) -> bytes:
    arrays = {key: value for key, value in state.items() if isinstance(value, np.ndarray)}
    plain = {key: value for key, value in state.items() if key not in arrays}
    return npz({"_plain": np.array(json.dumps(plain, default=_number)), **arrays})


def _number(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else str(value)


def _unpacked(content: bytes, file: str, where: str) -> SavedState:
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as held:
            state = {key: held[key] for key in held.files}
        plain: dict[str, Any] = json.loads(str(state.pop("_plain")))
    except Exception:
        raise DataError(f"{where}: a damaged checkpoint; drop --resume to begin anew") from None
    run, kept, number = plain.pop("run"), plain.pop("kept"), plain.pop("number", 0)
    return SavedState(file, run, kept, number, {**state, **plain})
