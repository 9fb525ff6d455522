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
