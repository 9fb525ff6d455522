"""The loops in C++, or one line that says why there are none.

``native`` is `peerannot._native`; ``PEERANNOT_ISA`` says which of its instruction sets is used, by
default the best that the processor has. Results of two sets may differ in the last bits.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from peerannot.errors import MissingDependencyError, ParameterError

try:
    import peerannot._native as native
except ImportError as error:
    reason = str(error).splitlines()[0] if str(error) else "it is not there"
    raise MissingDependencyError(
        f"the compiled loops of peerannot cannot be loaded ({reason}): install it again with pip,"
        " or in a checkout run make native"
    ) from error

__all__ = ["is_stale", "native"]

VARIABLE = "PEERANNOT_ISA"


def _choose(isa: str | None) -> None:
    if not isa:
        return
    try:
        native.use(isa)
    except ValueError:
        known = ", ".join(native.isas())
        raise ParameterError(
            f"{VARIABLE}={isa!r}: this processor has {known}; set one of them or unset it"
        ) from None


def is_stale(package: Path, built: str | None) -> bool:
    """Whether the loops of a checkout are older, or newer, than its sources.

    Parameters
    ----------
    package
        The folder of peerannot; only that of a checkout has ``native`` beside ``src``.
    built
        What the module says of its interface; None of one that does not say.
    """
    if built is None or not (package.parents[1] / "native" / "CMakeLists.txt").exists():
        return False
    return hashlib.sha256((package / "_native.pyi").read_bytes()).hexdigest() != built


if is_stale(Path(__file__).parent, getattr(native, "interface", lambda: None)()):
    raise MissingDependencyError("the compiled loops are of another version: run make native")
_choose(os.environ.get(VARIABLE))
