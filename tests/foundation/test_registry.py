"""Registries know their names from the files, and import only what is asked for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from peerannot._registry import Registry, decorated, registered
from peerannot.errors import ParameterError

SOURCE = '''
"""A text with a line that begins like a decorator:
@misc{raykar2010, title={Learning (from} crowds)
"""

@THINGS.register("two-lines", "TL",
                 "two")
@dataclass(frozen=True)
class TwoLines(Base): ...

@cached
def helper(): ...

@THINGS.register("plain")
class Plain: ...
'''


def test_decorators_are_read_with_their_texts_and_what_they_stand_over():
    assert list(decorated(SOURCE)) == [
        ("THINGS.register", ("two-lines", "TL", "two"), "TwoLines"),
        ("dataclass", (), "TwoLines"),
        ("cached", (), "helper"),
        ("THINGS.register", ("plain",), "Plain"),
    ]


def _package(folder: Path, files: dict[str, str]) -> None:
    for name, source in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(source, encoding="utf-8")


def test_files_in_folders_are_found_and_imported_when_asked_for(tmp_path, monkeypatch):
    head = "from shelf_of_things import THINGS\n\n\n@THINGS.register"
    _package(
        tmp_path / "shelf_of_things",
        {
            "__init__.py": "from peerannot._registry import Registry\n"
            "THINGS = Registry('thing', 'shelf_of_things')\n",
            "deep/__init__.py": "",
            "deep/cup.py": head + '("cup", "mug")\nclass Cup: ...\n',
            "broken.py": head + '("broken")\nclass Broken: ...\n\n\nraise RuntimeError\n',
        },
    )
    monkeypatch.syspath_prepend(tmp_path)
    from shelf_of_things import THINGS  # type: ignore[import-not-found]

    assert list(THINGS) == ["broken", "cup"]
    assert THINGS.spellings() == ["broken", "cup", "mug"]
    assert THINGS["MUG"].__module__ == "shelf_of_things.deep.cup"
    assert THINGS.defining("Cup") is THINGS["cup"]
    assert THINGS.defining("Saucer") is None
    with pytest.raises(ParameterError, match="did you mean 'mug'"):
        THINGS["muug"]
    with pytest.raises(RuntimeError):
        THINGS["broken"]
    with pytest.raises(ValueError, match="'cup' is registered twice"):
        THINGS.register("cup")(type("Other", (), {}))
    with pytest.raises(ValueError, match="'mug' already belongs to 'cup'"):
        THINGS.register("saucer", "mug")(type("Saucer", (), {}))


def test_classes_may_be_registered_by_hand():
    registry: Registry[type] = Registry("thing")
    registry.register("spoon", "Ladle")(type("Spoon", (), {}))
    assert list(registry) == ["spoon"]
    assert registry.spellings() == ["Ladle", "spoon"]
    assert registry["ladle"].__name__ == "Spoon"


@pytest.mark.parametrize("package", ["aggregation", "learning.strategies", "simulation.models"])
def test_a_file_bears_the_name_it_registers(package):
    """So a newcomer finds a strategy, and a file holds one."""
    found = registered(f"peerannot.{package}")
    assert found
    wrong = {
        entry.name: entry.home
        for entry in found
        if entry.home.rpartition(".")[2] != entry.name.replace("-", "_")
    }
    assert not wrong


def test_a_typed_name_imports_its_own_module_alone():
    code = (
        "import sys\n"
        "from peerannot.aggregation import STRATEGIES, build\n"
        "build('MV'), list(STRATEGIES)\n"
        "from peerannot._registry import registered\n"
        "print([e.name for e in registered('peerannot.aggregation') if e.home in sys.modules])\n"
        "try:\n    from peerannot.aggregation import Foo\n"
        "except ImportError as error:\n    print('Foo' in str(error))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["['majority-vote']", "True"]
