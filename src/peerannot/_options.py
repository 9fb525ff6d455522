"""Options of strategies and methods: declared once beside the default, checked and parsed here.

>>> @dataclass(frozen=True, kw_only=True)
... class Example:
...     max_iter: int = option(100, at_least=1, help="most iterations")
>>> parse_spec("Example[max_iter=50]")
('Example', {'max_iter': '50'})
>>> from_text(Example, {"max_iter": "50"})
Example(max_iter=50)
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
import operator
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TypeVar

from peerannot._text import did_you_mean, few
from peerannot.errors import ParameterError

__all__ = [
    "Option",
    "Options",
    "check",
    "describe",
    "from_text",
    "option",
    "parse_pairs",
    "parse_spec",
]

T = TypeVar("T")

_LARGEST = 2**63 - 1  # of whole numbers: compiled loops and PyTorch take no larger ones


@dataclass(frozen=True)
class Option:
    """Limits and help of one option, kept in the metadata of its dataclass field."""

    help: str
    at_least: float | None = None
    above: float | None = None
    at_most: float | None = None
    below: float | None = None
    choices: tuple[Any, ...] | None = None

    def fault(self, value: Any) -> str | None:
        """What the value must be, when it is not."""
        if value is None:
            return None
        if self.choices is not None and value not in self.choices:
            return "one of " + ", ".join(map(str, self.choices))
        if isinstance(value, float) and math.isnan(value):
            return "a number"
        for limit, sign, ok in (
            (self.at_least, "at least", operator.ge),
            (self.above, "above", operator.gt),
            (self.at_most, "at most", operator.le),
            (self.below, "below", operator.lt),
        ):
            if limit is not None and not ok(value, limit):
                return f"{sign} {limit:g}"
        return None


def option(default: Any, *, help: str, **limits: Any) -> Any:
    """A dataclass field with a default, help, and limits (see `Option`)."""
    return dataclasses.field(default=default, metadata={"option": Option(help, **limits)})


def _hints(cls: type) -> dict[str, Any]:
    hints = typing.get_type_hints(cls)
    return {f.name: hints[f.name] for f in dataclasses.fields(cls) if f.init}


def describe(cls: type) -> list[tuple[str, str, Any, str]]:
    """Name, type, default and help of each option of a dataclass."""
    return [
        (f.name, _type_name(_hints(cls)[f.name]), f.default, f.metadata["option"].help)
        for f in dataclasses.fields(cls)
        if f.init and "option" in f.metadata
    ]


def _type_name(hint: Any) -> str:
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        return " or ".join(_type_name(h) for h in typing.get_args(hint))
    if typing.get_origin(hint) is typing.Literal:
        return "|".join(map(str, typing.get_args(hint)))
    return "none" if hint is type(None) else getattr(hint, "__name__", str(hint))


class Options:
    """Base of dataclasses of options: plain values, and what scikit-learn asks of an estimator."""

    def __post_init__(self) -> None:
        for name, value in self.get_params().items():
            if getattr(value, "ndim", None) == 0 and hasattr(value, "item"):
                object.__setattr__(self, name, value.item())

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The options by name, as scikit-learn has it."""
        options = dataclasses.fields(typing.cast(Any, self))
        return {f.name: getattr(self, f.name) for f in options if f.init}

    def set_params(self, **params: Any) -> Self:
        """Change options in place, as scikit-learn has it; `dataclasses.replace` makes a copy.

        Raises
        ------
        ParameterError
            An option is unknown, or a value out of its range; nothing is changed.
        """
        known = self.get_params()
        for name in params:
            if name not in known:
                raise ParameterError(_unknown(type(self), name, known))
        changed = type(self)(**{**known, **params})
        check(changed)
        for name in params:
            object.__setattr__(self, name, getattr(changed, name))
        return self


def _unknown(cls: type, name: str, known: typing.Iterable[str]) -> str:
    return f"{cls.__name__} has no option {name!r}" + (
        did_you_mean(name, known) or f"; it has {few(sorted(known), 20)}"
    )


def check(instance: Any) -> None:
    """Check types and limits of every option of a dataclass instance.

    Raises
    ------
    ParameterError
        ``DawidSkene: max_iter must be at least 1, not 0``.
    """
    cls = type(instance)
    for name, hint in _hints(cls).items():
        value = getattr(instance, name)
        fault = None if _fits(value, hint) else _type_name(hint)
        field = cls.__dataclass_fields__[name]
        if fault is None and "option" in field.metadata:
            fault = field.metadata["option"].fault(value)
        if fault is None and isinstance(value, int) and abs(value) > _LARGEST:
            fault = f"at most {_LARGEST}"
        if fault is not None:
            raise ParameterError(f"{cls.__name__}: {name} must be {fault}, not {value!r}")


