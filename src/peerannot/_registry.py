"""Names for strategies, methods and models: one registration each, aliases, near matches.

What a package registers is read off the decorators in its source, without importing it: so a
name is looked up, listed or completed at the cost of reading small files, and only the module
that a name belongs to is imported.
"""

from __future__ import annotations

import ast
import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

from peerannot._options import from_text, parse_spec
from peerannot._text import did_you_mean, plain
from peerannot.errors import ParameterError

__all__ = ["Registered", "Registry", "decorated", "registered", "spellings"]

S = TypeVar("S")
T = TypeVar("T", bound=type)


class Registered(NamedTuple):
    """A registration as it stands in a file: ``@STRATEGIES.register("wawa")`` over ``class Wawa``.

    ``home`` is the module, ``defines`` the Python name of the class.
    """

    name: str
    aliases: tuple[str, ...]
    home: str
    defines: str


class Decorated(NamedTuple):
    """A decorator over a class or function at the top of a file, with its texts as arguments."""

    decorator: str
    arguments: tuple[str, ...]
    defines: str


def decorated(source: str) -> Iterator[Decorated]:
    """The decorators of classes and functions at the top level of a source, in its order.

    Only decorators are parsed, which takes a hundredth of the time that the whole source would.
    """
    waiting: list[ast.expr] = []
    lines = iter(source.splitlines())
    for line in lines:
        if line.startswith("@"):
            text = line[1:]
            while text.count("(") > text.count(")") and (more := next(lines, None)) is not None:
                text += "\n" + more
            # A line of a text may begin with an @ too.
            with contextlib.suppress(SyntaxError):
                waiting.append(ast.parse(text, mode="eval").body)
        elif waiting and line.startswith(("class ", "def ", "async def ")):
            defines = line.partition("(")[0].partition(":")[0].split()[-1]
            for decorator in waiting:
                call = decorator if isinstance(decorator, ast.Call) else None
                texts = [
                    str(argument.value)
                    for argument in (call.args if call else ())
                    if isinstance(argument, ast.Constant)
                ]
                yield Decorated(
                    ast.unparse(call.func if call else decorator), tuple(texts), defines
                )
            waiting = []


def registered(package: str) -> list[Registered]:
    """What the modules of a package, and of the folders in it, register; none is imported."""
    top, *below = package.split(".")
    spec = find_spec(top)
    found = []
    for root in (spec.submodule_search_locations if spec else None) or ():
        home = Path(root, *below)
        for file in sorted(home.rglob("*.py")):
            source = file.read_text(encoding="utf-8")
            if ".register(" not in source:
                continue
            parts = file.relative_to(home).with_suffix("").parts
            module = ".".join((package, *parts))
            found += [
                Registered(texts[0], texts[1:], module, defines)
                for decorator, texts, defines in decorated(source)
                if decorator.endswith(".register") and texts
            ]
    return found


def spellings(package: str) -> list[str]:
    """Names and aliases of what a package registers."""
    return _in_order(n for found in registered(package) for n in (found.name, *found.aliases))


def _in_order(names: Iterable[str]) -> list[str]:
    return sorted(set(names), key=lambda name: (name.casefold(), name))


class Registry(Generic[T]):
    """A dictionary of classes by public name, blind to case, hyphens and underscores.

    Parameters
    ----------
    kind
        What the entries are, in the singular, for messages: ``"strategy"``.
    package
        Where they are registered: any module of this package, in whatever folder of it.
    """

    def __init__(self, kind: str, package: str | None = None) -> None:
        self.kind = kind
        self._package = package
        self._waiting: dict[str, Registered] = {}
        self._entries: dict[str, T] = {}
        self._names: dict[str, str] = {}

    def register(self, name: str, *aliases: str) -> Callable[[T], T]:
        """Class decorator: enter the class under ``name`` (kebab-case) and its aliases."""

        def enter(cls: T) -> T:
            self._ready()
            known = self._waiting.get(name)
            if name in self._entries or (known and known.home != cls.__module__):
                raise ValueError(f"{self.kind} {name!r} is registered twice")
            self._claim(name, aliases)
            self._entries[name] = cls
            cls.name = name  # type: ignore[attr-defined]
            cls.aliases = aliases  # type: ignore[attr-defined]
            return cls

        return enter

    def build(self: Registry[type[S]], spec: str, options: Mapping[str, str] | None = None) -> S:
        """An entry with its options, from what a user types: ``"DS[max_iter=50]"``.

        Parameters
        ----------
        spec
            A name, with options in brackets.
        options
            Those given apart (``-P``); they go over the ones in brackets.

        Raises
        ------
        ParameterError
            The name or an option is unknown, or a value is out of its range.
        """
        name, bracketed = parse_spec(spec)
        return from_text(self[name], {**bracketed, **(options or {})})

    def _claim(self, name: str, aliases: tuple[str, ...]) -> None:
        for alias in (name, *aliases):
            owner = self._names.setdefault(plain(alias), name)
            if owner != name:
                raise ValueError(f"{self.kind} name {alias!r} already belongs to {owner!r}")

    def _ready(self) -> None:
        package, self._package = self._package, None
        for found in registered(package) if package else ():
            self._claim(found.name, found.aliases)
            self._waiting[found.name] = found

    def resolve(self, name: str) -> str:
        """The public name behind a name or an alias.

        Raises
        ------
        ParameterError
            Nothing has this name; the message lists what is near or what there is.
        """
        self._ready()
        found = self._names.get(plain(name))
        if found is None:
            near = did_you_mean(name, self.spellings())
            raise ParameterError(
                f"unknown {self.kind} {name!r}" + (near or f"; there are {', '.join(self)}")
            )
        return found

    def spellings(self) -> list[str]:
        """All names and aliases."""
        self._ready()
        waiting = [n for e in self._waiting.values() for n in (e.name, *e.aliases)]
        given = [n for key, cls in self._entries.items() for n in (key, *cls.aliases)]  # type: ignore[attr-defined]
        return _in_order([*waiting, *given])

    def defining(self, python_name: str) -> T | None:
        """The entry whose class has this name in Python; other modules are not imported."""
        self._ready()
        for found in self._waiting.values():
            if found.defines == python_name:
                return self[found.name]
        return next((c for c in self._entries.values() if c.__name__ == python_name), None)

    def defined(self) -> list[str]:
        """Python names of the classes, sorted."""
        self._ready()
        waiting = {found.defines for found in self._waiting.values()}
        return sorted(waiting | {cls.__name__ for cls in self._entries.values()})

    def __getitem__(self, name: str) -> T:
        public = self.resolve(name)
        if public not in self._entries:
            import_module(self._waiting[public].home)
        return self._entries[public]

    def __iter__(self) -> Iterator[str]:
        self._ready()
        return iter(sorted({*self._waiting, *self._entries}))

    def __len__(self) -> int:
        return len(list(iter(self)))

    def __contains__(self, name: object) -> bool:
        self._ready()
        return isinstance(name, str) and plain(name) in self._names
