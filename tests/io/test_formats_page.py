"""docs/formats.md tells of every format, and a test stands behind each cell of its traps."""

from __future__ import annotations

import ast
import tomllib
from functools import cache
from pathlib import Path

import pytest

from peerannot.io import FORMATS

ROOT = Path(__file__).resolve().parents[2]
TOLD = tomllib.loads((ROOT / "docs" / "formats.toml").read_text())
CELLS = [
    (name, trap, test)
    for name in FORMATS
    for trap, (_, test) in TOLD.get(name, {}).get("traps", {}).items()
]


def test_every_format_is_told_of():
    assert set(TOLD) - {"intro", "traps"} == set(FORMATS)
    assert all({"found", "task", "worker", "label"} <= TOLD[name].keys() for name in FORMATS)


@cache
def names_in(file: str) -> set[str]:
    """Names of the tests of a file, those of classes with the class before them."""
    found = set()
    for node in ast.parse((ROOT / "tests" / file).read_text()).body:
        if isinstance(node, ast.FunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.ClassDef):
            names = [n.name for n in node.body if isinstance(n, ast.FunctionDef)]
            found |= {f"{node.name}::{name}" for name in names}
    return found


@pytest.mark.parametrize(("name", "trap", "test"), CELLS)
def test_a_test_stands_behind_each_cell(name, trap, test):
    file, _, where = test.partition("::")
    assert trap in TOLD["traps"]
    assert where in names_in(file), f"{name}: no test {test}"


def test_the_command_lists_every_format(run):
    text = run("import", "--help").stdout.partition("Formats: ")[2]
    # A line may end after any hyphen.
    assert "".join(text.partition(";")[0].split()) == ",".join(FORMATS)
