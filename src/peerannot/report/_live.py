"""A page of answers that still come in: drawn again with each round, reloaded by the browser."""

from __future__ import annotations

import threading
from pathlib import Path
from types import TracebackType
from typing import Self

from peerannot._optional import require
from peerannot.answers import Ids
from peerannot.errors import DataError
from peerannot.report._page import draw
from peerannot.report._serve import Explorer
from peerannot.report._source import ReportSource

__all__ = ["LivePage"]

_EMPTY = b"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="2">
<title>No answers yet</title><link rel="icon" href="data:,"></head>
<body><p>No answers yet; this page fills once they come.</p></body></html>
"""


class LivePage(Explorer):
    """Serves the report of what is known now on 127.0.0.1, in a thread of its own.

    Used as a context manager. Nothing can be corrected on it: labels are the campaign's.

    Parameters
    ----------
    port
        Port to listen on; 0 for a free one.

    Raises
    ------
    StorageError
        The port cannot be listened on.
    MissingDependencyError
        jinja2 is not installed (extra ``report``).
    """

    def __init__(self, port: int = 0) -> None:
        require("jinja2", extra="report", feature="the report")
        super().__init__(_EMPTY, Path(), Ids(0), Ids(0), port)
        self._thread = threading.Thread(target=self.serve, daemon=True)

    def show(self, source: ReportSource) -> None:
        """Draw and serve another page; those who look at the last one get it within seconds."""
        version = source.answers.digest()
        self.page, self.version = draw(source, live=version).content, version

    def known(self) -> dict[str, str]:
        return {}

    def correct(self, task: str, label: str | None) -> int:
        raise DataError("labels of a campaign are corrected in the tool that they come from")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        self.close()
        self._thread.join()
