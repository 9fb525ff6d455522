"""Names for strategies, methods and models: one registration each, aliases, near matches."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from pkgutil import walk_packages
from typing import Generic, TypeVar

from peerannot._options import from_text, parse_spec
from peerannot._text import did_you_mean, plain
from peerannot.errors import ParameterError

__all__ = ["Registry", "import_siblings"]

S = TypeVar("S")
T = TypeVar("T", bound=type)


class Registry(Generic[T]):
    """A dictionary of classes by public name, blind to case, hyphens and underscores.

    Parameters
    ----------
    kind
        What the entries are, in the singular, for messages: ``"strategy"``.
    load
        Called once before the first look-up; it imports the modules that register entries, so
        that the registry itself imports nothing heavy.
    """

    def __init__(self, kind: str, load: Callable[[], None] | None = None) -> None:
        self.kind = kind
        self._load = load
        self._entries: dict[str, T] = {}
        self._names: dict[str, str] = {}

    def register(self, name: str, *aliases: str) -> Callable[[T], T]:
        """Class decorator: enter the class under ``name`` (kebab-case) and its aliases."""

        def enter(cls: T) -> T:
            for alias in (name, *aliases):
                owner = self._names.setdefault(plain(alias), name)
                if owner != name:
                    raise ValueError(f"{self.kind} name {alias!r} already belongs to {owner!r}")
            if name in self._entries:
                raise ValueError(f"{self.kind} {name!r} is registered twice")
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

    def _ready(self) -> None:
        if self._load is not None:
            load, self._load = self._load, None
            load()

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
            spellings = [n for key, cls in self._entries.items() for n in (key, *cls.aliases)]  # type: ignore[attr-defined]
            near = did_you_mean(name, spellings)
            raise ParameterError(
                f"unknown {self.kind} {name!r}"
                + (near or f"; there are {', '.join(sorted(self._entries))}")
            )
        return found

    def __getitem__(self, name: str) -> T:
        return self._entries[self.resolve(name)]

    def __iter__(self) -> Iterator[str]:
        self._ready()
        return iter(sorted(self._entries))

    def __len__(self) -> int:
        self._ready()
        return len(self._entries)

    def __contains__(self, name: object) -> bool:
        self._ready()
        return isinstance(name, str) and plain(name) in self._names


def import_siblings(package: str) -> None:
    """Import every module of a package and its folders, so that classes register themselves."""
    for module in walk_packages(import_module(package).__path__, f"{package}."):
        import_module(module.name)
