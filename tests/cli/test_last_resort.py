"""Whatever happens, a command ends in one line and a documented code, never in a traceback."""

from __future__ import annotations

import json
import os
import resource
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from helpers.waiting import PATIENCE
from peerannot.errors import ExitCode

VOTES = {"0": {"0": 0, "1": 1}, "1": {"0": 2, "2": 2}}
FULL = Path("/dev/full")
needs_full = pytest.mark.skipif(not FULL.exists(), reason="needs /dev/full")


def dataset(folder: Path, **facts: Any) -> Path:
    folder.mkdir()
    (folder / "answers.json").write_text(json.dumps(VOTES))
    (folder / "metadata.json").write_text(json.dumps({"n_classes": 3, **facts}))
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return dataset(tmp_path / "set", name="set")


def shell(script: str, *arguments: object, **env: str) -> subprocess.CompletedProcess[bytes]:
    """Run a line of bash in which ``peerannot`` is the command and ``$1`` the first argument."""
    line = f'peerannot() {{ "{sys.executable}" -m peerannot "$@"; }}; {script}'
    done = subprocess.run(
        ["bash", "-c", line, "bash", *map(str, arguments)],
        capture_output=True,
        env={**os.environ, **env},
        timeout=PATIENCE,
    )
    assert b"Traceback" not in done.stderr, done.stderr
    return done


def test_a_closed_stderr_stops_no_work(folder):
    assert shell('peerannot aggregate "$1" 2>&-', folder).returncode == 0
    assert np.load(folder / "labels" / "labels_set_majority_voting.npy").shape == (2, 3)
    assert shell('peerannot aggregate "$1/no" 2>&-', folder).returncode == ExitCode.USAGE
    assert shell('peerannot aggregate "$1" -s no 2>&-', folder).returncode == ExitCode.USAGE


@needs_full
def test_a_full_stderr_stops_no_work(folder):
    done = shell('peerannot aggregate "$1" 2>/dev/full', folder)
    assert done.returncode == 0
    assert done.stdout.endswith(b"majority_voting.npy\n")


def test_a_closed_stdin(folder):
    done = shell("peerannot aggregate - <&-")
    assert (done.returncode, done.stderr) == (3, b"Error: standard input: the file is empty\n")
    assert shell('peerannot aggregate "$1" <&-', folder).returncode == 0


@needs_full
@pytest.mark.parametrize("command", ["aggregate $1", "agginfo", "datasets list", "--help"])
def test_a_full_stdout(folder, command):
    done = shell(f"peerannot {command} >/dev/full", folder)
    assert done.returncode == 1
    assert done.stderr.count(b"\n") == 1
    assert b"no space left" in done.stderr


@needs_full
def test_a_full_stdout_inside_the_handler_of_errors(folder):
    done = shell('peerannot aggregate "$1" -s nosuch --json >/dev/full', folder)
    assert done.returncode == ExitCode.USAGE
    assert done.stderr.count(b"\n") == 1
    assert b"nosuch" in done.stderr


@pytest.mark.parametrize("command", ["aggregate $1", "--help"])
def test_a_closed_stdout_is_a_failure(folder, command):
    """What was asked for cannot be handed over; a file must not get the number of the stream."""
    done = shell(f"peerannot {command} >&-", folder)
    assert done.returncode == 1
    assert done.stderr.count(b"\n") == 1


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"name": "a\0b"}, "name must be without control characters, not 'a\\x00b'"),
        ({"name": "a\x1b[31mb"}, "without control characters"),
        ({"name": "n" * 300}, "of at most 120 bytes"),
        ({"name": "set", "n_classes": 1_000_000_000}, "n_classes = 1000000000"),
        ({"name": "set", "n_classes": 10**15}, "32-bit labels"),
    ],
)
def test_metadata_that_nothing_can_work_with(tmp_path, run, facts, said):
    if facts.get("n_classes") == 1_000_000_000:
        from peerannot import _memory

        if (_memory.available() or 0) >= facts["n_classes"] * _memory.CLASS_BYTES:
            pytest.skip("here is room for a billion classes")
    root = dataset(tmp_path / "set", **facts)
    done = run("aggregate", root, code=ExitCode.DATA)
    assert done.stderr.startswith("Error: ") and done.stderr.count("\n") == 1
    assert said in done.stderr
    assert sorted(p.name for p in root.iterdir()) == ["answers.json", "metadata.json"]


def test_so_many_classes_as_an_option(tmp_path, run):
    table = tmp_path / "t.csv"
    table.write_text("task,worker,label\na,w,0\nb,w,1\n")
    for number in (10**15, int("9" * 4000)):
        done = run("aggregate", table, "--classes", number, code=ExitCode.USAGE)
        assert "32-bit labels" in done.stderr


def test_so_many_classes_are_refused_before_memory_is_taken(tmp_path):
    from peerannot.dataset import Dataset
    from peerannot.errors import DataError

    root = dataset(tmp_path / "set", n_classes=2**31 - 1)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(DataError, match="GiB"):
        Dataset.open(root)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000


