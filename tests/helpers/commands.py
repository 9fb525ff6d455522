"""``python -m peerannot`` many times over, without the second that each start takes to import.

`Commands` starts this module as a process that imports the library and computes nothing (threads do
not live on in a child). Each command is a child of it, forked: a process of its own as any other,
with its folder, environment and streams. What they share is what a start decides: the locale and
the seed of hashes.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import json
import os
import select
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from runpy import run_module
from typing import IO, Any

from helpers.preload import preload, preload_learning
from helpers.waiting import PATIENCE

__all__ = ["Commands"]

# Commands, and other modules, that import PyTorch.
DEEP = {"aggregate-deep", "export-model", "identify", "predict", "train"}
DEEP |= {"several", "torch.distributed.run"}


class Commands:
    """The process that commands are forked from; it starts with the first of them."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[bytes] | None = None

    def __call__(
        self, args: Sequence[str], cwd: Path, env: Mapping[str, str], module: str = "peerannot"
    ) -> subprocess.CompletedProcess[str]:
        """Run ``python -m MODULE ARGS``."""
        if self.process is None or self.process.poll() is not None:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "helpers.commands"],
                cwd=Path(__file__).parents[1],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
        asked, told = self.process.stdin, self.process.stdout
        assert asked is not None and told is not None
        with tempfile.NamedTemporaryFile() as out, tempfile.NamedTemporaryFile() as err:
            streams = [out.name, err.name]
            request = {
                "module": module, "args": args, "cwd": str(cwd), "env": dict(env),
                "streams": streams,
            }  # fmt: skip
            asked.write(json.dumps(request).encode() + b"\n")
            asked.flush()
            if not select.select([told], [], [], PATIENCE)[0]:
                self.close()
                raise TimeoutError(f"{args} did not end in {PATIENCE:.0f} s")
            code = int(told.readline())
            return subprocess.CompletedProcess(args, code, _text(out), _text(err))

    def close(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.communicate()


def _text(file: IO[bytes]) -> str:
    return file.read().decode().replace("\r\n", "\n").replace("\r", "\n")


def _become(request: dict[str, Any]) -> None:
    """Turn this child into the command."""
    for number, path in enumerate((os.devnull, *request["streams"])):
        opened = os.open(path, os.O_RDWR)
        os.dup2(opened, number)
        os.close(opened)
    os.chdir(request["cwd"])
    sys.path[0] = request["cwd"]
    os.environ.clear()
    os.environ.update(request["env"])
    sys.argv = [request["module"], *request["args"]]
    run_module(request["module"], run_name="__main__", alter_sys=True)


def _end(request: dict[str, Any]) -> None:
    """Be the command and end as Python does, but for taking all that was imported apart.

    That touches every page that the child shares with its parent: a second where PyTorch is.
    """
    code = 1
    try:
        _become(request)
        code = 0
    except SystemExit as done:
        code = _code_of(done)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        # As Python itself does at its end: threads that it waits for, then what was registered.
        threading._shutdown()
        atexit._run_exitfuncs()
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        os._exit(code)


def _code_of(done: SystemExit) -> int:
    if done.code is None or isinstance(done.code, int):
        return (done.code or 0) & 0xFF
    print(done.code, file=sys.stderr)
    return 1


def _serve() -> None:
    preload()
    requests = sys.stdin.buffer
    while line := requests.readline():
        request = json.loads(line)
        if DEEP.intersection([request["module"], *request["args"][:1]]):
            preload_learning()
        # What is there now is never looked at again by the collector of a child.
        gc.collect()
        gc.freeze()
        child = os.fork()
        if child == 0:
            _end(request)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        os.write(1, b"%d\n" % code)


if __name__ == "__main__":
    _serve()
