"""How much memory there is, and what cannot fit into it whatever is done."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

__all__ = ["TABLE_BYTES", "available", "too_many_classes"]

# Dense tables over this size (tasks x classes, a matrix a worker) are kept sparse or refused.
TABLE_BYTES = 2**31

# A class takes its name, a place in the index of names, a count, a prior and one row of a
# posterior, before there is any answer.
CLASS_BYTES = 200


def available() -> int | None:
    """Bytes that this process can still have: what the machine has free, or its own limit.

    None where the system does not tell.
    """
    found = []
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                found.append(int(line.split()[1]) * 1024)
    if not found:
        with contextlib.suppress(OSError, ValueError, AttributeError):
            found.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    with contextlib.suppress(OSError, ValueError):
        limit = Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii").strip()
        used = int(Path("/sys/fs/cgroup/memory.current").read_text(encoding="ascii"))
        found.append(max(int(limit) - used, 0))
    with contextlib.suppress(ImportError, OSError):
        import resource

        soft, _ = resource.getrlimit(resource.RLIMIT_AS)
        if soft != resource.RLIM_INFINITY:
            found.append(soft)
    return min(found) if found else None


def too_many_classes(k: int) -> str | None:
    """Why so many classes cannot be worked with; None where they can.

    A class takes at least 200 bytes, and a label is a 32-bit number.
    """
    if k > 2**31 - 1:
        return f"{k} classes are more than 32-bit labels can tell apart"
    room = available()
    if room is not None and k * CLASS_BYTES > room:
        return (
            f"{k} classes need at least {k * CLASS_BYTES / 2**30:.1f} GiB,"
            f" there are {room / 2**30:.1f} GiB"
        )
    return None
