"""Names of the data as names of files and folders: safe everywhere, and never two for one.

A name of a class may be anything; a name of a folder may not. `folder_names` gives each class a
folder of its own, always the same one for the same set of classes, so that nothing need be written
down to find the class of a folder again: see `classes_of_folders`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from hashlib import sha256
from pathlib import Path

from peerannot._text import visible

__all__ = [
    "FOLDERS",
    "NAME_BYTES",
    "UNLABELLED",
    "classes_of_folders",
    "folder_names",
    "leads_out",
    "plain_name",
]

# File systems hold 255 bytes a name; a key, an ending and a temporary's marks need the others.
NAME_BYTES = 120
# In a folder of class folders: {folder: class}, where these differ.
FOLDERS = "classes.json"
# The folder of images that have no class yet.
UNLABELLED = "unlabelled"

_FORBIDDEN = re.compile(r"[/\\:*?\"<>|\x00-\x1f]")
# Windows opens a device under these names, whatever ending they have.
_DEVICES = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])(\..*)?", re.IGNORECASE)


def plain_name(text: str) -> str:
    """A text as (part of) a file's name that every system takes.

    Separators, control characters and what else a system forbids become ``_``, as does a dash in
    front, which commands take for an option; dots in front, dots and spaces behind go; a name
    of a device gets a ``_`` before it. At most 120 bytes, composed (NFC), never empty.
    """
    safe = _FORBIDDEN.sub("_", unicodedata.normalize("NFC", text))
    safe = "".join(c if visible(c) == c else "_" for c in safe)
    safe = safe.strip().lstrip(". ")
    if safe.startswith("-"):
        safe = "_" + safe[1:]
    if _DEVICES.fullmatch(safe):
        safe = "_" + safe
    return _cut(safe, NAME_BYTES) or "_"


def folder_names(classes: Iterable[str]) -> dict[str, str]:
    """A folder for each class, none of them one with another on a disk that is blind to case.

    A class has its `plain_name`. Of several that would share one, the class of exactly that name
    has it, else the first by code point; the others get ``~`` and digits of their SHA-256 behind
    it. The same classes have the same folders in any order. `UNLABELLED` is no class's.
    """
    found: dict[str, str] = {}
    used = {_blind(UNLABELLED)}
    names = sorted(classes, key=lambda name: (plain_name(name) != name, name))
    crowded = []
    for name in names:
        folder = plain_name(name)
        if _blind(folder) in used:
            crowded.append(name)
        else:
            used.add(_blind(folder))
            found[name] = folder
    for name in crowded:
        digest = sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
        for length in range(8, len(digest) + 1, 4):
            mark = f"~{digest[:length]}"
            folder = _cut(plain_name(name), NAME_BYTES - len(mark)) + mark
            if _blind(folder) not in used:
                break
        used.add(_blind(folder))
        found[name] = folder
    return found


def classes_of_folders(classes: Iterable[str]) -> Mapping[str, str]:
    """The class of each folder: those of `folder_names`, and those named as the class itself."""
    folders = folder_names(classes)
    return {**{name: name for name in folders}, **{f: name for name, f in folders.items()}}


def leads_out(path: Path, folder: Path) -> bool:
    """Whether a path inside a folder is, by a link on its way, of something outside."""
    return not path.resolve().is_relative_to(folder.resolve())


def _blind(name: str) -> str:
    """The same for names that some disk takes for one."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", name).casefold())


def _cut(text: str, size: int) -> str:
    return text.encode()[:size].decode(errors="ignore").rstrip(". ")
