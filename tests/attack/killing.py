"""Kill a command before its n-th replace, fsync or unlink, for every n; then run it again.

Called as a program: ``python killing.py PLAN.json``. It imports the command once and forks for
every kill, so that a kill costs a fraction of a second. It prints what it found as JSON.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

KILLED = 86
STEPS = ("replace", "rename", "fsync", "unlink", "remove", "rmdir", "symlink", "link")


def tree(root: Path) -> dict[str, bytes | str]:
    """Content of every file by name, and where a link leads; without locks and temporaries."""
    return {
        str(p.relative_to(root)): str(p.readlink()) if p.is_symlink() else p.read_bytes()
        for p in sorted(root.rglob("*"))
        if (p.is_symlink() or p.is_file()) and p.suffix not in (".lock", ".tmp")
    }


def command(args: list[str], folder: Path, kill_at: int, told: Path) -> int:
    """Run a command in a child; the child dies before its ``kill_at``-th step."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    done = 0

    def counted(step: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:
            nonlocal done
            done += 1
            if done == kill_at:
                os._exit(KILLED)
            return step(*args, **options)

        return call

    for name in STEPS:
        setattr(os, name, counted(getattr(os, name)))
    code = 1
    try:
        os.chdir(folder)
        with told.open("w") as sink:
            os.dup2(sink.fileno(), 1)
            os.dup2(sink.fileno(), 2)
        from peerannot.cli import main

        sys.argv = ["peerannot", *args]
        main()
    except SystemExit as end:
        code = int(end.code or 0)
    except BaseException as error:
        print(repr(error), flush=True)
    sys.stdout.flush()
    facts = {"steps": done, "modules": sorted(sys.modules)}
    told.with_suffix(".json").write_text(json.dumps(facts))
    os._exit(code)


def sweep(plan: dict[str, Any], home: Path) -> dict[str, Any]:
    """What a plan's command leaves when it is killed, and when it is then run again."""
    before, folder, told = home / "before", home / "folder", home / "told.txt"

    def fresh() -> None:
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(before, folder, symlinks=True)

    # The first run fills the caches of compiled code, which are steps too.
    for _ in range(2):
        fresh()
        code = command(plan["args"], folder, 0, told)
    if code:
        return {"faults": [f"the command fails by itself: {told.read_text()}"], "steps": 0}
    facts = json.loads(told.with_suffix(".json").read_text())
    n_steps = facts["steps"]
    # Children begin with what this process has imported.
    for name in facts["modules"]:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    old, new, faults = tree(before), tree(folder), []
    every = max(1, -(-n_steps // plan.get("most", 10**9)))
    for n in range(1, n_steps + 1, every):
        fresh()
        code = command(plan["args"], folder, n, told)
        if code != KILLED:
            faults.append(f"step {n} was not reached (exit {code}): {told.read_text()}")
            continue
        left = tree(folder)
        for name, content in left.items():
            hidden = any(part.startswith(".") for part in Path(name).parts)
            if not hidden and content not in (old.get(name), new.get(name)):
                faults.append(f"step {n}: {name} is neither old nor new")
        code = command(plan.get("again", plan["args"]), folder, 0, told)
        if code:
            faults.append(f"step {n}: run again, it fails ({code}): {told.read_text()}")
        elif (found := tree(folder)) != new:
            names = sorted(k for k in found.keys() | new.keys() if found.get(k) != new.get(k))
            faults.append(f"step {n}: run again, it leaves other {names}")
    return {"steps": n_steps, "faults": faults}


if __name__ == "__main__":
    at = Path(sys.argv[1])
    print(json.dumps(sweep(json.loads(at.read_text()), at.parent)))