def overflowing(shape: str) -> bytes:
    header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}".encode()
    header = header.ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + b"\0" * 16


@pytest.mark.parametrize("shape", [f"({10**26}, 3)", f"({10**15},)", "(-4,)", "('a',)"])
def test_an_npy_header_that_lies(tmp_path, shape):
    from peerannot._files import load_npy
    from peerannot.errors import DataError
    from peerannot.io import Source

    path = tmp_path / "x.npy"
    path.write_bytes(overflowing(shape))
    with pytest.raises(DataError, match=r"x\.npy: not a usable \.npy file"):
        load_npy(path)
    with pytest.raises(DataError, match=r"x\.npy: not a usable \.npy file"):
        Source.open(path).array()


def test_an_npy_header_that_lies_in_commands(folder, tmp_path, run):
    path = tmp_path / "x.npy"
    path.write_bytes(overflowing(f"({10**26}, 3)"))
    for args in (
        ("evaluate", folder, "--truth", path),
        ("aggregate", path),
        ("aggregate", folder, "--gold", path),
        ("identify", folder, "-s", "label-errors", "--labels", path),
    ):
        done = run(*args, code=None)
        assert done.returncode in (ExitCode.DATA, ExitCode.USAGE), done.stderr
        assert done.returncode == ExitCode.DATA or "No such option" in done.stderr


@pytest.mark.parametrize("threads", ["0", "-1", "two", "1000000", "1.5"])
def test_threads_that_cannot_be(folder, threads, run):
    done = run("aggregate", folder, "-s", "DS", code=ExitCode.USAGE, PEERANNOT_NUM_THREADS=threads)
    assert done.stderr.startswith("Error: PEERANNOT_NUM_THREADS=")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("seed", [2**63, 10**30, -1])
def test_seeds_that_cannot_be(tmp_path, run, seed):
    done = run("simulate", "--seed", seed, "--folder", tmp_path / "s", code=ExitCode.USAGE)
    assert "seed must be at" in done.stderr
    done = run("aggregate", tmp_path, "-s", f"KOS[seed={seed}]", code=ExitCode.USAGE, cwd=tmp_path)
    assert done.stderr.count("Error: ") == 1


def test_a_whole_number_keeps_every_digit():
    from dataclasses import dataclass

    from peerannot._options import from_text, option

    @dataclass(frozen=True)
    class Example:
        seed: int = option(0, help="seed")

    assert from_text(Example, {"seed": "9007199254740993"}).seed == 9007199254740993
    assert from_text(Example, {"seed": "1e3"}).seed == 1000


@pytest.mark.parametrize("locale", [{}, {"LC_ALL": "C", "PYTHONUTF8": "0"}])
@pytest.mark.parametrize("name", [b"f\xff\xe9", "été".encode()])
def test_names_that_are_not_utf_8_and_the_c_locale(tmp_path, name, locale):
    root = Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name))
    try:
        dataset(root, class_names=["été", "nuit", "jour"])
    except OSError:
        pytest.skip("this file system takes only UTF-8")
    done = shell('peerannot aggregate "$1"', root, **locale)
    assert done.returncode == 0, done.stderr
    path = done.stdout.rstrip(b"\n")
    assert path.startswith(os.fsencode(root)), "the path leaves as the bytes that it came in"
    assert Path(os.fsdecode(path)).exists()
    document = json.loads(shell('peerannot aggregate "$1" --json', root, **locale).stdout)
    assert Path(document["labels"].encode("utf-8", "surrogateescape").decode("utf-8", "replace"))
    table = shell('peerannot aggregate "$1/answers.json" --classes été,nuit,jour', root, **locale)
    assert table.returncode in (0, 1, 3)


@pytest.mark.parametrize(
    "line", ["raise BaseException('odd')", "raise SystemExit(0)", "raise GeneratorExit"]
)
def test_recipes_may_raise_anything(tmp_path, run, line):
    recipe = tmp_path / "recipe.py"
    recipe.write_text(f"class R:\n    def setfolders(self):\n        {line}\n")
    done = run("install", recipe, code=ExitCode.FAILURE, XDG_STATE_HOME=str(tmp_path / "state"))
    assert [x for x in done.stderr.splitlines() if x.startswith("Error: ")], done.stderr


@pytest.mark.parametrize("address", ["tcp://[bad", "nonsense", "tcp://:", "tcp://host:port"])
def test_an_address_that_cannot_be(tmp_path, run, address):
    pytest.importorskip("distributed")
    shard = tmp_path / "s.parquet"
    pl.DataFrame({"task": ["a"], "worker": ["w"], "label": ["x"]}).write_parquet(shard)
    to = tmp_path / "out"
    args = ("aggregate", shard, "--engine", "dask", "--scheduler", address, "-o", to)
    done = run(*args, code=ExitCode.USAGE)
    assert done.stderr.count("\n") == 1
    assert "tcp://HOST:PORT" in done.stderr


