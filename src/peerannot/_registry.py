"""Names for strategies, methods and models: one registration each, aliases, near matches.

What a package registers is read off the decorators in its source, without importing it: so a
name is looked up, listed or completed at the cost of reading small files, and only the module
that a name belongs to is imported. What other distributions add is looked at when a name is none
of peerannot's own, or when all names are listed.
"""

from __future__ import annotations

import ast
import contextlib
import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Generic, NamedTuple, TypeVar

from peerannot._options import describe, from_text, parse_spec
from peerannot._plugins import distribution_of, plugins
from peerannot._text import did_you_mean, one_line, plain
from peerannot.errors import ParameterError, PluginWarning

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

__all__ = ["Named", "Registered", "Registry", "decorated", "names", "registered", "spellings"]


class Named:
    """Base of what a registry holds; a class that is not registered has a name of its own, too.

    Attributes
    ----------
    name : str
        The public name, in kebab-case: by default that of the class.
    aliases : tuple of str
        Other names.
    expected_failed_checks : mapping of str to str
        Checks of `peerannot.checks` that do not hold, each with the reason.
    """

    name: ClassVar[str]
    aliases: ClassVar[tuple[str, ...]] = ()
    expected_failed_checks: ClassVar[Mapping[str, str]] = MappingProxyType({})

    def __init_subclass__(cls, **given: Any) -> None:
        super().__init_subclass__(**given)
        if "name" not in vars(cls):
            cls.name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", cls.__name__.strip("_")).lower()


S = TypeVar("S", bound=Named)
T = TypeVar("T", bound=type[Named])


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


def names(package: str) -> list[str]:
    """Names of what a package registers and other distributions add; nothing is imported."""
    own = [found.name for found in registered(package)]
    return sorted({*own, *(entry.name for entry in plugins(package))})


def spellings(package: str) -> list[str]:
    """Those `names`, and the aliases of the package's own."""
    aliases = [alias for found in registered(package) for alias in found.aliases]
    return _in_order([*names(package), *aliases])


def _in_order(names: Iterable[str]) -> list[str]:
    return sorted(set(names), key=lambda name: (name.casefold(), name))


class Registry(Generic[T]):
    """A dictionary of classes by public name, blind to case, hyphens and underscores.

    A class of another distribution that cannot be loaded is one warning where names are listed,
    and an error where it is asked for; the others stand.

    Parameters
    ----------
    kind
        What the entries are, in the singular, for messages: ``"strategy"``.
    package
        Where they are registered: any module of this package, in whatever folder of it. Other
        distributions add to it by entry points, see `peerannot._plugins.GROUPS`.
    """

    def __init__(self, kind: str, package: str | None = None) -> None:
        self.kind = kind
        self._package = package  # until its files were read
        self._extended = package  # until other distributions were looked at
        self._waiting: dict[str, Registered] = {}
        self._offered: dict[str, EntryPoint] = {}
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
            cls.name = name
            cls.aliases = aliases
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
        spelled = {plain(alias): alias for alias in (name, *aliases)}
        for key, alias in spelled.items():
            owner = self._names.get(key, name)
            if owner != name:
                raise ValueError(f"{self.kind} name {alias!r} already belongs to {owner!r}")
        self._names |= dict.fromkeys(spelled, name)

    def _ready(self) -> None:
        package, self._package = self._package, None
        for found in registered(package) if package else ():
            self._claim(found.name, found.aliases)
            self._waiting[found.name] = found

    def _offers(self) -> None:
        """Take up the names that other distributions add."""
        self._ready()
        package, self._extended = self._extended, None
        for entry in plugins(package) if package else ():
            if entry.name in self._entries and self._entries[entry.name].__module__ == entry.module:
                continue  # imported by hand already
            if owner := self._names.get(plain(entry.name)):
                warnings.warn(
                    f"{self.kind} {entry.name!r} of {distribution_of(entry)} is left out: the name"
                    f" already belongs to {owner!r}",
                    PluginWarning,
                    stacklevel=2,
                )
                continue
            self._names[plain(entry.name)] = entry.name
            self._offered[entry.name] = entry

    def _load(self, name: str) -> T:
        """The class of another distribution."""
        entry = self._offered.pop(name)
        try:
            entry.load()
            if name not in self._entries:
                raise LookupError(f"{entry.module} registers nothing under this name")
            if not issubclass(self._entries[name], Named):
                raise TypeError(f"{entry.value} does not extend the base of its kind")
            describe(self._entries[name])
        except (Exception, SystemExit) as error:
            self._entries.pop(name, None)
            self._names = {key: owner for key, owner in self._names.items() if owner != name}
            why = f"{type(error).__name__}: {error}"
            raise ParameterError(
                one_line(
                    f"{self.kind} {name!r} of {distribution_of(entry)} cannot be loaded ({why});"
                    " mend or uninstall it"
                )
            ) from error
        return self._entries[name]

    def _load_all(self) -> None:
        self._offers()
        for name in list(self._offered):
            try:
                self._load(name)
            except ParameterError as error:
                warnings.warn(str(error), PluginWarning, stacklevel=3)

    def _find(self, name: str) -> str | None:
        """The public name; each step is taken where the one before found nothing."""
        for learn in (self._ready, self._offers, self._load_all):
            learn()
            if plain(name) in self._names:
                return self._names[plain(name)]
        return None

    def resolve(self, name: str) -> str:
        """The public name behind a name or an alias.

        Raises
        ------
        ParameterError
            Nothing has this name; the message lists what is near or what there is.
        """
        found = self._find(name)
        if found is None:
            near = did_you_mean(name, self.spellings())
            raise ParameterError(
                f"unknown {self.kind} {name!r}" + (near or f"; there are {', '.join(self)}")
            )
        return found

    def spellings(self) -> list[str]:
        """All names and aliases."""
        self._load_all()
        waiting = [n for e in self._waiting.values() for n in (e.name, *e.aliases)]
        given = [n for key, cls in self._entries.items() for n in (key, *cls.aliases)]
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
        if public in self._offered:
            return self._load(public)
        if public not in self._entries:
            import_module(self._waiting[public].home)
        return self._entries[public]

    def __iter__(self) -> Iterator[str]:
        self._load_all()
        return iter(sorted({*self._waiting, *self._entries}))

    def __len__(self) -> int:
        return len(list(iter(self)))

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self._find(name) is not None
