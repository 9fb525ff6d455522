"""Look a data set over: what its manifests say, and what interrupted writers left."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from peerannot._file_set import COMPLETE, STAGED, changed_files, discard, hashes, settle
from peerannot._files import abandoned, read_json, sha256, storage_errors, write_json
from peerannot._lock import locked
from peerannot.dataset._stage import left_by_install, settle_install
from peerannot.errors import DataError

__all__ = ["Health", "Wrong", "examine"]

# Corrections of `explore` belong to a person, not to the set.
_BY_HAND = {"gold.json"}
_AGAIN = {
    "peerannot/dataset/1": "make the data set again, or take it as it is: peerannot doctor {root}"
    " --accept",
    "peerannot/result/1": "run 'peerannot aggregate {root} -s \"{typed}\"{hard}' again",
    "peerannot/learned/1": "run 'peerannot aggregate {root}' again with this strategy",
    "peerannot/findings/1": "run 'peerannot identify {root}' again with this method",
    "peerannot/export/1": "run 'peerannot export ... --force' again",
    "peerannot/training/1": "train again",
}


@dataclass(frozen=True)
class Wrong:
    """A file that is not as it should be, and what to do about it."""

    file: str
    problem: str
    advice: str


@dataclass
class Health:
    """What was found.

    Attributes
    ----------
    sets, files : int
        Manifests, and files that they name.
    mended : list of str
        What was finished or removed, a line each.
    wrong : list of Wrong
        What was not.
    notes : list of str
        What cannot be told from here.
    """

    sets: int = 0
    files: int = 0
    mended: list[str] = field(default_factory=list)
    wrong: list[Wrong] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def examine(folder: str | Path, *, accept: bool = False) -> Health:
    """Check every set of files in a folder against its manifest, and clear away leftovers.

    Parameters
    ----------
    folder
        A data set, or a folder that `export` or a fit of shards wrote.
    accept
        Take files that were changed as they are, and forget those that are absent.

    Raises
    ------
    DataError
        There is no such folder.
    StorageError
        Something cannot be finished, removed or written.

    Notes
    -----
    Every file that a manifest names is read once. The folder is locked meanwhile.
    """
    root = Path(folder)
    if not root.is_dir():
        raise DataError(f"{root}: no such folder")
    health = Health()
    with locked(root):
        _clear(root, health)
        for manifest in _manifests(root):
            _check(root, manifest, health, accept)
        for manifest in sorted(root.glob("identification/*/state/manifest.json")):
            _check_state(root, manifest, health)
        parts = any(root.glob("tasks/part-*.parquet"))
        if parts and not (root / "manifest.json").exists():
            health.wrong.append(
                Wrong(
                    "manifest.json",
                    "absent: the fit of shards was interrupted while it wrote",
                    "run it again with --force, or with --resume where it has a checkpoint",
                )
            )
    return health


def _clear(root: Path, health: Health) -> None:
    """Finish what is whole, remove what is not."""
    if (root / COMPLETE).is_dir():
        settle(root)
        health.mended.append("a set whose writer was interrupted was moved into place")
    health.mended += [f"{name}: moved into place or removed" for name in left_by_install(root)]
    settle_install(root, clear=True)
    if (root / STAGED).is_dir():
        discard(root)
        health.mended.append("a set that was never whole was removed")
    for place in _folders(root):
        for path in abandoned(place):
            with storage_errors(path, "remove"):
                path.unlink(missing_ok=True)
            health.mended.append(f"{path.relative_to(root)}: of a dead writer, removed")
        health.notes += [
            f"{path.relative_to(root)}: of a writer on another host; remove it if none runs there"
            for path in abandoned(place, elsewhere=True)
        ]


def _folders(root: Path) -> Iterator[Path]:
    for base, folders, _ in os.walk(root):
        folders.sort()
        yield Path(base)


def _manifests(root: Path) -> list[Path]:
    """Manifests with hashes, the hidden ones and those of labels."""
    hidden = [p for place in _folders(root) for p in place.glob(".*peerannot.json")]
    return [p for p in (*hidden, *sorted(root.glob("labels/*.json"))) if hashes(p)]


def _check(root: Path, manifest: Path, health: Health, accept: bool) -> None:
    document: dict[str, Any] = read_json(manifest)
    listed = hashes(manifest)
    health.sets += 1
    health.files += len(listed)
    changed = changed_files(root, manifest, [n for n in listed if n not in _BY_HAND])
    if not changed:
        return
    name = manifest.relative_to(root)
    if accept:
        new = dict(listed)
        for file in changed:
            new.pop(file)
            if (root / file).is_file():
                new[file] = sha256(root / file)
        write_json(manifest, {**document, "sha256": dict(sorted(new.items()))})
        health.mended += [f"{file}: taken as it is" for file in changed]
        return
    advice = _AGAIN.get(str(document.get("schema")), "write it again").format(
        root=root,
        typed=document.get("typed"),
        hard=" --hard" if document.get("hard") else "",
    )
    for file in changed:
        what = "not the file that" if (root / file).exists() else "absent, and"
        health.wrong.append(Wrong(file, f"{what} {name} names", advice))


def _check_state(root: Path, manifest: Path, health: Health) -> None:
    health.sets += 1
    with contextlib.suppress(DataError, KeyError, TypeError, OSError):
        document = read_json(manifest)
        archive = manifest.with_name(Path(str(document["arrays"])).name)
        health.files += 1
        if sha256(archive) == document["sha256"]:
            return
    strategy = manifest.parent.parent.name
    health.wrong.append(
        Wrong(
            str(manifest.relative_to(root)),
            "the saved state is damaged or incomplete",
            f"begin anew: peerannot aggregate {root} -s {strategy} --save-state",
        )
    )
