"""Checkpoints of a fit on partitions: what one run saves and another goes on from."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from peerannot.distributed._store import Store, npz
from peerannot.errors import DataError, ParameterError

__all__ = ["FOLDER", "Keeping", "SavedRun", "read_checkpoint"]

FOLDER = "checkpoint"
STATE = f"{FOLDER}/state.npz"


class Keeping(Protocol):
    """Partitions that can save what they keep, see `Parts.advance`."""

    def save_kept(self, store: Store, n_iter: int) -> str | None:
        """Write what the partitions keep where it changed; the name to restore it by."""

    def restore_kept(self, store: Store, name: str) -> None: ...


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
        What `read_checkpoint` found, to go on from.
    """

    def __init__(
        self,
        store: Store,
        run: Mapping[str, Any],
        every: int,
        parts: Keeping,
        saved: dict[str, Any] | None = None,
    ) -> None:
        self._store, self._run, self._every, self._parts = store, dict(run), every, parts
        self._saved = saved
        self.n_written = 0

    def load(self) -> dict[str, Any] | None:
        if self._saved is None:
            return None
        state = dict(self._saved)
        state.pop("run")
        kept = state.pop("kept")
        if kept is not None:
            self._parts.restore_kept(self._store, kept)
        return state

    def save(self, state: dict[str, Any]) -> None:
        if int(state["n_iter"]) % self._every:
            return
        # What partitions keep goes first: the state names it, and is what counts.
        kept = self._parts.save_kept(self._store, int(state["n_iter"]))
        self._store.write(STATE, _packed({**state, "run": self._run, "kept": kept}))
        for old in self._store.names(FOLDER):
            if old.startswith("kept-") and (kept is None or not old.startswith(f"{kept}-")):
                self._store.remove(f"{FOLDER}/{old}")
        self.n_written += 1


def read_checkpoint(store: Store, run: Mapping[str, Any]) -> dict[str, Any] | None:
    """The last checkpoint in a folder of results; None where there is none.

    Raises
    ------
    ParameterError
        It is of another fit: other answers, strategy or options.
    DataError
        It is damaged.
    """
    content = store.read(STATE)
    if content is None:
        return None
    state = _unpacked(content, store.at(STATE))
    known = json.loads(json.dumps(dict(run), default=str))
    differs = [key for key in known if state["run"].get(key) != known[key]]
    if differs:
        raise ParameterError(
            f"{store.at(FOLDER)} is of another fit, it differs in {', '.join(differs)};"
            " drop --resume to begin anew"
        )
    return state


def _packed(state: Mapping[str, Any]) -> bytes:
    arrays = {key: value for key, value in state.items() if isinstance(value, np.ndarray)}
    plain = {key: value for key, value in state.items() if key not in arrays}
    return npz({"_plain": np.array(json.dumps(plain, default=_number)), **arrays})


def _number(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else str(value)


def _unpacked(content: bytes, where: str) -> dict[str, Any]:
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as held:
            state = {key: held[key] for key in held.files}
        plain: dict[str, Any] = json.loads(str(state.pop("_plain")))
    except Exception:
        raise DataError(f"{where}: a damaged checkpoint; drop --resume to begin anew") from None
    return {**state, **plain}
