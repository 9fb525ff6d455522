"""What a build chooses before anything is compiled: Pythons, the compiler, the least glibc."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType

import pytest

NATIVE = Path(__file__).parents[2] / "native"


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(NATIVE))

    def module(name: str) -> ModuleType:
        spec = importlib.util.spec_from_file_location(f"native_{name}", NATIVE / f"{name}.py")
        assert spec is not None and spec.loader is not None
        made = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(made)
        return made

    return module


def fake(folder: Path, name: str, said: str) -> str:
    """A program that prints so, whatever it is asked."""
    path = folder / name
    path.write_text(f"#!/bin/sh\necho {said}\n")
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("cpython 3 11", "cp311"), ("cpython 3 12", "abi3"), ("cpython 3 15", "abi3"),
        ("cpython 3 10", None), ("pypy 3 11", None),
    ],
)  # fmt: skip
def test_the_kind_of_wheel_that_a_python_makes(load, tmp_path, said, kind):
    assert load("wheels").kind_of(fake(tmp_path, "python", said)) == kind


def test_what_cannot_run_is_no_python(load, tmp_path):
    broken = tmp_path / "python3.12"
    broken.write_text("#!/bin/sh\nexit 127\n")
    broken.chmod(0o755)
    assert load("wheels").kind_of(str(broken)) is None


def test_pythons_are_one_of_each_kind_and_the_running_one_first(load, tmp_path, monkeypatch):
    fake(tmp_path, "python3.11", "cpython 3 11")
    older = fake(tmp_path, "python3.12", "cpython 3 12")
    fake(tmp_path, "python3.13", "cpython 3 13")
    monkeypatch.setenv("PATH", str(tmp_path) + os.pathsep + os.environ["PATH"])
    wheels = load("wheels")
    found = wheels.pythons()
    own = wheels.kind_of(sys.executable)
    assert found[own] == sys.executable
    if own != "abi3":
        assert found["abi3"] == older


def test_a_machine_without_compiler_builds_with_ziglang(load, tmp_path, monkeypatch):
    backend = load("backend")
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.delenv("PEERANNOT_ZIG", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert backend._requirements(["nanobind"]) == ["nanobind", "ziglang>=0.13"]
    fake(tmp_path, "g++", "")
    assert backend._requirements(["nanobind"]) == ["nanobind"]
    monkeypatch.setenv("PEERANNOT_ZIG", "1")  # as wheels are built
    assert backend._requirements(["nanobind"]) == ["nanobind", "ziglang>=0.13"]


@pytest.mark.skipif(sys.platform != "linux", reason="glibc is Linux's")
def test_wheels_ask_for_an_old_glibc(load):
    assert load("backend")._target().endswith("-linux-gnu.2.17")


def test_headers_that_stand_beside_those_of_python_are_found(load, tmp_path, monkeypatch):
    backend = load("backend")
    headers, other = tmp_path / "python3.11", tmp_path / "x86_64-linux-gnu" / "python3.11"
    monkeypatch.setattr(backend.sysconfig, "get_path", lambda _: str(headers))
    monkeypatch.setattr(backend.sysconfig, "get_config_var", lambda _: "x86_64-linux-gnu")
    folder = tmp_path / "tools"
    assert backend._beside_headers(folder) == ""  # as where Python has them all
    other.mkdir(parents=True)
    (other / "pyconfig.h").touch()
    for _ in range(2):
        assert backend._beside_headers(folder) == f"-I{folder / 'include'}"
    assert (folder / "include" / "x86_64-linux-gnu" / "python3.11" / "pyconfig.h").exists()
