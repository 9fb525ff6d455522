"""What one run saves is what the next goes on from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from peerannot.distributed._checkpoint import SavedRun, read_checkpoint
from peerannot.distributed._store import Store


class Nothing:
    """Partitions that keep nothing."""

    def save_kept(self, store: Store, n_iter: int) -> None:
        return None

    def restore_kept(self, store: Store, name: str) -> None:
        raise AssertionError


def state(restart: int, n_iter: int) -> dict[str, Any]:
    return {"n_iter": n_iter, "objective": [0.0] * n_iter, "restart": restart}


def test_the_newest_is_gone_on_from_where_iterations_are_counted_anew(tmp_path: Path) -> None:
    store, run = Store(tmp_path), {"strategy": "mace"}
    saved = SavedRun(store, run, 1, Nothing())
    for restart, n_iter in ((0, 1), (0, 2), (0, 3), (1, 1)):
        saved.save(state(restart, n_iter))
    again = SavedRun(store, run, 1, Nothing(), read_checkpoint(store, run))
    found = again.load()
    assert found is not None and (found["restart"], found["n_iter"]) == (1, 1)
    # The next run writes over the older of the two, and is the newest.
    again.save(state(1, 2))
    newest, older = read_checkpoint(store, run)
    assert (newest.state["restart"], newest.n_iter) == (1, 2)
    assert (older.state["restart"], older.n_iter) == (1, 1)
