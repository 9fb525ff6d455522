"""No circle of imports, in whatever clothes: in functions, for type checkers, or by name."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import peerannot

HOME = Path(peerannot.__file__).parent
# Here modules are imported by names that others give them, all below the one that asks.
BY_NAME = {"_lazy", "_registry", "cli._main"}


def _module(file: Path) -> str:
    parts = file.relative_to(HOME).with_suffix("").parts
    return ".".join(part for part in ("peerannot", *parts) if part != "__init__")


FILES = {_module(file): file for file in sorted(HOME.rglob("*.py"))}


def imported(source: str, known: set[str]) -> Iterator[str]:
    """Modules of ours that a source imports anywhere in it."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module:
            for name in node.names:
                inner = f"{node.module}.{name.name}"
                yield inner if inner in known else node.module
        elif isinstance(node, ast.Import):
            yield from (name.name for name in node.names)


def circle(sources: dict[str, str]) -> list[str]:
    """A circle among modules; empty if there is none."""
    needs = {
        module: {t for t in imported(text, set(sources)) if t in sources} - {module}
        for module, text in sources.items()
    }
    try:
        TopologicalSorter(needs).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_imports_have_no_circle():
    assert circle({m: f.read_text(encoding="utf-8") for m, f in FILES.items()}) == []


@pytest.mark.parametrize(
    "back",
    [
        "import peerannot.a",
        "def f():\n    from peerannot import a",
        "if TYPE_CHECKING:\n    from peerannot.a import A",
    ],
)
def test_a_circle_is_seen(back):
    found = circle({"peerannot.a": "from peerannot.b import B", "peerannot.b": back})
    assert set(found) == {"peerannot.a", "peerannot.b"}


def test_modules_are_imported_by_name_in_few_places():
    """An import by name would hide a circle from this test, and from the linter."""
    found = set()
    for module, file in FILES.items():
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            name = ast.unparse(node.func).rpartition(".")[2]
            outside = isinstance(node.args[0], ast.Constant) and not str(
                node.args[0].value
            ).startswith("peerannot")
            if name in ("import_module", "__import__") and not outside:
                found.add(module.removeprefix("peerannot."))
    # A library of frames, or one of an extra, is no module of ours.
    assert found - {"_optional", "aggregation.origin"} == BY_NAME


def _is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def _package(module: str) -> str:
    return ".".join(module.split(".")[:2])


def private_imports(module: str, source: str) -> set[str]:
    """What a module imports that is private to a package in which it is not."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{name.name}" for name in node.names]
        elif isinstance(node, ast.Import):
            names = [name.name for name in node.names]
        else:
            continue
        for name in (n for n in names if n.startswith("peerannot.")):
            parts = name.split(".")
            owners = [".".join(parts[:i]) for i, part in enumerate(parts) if _is_private(part)]
            if any(not f"{module}.".startswith(f"{owner}.") for owner in owners):
                found.add(name)
    return found


def private_attributes(sources: dict[str, str]) -> set[tuple[str, str]]:
    """Private attributes that a module asks of others, but that another package alone defines."""
    defined: dict[str, set[str]] = {}
    asked = set()
    for module, text in sources.items():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                defined.setdefault(node.name, set()).add(_package(module))
            elif isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Store):
                name = node.id if isinstance(node, ast.Name) else node.attr
                defined.setdefault(name, set()).add(_package(module))
            elif isinstance(node, ast.Attribute) and _is_private(node.attr):
                asked.add((module, node.attr))
    return {(m, a) for m, a in asked if defined.get(a) and _package(m) not in defined[a]}


def test_no_package_imports_what_is_private_to_another():
    found = {m: private_imports(m, f.read_text(encoding="utf-8")) for m, f in FILES.items()}
    assert {module: names for module, names in found.items() if names} == {}


def test_no_package_asks_for_private_attributes_of_another():
    assert private_attributes({m: f.read_text(encoding="utf-8") for m, f in FILES.items()}) == set()


@pytest.mark.parametrize(
    ("source", "seen"),
    [
        ("from peerannot.io._read import read", True),
        ("def f():\n    from peerannot.io import _read", True),
        ("import peerannot.io._read", True),
        ("from peerannot.io.rows import _Survey", True),
        ("from peerannot.io import read", False),
        ("from peerannot._files import sha256", False),
        ("from peerannot.report._page import write", False),
    ],
)
def test_what_is_private_is_seen(source, seen):
    assert bool(private_imports("peerannot.report.main", source)) == seen


def test_private_attributes_are_seen():
    there = "class A:\n    def _step(self): ...\n"
    here = {"peerannot.a.x": there, "peerannot.a.y": "a._step()", "peerannot.b.z": "a._step()"}
    assert private_attributes(here) == {("peerannot.b.z", "_step")}
