"""Labelling configurations: which controls give a task one label, and their classes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

from peerannot.errors import DataError
from peerannot.io import choose
from peerannot.io.formats.label_studio import CONTROLS, result_of, values_of

__all__ = ["Control", "find_control"]

_STARS = 5  # of a Rating that does not say
_WHAT = f"control of one label a task ({', '.join(CONTROLS)})"


@dataclass(frozen=True)
class Control:
    """A control that gives a task one label.

    Attributes
    ----------
    name, to_name : str
        Its name, and that of the object it speaks of.
    kind : str
        ``choices``, ``taxonomy`` or ``rating``.
    classes : tuple of str
        Its labels in order; none where only the tasks' data have them.
    shows : str or None
        What the object is: ``image``, ``text``, ...
    data_key : str or None
        Key of the object among a task's data.
    """

    name: str
    to_name: str
    kind: str
    classes: tuple[str, ...]
    shows: str | None = None
    data_key: str | None = None

    def result(self, label: str) -> dict[str, Any]:
        """A label as a prediction or an annotation holds it."""
        return result_of(self.name, self.to_name, self.kind, label)

    def label_of(self, result: Any) -> str | None:
        """The one label that a result, a list of items, gives in this control."""
        for item in result if isinstance(result, list) else ():
            if isinstance(item, dict) and item.get("from_name") == self.name:
                try:
                    labels = values_of(item.get("value"), self.name)
                except DataError:
                    return None
                return labels[0] if len(labels) == 1 else None
        return None


def find_control(config: str, named: str | None, where: str) -> Control:
    """The control to read of a labelling configuration: the one named, else the only one.

    Raises
    ------
    DataError
        It is no configuration, several controls fit and none is named, or none does.
    """
    root = _parse(config, where)
    shown = {
        element.get("name"): (element.tag.lower(), element.get("value", ""))
        for element in root.iter()
        if element.get("name") and not element.get("toName")
    }
    elements = {
        str(element.get("name")): element
        for element in root.iter()
        if element.get("name") and element.get("toName")
    }
    readable = {name: _one_label(element) for name, element in elements.items()}
    kinds = {name: f"{e.tag.lower()} {name!r}" for name, e in elements.items()}
    name = choose(where, named, readable, kinds, _WHAT)
    if not name or name not in elements:
        raise DataError(f"{where}: its labelling interface has no {_WHAT}")
    element = elements[name]
    to_name = str(element.get("toName")).split(",")[0]
    shows, value = shown.get(to_name, (None, ""))
    key = value.removeprefix("$") if value.startswith("$") else None
    return Control(name, to_name, element.tag.lower(), tuple(_classes(element)), shows, key)


def _one_label(element: ElementTree.Element) -> bool:
    """Whether it speaks of the whole task, not of a region or of each item of a list."""
    parts = [element.get(part, "").lower() for part in ("perRegion", "perItem")]
    return element.tag.lower() in CONTROLS and "true" not in parts


def _classes(element: ElementTree.Element) -> Iterator[str]:
    kind = element.tag.lower()
    if kind == "rating":
        yield from map(str, range(1, int(element.get("maxRating") or _STARS) + 1))
    elif kind == "choices":
        # An alias stands in results for the text that is shown.
        found = [_value(choice) for choice in element.iter("Choice")]
        yield from dict.fromkeys(filter(None, found))
    else:
        yield from dict.fromkeys(_paths(element, ()))


def _paths(element: ElementTree.Element, above: tuple[str, ...]) -> Iterator[str]:
    """Paths of the leaves of a taxonomy."""
    for choice in element.findall("Choice"):
        path = (*above, _value(choice))
        below = list(_paths(choice, path))
        yield from below or ["/".join(path)]


def _value(choice: ElementTree.Element) -> str:
    return choice.get("alias") or choice.get("value") or ""


def _parse(config: str, where: str) -> ElementTree.Element:
    # Entities can grow without end or read files; no configuration needs them.
    if re.search(r"<!\s*(DOCTYPE|ENTITY)", config, re.IGNORECASE):
        raise DataError(f"{where}: a labelling interface with a DOCTYPE is refused")
    try:
        return ElementTree.fromstring(config)
    except (ElementTree.ParseError, ValueError) as error:
        raise DataError(f"{where}: its labelling interface is not XML ({error})") from None
