"""A small cluster in this process, for all tests that need no processes of their own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    """Two workers that talk over TCP, so that all that they send is really pickled.

    They go with the last test of their module: the event loop of a cluster draws from the global
    ``random`` (Dask guesses sizes from samples), also while it waits, which Hypothesis must not
    see in tests that come after.
    """
    distributed = pytest.importorskip("distributed", reason="needs the extra cluster")
    local = distributed.LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        processes=False,
        protocol="tcp://",
        dashboard_address="127.0.0.1:0",
        silence_logs="CRITICAL",
    )
    with local, distributed.Client(local) as client:
        yield client
