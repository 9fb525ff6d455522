"""Each test here runs at every instruction set that the machine has."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from peerannot._loops import native


@pytest.fixture(scope="module", autouse=True, params=native.isas())
def isa(request: pytest.FixtureRequest) -> Iterator[str]:
    before = native.isa()
    native.use(request.param)
    yield request.param
    native.use(before)
