"""Bindings refuse arrays that are not what they say, and loops indices out of range."""

from __future__ import annotations

import ast
import importlib
import inspect
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

import peerannot
from helpers.examples import examples
from peerannot._loops import native

# A module of calls for each family.
FAMILIES = [
    importlib.import_module(f"native.calls.{path.stem}")
    for path in sorted((Path(__file__).parent / "calls").glob("*.py"))
]
NAMES = [name for family in FAMILIES for name in family.OUTPUTS]
# What is decided before a loop is chosen.
ONCE = pytest.mark.parametrize("isa", native.isas()[-1:], indirect=True)


def call_of(name: str) -> dict[str, Any]:
    """Arguments that the function takes, by name; each call makes new ones."""
    return next(f.calls()[name] for f in FAMILIES if name in f.OUTPUTS)


def arrays() -> list[tuple[str, str]]:
    return [(n, a) for n in NAMES for a, v in call_of(n).items() if isinstance(v, np.ndarray)]


def outputs(name: str) -> tuple[str, ...]:
    return next(f.OUTPUTS[name] for f in FAMILIES if name in f.OUTPUTS)


def must_refuse(name: str, **spoilt: Any) -> None:
    """Ask for a TypeError; whatever else happens names the binding and the argument."""
    said = f"{name}({', '.join(f'{a}={v!r}' for a, v in spoilt.items())})"
    try:
        getattr(native, name)(**{**call_of(name), **spoilt})
    except TypeError:
        return
    except Exception as error:
        error.add_note(said)
        raise
    pytest.fail(f"{said} is taken")


def spaced(array: NDArray[Any]) -> NDArray[Any]:
    wide = np.zeros((*array.shape[:-1], 2 * array.shape[-1]), array.dtype)
    wide[..., ::2] = array
    return wide[..., ::2]


WRONG: dict[str, Callable[[NDArray[Any]], Any]] = {
    "another type": lambda a: a.astype(np.float32 if a.dtype == np.float64 else np.int16),
    "with a sign or without": lambda a: a.view(f"{'ui'[a.dtype.kind == 'u']}{a.dtype.itemsize}"),
    "another byte order": lambda a: a.astype(a.dtype.newbyteorder()),
    "gaps": spaced,
    "one axis more": lambda a: a[None],
    "a number": lambda a: 3,
    "a list": lambda a: a.tolist(),
    "objects": lambda a: a.astype(object),
    "nothing": lambda a: None,
}


@pytest.mark.parametrize("name", NAMES)
def test_what_is_right_is_taken(name: str) -> None:
    getattr(native, name)(**call_of(name))
    readonly = {k: v for k, v in call_of(name).items() if k not in outputs(name)}
    for value in readonly.values():
        if isinstance(value, np.ndarray):
            value.flags.writeable = False
    getattr(native, name)(**{**call_of(name), **readonly})


@ONCE
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("wrong", WRONG)
def test_arrays_of_another_kind(name: str, wrong: str) -> None:
    for argument, right in call_of(name).items():
        if not isinstance(right, np.ndarray):
            continue
        if right.dtype.itemsize == 1 and wrong == "another byte order":
            continue  # a byte has one
        must_refuse(name, **{argument: WRONG[wrong](right)})


@ONCE
@pytest.mark.parametrize("name", [name for name in NAMES if outputs(name)])
def test_outputs_that_are_read_only(name: str) -> None:
    for argument in outputs(name):
        fixed = call_of(name)[argument]
        fixed.flags.writeable = False
        must_refuse(name, **{argument: fixed})


@examples(400)
@given(st.sampled_from(arrays()), st.lists(st.integers(0, 9), min_size=3, max_size=3))
def test_sizes_that_do_not_fit(which: tuple[str, str], shape: list[int]) -> None:
    name, argument = which
    given_ = call_of(name)
    right = given_[argument]
    given_[argument] = np.zeros(shape[: right.ndim], right.dtype)
    try:
        getattr(native, name)(**given_)
    except ValueError as error:
        assert "\n" not in str(error)


@examples(400)
@given(
    # A byte holds no index.
    st.sampled_from([(n, a) for n, a in arrays() if call_of(n)[a].dtype in (np.int32, np.int64)]),
    st.lists(
        st.sampled_from([-(2**31), -7, -1, 0, 1, 2, 3, 5, 6, 2**31 - 1]), min_size=20, max_size=20
    ),
)
def test_indices_out_of_range(which: tuple[str, str], numbers: list[int]) -> None:
    name, argument = which
    given_ = call_of(name)
    flat = given_[argument].reshape(-1)
    flat[:] = numbers[: flat.size]
    try:
        getattr(native, name)(**given_)
    except ValueError as error:
        assert "\n" not in str(error)


@pytest.mark.parametrize(
    ("argument", "value"),
    [("parts", 0), ("parts", 2), ("parts", -1), ("bounds", [0, 5]), ("bounds", [0])],
)
def test_numbers_that_cannot_be(argument: str, value: Any) -> None:
    given_ = call_of("confusion_em")
    given_[argument] = np.array(value) if isinstance(value, list) else value
    with pytest.raises(ValueError, match=f"^{argument}: "):
        native.confusion_em(**given_)


@ONCE
def test_the_stub_names_what_is_there() -> None:
    tree = ast.parse((Path(peerannot.__file__).parent / "_native.pyi").read_text())
    stubs = {f.name: f.args for f in tree.body if isinstance(f, ast.FunctionDef)}
    classes = {c.name for c in tree.body if isinstance(c, ast.ClassDef)}
    there = {n for n in dir(native) if not n.startswith("_")}
    assert stubs.keys() == there - classes
    for name in NAMES:
        named = [a.arg for a in (*stubs[name].args, *stubs[name].kwonlyargs)]
        assert sorted(named) == sorted(call_of(name)), name
        said = inspect.getdoc(getattr(native, name)) or ""
        assert all(f"{a}: " in said for a in named), name


FORCED = "from peerannot._loops import native; print(native.isa())"


def forced(isa: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", FORCED],
        capture_output=True, text=True, env={**os.environ, "PEERANNOT_ISA": isa},
    )  # fmt: skip


def test_the_environment_forces_an_instruction_set(isa: str) -> None:
    assert forced(isa).stdout == f"{isa}\n"


@ONCE
def test_an_instruction_set_that_is_not_there() -> None:
    last = forced("v9").stderr.splitlines()[-1]
    assert "PEERANNOT_ISA='v9': this processor has " in last and last.endswith("or unset it")


@ONCE
def test_loops_that_cannot_be_loaded(tmp_path: Path) -> None:
    shutil.copytree(
        Path(peerannot.__file__).parent, tmp_path / "peerannot",
        ignore=shutil.ignore_patterns("_native.*so", "_native.*pyd", "__pycache__"),
    )  # fmt: skip
    (tmp_path / "a.csv").write_text("task,worker,label\n1,a,x\n1,b,x\n2,a,y\n")
    done = subprocess.run(
        [sys.executable, "-m", "peerannot", "aggregate", "a.csv", "-s", "DS"],
        cwd=tmp_path, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 4, done.stderr
    assert done.stderr.startswith("Error: the compiled loops of peerannot cannot be loaded (")
    assert done.stderr.count("\n") == 1 and "make native" in done.stderr
