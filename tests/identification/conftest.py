"""``peerannot identify`` within this process: importing PyTorch once is enough."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from peerannot.errors import PeerannotError

Identify = Callable[..., "Called"]


@dataclass(frozen=True)
class Called:
    """What a command printed."""

    stdout: str
    stderr: str


@pytest.fixture
def identify() -> Identify:
    """Call the command as the command line does, and check its exit code."""
    from click.testing import CliRunner

    from peerannot.cli.identify import identify as command

    def call(*args: object, code: int = 0) -> Called:
        done = CliRunner().invoke(command, [str(a) for a in args])
        fault = done.exception if isinstance(done.exception, PeerannotError) else None
        found = int(fault.exit_code) if fault is not None else done.exit_code
        assert found == code, f"exit {found}\n{done.output}\n{done.exception!r}"
        return Called(done.stdout, done.stderr + (str(fault) if fault is not None else ""))

    return call
