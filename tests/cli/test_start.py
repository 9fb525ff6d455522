"""Every command, started in a process of its own as users do, says what a forked one says."""

from __future__ import annotations

import pytest

from peerannot.cli._main import COMMANDS


@pytest.mark.parametrize("command", COMMANDS)
def test_started_as_forked(command, run, run_process):
    started, forked = (call(command, "--nosuch", code=2) for call in (run_process, run))
    assert "peerannot" in started.stderr and "--nosuch" in started.stderr
    assert (started.stdout, started.stderr) == (forked.stdout, forked.stderr)
