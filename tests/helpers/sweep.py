"""What a kill before the n-th rename, sync and removal of a command leaves, for every n.

``python -m helpers.sweep COMMAND``, in ``tests``, prints the number of kills, or stops at the first
that left something else than the old files or the new ones. One process imports the library; each
run is a child of it. It must not compute anything itself: threads do not live on in a child.

A killed process leaves what the files are at that moment. So one run shows what all kills leave: it
stops before each call until its folder is copied. A command is run again once in each of the
different folders that were found. With ``PEERANNOT_TEST_THOROUGH=1`` it is really killed each time,
and run again each time.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from helpers.preload import preload
from helpers.thorough import THOROUGH
from peerannot._file_set import settle
from peerannot.cli import main
from peerannot.dataset._stage import settle_install
from peerannot.io import WRITERS

CHANCE = re.compile(r"\.[0-9a-f]{6}-\d+-[0-9a-f]{8}\.tmp$")
CALLS = ("replace", "rename", "unlink", "fsync", "rmdir")
# What may be left by a kill, and must be gone after the next good run.
LEFT = (".tmp", ".peerannot.lock", ".peerannot.staged", ".peerannot.complete", ".install.partial",
        ".install.complete", ".install.old", ".scratch")  # fmt: skip
Step = list[str] | Callable[[Path], None]


@dataclass(frozen=True)
class Case:
    """A command to kill.

    Attributes
    ----------
    before : list of steps
        What makes the folder as it is before the command.
    command : step
    folders : tuple of str
        Folders that the next command would open.
    same : bool
        Whether the command may be run again with the same result.
    named : callable
        Whether a folder that is neither old nor new says so.
    """

    before: list[Step]
    command: Step
    folders: tuple[str, ...] = ("D",)
    same: bool = True
    named: Callable[[Path], bool] = lambda _: False


def votes(seed: int, *, gold: bool, images: bool = False) -> Step:
    """A table of votes, with known labels and images or without."""

    def write(home: Path) -> None:
        rows = ["task,worker,label" + ",gold" * gold]
        for task in range(8):
            for worker in range(3):
                label = "xyz"[(task * seed + worker * (task % (seed + 1) == 0)) % 3]
                rows.append(f"t{task},w{worker},{label}" + f",{'xyz'[task % 3]}" * gold)
        (home / "votes.csv").write_text("\n".join(rows) + "\n")
        if images:
            from PIL import Image

            (home / "images").mkdir(exist_ok=True)
            for task in range(4 - seed):
                Image.new("L", (4, 4), 10 * task).save(home / "images" / f"t{task}.png")

    return write


def more_votes(home: Path) -> None:
    (home / "more.json").write_text('{"t90": {"w0": 1}, "t0": {"w7": 2}}')


def more_rows(home: Path) -> None:
    (home / "more.csv").write_text("task,worker,label\nt90,w0,x\nt0,w7,z\n")


def shards(seed: int) -> Step:
    def write(home: Path) -> None:
        import polars as pl

        (home / "P").mkdir(exist_ok=True)
        columns = {
            "task": [f"t{t}" for t in range(20) for _ in range(3)],
            "worker": [f"w{w}" for _ in range(20) for w in range(3)],
            "label": [str((t * seed + w // 2) % 3) for t in range(20) for w in range(3)],
        }
        pl.DataFrame(columns).write_parquet(home / "P" / "a.parquet")

    return write


def recipe(text: str) -> Step:
    def write(home: Path) -> None:
        (home / "D").mkdir(exist_ok=True)
        (home / "D" / "recipe.py").write_text(
            "import json\nfrom peerannot.dataset import Recipe\n"
            "class Small(Recipe):\n    name = 'small'\n"
            "    def setfolders(self):\n        with self.building() as stage:\n"
            f"            for name in {text!r}:\n"
            "                (stage.path / name).mkdir()\n"
            f"                (stage.path / name / 'a.txt').write_text({text!r})\n"
            "            (stage.path / 'metadata.json').write_text("
            f"json.dumps({{'name': {text!r}, 'n_classes': 2}}))\n"
        )

    return write


def correct(label: str) -> Step:
    def write(home: Path) -> None:
        from peerannot.answers import Ids
        from peerannot.report import save_correction

        save_correction(home / "D" / "gold.json", "t1", label, Ids(["t0", "t1"]), Ids("xyz"))

    return write


def interrupted(home: Path) -> None:
    """A set that is complete and not in place, and a temporary of a dead writer."""
    from peerannot import _file_set

    _file_set._finish = lambda _: None
    with _file_set.file_set(home / "D") as files:
        files.add("sub/a", "new")
        files.add("sub/b", "new")
        files.manifest(".peerannot.json", {}, ["sub/a", "sub/b"])


IMPORT = ["import", "votes.csv", "--to", "D", "--force"]
WITH_IMAGES = [*IMPORT, "--images", "images"]


def round_of(state: Path) -> int:
    from peerannot.campaign.known import Known

    return Known.load(state).round


WATCH = ["watch", "votes.csv", "--once", "--next", "next.csv", "--labels", "labels.csv"]
FIRST = [votes(1, gold=True, images=True), WITH_IMAGES]
SECOND = [*FIRST, ["aggregate", "D", "-s", "DS"], votes(2, gold=False), WITH_IMAGES]
FROM_DISK = ["aggregate", "votes.csv", "--engine", "disk", "-s", "DS", "-o", "o.csv"]
CASES = {
    "import": Case([*FIRST, votes(2, gold=False, images=True)], WITH_IMAGES),
    "append": Case(
        [*FIRST, more_rows], ["import", "more.csv", "--to", "D", "--append"], same=False
    ),
    "import-new": Case([votes(1, gold=True)], IMPORT),
    "aggregate": Case(SECOND, ["aggregate", "D", "-s", "DS"]),
    "update": Case(
        [*FIRST, ["aggregate", "D", "-s", "DS", "--save-state"], more_votes],
        ["aggregate", "D", "-s", "DS", "--update", "more.json"],
    ),
    "table": Case(
        [*FIRST, ["aggregate", "votes.csv", "-o", "o.csv"], votes(2, gold=False)],
        ["aggregate", "votes.csv", "-o", "o.csv", "--workers-output", "w.csv", "--force"],
        ("D",),
        named=lambda home: not (home / "w.csv").exists(),
    ),
    "identify": Case(
        [*FIRST, ["identify", "D", "-s", "entropy"], votes(2, gold=False), WITH_IMAGES],
        ["identify", "D", "-s", "entropy"],
    ),
    "imagefolder": Case(
        [*FIRST, ["export", "D", "--to", "imagefolder", "-o", "E"], votes(2, gold=False),
         WITH_IMAGES],
        ["export", "D", "--to", "imagefolder", "-o", "E", "--force"],
        ("D", "E"),
    ),
    "huggingface": Case(
        [*FIRST, ["export", "D", "--to", "huggingface", "-o", "E"], votes(2, gold=False), IMPORT],
        ["export", "D", "--to", "huggingface", "-o", "E", "--force"],
        ("D", "E"),
    ),
    "coco": Case(
        [*FIRST, ["export", "D", "--to", "coco", "-o", "c.json"], votes(2, gold=False), IMPORT],
        ["export", "D", "--to", "coco", "-o", "c.json", "--force"],
    ),
    "simulate": Case(
        [["simulate", "--folder", "D", "--n-task", "6", "-s", "discrete-difficulty"]],
        ["simulate", "--folder", "D", "--n-task", "5", "--n-worker", "3"],
    ),
    "install": Case([recipe("ab"), ["install", "D/recipe.py"], recipe("ac")],
                    ["install", "D/recipe.py"]),
    "explore": Case([*FIRST, correct("x")], correct("y")),
    "watch": Case(
        [votes(1, gold=False), WATCH, votes(2, gold=False)],
        WATCH,
        ("votes.csv.campaign",),
        # The answers are written, and known by their round, before what follows from them.
        named=lambda home: round_of(home / "votes.csv.campaign") in (1, 2),
    ),
    "doctor": Case([*FIRST, interrupted], ["doctor", "D"]),
    "out-of-core": Case(
        [shards(1), ["aggregate", "P", "--out-of-core", "-o", "O", "-s", "DS"], shards(2)],
        ["aggregate", "P", "--out-of-core", "-o", "O", "-s", "DS", "--force"],
        ("O",),
        named=lambda home: not (home / "O" / "manifest.json").exists(),
    ),
    "disk": Case(
        [votes(1, gold=False), [*FROM_DISK], votes(2, gold=False)], [*FROM_DISK, "--force"], ()
    ),
}  # fmt: skip
# Exports that are one file; what has a case of its own is not repeated.
for writer in WRITERS:
    if writer not in CASES:
        to = ["export", "D", "--to", writer, "-o", f"o{WRITERS[writer].suffixes[0]}"]
        CASES[f"export-{writer}"] = Case([*FIRST, to, votes(2, gold=False), IMPORT],
                                         [*to, "--force"])  # fmt: skip


def child(step: Step, home: Path, before: Callable[[], None] | None = None) -> tuple[int, str]:
    """Run a step in a child; its exit code, negative for a signal, and what it said.

    ``before`` is called before each of the calls at which a kill may come.
    """
    with tempfile.TemporaryFile() as said:
        pid = os.fork()
        if pid == 0:
            os.dup2(said.fileno(), 1)
            os.dup2(said.fileno(), 2)
            sys.stdout = io.TextIOWrapper(os.fdopen(1, "wb", 0), write_through=True)
            sys.stderr = io.TextIOWrapper(os.fdopen(2, "wb", 0), write_through=True)
            code = 70
            try:
                os.chdir(home)
                if before is not None:
                    call_before(before)
                if callable(step):
                    step(home)
                    code = 0
                else:
                    sys.argv = ["peerannot", *step]
                    main()
            except SystemExit as stop:
                code = int(stop.code or 0)
            except BaseException as error:
                print(repr(error), file=sys.stderr)
            finally:
                os._exit(code)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        said.seek(0)
        return code, said.read().decode(errors="replace")


def call_before(what: Callable[[], None]) -> None:
    one_at_a_time = threading.RLock()

    def watched(call: Callable[..., object]) -> Callable[..., object]:
        def run(*args: object, **options: object) -> object:
            with one_at_a_time:
                what()
            return call(*args, **options)

        return run

    for name in CALLS:
        setattr(os, name, watched(getattr(os, name)))


def die_at(n: int) -> Callable[[], None]:
    """Ends the process at the n-th call as ``kill -9`` does."""
    left = count(n, -1)
    return lambda: os.kill(os.getpid(), signal.SIGKILL) if next(left) == 0 else None


def copies_of(home: Path, folder: Path) -> Callable[[], None]:
    """Copies a folder at each call to a numbered one."""
    number = count()

    def copy() -> None:
        shutil.copytree(home, folder / f"{next(number):04d}", symlinks=True)

    return copy


def is_left(name: str) -> bool:
    """Whether a file or folder may be left by a kill."""
    return name.startswith(LEFT) or name.endswith((".tmp", ".scratch"))


def content(home: Path) -> dict[str, str]:
    """Digest of every file that counts; links by where they lead."""
    found = {}
    for base, folders, names in os.walk(home):
        folders[:] = sorted(f for f in folders if not is_left(f) and f != "__pycache__")
        for name in names:
            path = Path(base, name)
            if is_left(name):
                continue
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            found[path.relative_to(home).as_posix()] = digest[:12]
    return found


def everything(home: Path) -> frozenset[tuple[str, str, int]]:
    """All that is in a folder, but for the chance in names of temporary files."""
    found: Counter[tuple[str, str]] = Counter()
    for path in home.rglob("*"):
        at = path.relative_to(home)
        at = at.with_name(CHANCE.sub(".tmp", at.name))
        if path.is_symlink():
            what = str(path.readlink())
        else:
            what = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "folder"
        found[at.as_posix(), what] += 1
    return frozenset((*key, n) for key, n in found.items())


def killed(case: Case, base: Path, work: Path) -> Iterator[Path]:
    """Folders as kills leave them, at each call in turn."""
    if not THOROUGH:
        home, copies = work / "home", work / "copies"
        shutil.copytree(base, home, symlinks=True)
        copies.mkdir()
        code, said = child(case.command, home, copies_of(home, copies))
        assert code == 0, f"ended with {code}\n{said}"
        yield from sorted(copies.iterdir())
        return
    for n in count():
        home = work / f"killed-{n}"
        shutil.copytree(base, home, symlinks=True)
        code, said = child(case.command, home, die_at(n))
        if code == 0:
            return
        assert code == -signal.SIGKILL, f"kill {n}: ended with {code}\n{said}"
        yield home


def leftovers(home: Path) -> list[str]:
    return [str(p.relative_to(home)) for p in home.rglob(".*") if is_left(p.name)]


def sweep(name: str, work: Path) -> dict[str, int]:
    """Kill a command everywhere; how often the old, the new and a named state was found."""
    case = CASES[name]
    base = work / "base"
    base.mkdir()
    for step in case.before:
        code, said = child(step, base)
        assert code == 0, f"{name}: {step} ended with {code}\n{said}"
    whole = work / "whole"
    shutil.copytree(base, whole, symlinks=True)
    code, said = child(case.command, whole)
    assert code == 0, f"{name}: ended with {code}\n{said}"
    old, new = content(base), content(whole)
    assert old != new, f"{name}: changes nothing"
    assert not leftovers(whole), f"{name}: left {leftovers(whole)}"
    found = {"kills": 0, "old": 0, "new": 0, "named": 0}
    tried = set()
    for n, home in enumerate(killed(case, base, work)):
        raw = everything(home)
        for folder in case.folders:
            settle(home / folder)
            settle_install(home / folder)
        there = content(home)
        state = "old" if there == old else "new" if there == new else "named"
        assert state != "named" or case.named(home), (
            f"{name}, kill {n}: neither old nor new:"
            f" {sorted(set(there.items()) ^ set(new.items()))}"
        )
        found["kills"] += 1
        found[state] += 1
        if raw in tried and not THOROUGH:
            continue
        tried.add(raw)
        code, said = child(case.command, home)
        assert code == 0, f"{name}, kill {n}, again: ended with {code}\n{said}"
        if case.same or state == "old":
            assert content(home) == new, f"{name}, kill {n}: another result when run again"
        assert not leftovers(home), f"{name}, kill {n}: left {leftovers(home)}"
        shutil.rmtree(home)
    return found


def run(name: str) -> None:
    # Recipes that are written twice in a second look alike to the cache of Python.
    sys.dont_write_bytecode = True
    preload()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        found = sweep(name, Path(folder))
    print(json.dumps({"command": name, **found, "seconds": round(time.monotonic() - began, 1)}))


if __name__ == "__main__":
    run(sys.argv[1])
