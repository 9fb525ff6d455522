"""What other distributions add: found when it may matter, and a broken one breaks nothing."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from helpers.distributions import install
from peerannot import _plugins
from peerannot._registry import Named, Registry, names, spellings
from peerannot.errors import ParameterError, PluginWarning

NUMBER = itertools.count()
SHELF = "from peerannot._registry import Named, Registry\nTHINGS = Registry('thing', __name__)\n"


def thing(shelf: str, name: str, *aliases: str) -> str:
    """A module with a class that registers itself."""
    spelled = ", ".join(map(repr, (name, *aliases)))
    return (
        f"from dataclasses import dataclass\nfrom {shelf} import THINGS, Named\n\n\n"
        f"@THINGS.register({spelled})\n@dataclass\nclass {name.title()}(Named): ...\n"
    )


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A package with a registry and a cup, to which distributions add by ``peerannot.things``."""
    name = f"shelf{next(NUMBER)}"
    (tmp_path / f"{name}").mkdir()
    (tmp_path / name / "__init__.py").write_text(SHELF)
    head = f"from dataclasses import dataclass\nfrom {name} import THINGS, Named\n\n\n"
    (tmp_path / name / "cup.py").write_text(
        head + "@THINGS.register('cup', 'mug')\n@dataclass\nclass Cup(Named): ...\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(_plugins.GROUPS, name, "peerannot.things")
    return name


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The packages for which metadata of distributions were read."""
    asked: list[str] = []

    def counted(package: str, of: Callable[..., object] = _plugins.plugins) -> object:
        asked.append(package)
        return of(package)

    monkeypatch.setattr("peerannot._registry.plugins", counted)
    return asked


def registry_of(shelf: str) -> Registry[type[Named]]:
    return __import__(shelf).THINGS  # type: ignore[no-any-return]


def test_metadata_are_read_once_and_only_where_a_name_is_none_of_ours(tmp_path, shelf, looks):
    more = f"{shelf}_more"
    install(
        tmp_path, "more", {f"{more}.py": thing(shelf, "saucer", "plate")},
        things={"saucer": f"{more}:Saucer"},
    )  # fmt: skip
    things = registry_of(shelf)
    assert things["Mug"].name == "cup" and "cup" in things
    assert not looks and more not in sys.modules
    assert "saucer" in things
    assert looks == [shelf] and more not in sys.modules
    assert things["saucer"].aliases == ("plate",)
    assert list(things) == ["cup", "saucer"] and things["plate"] is things["saucer"]
    assert looks == [shelf]


def test_an_alias_is_found_and_names_are_known_without_import(tmp_path, shelf):
    more = f"{shelf}_more"
    files = {f"{more}.py": thing(shelf, "saucer", "plate")}
    install(tmp_path, "more", files, things={"saucer": f"{more}:Saucer"})
    assert names(shelf) == ["cup", "saucer"] and spellings(shelf) == ["cup", "mug", "saucer"]
    assert more not in sys.modules
    assert registry_of(shelf)["Plate"].name == "saucer"


BROKEN = {
    "import": ("import a_module_that_is_missing\n", "ModuleNotFoundError: No module named"),
    "syntax": ("class\n", "SyntaxError"),
    "exit": ("raise SystemExit(3)\n", "SystemExit: 3"),
    "silent": ("Saucer = 3\n", "registers nothing under this name"),
    "lines": ("raise ValueError('a\\n\\x1b[31mb')\n", r"ValueError: a \\x1b[31mb"),
}


@pytest.mark.parametrize("how", BROKEN)
def test_what_cannot_be_loaded_is_one_line_and_breaks_nothing(tmp_path, shelf, how):
    source, why = BROKEN[how]
    module = f"{shelf}_{how}"
    install(tmp_path, "crowd-more", {f"{module}.py": source}, things={"saucer": f"{module}:Saucer"})
    things = registry_of(shelf)
    with pytest.warns(PluginWarning) as caught:
        assert list(things) == ["cup"]
    (line,) = [str(warning.message) for warning in caught]
    assert line.startswith("thing 'saucer' of crowd-more 1.0 cannot be loaded (")
    assert why.replace("\\\\", "\\") in line and "\n" not in line
    assert list(things) == ["cup"]  # said once


def test_what_cannot_be_loaded_is_an_error_where_it_is_asked_for(tmp_path, shelf):
    module = f"{shelf}_gone"
    install(tmp_path, "crowd-more", {}, things={"saucer": f"{module}:Saucer"})
    with pytest.raises(ParameterError, match=r"'saucer' of crowd-more 1\.0 cannot be loaded"):
        registry_of(shelf)["saucer"]
    with pytest.raises(ParameterError, match="did you mean 'cup'"):
        registry_of(shelf)["cub"]


def test_what_does_not_extend_the_base_is_refused(tmp_path, shelf):
    module = f"{shelf}_plain"
    source = f"from {shelf} import THINGS\n\n\n@THINGS.register('saucer')\nclass Saucer: ...\n"
    install(tmp_path, "more", {f"{module}.py": source}, things={"saucer": f"{module}:Saucer"})
    with pytest.warns(PluginWarning, match="TypeError: .* does not extend the base"):
        assert list(registry_of(shelf)) == ["cup"]
    assert "saucer" not in registry_of(shelf)


@pytest.mark.parametrize("name", ["cup", "MUG"])
def test_nobody_takes_a_name_of_ours(tmp_path, shelf, name):
    module = f"{shelf}_thief"
    install(tmp_path, "thief", {f"{module}.py": ""}, things={name: f"{module}:Cup"})
    things = registry_of(shelf)
    with pytest.warns(PluginWarning, match=f"{name!r} of thief 1.0 is left out: .* to 'cup'"):
        assert list(things) == ["cup"]
    assert things[name].__module__ == f"{shelf}.cup" and module not in sys.modules


def test_nobody_takes_an_alias_of_ours_either(tmp_path, shelf):
    module = f"{shelf}_thief"
    files = {f"{module}.py": thing(shelf, "saucer", "mug")}
    install(tmp_path, "thief", files, things={"saucer": f"{module}:Saucer"})
    things = registry_of(shelf)
    with pytest.warns(PluginWarning, match="name 'mug' already belongs to 'cup'"):
        assert list(things) == ["cup"]
    assert things["mug"].name == "cup" and "saucer" not in things


def test_what_was_imported_by_hand_is_not_left_out(tmp_path, shelf):
    module = f"{shelf}_more"
    files = {f"{module}.py": thing(shelf, "saucer")}
    install(tmp_path, "more", files, things={"saucer": f"{module}:Saucer"})
    __import__(module)
    assert list(registry_of(shelf)) == ["cup", "saucer"]


def test_a_class_that_is_not_registered_is_named_after_itself():
    @dataclass
    class PowerVote2(Named): ...

    class Base(Named):
        name = "given"

    class _HTTPVote(Base): ...

    assert (PowerVote2.name, Base.name, _HTTPVote.name) == ("power-vote2", "given", "httpvote")


def test_groups_are_of_packages_that_register_something():
    for package, group in _plugins.GROUPS.items():
        assert names(package) and group.startswith("peerannot.")