def _fits(value: Any, hint: Any) -> bool:
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        return any(_fits(value, h) for h in typing.get_args(hint))
    if typing.get_origin(hint) is typing.Literal:
        return value in typing.get_args(hint)
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    hint = typing.get_origin(hint) or hint
    return isinstance(value, hint) if isinstance(hint, type) else True


def parse_spec(text: str) -> tuple[str, dict[str, str]]:
    """Split ``"DS[max_iter=50,tol=1e-6]"`` into the name and the raw options.

    Nothing is evaluated. Values may be quoted; a comma or a bracket inside quotes belongs to
    the value.

    Raises
    ------
    ParameterError
        The brackets do not close, or an option has no ``=``.
    """
    name, bracket, rest = text.strip().partition("[")
    if not bracket:
        if "]" in name:
            raise ParameterError(f"strategy {text!r}: a ']' without a '['")
        return name.strip(), {}
    if not rest.endswith("]"):
        raise ParameterError(f"strategy {text!r}: the bracket is not closed, write NAME[key=value]")
    return name.strip(), parse_pairs(_split(rest[:-1], text), where=f"strategy {text!r}")


def _split(body: str, text: str) -> list[str]:
    parts, quote, start = [], "", 0
    for i, char in enumerate(body):
        if quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        elif char == ",":
            parts.append(body[start:i])
            start = i + 1
        elif char in "[]":
            raise ParameterError(f"strategy {text!r}: one pair of brackets only")
    if quote:
        raise ParameterError(f"strategy {text!r}: a quote is not closed")
    parts.append(body[start:])
    return [p for p in parts if p.strip()]


def parse_pairs(pairs: typing.Iterable[str], *, where: str = "-P") -> dict[str, str]:
    """Turn ``["max_iter=50"]`` into ``{"max_iter": "50"}``; quotes around values are dropped."""
    options: dict[str, str] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        key, value = key.strip(), value.strip()
        if not equals or not key:
            raise ParameterError(f"{where}: {pair.strip()!r} is not key=value")
        if key in options:
            raise ParameterError(f"{where}: {key} is given twice")
        if len(value) >= 2 and value[0] == value[-1] and value[0] in "'\"":
            value = value[1:-1]
        options[key] = value
    return options


def from_text(cls: type[T], raw: Mapping[str, str]) -> T:
    """Build a dataclass of options from text, typed by its annotations.

    Raises
    ------
    ParameterError
        An option is unknown (near matches are named), unreadable, or out of its range.
    """
    hints = _hints(cls)
    values = {}
    for key, text in raw.items():
        name = key if key in hints else key.replace("-", "_")
        if name not in hints:
            by_fold = {h.casefold(): h for h in hints}
            name = by_fold.get(name.casefold(), name)
        if name not in hints:
            raise ParameterError(_unknown(cls, key, hints))
        try:
            values[name] = _read(text, hints[name])
        except ValueError:
            raise ParameterError(
                f"{cls.__name__}: {name} must be {_type_name(hints[name])}, not {text!r}"
            ) from None
    instance = cls(**values)
    check(instance)
    return instance


def _read(text: str, hint: Any) -> Any:
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        members = typing.get_args(hint)
        if type(None) in members and text.casefold() in ("none", ""):
            return None
        for member in members:
            if member is type(None):
                continue
            try:
                return _read(text, member)
            except ValueError:
                continue
        raise ValueError(text)
    if typing.get_origin(hint) is typing.Literal:
        by_fold = {str(c).casefold(): c for c in typing.get_args(hint)}
        if text.casefold() not in by_fold:
            raise ValueError(text)
        return by_fold[text.casefold()]
    if hint is bool:
        truth = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
        if text.casefold() not in truth:
            raise ValueError(text)
        return truth[text.casefold()]
    if hint is int:
        with contextlib.suppress(ValueError):
            return int(text)
        number = float(text)
        if not number.is_integer():
            raise ValueError(text)
        return int(number)
    if hint is float:
        return float(text)
    if hint is Path:
        return Path(text)
    return text
