"""Gold labels: known classes that a person saved."""

from __future__ import annotations

from pathlib import Path

from peerannot._files import read_json, sync_folder, write_json
from peerannot._lock import locked
from peerannot.answers import Ids, gold_names

__all__ = ["GOLD", "read_gold", "save_correction"]

GOLD = "gold.json"


def read_gold(path: Path, classes: Ids) -> dict[str, str]:
    """Gold labels saved by a person, task to class name; empty where there is no file.

    Raises
    ------
    DataError
        The file is not a JSON object of names or positions of classes.
    """
    return gold_names(read_json(path), classes, str(path)) if path.exists() else {}


def save_correction(path: Path, task: str, label: str | None, tasks: Ids, classes: Ids) -> int:
    """Save the right class of a task in the file of gold labels, or with None forget it.

    The file is read again under the lock of the folder, so that what others wrote to it stays;
    it is on the disk when this returns.

    Parameters
    ----------
    path
        The file; made on the first correction.
    task, label
        The task's id, and the name of its class.
    tasks
        The order in which tasks are written; others follow them, sorted.
    classes
        The classes that labels are of.

    Returns
    -------
    int
        Number of gold labels.

    Raises
    ------
    DataError
        The file is damaged.
    StorageError
        The file cannot be written, or another process kept the lock for too long.
    """
    with locked(path.parent):
        gold = read_gold(path, classes)
        if label is None:
            gold.pop(task, None)
        else:
            gold[task] = label
        order = tasks.index_of
        known = sorted(gold, key=lambda t: (order.get(t, len(order)), t))
        write_json(path, {t: gold[t] for t in known})
        sync_folder(path.parent)
        return len(gold)
