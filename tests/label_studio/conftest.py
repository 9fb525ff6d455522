"""A server that answers as Label Studio does, and the real one where it is installed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.fake_label_studio import TOKEN, FakeServer, fake_server
from helpers.real_label_studio import RealServer, real_server
from peerannot.label_studio import Client


@pytest.fixture
def fake() -> Iterator[FakeServer]:
    with fake_server() as server:
        yield server


@pytest.fixture
def client(fake: FakeServer) -> Client:
    """A client of the fake that waits for nothing."""
    return Client(fake.url, TOKEN, pause=0.001, sleep=lambda seconds: None)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    """A real Label Studio on a free loopback port; tests are skipped where there is none."""
    python = os.environ.get("PEERANNOT_LABEL_STUDIO")
    if not python:
        pytest.skip("no Label Studio: run make test-label-studio")
    with real_server(Path(python), tmp_path_factory.mktemp("label-studio")) as running:
        yield running
