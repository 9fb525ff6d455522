"""``python -m helpers.removing FILE N before|after COMMAND ...``: peerannot, which loses a file.

The file goes before it is opened for the N-th time, or at whatever the command does after that.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from peerannot.cli import main


def lose(file: str, at: int, *, after: bool) -> None:
    """Remove a file before or after it is opened for the n-th time."""
    gone = os.path.realpath(file)
    seen, due = 0, False

    def hook(event: str, args: tuple[Any, ...]) -> None:
        nonlocal seen, due
        if due:
            due = False
            Path(gone).unlink(missing_ok=True)
            return
        named = event == "open" and isinstance(args[0], str | bytes | os.PathLike)
        if named and os.path.realpath(os.fsdecode(args[0])) == gone:
            seen += 1
            if seen == at:
                due = after
                if not after:
                    Path(gone).unlink()

    sys.addaudithook(hook)


if __name__ == "__main__":
    lose(sys.argv[1], int(sys.argv[2]), after=sys.argv[3] == "after")
    sys.argv = ["peerannot", *sys.argv[4:]]
    main()
