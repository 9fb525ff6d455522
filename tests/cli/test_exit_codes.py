"""Every exit code of docs/exit-codes.md, from a real process, with one line on stderr."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from helpers.waiting import PATIENCE
from peerannot.errors import ExitCode

DOCS = Path(__file__).resolve().parents[2] / "docs" / "exit-codes.md"


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    folder = tmp_path / "set"
    folder.mkdir()
    rng = np_rng()
    votes = {str(t): {str(w): int(rng.integers(3)) for w in range(6)} for t in range(30)}
    (folder / "answers.json").write_text(json.dumps(votes))
    (folder / "metadata.json").write_text(json.dumps({"name": "set", "n_classes": 3}))
    return folder


def np_rng():
    import numpy as np

    return np.random.default_rng(0)


def peerannot(*args: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "peerannot", *args],
        capture_output=True,
        text=True,
        env={**os.environ, **env},
    )


def one_line(done: subprocess.CompletedProcess[str]) -> str:
    assert "Traceback" not in done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("Error: ")]
    assert len(lines) == 1, done.stderr
    return lines[0]


def test_the_page_has_every_code():
    rows = re.findall(r"^\| (\d+) \| `(\w+)` \|", DOCS.read_text(), flags=re.MULTILINE)
    assert {int(code): name for code, name in rows} == {int(c): c.name for c in ExitCode}


def test_0_done(dataset):
    assert peerannot("aggregate", str(dataset)).returncode == ExitCode.OK


def test_1_a_download_that_cannot_be(tmp_path):
    mirror = str(tmp_path / "empty")
    to = str(tmp_path / "to")
    done = peerannot("datasets", "install", "rte", "--to", to, PEERANNOT_MIRROR=mirror)
    assert done.returncode == ExitCode.FAILURE
    assert "no such file on the mirror" in one_line(done)


def test_1_a_file_that_cannot_be_written(dataset):
    (dataset / "labels").write_text("in the way")
    done = peerannot("aggregate", str(dataset))
    assert done.returncode == ExitCode.FAILURE
    assert "labels" in one_line(done)


@pytest.mark.parametrize(
    "args",
    [("-s", "nosuch"), ("-s", "DS[max_iter=0]"), ("--nosuch",), ("-P", "nosuch=1")],
)
def test_2_an_option_that_cannot_be(dataset, args):
    done = peerannot("aggregate", str(dataset), *args)
    assert done.returncode == ExitCode.USAGE
    one_line(done)


def test_2_a_command_that_is_not_there():
    done = peerannot("agregate")
    assert done.returncode == ExitCode.USAGE
    assert "did you mean 'aggregate'" in one_line(done)


def test_3_wrong_data(dataset):
    (dataset / "answers.json").write_text('{"0": {"0": 7}}')
    done = peerannot("aggregate", str(dataset))
    assert done.returncode == ExitCode.DATA
    assert "7" in one_line(done)


def test_4_an_extra_that_is_not_installed(dataset, tmp_path):
    # A module of this name that fails to import stands for one that is absent.
    for name in ("timm", "torch"):
        (tmp_path / f"{name}.py").write_text(f"raise ModuleNotFoundError(name={name!r})")
    done = peerannot("modelinfo", PYTHONPATH=str(tmp_path))
    assert done.returncode == ExitCode.MISSING_DEPENDENCY
    assert "peerannot[deep]" in one_line(done)


def test_5_no_convergence_under_strict(dataset):
    args = ("aggregate", str(dataset), "-s", "DS[max_iter=1,tol=1e-12]")
    assert peerannot(*args).returncode == ExitCode.OK
    done = peerannot(*args, "--strict")
    assert done.returncode == ExitCode.NOT_CONVERGED
    assert "max_iter" in one_line(done)


@pytest.mark.skipif(os.name == "nt", reason="no SIGINT to a process on Windows")
def test_130_interrupted(tmp_path):
    code = (
        "import sys, time, click, peerannot.cli._main as m\n"
        "from peerannot.cli import doctor as d\n"
        "def slow():\n print('ready', flush=True)\n while True: time.sleep(0.1)\n"
        "d._packages = slow\n"
        "sys.argv = ['peerannot', 'doctor']\n"
        "m.main()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == ExitCode.INTERRUPTED
    assert err.strip().startswith("Error: interrupted")


@pytest.mark.parametrize(
    ("args", "code", "kind"),
    [
        (("aggregate", "SET", "-s", "nosuch", "--json"), 2, "ParameterError"),
        (("aggregate", "SET", "--nosuch", "--json"), 2, "UsageError"),
        (("datasets", "info", "nosuch", "--json"), 2, "ParameterError"),
        (("evaluate", "SET", "--truth", "SET/metadata.json", "--json"), 3, "DataError"),
    ],
)
def test_errors_are_a_document_under_json(dataset, args, code, kind):
    done = peerannot(*(a.replace("SET", str(dataset)) for a in args))
    assert done.returncode == code
    error = json.loads(done.stdout)["error"]
    assert (error["code"], error["kind"]) == (code, kind)


def test_a_closed_pipe_is_quiet():
    done = subprocess.run(
        f"'{sys.executable}' -m peerannot datasets list --json | head -c 10",
        shell=True,
        capture_output=True,
        text=True,
    )
    assert done.stderr == ""
