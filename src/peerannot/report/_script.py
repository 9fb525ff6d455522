"""The modules of the page's script as one script that loads nothing.

A page opened from disk may not load modules, so that the modules of ``page/script`` are put
into the page. Each becomes a function that returns what it exports, so that what one module
does not export no other can see; a module stands behind those that it imports. Sources say
``import { a, b as c } from "./other.mjs"`` and ``export`` before a declaration, nothing else.
"""

from __future__ import annotations

import posixpath
import re
from importlib.resources import files

__all__ = ["bundle", "variable"]

_IMPORT = re.compile(r'^import \{([^}]*)\} from "([^"]+)";\n', re.M)
_EXPORT = re.compile(r"^export (?=(?:async function|function|const|class) (\w+))", re.M)
_LEFT = re.compile(r"^(?:import|export)\b.*", re.M)


def bundle(path: str = "main.mjs") -> str:
    """A module and all that it imports as one script, the same in each run.

    Raises
    ------
    ValueError
        Modules import each other in a circle, or one has an import or export of another form.
    """
    return "\n".join(f"const {variable(m)} = {_function(m)};" for m in _order(path, [], ())) + "\n"


def variable(path: str) -> str:
    """Name of what a module exports, in a bundle."""
    return "module_" + re.sub(r"\W", "_", path.removesuffix(".mjs"))


def _order(path: str, done: list[str], above: tuple[str, ...]) -> list[str]:
    """``done`` and the modules that ``path`` needs, each behind those that it imports."""
    if path in above:
        raise ValueError(f"modules import each other: {' -> '.join((*above, path))}")
    if path not in done:
        for found in _IMPORT.finditer(_text(path)):
            _order(_place(path, found[2]), done, (*above, path))
        done.append(path)
    return done


def _function(path: str) -> str:
    source = _text(path)
    exported = _EXPORT.findall(source)

    def bind(found: re.Match[str]) -> str:
        names = " ".join(found[1].split()).replace(" as ", ": ")
        return f"const {{ {names.strip(', ')} }} = {variable(_place(path, found[2]))};\n"

    body = _EXPORT.sub("", _IMPORT.sub(bind, source))
    if left := _LEFT.search(body):
        raise ValueError(f"{path}: an import or export of a form that is not known: {left[0]}")
    return f"(() => {{\n{body}return {{ {', '.join(exported)} }};\n}})()"


def _text(path: str) -> str:
    return (files("peerannot.report") / "page" / "script" / path).read_text(encoding="utf-8")


def _place(path: str, target: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
