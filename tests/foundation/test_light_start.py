"""Starting is light, imports point down, and errors carry their documented codes."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import peerannot
from peerannot import errors

ROOT = Path(__file__).resolve().parents[2]
HEAVY = {
    "peerannot._native",
    "torch",
    "pandas",
    "polars",
    "matplotlib",
    "numba",
    "dask",
    "scipy",
    "PIL",
    "rich",
    "timm",
    "distributed",
    "fsspec",
}


def modules_after(code: str) -> set[str]:
    script = f"import sys\n{code}\nprint(' '.join(sys.modules), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return set(done.stderr.split())


def test_import_is_light():
    assert not modules_after("import peerannot") & HEAVY


def test_help_is_light():
    code = (
        "sys.argv = ['peerannot', '--help']\n"
        "from peerannot.cli import main\n"
        "try: main()\nexcept SystemExit: pass"
    )
    assert not modules_after(code) & {*HEAVY, "importlib.metadata"}


@pytest.mark.parametrize(
    "command", ["aggregate", "aggregate-deep", "audit", "install", "next", "simulate", "train"]
)
def test_help_of_commands_is_light(command):
    code = (
        f"sys.argv = ['peerannot', {command!r}, '--help']\n"
        "from peerannot.cli import main\n"
        "try: main()\nexcept SystemExit: pass"
    )
    assert not modules_after(code) & HEAVY


def test_aggregate_of_a_table_loads_what_it_needs(tmp_path):
    table = tmp_path / "votes.csv"
    table.write_text(
        "task,worker,label\n" + "".join(f"t{i % 7},w{i},c{i % 3}\n" for i in range(30))
    )
    code = (
        f"sys.argv = ['peerannot', 'aggregate', {str(table)!r}, '-s', 'DS', '-o',"
        f" {str(tmp_path / 'labels.csv')!r}]\n"
        "from peerannot.cli import main\n"
        "try: main()\nexcept SystemExit as end: assert not end.code"
    )
    loaded = modules_after(code)
    assert {"polars", "peerannot._native"} <= loaded
    assert not loaded & {"scipy", "rich", "PIL", "html.entities", "peerannot.selection"}


def test_imports_point_down():
    lint = shutil.which("lint-imports", path=str(Path(sys.executable).parent))
    if lint is None:
        pytest.skip("import-linter is not installed")
    done = subprocess.run([lint], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_public_names():
    assert list(peerannot.__all__) == sorted(peerannot.__all__)
    for name in peerannot.__all__:
        assert getattr(peerannot, name) is not None
    with pytest.raises(AttributeError):
        peerannot.nothing  # noqa: B018


def test_exit_codes():
    codes = {
        "PeerannotError": 1,
        "ParameterError": 2,
        "DataError": 3,
        "MissingDependencyError": 4,
        "NotConvergedError": 5,
        "ClusterError": 6,
        "StorageError": 1,
        "DownloadError": 1,
        "ServerError": 1,
    }
    for name, code in codes.items():
        assert getattr(errors, name).exit_code == code


FAMILIES = {"votes", "coin", "confusion", "reliability"}


@pytest.mark.parametrize(
    ("strategy", "family"),
    [("MV", "votes"), ("DS", "confusion"), ("IBCC", "confusion"), ("GLAD", "coin")],
)
def test_aggregate_loads_what_the_strategy_needs(tmp_path, strategy, family):
    """A process of its own: what a fork has loaded already would not be seen."""
    file = tmp_path / "votes.csv"
    file.write_text("task,worker,label\n" + "".join(f"t{i},w{i % 3},{i % 2}\n" for i in range(30)))
    words = ["peerannot", "aggregate", str(file), "-s", strategy, "-o", str(tmp_path / "out.csv")]
    loaded = modules_after(
        f"sys.argv = {words!r}\n"
        "from peerannot.cli import main\n"
        "try: main()\nexcept SystemExit as end: assert not end.code"
    )
    allowed = {"polars", "peerannot._native"}
    assert loaded & HEAVY <= allowed | ({"scipy"} if strategy == "IBCC" else set())
    families = {name.split(".")[2] for name in loaded if name.startswith("peerannot.aggregation.")}
    assert families & FAMILIES == {family}
    installers = {f"peerannot.dataset.{name}" for name in ("_catalogue", "_custom", "_download")}
    assert not loaded & installers