@pytest.mark.parametrize("megabytes", [300, 1000])
def test_too_little_memory_to_start(folder, megabytes):
    done = shell(f'ulimit -v {megabytes * 1024}; peerannot aggregate "$1" -s DS', folder)
    assert done.returncode == 1
    assert done.stderr.startswith(b"Error: not enough memory")
    assert done.stderr.count(b"\n") == 1


@pytest.mark.parametrize("args", [("aggregate", "NAME"), ("aggregate", "TABLE", "-o", "NAME.csv"),
                                  ("import", "TABLE", "--to", "NAME")])  # fmt: skip
def test_names_of_300_characters(tmp_path, run, args):
    table = tmp_path / "t.csv"
    table.write_text("task,worker,label\na,w,x\nb,w,y\n")
    filled = [a.replace("NAME", "n" * 300).replace("TABLE", str(table)) for a in args]
    done = run(*filled, cwd=tmp_path, code=ExitCode.DATA)
    assert "longer than the file system allows" in done.stderr


@pytest.mark.parametrize("small_disk", ["16k"], indirect=True)
@pytest.mark.parametrize("ending", ["csv", "tsv", "parquet"])
def test_tables_on_a_full_disk(small_disk, tmp_path, run, ending):
    rng = np.random.default_rng(0)
    table = tmp_path / "t.parquet"
    tasks = [f"task{rng.integers(10**9)}" for _ in range(8000)]
    pl.DataFrame({"task": tasks, "worker": ["w"] * 8000, "label": rng.integers(0, 3, 8000)}
                 ).write_parquet(table)  # fmt: skip
    done = run("aggregate", table, "-o", small_disk / f"x.{ending}", code=1)
    (error,) = [line for line in done.stderr.splitlines() if line.startswith("Error: ")]
    assert "no space left on the disk" in error
    assert done.stderr.rstrip().endswith(error)
    assert list(small_disk.iterdir()) == []


BREAK = """
import sys, peerannot.cli._main as m
from peerannot.cli import doctor as d
def broken(): raise {error}
d._packages = broken
sys.argv = ['peerannot', 'doctor', *{args}]
m.main()
"""


def broken(
    tmp_path: Path, error: str, *args: str, **env: str
) -> tuple[subprocess.CompletedProcess[str], list[Path]]:
    done = subprocess.run(
        [sys.executable, "-c", BREAK.format(error=error, args=list(args))],
        capture_output=True,
        text=True,
        env={**os.environ, "XDG_STATE_HOME": str(tmp_path / "state"), **env},
    )
    return done, sorted(tmp_path.rglob("peerannot-error-*.log"))


@pytest.mark.skipif(sys.platform != "linux", reason="the folder of logs is named by XDG")
@pytest.mark.parametrize(
    "kind", ["KeyError('no\\x1b such')", "RecursionError()", "BaseException()"]
)
def test_what_nobody_foresaw(tmp_path, kind):
    done, logs = broken(tmp_path, kind)
    assert done.returncode == ExitCode.FAILURE
    assert done.stderr.startswith("Error: unexpected ") and done.stderr.count("\n") == 1
    assert "report it" in done.stderr and "\x1b" not in done.stderr
    assert [str(log) in done.stderr for log in logs] == [True]
    assert stat.S_IMODE(logs[0].stat().st_mode) == 0o600
    assert stat.S_IMODE(logs[0].parent.stat().st_mode) == 0o700
    text = logs[0].read_text()
    assert "Traceback" in text and "in broken" in text and "['doctor']" in text


@pytest.mark.skipif(sys.platform != "linux", reason="the folder of logs is named by XDG")
def test_the_trace_goes_to_the_temporary_folder_where_no_other_takes_it(tmp_path):
    (tmp_path / "state").write_text("a file")
    done, logs = broken(tmp_path, "KeyError('x')", TMPDIR=str(tmp_path))
    assert done.returncode == ExitCode.FAILURE
    assert logs and logs[0].parent == tmp_path


def test_the_trace_is_shown_on_request_and_the_document_stays_one(tmp_path):
    done, _ = broken(tmp_path, "KeyError('x')", "--json", PEERANNOT_DEBUG="1")
    assert "Traceback" in done.stderr
    assert json.loads(done.stdout)["error"]["kind"] == "KeyError"
    done, _ = broken(tmp_path, "KeyError('x')", "--json")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("error", ["MemoryError('8 GiB')", "OSError(12, 'x')"])
def test_no_memory_is_not_a_fault(tmp_path, error):
    done, logs = broken(tmp_path, error)
    assert done.returncode == ExitCode.FAILURE
    assert done.stderr.startswith("Error: not enough memory")
    assert logs == []


def test_only_the_newest_traces_are_kept(tmp_path, monkeypatch):
    from peerannot.cli import _last_resort

    monkeypatch.setattr(_last_resort, "_folders", lambda: [tmp_path])
    keep: Callable[[BaseException], str] = _last_resort.report
    for number in range(30):
        (tmp_path / f"peerannot-error-20000101-0000{number:02d}-x.log").touch()
    keep(ValueError("newest"))
    left = sorted(tmp_path.iterdir())
    assert len(left) == 20
    assert "newest" in left[-1].read_text()
